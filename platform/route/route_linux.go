package route

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"strings"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"
)

// Ours: the protocol number on every route of this program (rtnetlink(7),
// rtm_protocol), by which CleanUp knows them. Not in iproute2's list of taken
// ones.
const protocol netlink.RouteProtocol = 117

// kernel is the runner that talks rtnetlink.
type kernel struct{}

func newRunner() (runner, error) { return kernel{}, nil }

func (kernel) do(o op) error {
	switch o.do {
	case setLink, addAddress, delAddress:
		return doLink(o)
	case addRoute, delRoute:
		return doRoute(o)
	case blockRoute, unblockRoute:
		return doBlock(o)
	}
	return fmt.Errorf("route: unknown op %d", o.do)
}

func doLink(o op) error {
	l, err := netlink.LinkByName(o.hop.dev)
	if gone(err) && o.do == delAddress {
		return errKept
	}
	if err != nil {
		return err
	}
	switch o.do {
	case setLink:
		if o.mtu != 0 {
			if err := netlink.LinkSetMTU(l, o.mtu); err != nil {
				return err
			}
		}
		return netlink.LinkSetUp(l)
	case addAddress:
		err = netlink.AddrAdd(l, &netlink.Addr{IPNet: ipNet(o.prefix)})
		if errors.Is(err, unix.EEXIST) {
			return errKept
		}
		return err
	}
	err = netlink.AddrDel(l, &netlink.Addr{IPNet: ipNet(o.prefix)})
	if errors.Is(err, unix.EADDRNOTAVAIL) {
		return errKept
	}
	return err
}

func doRoute(o op) error {
	l, err := netlink.LinkByName(o.hop.dev)
	if gone(err) && o.do == delRoute {
		return errKept // the routes of an interface go with it
	}
	if err != nil {
		return err
	}
	r := &netlink.Route{Dst: ipNet(o.prefix), LinkIndex: l.Attrs().Index, Protocol: protocol}
	if o.hop.via.IsValid() {
		r.Gw = o.hop.via.AsSlice()
	} else {
		r.Scope = netlink.SCOPE_LINK
	}
	if o.src.IsValid() {
		r.Src = o.src.AsSlice()
	}
	if o.do == delRoute {
		return kept(netlink.RouteDel(r))
	}
	err = netlink.RouteAdd(r)
	if errors.Is(err, unix.EEXIST) && o.keep {
		return errKept
	}
	return err
}

func doBlock(o op) error {
	r := &netlink.Route{Dst: ipNet(o.prefix), Type: unix.RTN_UNREACHABLE, Protocol: protocol}
	if o.do == unblockRoute {
		return kept(netlink.RouteDel(r))
	}
	err := netlink.RouteAdd(r)
	// Without IPv6 in the kernel there is nothing to block.
	if errors.Is(err, unix.EAFNOSUPPORT) || errors.Is(err, unix.EOPNOTSUPP) || errors.Is(err, unix.EEXIST) {
		return errKept
	}
	return err
}

// kept turns "there is no such route" into errKept.
func kept(err error) error {
	if errors.Is(err, unix.ESRCH) || errors.Is(err, unix.ENODEV) {
		return errKept
	}
	return err
}

func gone(err error) bool {
	var none netlink.LinkNotFoundError
	return errors.As(err, &none)
}

func (kernel) way(dst netip.Addr, except string) (hop, bool, error) {
	routes, err := netlink.RouteGet(dst.AsSlice())
	switch {
	case errors.Is(err, unix.ENETUNREACH), errors.Is(err, unix.EHOSTUNREACH), errors.Is(err, unix.EACCES), errors.Is(err, unix.EINVAL):
		return hop{}, false, nil // no route, or one that refuses: nothing to keep
	case err != nil || len(routes) == 0:
		return hop{}, false, err
	}
	h, ok, err := hopOf(routes[0])
	if err != nil || !ok || h.dev != except {
		return h, ok, err
	}
	return wayBeside(dst, except)
}

// wayBeside looks for the way to dst in the main table, past the routes of the
// interface except: for when the tunnel's are in place already.
func wayBeside(dst netip.Addr, except string) (hop, bool, error) {
	family := netlink.FAMILY_V4
	if dst.Is6() {
		family = netlink.FAMILY_V6
	}
	routes, err := netlink.RouteListFiltered(family, &netlink.Route{Table: unix.RT_TABLE_MAIN}, netlink.RT_FILTER_TABLE)
	if err != nil {
		return hop{}, false, err
	}
	var best hop
	bits, metric, found := -1, 0, false
	for _, r := range routes {
		n := 0
		if r.Dst != nil {
			if !r.Dst.Contains(dst.AsSlice()) {
				continue
			}
			n, _ = r.Dst.Mask.Size()
		}
		h, ok, err := hopOf(r)
		if err != nil || !ok || h.dev == except {
			continue // a route whose interface has just gone is none
		}
		if n > bits || n == bits && r.Priority < metric {
			best, bits, metric, found = h, n, r.Priority, true
		}
	}
	return best, found, nil
}

// hopOf is a route's next step; a route to the machine itself, or to nowhere,
// has none.
func hopOf(r netlink.Route) (hop, bool, error) {
	if r.Type != unix.RTN_UNICAST || r.LinkIndex == 0 {
		return hop{}, false, nil
	}
	l, err := netlink.LinkByIndex(r.LinkIndex)
	if err != nil {
		return hop{}, false, err
	}
	h := hop{dev: l.Attrs().Name}
	if r.Gw != nil {
		via, ok := netip.AddrFromSlice(r.Gw)
		if !ok {
			return hop{}, false, fmt.Errorf("route: the router %v is no address", r.Gw)
		}
		h.via = via.Unmap()
	}
	return h, true, nil
}

func ipNet(p netip.Prefix) *net.IPNet {
	return &net.IPNet{IP: p.Addr().AsSlice(), Mask: net.CIDRMask(p.Bits(), p.Addr().BitLen())}
}

func cleanUp(prefix string) error {
	links, err := netlink.LinkList()
	if err != nil {
		return fmt.Errorf("route: list interfaces: %w", err)
	}
	for _, l := range links {
		if strings.HasPrefix(l.Attrs().Name, prefix) {
			return nil
		}
	}
	var errs []error
	for _, family := range []int{netlink.FAMILY_V4, netlink.FAMILY_V6} {
		routes, err := netlink.RouteListFiltered(family, &netlink.Route{Protocol: protocol}, netlink.RT_FILTER_PROTOCOL)
		if errors.Is(err, unix.EAFNOSUPPORT) || errors.Is(err, unix.EOPNOTSUPP) {
			continue // no IPv6 in the kernel
		}
		if err != nil {
			errs = append(errs, fmt.Errorf("route: list routes: %w", err))
			continue
		}
		for _, r := range routes {
			if err := kept(netlink.RouteDel(&r)); err != nil && !errors.Is(err, errKept) {
				errs = append(errs, fmt.Errorf("route: remove %v: %w", r, err))
			}
		}
	}
	return errors.Join(errs...)
}
