package ike

import (
	"bytes"
	"crypto/hmac"
	"encoding/binary"
	"encoding/hex"
	"net/netip"
	"slices"
	"time"

	"github.com/culvert-vpn/culvert/engine/isakmp"
)

// nattVersion is the flavour of NAT-T, the better the greater.
type nattVersion uint8

const (
	nattNone     nattVersion = 0
	nattDraft00  nattVersion = 1
	nattDraft02  nattVersion = 2
	nattDraft02n nattVersion = 3 // the same, with a newline in what was hashed
	nattDraft03  nattVersion = 4
	nattRFC      nattVersion = 5
)

// vendorID is a vendor ID known here. A peer's may go on after it.
type vendorID struct {
	name string
	id   []byte
	natt nattVersion
	send bool
}

var vendorIDs = []vendorID{
	{"RFC 3947", octets("4a131c81070358455c5728f20e95452f"), nattRFC, true},
	{"draft-ietf-ipsec-nat-t-ike-03", octets("7d9419a65310ca6f2c179d9215529d56"), nattDraft03, true},
	{`draft-ietf-ipsec-nat-t-ike-02\n`, octets("90cb80913ebb696e086381b5ec427b1f"), nattDraft02n, true},
	{"draft-ietf-ipsec-nat-t-ike-02", octets("cd60464335df21f87cfdb2fc68b6a448"), nattDraft02, true},
	{"draft-ietf-ipsec-nat-t-ike-00", octets("4485152d18b6bbcd0be8a8469579ddcc"), nattDraft00, true},
	{vidDPD, octets("afcad71368a1f1c96b8696fc77570100"), nattNone, true},
	// Cisco's "FRAGMENTATION" with the flag for Main Mode; Windows sends the hash alone.
	{vidFragmentation, octets("4048b7d56ebce88525e7de7f00d6c2d380000000"), nattNone, true},
	{vidFragmentation, octets("4048b7d56ebce88525e7de7f00d6c2d3"), nattNone, false},
	{"XAUTH", octets("09002689dfd6b712"), nattNone, false},
	{"Cisco Unity", octets("12f5f28c457168a9702d9fe274cc"), nattNone, false},
	{"strongSwan", octets("882fe56d6fd20dbc2251613b2ebe5beb"), nattNone, false},
	{"MS NT5 ISAKMPOAKLEY", octets("1e2b516905991c7d7c96fcbfb587e461"), nattNone, false},
}

const (
	vidDPD           = "DPD"
	vidFragmentation = "FRAGMENTATION"
)

// octets reads hexadecimal that is part of the program.
func octets(s string) []byte {
	b, err := hex.DecodeString(s)
	if err != nil {
		panic(err)
	}
	return b
}

// offeredVendorIDs are the vendor ID payloads of MM1.
func offeredVendorIDs(natt bool) []isakmp.Payload {
	var list []isakmp.Payload
	for _, v := range vendorIDs {
		if v.send && (natt || v.natt == nattNone) {
			list = append(list, isakmp.Payload{Type: isakmp.PayloadVendorID, Body: v.id})
		}
	}
	return list
}

// readVendorIDs notes in the SA what the peer speaks.
func (sa *ikeSA) readVendorIDs(payloads []isakmp.Payload, natt bool) {
	sa.vendorIDs, sa.natt, sa.dpd, sa.frag = nil, nattNone, false, false
	for _, p := range payloads {
		if p.Type != isakmp.PayloadVendorID {
			continue
		}
		for _, v := range vendorIDs {
			if !bytes.HasPrefix(p.Body, v.id) {
				continue
			}
			if !slices.Contains(sa.vendorIDs, v.name) {
				sa.vendorIDs = append(sa.vendorIDs, v.name)
			}
			if natt {
				sa.natt = max(sa.natt, v.natt)
			}
			sa.dpd = sa.dpd || v.name == vidDPD
			sa.frag = sa.frag || v.name == vidFragmentation
			break
		}
	}
}

// answeredVendorIDs are the vendor ID payloads of MM2: what both ends speak,
// and of NAT-T the best version alone (RFC 3947, 3.1).
func (sa *ikeSA) answeredVendorIDs() []isakmp.Payload {
	var list []isakmp.Payload
	for _, v := range vendorIDs {
		if v.send && ((v.natt != nattNone && v.natt == sa.natt) || (v.name == vidDPD && sa.dpd) || (v.name == vidFragmentation && sa.frag)) {
			list = append(list, isakmp.Payload{Type: isakmp.PayloadVendorID, Body: v.id})
		}
	}
	return list
}

// draft says whether a version uses the numbers of the drafts.
func (v nattVersion) draft() bool { return v != nattNone && v != nattRFC }

