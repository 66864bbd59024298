package rib

import (
	"fmt"
	"math/bits"
	"net"
	"net/netip"

	"golang.org/x/net/route"
	"golang.org/x/sys/unix"
)

// Routes that are for one interface only (RTF_IFSCOPE), made out of others
// (RTF_WASCLONED), neighbours (RTF_LLINFO), or that refuse.
const notWays = unix.RTF_IFSCOPE | unix.RTF_WASCLONED | unix.RTF_LLINFO | unix.RTF_REJECT | unix.RTF_BLACKHOLE

// Read is the whole table.
func Read() ([]Route, error) {
	b, err := route.FetchRIB(unix.AF_UNSPEC, route.RIBTypeRoute, 0)
	if err != nil {
		return nil, fmt.Errorf("read routing table: %w", err)
	}
	msgs, err := route.ParseRIB(route.RIBTypeRoute, b)
	if err != nil {
		return nil, fmt.Errorf("parse routing table: %w", err)
	}
	links, err := net.Interfaces()
	if err != nil {
		return nil, err
	}
	byIndex := map[int]net.Interface{}
	for _, l := range links {
		byIndex[l.Index] = l
	}
	var out []Route
	for _, m := range msgs {
		r, ok := m.(*route.RouteMessage)
		if !ok || r.Flags&unix.RTF_UP == 0 || r.Flags&notWays != 0 {
			continue
		}
		l, ok := byIndex[r.Index]
		if !ok {
			continue
		}
		p, ok := prefix(r)
		if !ok {
			continue
		}
		e := Route{Prefix: p, Dev: l.Name, Index: l.Index, Up: l.Flags&net.FlagRunning != 0 && l.Flags&net.FlagUp != 0}
		if r.Flags&unix.RTF_GATEWAY != 0 {
			if e.Via = addr(r.Addrs, unix.RTAX_GATEWAY); e.Via.Is6() && e.Via.IsLinkLocalUnicast() {
				e.Via = e.Via.WithZone(l.Name)
			}
		}
		out = append(out, e)
	}
	return out, nil
}

// prefix is a route's destination.
func prefix(r *route.RouteMessage) (netip.Prefix, bool) {
	dst := addr(r.Addrs, unix.RTAX_DST)
	if !dst.IsValid() {
		return netip.Prefix{}, false
	}
	if r.Flags&unix.RTF_HOST != 0 {
		return netip.PrefixFrom(dst, dst.BitLen()), true
	}
	mask := addr(r.Addrs, unix.RTAX_NETMASK)
	if !mask.IsValid() {
		return netip.PrefixFrom(dst, 0), dst.IsUnspecified()
	}
	n := 0
	for _, b := range mask.AsSlice() {
		n += bits.LeadingZeros8(^b)
		if b != 0xff {
			break
		}
	}
	return netip.PrefixFrom(dst, min(n, dst.BitLen())), true
}

// addr is one of a message's addresses, without its zone.
func addr(addrs []route.Addr, i int) netip.Addr {
	if i >= len(addrs) {
		return netip.Addr{}
	}
	switch a := addrs[i].(type) {
	case *route.Inet4Addr:
		return netip.AddrFrom4(a.IP)
	case *route.Inet6Addr:
		return netip.AddrFrom16(a.IP)
	}
	return netip.Addr{}
}
