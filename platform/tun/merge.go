package tun

import (
	"bytes"
	"encoding/binary"
)

// Ours.
const (
	maxPacket = 65535 // octets of an IP packet
	// Packets in one: what the kernel takes of UDP, and well within IOV_MAX.
	maxMerged = 64
	flowSlots = 256 // of the table of flows, a power of two
	noGroup   = -1
)

// kind is how a packet may be joined with others of its flow.
type kind uint8

const (
	other kind = iota // not TCP or UDP over IP: nothing is known of it
	fixed             // TCP or UDP, but goes alone
	tcp4
	tcp6
	udp4
	udp6
)

// group is packets that go to the kernel as one.
type group struct {
	kind    kind
	closed  bool // nothing may follow: of a flow, all stay in order
	count   int
	first   int // indices of packets; next leads from one to the other
	last    int
	headers int // octets of IP and TCP or UDP header
	size    int // payload of the first one, of all but the last
	total   int // octets of the packet they make
	chain   int // next group in the same slot of the table
}

// merger joins packets of a flow that follow each other (generic receive
// offload). Packets of other flows may be in between. What it joins, the kernel
// can take apart again to the very same packets but for IPv4's identification:
// the rules are those of the kernel's own GRO. Checksums are verified first, for
// they are gone afterwards.
type merger struct {
	udp    bool // the kernel takes UDP bursts
	groups []group
	next   []int // packet after packet of a group
	table  [flowSlots]int
}

// plan sorts packets into groups, in the order of their first ones.
func (m *merger) plan(packets [][]byte) {
	m.groups = m.groups[:0]
	for i := range m.table {
		m.table[i] = noGroup
	}
	if cap(m.next) < len(packets) {
		m.next = make([]int, len(packets))
	}
	m.next = m.next[:len(packets)]
	for i, p := range packets {
		m.next[i] = noGroup
		k, headers := m.classify(p)
		slot := 0
		if k != other {
			slot = flowSlot(p)
			if g := m.find(packets, slot, p); g != nil {
				if k == g.kind && headers == g.headers && m.joins(packets[g.first], packets[g.last], g, p) {
					m.join(g, i, p)
					continue
				}
				g.closed = true
			}
		}
		g := group{kind: k, closed: k <= fixed || endsBurst(k, p), count: 1, first: i, last: i, headers: headers, size: len(p) - headers, total: len(p), chain: noGroup}
		if k > fixed {
			g.chain, m.table[slot] = m.table[slot], len(m.groups)
		}
		m.groups = append(m.groups, g)
	}
}

// find is the flow's latest group, if more may join it.
func (m *merger) find(packets [][]byte, slot int, p []byte) *group {
	for i := m.table[slot]; i != noGroup; i = m.groups[i].chain {
		if g := &m.groups[i]; sameFlow(packets[g.first], p) {
			if g.closed {
				return nil
			}
			return g
		}
	}
	return nil
}

// joins says whether p continues g, whose packets are of the same kind and
// headers' length.
func (m *merger) joins(first, last []byte, g *group, p []byte) bool {
	payload := len(p) - g.headers
	if payload > g.size || g.total+payload > maxPacket || g.count == maxMerged || !sameIPHeader(first, p) {
		return false
	}
	if g.kind == udp4 || g.kind == udp6 {
		return true
	}
	ip := ipLen(p)
	a, b, l := first[ip:g.headers], p[ip:g.headers], last[ip:g.headers]
	return binary.BigEndian.Uint32(b[4:]) == binary.BigEndian.Uint32(l[4:])+uint32(len(last)-g.headers) &&
		bytes.Equal(a[8:tcpFlags], b[8:tcpFlags]) && // acknowledgement, data offset
		bytes.Equal(a[14:16], b[14:16]) && bytes.Equal(a[18:], b[18:]) // window, urgent pointer and options
}

// join adds packet i to g.
func (m *merger) join(g *group, i int, p []byte) {
	payload := len(p) - g.headers
	m.next[g.last] = i
	g.last = i
	g.count++
	g.total += payload
	g.closed = payload < g.size || endsBurst(g.kind, p)
}

// endsBurst says that p pushes: none follows it in a group.
func endsBurst(k kind, p []byte) bool {
	return (k == tcp4 || k == tcp6) && p[ipLen(p)+tcpFlags]&tcpPSH != 0
}

