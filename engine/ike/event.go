package ike

import (
	"net/netip"
	"time"

	"github.com/culvert-vpn/culvert/engine/isakmp"
	"github.com/culvert-vpn/culvert/engine/secret"
	"github.com/culvert-vpn/culvert/engine/suite"
)

// Output is what a call to a Conn brought about. The caller sends the datagrams
// in their order, heeds the events in theirs, and resets it.
type Output struct {
	Datagrams []Datagram
	Events    []Event
}

// Reset empties the output for the next call.
func (o *Output) Reset() {
	clear(o.Datagrams)
	clear(o.Events)
	o.Datagrams, o.Events = o.Datagrams[:0], o.Events[:0]
}

func (o *Output) emit(e Event) { o.Events = append(o.Events, e) }

func (o *Output) drop(r DropReason) { o.emit(Drop{r}) }

// Event is one of the types below.
type Event interface{ event() }

// Phase1Up is an authenticated ISAKMP SA: the first one, or the successor of
// another when Rekey is set.
type Phase1Up struct {
	Suite        suite.Phase1
	PeerID       isakmp.Identification
	NAT          NAT
	Encapsulated bool // ESP goes in UDP on port 4500
	Rekey        bool
	ByPeer       bool     // the peer started it
	VendorIDs    []string // names of those known
}

// ChildUp is a new pair of ESP SAs: install the inbound one now, and keep
// sending on what is in use.
type ChildUp struct{ Child }

// ChildUse says to send on the child with this inbound SPI from now on. The
// first child's comes together with its ChildUp.
type ChildUse struct{ In uint32 }

// ChildDown says to remove the child with this inbound SPI.
type ChildDown struct{ In uint32 }

// PeerMoved is an authenticated message from another endpoint than before: a
// NAT gave the peer a new port, or it has a new address. The Conn sends there
// from now on.
type PeerMoved struct{ To netip.AddrPort }

// InitialContact is the peer's authenticated word that it knows of no earlier
// SAs: those it had with us are stale (RFC 2407, 4.6.3.3).
type InitialContact struct{}

// Hint is an unauthenticated notification: anyone may have sent it. The Conn
// asks the peer whether it lives, but not for each hint.
type Hint struct{ Type isakmp.NotifyType }

// Drop is a datagram that was not heeded.
type Drop struct{ Reason DropReason }

// Down is the end: nothing comes after it, and all children are gone. Err is
// nil after Close, an *Error otherwise.
type Down struct{ Err error }

func (Phase1Up) event()       {}
func (ChildUp) event()        {}
func (ChildUse) event()       {}
func (ChildDown) event()      {}
func (PeerMoved) event()      {}
func (InitialContact) event() {}
func (Hint) event()           {}
func (Drop) event()           {}
func (Down) event()           {}

// Child is a pair of ESP SAs. A KEYMAT is the encryption key (with GCM its salt
// of 4 octets), then the authentication key.
type Child struct {
	In, Out       uint32 // SPIs
	Suite         suite.Phase2
	KeyIn, KeyOut secret.Secret
	Encapsulated  bool // in UDP on port 4500
	// LocalPort and PeerPort are the UDP ports inside the SA. Zero: any.
	LocalPort, PeerPort uint16
	// PeerNATOA is the peer's address as it sees it itself, if it said so
	// (RFC 3947, 5.2): inner checksums are over that one.
	PeerNATOA netip.Addr
	Rekey     bool
	Lifetime  time.Duration
}

// NAT is where NAT detection (RFC 3947, 3.2) found one.
type NAT struct {
	Local  bool // between us and the peer, on our side
	Remote bool // on the peer's side, or it pretends so
}

// String is "none", "local", "remote" or "both".
func (n NAT) String() string {
	switch {
	case n.Local && n.Remote:
		return "both"
	case n.Local:
		return "local"
	case n.Remote:
		return "remote"
	}
	return "none"
}

// DropReason is why a datagram was not heeded.
type DropReason uint8

// The reasons.
const (
	DropNotIKE          DropReason = 1  // no non-ESP marker, or not ISAKMP version 1
	DropMalformed       DropReason = 2  // bad payloads
	DropUnknownCookie   DropReason = 3  // of no SA of ours
	DropUnexpected      DropReason = 4  // a message that has no place at this point
	DropUnauthenticated DropReason = 5  // in clear where it must be encrypted
	DropBadHash         DropReason = 6  // does not decrypt, or its HASH is wrong
	DropReplay          DropReason = 7  // a message ID seen before
	DropLimit           DropReason = 8  // too much of it at once
	DropUnsupported     DropReason = 9  // an exchange that is not spoken here
	DropNoProposal      DropReason = 10 // nothing in it that the Config allows
	DropKeyExchange     DropReason = 11 // bad public value or nonce
	DropIdentity        DropReason = 12 // not who the Config wants
	DropNoNATT          DropReason = 13 // NAT-T is demanded and not there
)

// String names the reason.
func (r DropReason) String() string {
	if int(r) < len(dropNames) && dropNames[r] != "" {
		return dropNames[r]
	}
	return "unknown"
}

var dropNames = [...]string{
	DropNotIKE: "not IKE", DropMalformed: "malformed", DropUnknownCookie: "unknown cookie", DropUnexpected: "unexpected",
	DropUnauthenticated: "not authenticated", DropBadHash: "bad hash", DropReplay: "replay", DropLimit: "limit",
	DropUnsupported: "unsupported exchange", DropNoProposal: "no proposal chosen", DropKeyExchange: "bad key exchange",
	DropIdentity: "wrong identity", DropNoNATT: "no NAT-T",
}