// natPayloads are the payload numbers of a NAT-T version.
func (v nattVersion) natPayloads() (natD, natOA isakmp.PayloadType) {
	if !v.draft() {
		return isakmp.PayloadNATD, isakmp.PayloadNATOA
	}
	return isakmp.PayloadNATDDraft, isakmp.PayloadNATOADraft
}

// encapsulation is the value for transport mode in UDP of a NAT-T version.
func (v nattVersion) encapsulation() uint16 {
	if !v.draft() {
		return isakmp.EncapsulationUDPTransport
	}
	return isakmp.EncapsulationUDPTransportDraft
}

// natHash is the body of a NAT-D payload (RFC 3947, 3.2).
func (sa *ikeSA) natHash(a netip.AddrPort) []byte {
	port := binary.BigEndian.AppendUint16(nil, a.Port())
	return digest(sa.suite.Hash, sa.ckyI[:], sa.ckyR[:], a.Addr().Unmap().AsSlice(), port)
}

// natPayload is the pair of NAT-D payloads of MM3 and MM4: the peer's address
// as it is seen here, then the own one. When UDP encapsulation is to be forced
// the latter is noise, which makes the peer see a NAT on this side.
func (c *Conn) natPayload(sa *ikeSA, kind isakmp.PayloadType) []isakmp.Payload {
	own := sa.natHash(c.local(sa.port))
	if c.forcesUDP() {
		own = c.random(len(own))
	}
	return []isakmp.Payload{{Type: kind, Body: sa.natHash(sa.to)}, {Type: kind, Body: own}}
}

// forcesUDP says whether this end pretends to be behind a NAT: the initiator
// does, unless it has raw ESP already, and a responder that has UDP only.
func (c *Conn) forcesUDP() bool {
	if c.cfg.Role == Responder {
		return c.cfg.Encapsulation == EncapUDP
	}
	return c.cfg.Encapsulation != EncapESP && (c.state != stateUp || c.port == Port4500)
}

// local is the own address on a port.
func (c *Conn) local(p Port) netip.AddrPort {
	if p == Port4500 {
		return c.cfg.LocalNATT
	}
	return c.cfg.Local
}

// detectNAT compares the peer's NAT-D payloads, the first of which is about
// this end and the others about the peer, with what is seen here. It returns
// the number of the payload type used, PayloadNone if there was none.
func (c *Conn) detectNAT(sa *ikeSA, payloads []isakmp.Payload, from netip.AddrPort) isakmp.PayloadType {
	kind := isakmp.PayloadNone
	var hashes [][]byte
	for _, p := range payloads {
		if (p.Type == isakmp.PayloadNATD || p.Type == isakmp.PayloadNATDDraft) && (kind == isakmp.PayloadNone || p.Type == kind) {
			kind = p.Type
			hashes = append(hashes, p.Body)
		}
	}
	if len(hashes) == 0 {
		sa.nat = NAT{}
		return kind
	}
	theirs := sa.natHash(from)
	sa.nat.Local = !hmac.Equal(hashes[0], sa.natHash(c.local(sa.port)))
	sa.nat.Remote = !slices.ContainsFunc(hashes[1:], func(h []byte) bool { return hmac.Equal(h, theirs) })
	return kind
}

// originalAddress is the peer's own idea of its address, from the NAT-OA
// payloads of Quick Mode: the initiator's comes first (RFC 3947, 5.2).
func originalAddress(payloads []isakmp.Payload, peerIsInitiator bool) netip.Addr {
	var list []netip.Addr
	for _, p := range payloads {
		if p.Type == isakmp.PayloadNATOA || p.Type == isakmp.PayloadNATOADraft {
			if a, err := isakmp.ParseNATOA(p.Body); err == nil {
				list = append(list, a)
			}
		}
	}
	switch {
	case len(list) == 0:
		return netip.Addr{}
	case len(list) == 1 || peerIsInitiator:
		return list[0] // the drafts have each end send its own alone
	}
	return list[1]
}

// keepaliveAt is when the NAT in front of this end has to be reminded (RFC
// 3948, 4), zero for never.
func (c *Conn) keepaliveAt() time.Time {
	sa := c.newest()
	if c.state != stateUp || c.port != Port4500 || sa == nil || !(sa.nat.Local || c.cfg.Role == Initiator) {
		return time.Time{}
	}
	return c.lastOut.Add(c.cfg.Keepalive)
}

// keepalive sends the single octet that keeps a NAT's mapping.
func (c *Conn) keepalive(now time.Time, out *Output) {
	if due(c.keepaliveAt(), now) {
		c.lastOut = now
		out.Datagrams = append(out.Datagrams, Datagram{To: c.to, Port: Port4500, Data: []byte{0xff}})
	}
}
