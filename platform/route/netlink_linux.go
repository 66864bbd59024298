package route

import (
	"errors"
	"fmt"
	"net/netip"
	"os"
	"syscall"
	"time"

	"github.com/vishvananda/netlink/nl"
	"golang.org/x/sys/unix"
)

// Ours: so many requests go out in one system call. Their answers wait in the
// socket's buffer, which by default has room for 250.
const pipelined = 64

// Ours: the kernel answers at once; this is for one that does not.
const answerTimeout = 10 * time.Second

// send makes changes of routes and rules, many in a system call, and gives an
// error for each.
func send(ops []op) []error {
	errs := make([]error, len(ops))
	s, err := openSocket()
	if err != nil {
		return all(errs, err)
	}
	defer unix.Close(s)
	for from := 0; from < len(ops); from += pipelined {
		to := min(from+pipelined, len(ops))
		if err := exchange(s, ops[from:to], errs[from:to]); err != nil {
			all(errs[from:], err)
			break
		}
	}
	for i, o := range ops {
		errs[i] = o.verdict(errs[i])
	}
	return errs
}

func all(errs []error, err error) []error {
	for i := range errs {
		errs[i] = err
	}
	return errs
}

func openSocket() (int, error) {
	s, err := unix.Socket(unix.AF_NETLINK, unix.SOCK_RAW|unix.SOCK_CLOEXEC, unix.NETLINK_ROUTE)
	if err != nil {
		return 0, os.NewSyscallError("socket", err)
	}
	t := unix.NsecToTimeval(int64(answerTimeout))
	err = errors.Join(
		os.NewSyscallError("bind", unix.Bind(s, &unix.SockaddrNetlink{Family: unix.AF_NETLINK})),
		os.NewSyscallError("setsockopt", unix.SetsockoptTimeval(s, unix.SOL_SOCKET, unix.SO_RCVTIMEO, &t)),
		// The answers need not repeat the requests.
		os.NewSyscallError("setsockopt", unix.SetsockoptInt(s, unix.SOL_NETLINK, unix.NETLINK_CAP_ACK, 1)),
	)
	if err != nil {
		unix.Close(s)
		return 0, err
	}
	return s, nil
}

// exchange sends requests and waits for their answers, which it puts into errs.
// Its own error is of the socket: what became of the requests is not known.
func exchange(s int, ops []op, errs []error) error {
	waiting := map[uint32]int{}
	var out []byte
	for i, o := range ops {
		req := o.request()
		req.Flags |= unix.NLM_F_ACK
		waiting[req.Seq] = i
		out = append(out, req.Serialize()...)
	}
	if err := unix.Sendto(s, out, 0, &unix.SockaddrNetlink{Family: unix.AF_NETLINK}); err != nil {
		return os.NewSyscallError("sendto", err)
	}
	in := make([]byte, 1<<16)
	for len(waiting) > 0 {
		n, _, err := unix.Recvfrom(s, in, 0)
		if errors.Is(err, unix.EINTR) {
			continue
		}
		if err != nil {
			return os.NewSyscallError("recvfrom", err)
		}
		msgs, err := syscall.ParseNetlinkMessage(in[:n])
		if err != nil {
			return fmt.Errorf("netlink: %w", err)
		}
		for _, m := range msgs {
			i, ok := waiting[m.Header.Seq]
			if !ok || m.Header.Type != unix.NLMSG_ERROR || len(m.Data) < 4 {
				continue
			}
			delete(waiting, m.Header.Seq)
			if no := -int32(nl.NativeEndian().Uint32(m.Data)); no != 0 { //nolint:gosec // the kernel's negative errno
				errs[i] = unix.Errno(no)
			}
		}
	}
	return nil
}

