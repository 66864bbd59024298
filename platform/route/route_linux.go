package route

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"slices"
	"strings"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"
)

// Ours: the protocol number on every route of this program in the main table
// (rtnetlink(7), rtm_protocol), by which Sweep knows them and deleting finds no
// one else's. Not in iproute2's list of taken ones. In our own table, and for
// rules, it is "kernel": see the package's comment.
const protocol netlink.RouteProtocol = 117

// kernel is the runner that talks rtnetlink.
type kernel struct{}

func newRunner() (runner, error) { return kernel{}, nil }

func (kernel) traits() traits { return traits{policy: true, refuse: true} }

func (kernel) link(name string) (link, error) {
	l, err := netlink.LinkByName(name)
	if err != nil {
		return link{}, err
	}
	a := l.Attrs()
	return link{index: a.Index, mtu: a.MTU, up: a.Flags&net.FlagUp != 0}, nil
}

func (kernel) do(ops []op) []error {
	errs := make([]error, len(ops))
	for i := 0; i < len(ops); {
		n := i
		for n < len(ops) && !ops[n].ofInterface() {
			n++
		}
		if n > i {
			copy(errs[i:], send(ops[i:n]))
			i = n
			continue
		}
		errs[i] = doInterface(ops[i])
		i++
	}
	return errs
}

func (o op) ofInterface() bool { return o.Do == setLink || o.Do == addAddress }

func doInterface(o op) error {
	l, err := netlink.LinkByIndex(o.Index)
	if o.Delete && (gone(err) || err == nil && l.Attrs().Name != o.Dev) {
		return nil // all that was its went with it
	}
	if err != nil {
		return err
	}
	if o.Do == setLink {
		return doLink(l, o)
	}
	a := &netlink.Addr{IPNet: ipNet(o.Prefix)}
	if o.Delete {
		err = netlink.AddrDel(l, a)
		if errors.Is(err, unix.EADDRNOTAVAIL) {
			return nil
		}
		return err
	}
	if o.Prefix.Addr().Is6() {
		a.Flags = unix.IFA_F_NODAD
	}
	err = netlink.AddrAdd(l, a)
	if errors.Is(err, unix.EACCES) && o.Prefix.Addr().Is6() && enableIPv6(o.Dev) {
		err = netlink.AddrAdd(l, a)
	}
	if errors.Is(err, unix.EEXIST) {
		return nil
	}
	return err
}

func doLink(l netlink.Link, o op) error {
	mtu, up := o.MTU, true
	if o.Delete {
		mtu, up = o.OldMTU, o.WasUp
	}
	if mtu != 0 && mtu != l.Attrs().MTU {
		if err := netlink.LinkSetMTU(l, mtu); err != nil {
			return err
		}
	}
	if up == (l.Attrs().Flags&net.FlagUp != 0) {
		return nil
	}
	if up {
		return netlink.LinkSetUp(l)
	}
	return netlink.LinkSetDown(l)
}

// enableIPv6 is for machines where new interfaces have none. Where none has
// any, it stays so: that is what was wanted.
func enableIPv6(dev string) bool {
	const conf = "/proc/sys/net/ipv6/conf/"
	all, err := os.ReadFile(conf + "all/disable_ipv6")
	if err != nil || strings.TrimSpace(string(all)) != "0" {
		return false
	}
	return os.WriteFile(conf+dev+"/disable_ipv6", []byte("0"), 0) == nil
}

func gone(err error) bool {
	var none netlink.LinkNotFoundError
	return errors.As(err, &none) || errors.Is(err, unix.ENODEV)
}

func ipNet(p netip.Prefix) *net.IPNet {
	return &net.IPNet{IP: p.Addr().AsSlice(), Mask: net.CIDRMask(p.Bits(), p.Addr().BitLen())}
}

func (kernel) routes() ([]entry, error) {
	links, err := linksUp()
	if err != nil {
		return nil, err
	}
	var out []entry
	for f, all := range map[int]netip.Prefix{netlink.FAMILY_V4: all4, netlink.FAMILY_V6: all6} {
		routes, err := dump(f, &netlink.Route{Table: unix.RT_TABLE_MAIN}, netlink.RT_FILTER_TABLE)
		if err != nil {
			return nil, err
		}
		for _, r := range routes {
			if e, ok := entryOf(r, all, links); ok {
				out = append(out, e)
			}
		}
	}
	return out, nil
}

// linkUp is what is known of a link.
type linkUp struct {
	name  string
	hosts bool // it has several, one of which may say how wide it is
	own   []netip.Prefix
}

// linksUp are the links by index.
func linksUp() (map[int]*linkUp, error) {
	links, err := netlink.LinkList()
	if err != nil {
		return nil, err
	}
	up := map[int]*linkUp{}
	for _, l := range links {
		a := l.Attrs()
		if a.OperState != netlink.OperDown {
			up[a.Index] = &linkUp{name: a.Name, hosts: a.Flags&net.FlagBroadcast != 0 && a.Flags&net.FlagPointToPoint == 0}
		}
	}
	addrs, err := netlink.AddrList(nil, netlink.FAMILY_ALL)
	if err != nil && !errors.Is(err, netlink.ErrDumpInterrupted) {
		return nil, err
	}
	for _, a := range addrs {
		ip, ok := netip.AddrFromSlice(a.IP)
		if l := up[a.LinkIndex]; l != nil && ok {
			n, _ := a.Mask.Size()
			l.own = append(l.own, netip.PrefixFrom(ip.Unmap(), n))
		}
	}
	return up, nil
}

