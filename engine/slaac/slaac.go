// Package slaac finds out what IPv6 a gateway has for us, once IPV6CP is opened:
// an address, whether there is a way on, name servers and routes.
//
//	fe80::ours  -> ff02::2       Router Solicitation (RFC 4861, 4.1)
//	fe80::peer  -> ff02::1       Router Advertisement: prefixes, lifetimes, name servers (RFC 8106)
//	fe80::ours  -> ff02::1:2     DHCPv6, where the advertisement sends us there (RFC 8415)
//
// The address is a prefix and the interface identifier of IPV6CP (RFC 4862,
// 5.5.3; RFC 5072, 4.1). Conn is the client's side, without I/O and without a
// clock; Router makes a gateway's advertisements. What one link has of NDP ends
// here: Link tells such packets, which the device must not see.
//
// Left out: duplicate address detection, which the negotiated identifier makes
// needless (RFC 5072, 5), temporary addresses, prefix delegation, and a gateway's
// answer to DHCPv6.
package slaac

import (
	"errors"
	"io"
	"net/netip"
	"time"
)

// From the specifications.
const (
	// RFC 4861, 10: solicitations without an answer, and the time between them.
	maxSolicitations = 3
	solicitEvery     = 4 * time.Second
	// RFC 4862, 5.5.3: no advertisement makes an address that lives longer die sooner.
	leastLeft = 2 * time.Hour

	prefixBits = 64 // RFC 5072, 4: of an address from an interface identifier

	// MinMTU is what IPv6 needs of a link, octets (RFC 8200, 5).
	MinMTU = 1280
)

// Ours: what the advertisements of a link may bring, all together. No real link
// has so many.
const (
	maxRouters  = 8
	maxPrefixes = 16
	maxRoutes   = 250
	maxServers  = 8
	maxSearch   = 32
	// pause is the least time between two changes that are told.
	pause = time.Second
)

// ErrForeign is a packet that is not for this exchange.
var ErrForeign = errors.New("slaac: not of this exchange")

// ErrMalformed is a packet that cannot be read, or says what it must not.
var ErrMalformed = errors.New("slaac: malformed")

// Network is what was learned. The zero value is a gateway that carries no IPv6.
type Network struct {
	Address netip.Addr // ours, global; not valid: none
	Default bool       // there is a way on from the gateway
	MTU     int        // octets of an IPv6 packet; 0: the link's
	DNS     []netip.Addr
	Search  []string // in lower case
	// Routes are the networks that are behind the gateway by its word: the
	// prefixes of the link, and those of RFC 4191.
	Routes []netip.Prefix
}

// Config is what New needs.
type Config struct {
	LocalID, PeerID [8]byte // the interface identifiers of IPV6CP
	MTU             int     // of the link, octets; at least MinMTU
	Rand            io.Reader
}

// Output is what a call has to say.
type Output struct {
	Packets [][]byte // IPv6 packets for the gateway
	Events  []Event
}

// Reset empties the output and keeps its memory.
func (o *Output) Reset() { o.Packets, o.Events = o.Packets[:0], o.Events[:0] }

// Event is something that happened.
type Event interface{ event() }

// Learned is what is known now, whenever that changes.
type Learned struct{ Network Network }

// Drop is a packet that was not taken, and why: ErrForeign or ErrMalformed.
type Drop struct{ Reason error }

func (Learned) event() {}
func (Drop) event()    {}