// classify tells what a packet is and, of one that may be joined, the length of
// its headers.
func (m *merger) classify(p []byte) (k kind, headers int) {
	if len(p) < ip4Len {
		return other, 0
	}
	var proto uint8
	var ip int
	v4, v6 := tcp4, tcp6
	switch {
	case p[0] == 0x45:
		ip, proto = ip4Len, p[9]
		if int(binary.BigEndian.Uint16(p[2:])) != len(p) || binary.BigEndian.Uint16(p[6:])&0x3fff != 0 || fold(sum(0, p[:ip4Len])) != 0xffff {
			return other, 0 // a fragment has no ports to know it by
		}
	case p[0]>>4 == 6 && len(p) >= ip6Len:
		ip, proto = ip6Len, p[6]
		if int(binary.BigEndian.Uint16(p[4:]))+ip6Len != len(p) {
			return other, 0
		}
	default:
		return other, 0
	}
	switch {
	case proto == protoTCP && len(p) >= ip+tcpLen:
		headers = ip + int(p[ip+12]>>4)*4
		if headers < ip+tcpLen || headers >= len(p) || p[ip+tcpFlags]&^tcpPSH != tcpACK {
			return fixed, 0
		}
	case proto == protoUDP && len(p) >= ip+udpLen:
		headers = ip + udpLen
		if !m.udp || headers >= len(p) || int(binary.BigEndian.Uint16(p[ip+4:])) != len(p)-ip || p[ip+udpSum]|p[ip+udpSum+1] == 0 {
			return fixed, 0
		}
		v4, v6 = udp4, udp6
	default:
		return other, 0
	}
	if fold(sum(pseudo(p, proto, len(p)-ip), p[ip:])) != 0xffff {
		return fixed, 0 // the receiver is to see that it is wrong
	}
	if ip == ip4Len {
		return v4, headers
	}
	return v6, headers
}

func ipLen(p []byte) int {
	if p[0]>>4 == 6 {
		return ip6Len
	}
	return ip4Len
}

// flow is a packet's addresses and ports, which lie side by side.
func flow(p []byte) []byte {
	if p[0]>>4 == 6 {
		return p[8 : ip6Len+4]
	}
	return p[12 : ip4Len+4]
}

func sameFlow(a, b []byte) bool {
	return a[0]>>4 == b[0]>>4 && protoOf(a) == protoOf(b) && bytes.Equal(flow(a), flow(b))
}

func protoOf(p []byte) uint8 {
	if p[0]>>4 == 6 {
		return p[6]
	}
	return p[9]
}

// flowSlot spreads flows over the table; many in one slot are only slower.
func flowSlot(p []byte) int {
	f := flow(p)
	h := binary.NativeEndian.Uint32(f[len(f)-4:])*0x9e3779b1 ^ binary.NativeEndian.Uint32(f[len(f)-8:])*0x85ebca6b
	return int(h>>24) & (flowSlots - 1)
}

// sameIPHeader compares what of an IP header stands for all of a group: traffic
// class, flow label, time to live, and whether it may be fragmented.
func sameIPHeader(a, b []byte) bool {
	if a[0]>>4 == 6 {
		return bytes.Equal(a[:4], b[:4]) && a[7] == b[7]
	}
	return a[1] == b[1] && a[6] == b[6] && a[8] == b[8]
}

// header makes the first packet's headers stand for all of g, and gives the
// kernel's header for them.
func (m *merger) header(packets [][]byte, g *group) vnet {
	if g.kind <= fixed {
		return vnet{}
	}
	p := packets[g.first]
	ip, at, proto, gso := ipLen(p), tcpSum, uint8(protoTCP), uint8(gsoTCP4)
	switch g.kind {
	case tcp6:
		gso = gsoTCP6
	case udp4, udp6:
		at, proto, gso = udpSum, protoUDP, gsoUDP
	}
	v := vnet{flags: needsChecksum, start: uint16(ip), offset: uint16(at)}
	if g.count > 1 {
		v.gso, v.size, v.headers = gso, uint16(g.size), uint16(g.headers)
		if ip == ip6Len {
			binary.BigEndian.PutUint16(p[4:], uint16(g.total-ip))
		} else {
			binary.BigEndian.PutUint16(p[2:], uint16(g.total))
			putHeaderSum(p)
		}
		if proto == protoUDP {
			binary.BigEndian.PutUint16(p[ip+4:], uint16(g.total-ip))
		} else {
			p[ip+tcpFlags] |= packets[g.last][ip+tcpFlags] & tcpPSH
		}
	}
	putSum(p[ip+at:], fold(pseudo(p, proto, g.total-ip)))
	return v
}