// told are the protocols of routes that a network asks for.
var told = []netlink.RouteProtocol{unix.RTPROT_KERNEL, unix.RTPROT_REDIRECT, unix.RTPROT_RA, unix.RTPROT_DHCP}

// dump lists routes; without IPv6 in the kernel it has none.
func dump(family int, filter *netlink.Route, mask uint64) ([]netlink.Route, error) {
	for {
		routes, err := netlink.RouteListFiltered(family, filter, mask)
		switch {
		case errors.Is(err, netlink.ErrDumpInterrupted):
			continue // it changed meanwhile
		case errors.Is(err, unix.EAFNOSUPPORT), errors.Is(err, unix.EOPNOTSUPP):
			return nil, nil
		}
		return routes, err
	}
}

// entryOf is a route that leads somewhere; of one with several ways the first
// that is alive.
func entryOf(r netlink.Route, all netip.Prefix, links map[int]*linkUp) (entry, bool) {
	if r.Type != unix.RTN_UNICAST {
		return entry{}, false
	}
	e := entry{prefix: all, metric: r.Priority}
	if r.Dst != nil {
		a, _ := netip.AddrFromSlice(r.Dst.IP) // not valid: no route that packets take
		n, _ := r.Dst.Mask.Size()
		e.prefix = netip.PrefixFrom(a.Unmap(), n)
	}
	ways := []*netlink.NexthopInfo{{LinkIndex: r.LinkIndex, Gw: r.Gw, Via: r.Via, Flags: r.Flags}}
	if len(r.MultiPath) > 0 {
		ways = r.MultiPath
	}
	for _, w := range ways {
		l := links[w.LinkIndex]
		if l == nil || w.Flags&(unix.RTNH_F_DEAD|unix.RTNH_F_LINKDOWN) != 0 {
			continue
		}
		e.hop = hop{dev: l.name, index: w.LinkIndex}
		e.told = l.hosts && slices.Contains(told, r.Protocol)
		gw := w.Gw
		if via, ok := w.Via.(*netlink.Via); ok && gw == nil {
			gw = via.Addr
		}
		if a, ok := netip.AddrFromSlice(gw); ok {
			e.hop.via = a.Unmap()
		} else {
			e.own = ownIn(e.prefix, l.own)
		}
		return e, e.prefix.IsValid()
	}
	return entry{}, false
}

func sweep(prefix string) error {
	links, err := netlink.LinkList()
	if err != nil {
		return fmt.Errorf("route: list interfaces: %w", err)
	}
	for _, l := range links {
		if strings.HasPrefix(l.Attrs().Name, prefix) {
			return nil
		}
	}
	ops, err := leftovers()
	if err != nil {
		return fmt.Errorf("route: look for what was left: %w", err)
	}
	var errs []error
	for i, err := range send(ops) {
		if err != nil {
			errs = append(errs, fmt.Errorf("route: ip %v: %w", ops[i], err))
		}
	}
	return errors.Join(errs...)
}

// leftovers is how to take away what carries our marks: rules by priority and
// table, everything in our table, in the main one what has our protocol.
func leftovers() ([]op, error) {
	var ops []op
	for f, all := range map[int]netip.Prefix{netlink.FAMILY_V4: all4, netlink.FAMILY_V6: all6} {
		rules, err := netlink.RuleList(f)
		if err != nil && !errors.Is(err, unix.EAFNOSUPPORT) && !errors.Is(err, unix.EOPNOTSUPP) {
			return nil, err
		}
		for _, r := range rules {
			if r.Table == ownTable {
				ops = append(ops, op{Do: addRule, Delete: true, Prefix: all, Priority: r.Priority, Table: ownTable})
			}
		}
		for _, table := range []int{ownTable, unix.RT_TABLE_MAIN} {
			routes, err := dump(f, &netlink.Route{Table: table}, netlink.RT_FILTER_TABLE)
			if err != nil {
				return nil, err
			}
			for _, r := range routes {
				if o, ok := leftover(r, all, table); ok {
					ops = append(ops, o)
				}
			}
		}
	}
	return ops, nil
}

func leftover(r netlink.Route, all netip.Prefix, table int) (op, bool) {
	o := op{Do: addRoute, Delete: true, Prefix: all, Table: table, Index: r.LinkIndex}
	if table == unix.RT_TABLE_MAIN {
		if r.Protocol != protocol {
			return op{}, false
		}
		o.Table = 0
	}
	switch r.Type {
	case unix.RTN_THROW:
		o.Do, o.Index = throwRoute, 0
	case unix.RTN_UNREACHABLE:
		o.Do, o.Index = blockRoute, 0
	}
	if r.Dst != nil {
		a, _ := netip.AddrFromSlice(r.Dst.IP) // the kernel's are addresses
		n, _ := r.Dst.Mask.Size()
		o.Prefix = netip.PrefixFrom(a.Unmap(), n)
	}
	if a, ok := netip.AddrFromSlice(r.Gw); ok {
		o.Via = a.Unmap()
	}
	return o, o.Prefix.IsValid()
}
