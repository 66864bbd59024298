package slaac

import (
	"errors"
	"net/netip"
	"time"
)

// Ours: a gateway's advertisements come again, to all clients, before a third of
// their lifetime is over.
const (
	// AdvertiseEvery is the time between two to the same client.
	AdvertiseEvery = 10 * time.Minute
	routerLife     = 3 * AdvertiseEvery
)

// ErrUnfit is a Router that no client could use.
var ErrUnfit = errors.New("slaac: no prefix, name or MTU for clients")

// Router is what a gateway tells one client, who has a prefix of its own. It is
// not changed once it is in use.
type Router struct {
	LocalID, PeerID [8]byte      // the interface identifiers of IPV6CP: ours, the client's
	Prefix          netip.Prefix // the client's, 64 bits
	Address         netip.Addr   // ours in another; not valid: none
	MTU             int          // of the link, octets
	DNS             []netip.Addr // IPv6
	Search          []string
}

// Check says whether clients can use it: ErrUnfit.
func (r *Router) Check() error {
	a := r.advertisement()
	p, err := parsePacket(r.Advertisement())
	if err != nil {
		return ErrUnfit
	}
	got, err := parseAdvertisement(p)
	if err != nil || len(got.prefixes) != 1 || r.Prefix.Bits() != prefixBits || len(got.servers) != len(a.servers) || len(got.search) != len(a.search) || got.mtu != a.mtu {
		return ErrUnfit
	}
	return nil
}

func (r *Router) advertisement() advertisement {
	a := advertisement{hopLimit: hops, lifetime: routerLife, mtu: r.MTU,
		prefixes: []prefix{{r.Prefix, true, true, forever, forever}}}
	for _, s := range r.DNS {
		a.servers = append(a.servers, lasting[netip.Addr]{s, routerLife})
	}
	for _, s := range r.Search {
		a.search = append(a.search, lasting[string]{s, routerLife})
	}
	return a
}

// Advertisement is the Router Advertisement for the client, as an IPv6 packet.
func (r *Router) Advertisement() []byte {
	a := r.advertisement()
	return icmp(linkLocal(r.LocalID), allNodes, typeAdvertisement, a.append(nil))
}

// Answer is what a packet of the client's is answered with that Link is about;
// nil: nothing.
func (r *Router) Answer(ip []byte) []byte {
	p, err := parsePacket(ip)
	if err != nil || !p.neighbourly() {
		return nil
	}
	if p.payload[0] != typeSolicit {
		own := linkLocal(r.LocalID)
		return answerNeighbour(p, flagRouter, func(a netip.Addr) bool { return a == own || a == r.Address })
	}
	// RFC 4861, 6.1.1
	if len(p.payload) < 8 || p.to != allRouters && p.to != linkLocal(r.LocalID) || options(p.payload[8:], func(uint8, []byte) {}) != nil {
		return nil
	}
	return r.Advertisement()
}
