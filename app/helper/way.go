package helper

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"strings"

	"github.com/culvert-vpn/culvert/app/supervisor"
	"github.com/culvert-vpn/culvert/engine/failure"
	"github.com/culvert-vpn/culvert/platform/firewall"
	"github.com/culvert-vpn/culvert/platform/udp"
)

// portIKE is open to the gateway whatever the kill switch says (RFC 2408, 2.5.1).
const portIKE = 500

// finder knows how packets leave for the gateway. By a default route they leave
// for any; without one each address is asked for.
type finder struct {
	byDefault supervisor.Route
	attempt   uint64
	tried     []netip.Addr // by that attempt
	vain      string       // the networks on which names led nowhere; "": there are none
}

// route is the way at present.
func (l *loop) route() supervisor.Route {
	if l.finder.byDefault.Online {
		return l.finder.byDefault
	}
	known, names := l.machine.Gateway()
	if names {
		known = append(known, l.finder.tried...)
	}
	for _, a := range known {
		if way, ok := l.system.Way(a); ok {
			return supervisor.Route{Online: true, Way: way}
		}
	}
	// What a name means is not known before somebody is asked, who may be near.
	if here, ok := l.system.Way(netip.Addr{}); names && ok && here != l.finder.vain {
		return supervisor.Route{Online: true}
	}
	return supervisor.Route{}
}

// using notes an address that an attempt is about to use.
func (l *loop) using(in *supervisor.Server) {
	f := &l.finder
	if in.Attempt != f.attempt {
		f.attempt, f.tried = in.Attempt, nil
	}
	f.tried = append(f.tried, in.Address)
	if !f.byDefault.Online {
		in.Way, _ = l.system.Way(in.Address)
	}
}

// stranded says of an attempt that failed whether there was no way to any of its
// addresses: it waits for one then, and nothing has failed.
func (l *loop) stranded(in supervisor.Down) bool {
	f := &l.finder
	if f.byDefault.Online || in.Failure == nil || in.Failure.Code != failure.DNSNoAnswer && in.Failure.Code != failure.IKEUnreachable {
		return false
	}
	if in.Attempt != f.attempt {
		f.attempt, f.tried = in.Attempt, nil
	}
	for _, a := range f.tried {
		if _, ok := l.system.Way(a); ok {
			return false
		}
	}
	f.vain, _ = l.system.Way(netip.Addr{})
	return true
}

// Way is how packets leave for an address at present, as the kernel says it: by
// which interface, and as whom; not ok: they do not. With no address, it is the
// networks that this machine is on.
func (m *machine) Way(to netip.Addr) (way string, ok bool) {
	links, err := net.Interfaces()
	if err != nil {
		return "", false
	}
	var from netip.Addr
	if to.IsValid() {
		if from, err = leavesAs(to); err != nil {
			return "", false
		}
	}
	var here []string
	for _, i := range links {
		if strings.HasPrefix(i.Name, ownInterface) || i.Flags&net.FlagRunning == 0 || i.Flags&net.FlagLoopback != 0 && !from.IsValid() {
			continue
		}
		addrs, err := i.Addrs()
		if err != nil {
			continue // it has just gone
		}
		for _, a := range addrs {
			p, err := netip.ParsePrefix(a.String())
			switch {
			case err != nil:
			case from.IsValid() && p.Addr() == from.WithZone(""):
				return fmt.Sprint(i.Name, " ", from), true
			case !p.Addr().IsLinkLocalUnicast():
				here = append(here, fmt.Sprint(i.Name, " ", p))
			}
		}
	}
	if from.IsValid() || len(here) == 0 {
		return "", false
	}
	return strings.Join(here, ", "), true
}

// errWay is for an answer of the kernel's that is no address.
var errWay = errors.New("helper: no address")

// leavesAs is our address in packets to another one. None is sent: a socket for
// datagrams that is connected has only asked for the route.
func leavesAs(to netip.Addr) (netip.Addr, error) {
	c, err := udp.DialMarked(context.Background(), "udp", netip.AddrPortFrom(to, portIKE), firewall.DefaultMark)
	if err != nil {
		return netip.Addr{}, err
	}
	defer c.Close()
	a, ok := c.LocalAddr().(*net.UDPAddr)
	if !ok {
		return netip.Addr{}, errWay
	}
	return a.AddrPort().Addr().Unmap(), nil
}
