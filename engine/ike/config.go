// Package ike is IKEv1 as L2TP/IPsec uses it, both ends of it: Main Mode with a
// pre-shared key and Quick Mode (RFC 2409), NAT traversal (RFC 3947 and its
// drafts), dead peer detection (RFC 3706), IKE fragmentation, and the rekeying
// of both phases from either side.
//
// A Conn is one relation with one peer. It does no I/O and has no clock: it is
// handed datagrams and the time, and answers with datagrams, events and the
// time at which it wants to be asked again.
//
//	initiator                               responder
//	MM1  SA, vendor IDs             -->
//	                                <--     MM2  SA, vendor IDs
//	MM3  KE, Ni, NAT-D              -->
//	                                <--     MM4  KE, Nr, NAT-D
//	MM5  {ID, HASH_I, N} port 4500  -->
//	                                <--     MM6  {ID, HASH_R}           Phase1Up
//	QM1  {HASH, SA, Ni, KE, IDs}    -->
//	                                <--     QM2  {HASH, SA, Nr, KE}     ChildUp
//	QM3  {HASH}                     -->                                 ChildUse
package ike

import (
	"io"
	"net/netip"
	"time"

	"github.com/culvert-vpn/culvert/engine/isakmp"
	"github.com/culvert-vpn/culvert/engine/secret"
	"github.com/culvert-vpn/culvert/engine/suite"
)

// From the specification.
const (
	portIKE  = 500  // RFC 2408, 2.5.1
	portNATT = 4500 // RFC 3947, 4
	portL2TP = 1701 // RFC 2661, 8.1
	protoUDP = 17
)

// Ours: what a Config leaves open.
const (
	defaultPhase1Lifetime = 8 * time.Hour // Windows and most presets
	defaultPhase2Lifetime = time.Hour
	defaultKeepalive      = 20 * time.Second // RFC 3948, 4
)

// Role says who started the relation. Either end may start a rekey.
type Role uint8

// The roles.
const (
	Initiator Role = 1
	Responder Role = 2
)

// String is the role's name.
func (r Role) String() string {
	switch r {
	case Initiator:
		return "initiator"
	case Responder:
		return "responder"
	}
	return "no role"
}

// Port is one of the two UDP ports of IKE, whatever its number is on this
// machine or behind a NAT.
type Port uint8

// The ports.
const (
	Port500  Port = 0
	Port4500 Port = 1
)

// String is the port's number.
func (p Port) String() string {
	if p == Port4500 {
		return "4500"
	}
	return "500"
}

// Packet is a received datagram. Data is the UDP payload, which on Port4500
// still has the non-ESP marker (RFC 3948, 2.2) in front. It is borrowed.
type Packet struct {
	From netip.AddrPort
	Port Port // where it was received
	Data []byte
}

// Datagram is to be sent. On Port4500 the non-ESP marker is already in front.
type Datagram struct {
	To   netip.AddrPort
	Port Port // to send it from
	Data []byte
}

// Encapsulation is how ESP is to travel.
type Encapsulation uint8

// The ways.
const (
	// EncapAuto makes a peer that speaks NAT-T use UDP, through a NAT-D hash
	// that cannot match; with any other peer it is raw ESP.
	EncapAuto Encapsulation = 0
	// EncapUDP is EncapAuto, but fails when the peer has no NAT-T. A responder
	// has the initiator use UDP by it, and leaves it the choice otherwise.
	EncapUDP Encapsulation = 1
	// EncapESP does not offer NAT-T.
	EncapESP Encapsulation = 2
)

// Config is what a Conn is told.
type Config struct {
	Role Role
	Rand io.Reader
	PSK  secret.Secret

	// Local and Remote are the own and the peer's address on port 500, as
	// this end sees them.
	Local, Remote netip.AddrPort
	// RemoteNATT is port 4500 of the initiator's gateway. Zero: Remote's
	// address, 4500.
	RemoteNATT netip.AddrPort
	// LocalNATT is the own address on port 4500, for the responder's NAT
	// detection. Zero: Local's address, 4500.
	LocalNATT netip.AddrPort
	// RemoteID is who the peer must be. Nil: anyone who knows the key.
	RemoteID *isakmp.Identification

	Phase1 []suite.Phase1 // best first
	Phase2 []suite.Phase2 // best first
	// PFS is the group of Quick Mode. Zero: no PFS, but a responder follows
	// what is proposed. A responder with a group demands it.
	PFS suite.Group

	Encapsulation Encapsulation
	// Lifetimes that are offered. Zero: 8 hours, 1 hour.
	Phase1Lifetime, Phase2Lifetime time.Duration
	// DPDInterval is the silence after which the peer is asked whether it
	// lives. Zero: never; its own questions are always answered.
	DPDInterval time.Duration
	// Keepalive is the silence on port 4500 after which a NAT is reminded.
	// Zero: 20 s.
	Keepalive time.Duration
	// InnerPort is the initiator's UDP port inside the SA, for the identities
	// of Quick Mode. Zero: 1701.
	InnerPort uint16
}

// withDefaults fills in what zero means.
func (cfg Config) withDefaults() Config {
	if !cfg.RemoteNATT.IsValid() {
		cfg.RemoteNATT = netip.AddrPortFrom(cfg.Remote.Addr(), portNATT)
	}
	if !cfg.LocalNATT.IsValid() {
		cfg.LocalNATT = netip.AddrPortFrom(cfg.Local.Addr(), portNATT)
	}
	if cfg.Phase1Lifetime <= 0 {
		cfg.Phase1Lifetime = defaultPhase1Lifetime
	}
	if cfg.Phase2Lifetime <= 0 {
		cfg.Phase2Lifetime = defaultPhase2Lifetime
	}
	if cfg.Keepalive <= 0 {
		cfg.Keepalive = defaultKeepalive
	}
	if cfg.InnerPort == 0 {
		cfg.InnerPort = portL2TP
	}
	return cfg
}