// request is the op as a message to the kernel.
func (o op) request() *nl.NetlinkRequest {
	if o.Do == addRule {
		return o.ruleRequest()
	}
	req := nl.NewNetlinkRequest(unix.RTM_DELROUTE, 0)
	msg := nl.NewRtDelMsg()
	if !o.Delete {
		flags := unix.NLM_F_CREATE | unix.NLM_F_EXCL
		if o.replace {
			flags = unix.NLM_F_CREATE | unix.NLM_F_REPLACE
		}
		req = nl.NewNetlinkRequest(unix.RTM_NEWROUTE, flags)
		msg = nl.NewRtMsg()
		// In our own table it has the scope of a route by a router: the kernel
		// must not find the link of a new router inside of the tunnel.
		if o.Dev != "" && !o.Via.IsValid() && o.Table == 0 {
			msg.Scope = unix.RT_SCOPE_LINK
		}
	}
	msg.Family, msg.Dst_len = familyOf(o.Prefix), uint8(o.Prefix.Bits()) //nolint:gosec // 128 at most
	msg.Table, msg.Protocol = unix.RT_TABLE_MAIN, uint8(protocol)
	if o.Table != 0 {
		msg.Table, msg.Protocol = unix.RT_TABLE_UNSPEC, unix.RTPROT_KERNEL
	}
	switch o.Do {
	case throwRoute:
		msg.Type = unix.RTN_THROW
	case blockRoute:
		msg.Type = unix.RTN_UNREACHABLE
	default:
		msg.Type = unix.RTN_UNICAST
	}
	req.AddData(msg)
	if o.Table != 0 {
		req.AddData(attr(unix.RTA_TABLE, o.Table))
	}
	req.AddData(nl.NewRtAttr(unix.RTA_DST, o.Prefix.Addr().AsSlice()))
	if o.Via.IsValid() {
		req.AddData(o.gateway())
	}
	if o.Index != 0 {
		req.AddData(attr(unix.RTA_OIF, o.Index))
	}
	if o.Src.IsValid() {
		req.AddData(nl.NewRtAttr(unix.RTA_PREFSRC, o.Src.AsSlice()))
	}
	return req
}

// gateway is the router; one of the other family has an attribute of its own.
func (o op) gateway() *nl.RtAttr {
	via := o.Via.WithZone("").AsSlice()
	if o.Via.Is4() == o.Prefix.Addr().Is4() {
		return nl.NewRtAttr(unix.RTA_GATEWAY, via)
	}
	f := make([]byte, 2, 2+len(via))
	nl.NativeEndian().PutUint16(f, uint16(familyOf(netip.PrefixFrom(o.Via, 0))))
	return nl.NewRtAttr(unix.RTA_VIA, append(f, via...))
}

func (o op) ruleRequest() *nl.NetlinkRequest {
	req := nl.NewNetlinkRequest(unix.RTM_DELRULE, 0)
	if !o.Delete {
		req = nl.NewNetlinkRequest(unix.RTM_NEWRULE, unix.NLM_F_CREATE|unix.NLM_F_EXCL)
	}
	msg := nl.NewRtMsg()
	msg.Family, msg.Type = familyOf(o.Prefix), nl.FR_ACT_TO_TBL
	msg.Table = unix.RT_TABLE_UNSPEC
	if o.NotMark != 0 {
		msg.Flags |= unix.FIB_RULE_INVERT
	}
	req.AddData(msg)
	table := o.Table
	if table == 0 {
		table = unix.RT_TABLE_MAIN
	}
	req.AddData(attr(nl.FRA_TABLE, table))
	req.AddData(attr(nl.FRA_PRIORITY, o.Priority))
	req.AddData(nl.NewRtAttr(nl.FRA_PROTOCOL, []byte{unix.RTPROT_KERNEL}))
	if o.NotMark != 0 {
		req.AddData(nl.NewRtAttr(nl.FRA_FWMARK, nl.Uint32Attr(o.NotMark)))
	}
	return req
}

func attr(kind, value int) *nl.RtAttr {
	return nl.NewRtAttr(kind, nl.Uint32Attr(uint32(value))) //nolint:gosec // tables, indexes, priorities
}

func familyOf(p netip.Prefix) uint8 {
	if p.Addr().Is4() {
		return unix.AF_INET
	}
	return unix.AF_INET6
}

// verdict is what the kernel's answer to o means.
func (o op) verdict(err error) error {
	switch {
	case err == nil:
		return nil
	case o.Delete && (errors.Is(err, unix.ESRCH) || errors.Is(err, unix.ENOENT) || errors.Is(err, unix.ENODEV)):
		return nil // gone already
	case o.Do != addRoute && o.Prefix.Addr().Is6() && (errors.Is(err, unix.EAFNOSUPPORT) || errors.Is(err, unix.EOPNOTSUPP)):
		return nil // no IPv6 in the kernel: nothing to keep out or lead anywhere
	case errors.Is(err, unix.EEXIST) && !o.Delete:
		if o.again {
			return nil
		}
		return fmt.Errorf("%w (%w)", ErrTaken, err)
	}
	return err
}
