package tun

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"testing"
)

// spec describes a packet of a test.
type spec struct {
	v6      bool
	udp     bool
	flow    byte // the last octet of an address
	seq     uint32
	payload int
	flags   byte // TCP's; 0: ACK
	ttl     byte // 0: 64
	ack     uint32
	options string // TCP's, a multiple of 4
	spoil   bool   // the checksum is wrong
	noSum   bool   // UDP without a checksum
}

// build makes the packet with right lengths and checksums.
func (s spec) build() []byte {
	length, proto, at := tcpLen+len(s.options), uint8(protoTCP), tcpSum
	if s.udp {
		length, proto, at = udpLen, protoUDP, udpSum
	}
	ip := ip4Len
	if s.v6 {
		ip = ip6Len
	}
	p := make([]byte, ip+length+s.payload)
	ttl := s.ttl
	if ttl == 0 {
		ttl = 64
	}
	if s.v6 {
		p[0], p[6], p[7] = 0x60, proto, ttl
		copy(p[8:], bytes.Repeat([]byte{0x20}, 31))
		p[39] = s.flow
	} else {
		p[0], p[6], p[8], p[9] = 0x45, 0x40, ttl, proto
		copy(p[12:], []byte{10, 0, 0, 1, 10, 0, 0, s.flow})
	}
	h := p[ip:]
	binary.BigEndian.PutUint16(h, 4000)
	binary.BigEndian.PutUint16(h[2:], 5000)
	if s.udp {
		binary.BigEndian.PutUint16(h[4:], uint16(len(h)))
	} else {
		binary.BigEndian.PutUint32(h[4:], s.seq)
		binary.BigEndian.PutUint32(h[8:], s.ack)
		h[12], h[tcpFlags] = byte(length/4)<<4, s.flags
		if s.flags == 0 {
			h[tcpFlags] = tcpACK
		}
		copy(h[tcpLen:], s.options)
	}
	for i := range h[length:] {
		h[length+i] = byte(int(s.seq) + i*7)
	}
	putLengths(p, uint16(s.seq))
	if !s.noSum {
		putSum(h[at:], ^fold(sum(pseudo(p, proto, len(h)), h)))
	}
	if s.spoil {
		h[at] ^= 0x55
	}
	return p
}

// through merges packets, has each group cut again as the kernel would, and
// gives what comes out and how many groups there were.
func through(t testing.TB, udp bool, packets [][]byte) (out [][]byte, groups int) {
	t.Helper()
	m := merger{udp: udp}
	m.plan(packets)
	for i := range m.groups {
		g := &m.groups[i]
		whole := make([]byte, vnetLen)
		m.header(packets, g).put(whole)
		for j := g.first; j != noGroup; j = m.next[j] {
			b := packets[j]
			if j != g.first {
				b = b[g.headers:]
			}
			whole = append(whole, b...)
		}
		if len(whole) != vnetLen+g.total || g.total > maxPacket {
			t.Fatalf("a group of %d octets, want %d", len(whole)-vnetLen, g.total)
		}
		bufs, sizes := make([][]byte, maxMerged+1), make([]int, maxMerged+1)
		for j := range g.count + 1 {
			bufs[j] = make([]byte, 4+len(packets[g.first]))
		}
		n := split(whole, bufs[:g.count+1], sizes, 4)
		if n != g.count && len(packets[g.first]) >= ip4Len {
			t.Fatalf("a group of %d packets (%+v) was cut into %d", g.count, *g, n)
		}
		for j := range n {
			out = append(out, bufs[j][4:4+sizes[j]])
		}
	}
	return out, len(m.groups)
}

// normal is a packet without what cutting may change: IPv4's identification,
// and the checksum over it.
func normal(p []byte) string {
	q := bytes.Clone(p)
	if q[0]>>4 == 4 {
		copy(q[4:6], "\x00\x00")
		copy(q[10:12], "\x00\x00")
	}
	return string(q)
}

// keyOf names the flow of a packet.
func keyOf(p []byte) string { return fmt.Sprintf("%d %d %x", p[0]>>4, protoOf(p), flow(p)) }

// sameFlows fails the test unless the same packets came out, in order within
// each flow.
func sameFlows(t testing.TB, in []string, out [][]byte) {
	t.Helper()
	want, got := map[string][]string{}, map[string][]string{}
	for _, p := range in {
		k := keyOf([]byte(p))
		want[k] = append(want[k], normal([]byte(p)))
	}
	for _, p := range out {
		got[keyOf(p)] = append(got[keyOf(p)], normal(p))
	}
	for k, list := range want {
		for i, p := range list {
			if i >= len(got[k]) || got[k][i] != p {
				t.Fatalf("flow %s: packet %d of %d came out as another one, or not at all", k, i, len(list))
			}
		}
		if len(got[k]) != len(list) {
			t.Fatalf("flow %s: %d packets came out, want %d", k, len(got[k]), len(list))
		}
	}
}

func texts(packets [][]byte) (out []string) {
	for _, p := range packets {
		out = append(out, string(p))
	}
	return out
}

func TestMerge(t *testing.T) {
	for _, tt := range []struct {
		name    string
		packets []spec
		groups  int
	}{
		{"a burst", []spec{{seq: 0, payload: 100}, {seq: 100, payload: 100}, {seq: 200, payload: 40}}, 1},
		{"IPv6", []spec{{v6: true, seq: 0, payload: 100}, {v6: true, seq: 100, payload: 100}}, 1},
		{"two flows in turn", []spec{{flow: 1, seq: 0, payload: 9}, {flow: 2, seq: 0, payload: 9}, {flow: 1, seq: 9, payload: 9}, {flow: 2, seq: 9, payload: 9}}, 2},
		{"IPv4 and IPv6 in turn", []spec{{seq: 0, payload: 9}, {v6: true, seq: 0, payload: 9}, {seq: 9, payload: 9}, {v6: true, seq: 9, payload: 9}}, 2},
		{"a gap", []spec{{seq: 0, payload: 100}, {seq: 200, payload: 100}}, 2},
		{"backwards", []spec{{seq: 100, payload: 100}, {seq: 0, payload: 100}}, 2},
		{"again", []spec{{seq: 0, payload: 100}, {seq: 0, payload: 100}}, 2},
		{"over the end of the sequence", []spec{{seq: 0xffffffce, payload: 50}, {seq: 0, payload: 50}}, 1},
		{"longer ones later", []spec{{seq: 0, payload: 50}, {seq: 50, payload: 100}}, 2},
		{"nothing after a short one", []spec{{seq: 0, payload: 100}, {seq: 100, payload: 50}, {seq: 150, payload: 50}}, 2},
		{"a push ends it", []spec{{seq: 0, payload: 100}, {seq: 100, payload: 100, flags: tcpACK | tcpPSH}, {seq: 200, payload: 100}}, 2},
		{"FIN goes alone", []spec{{seq: 0, payload: 100}, {seq: 100, payload: 100, flags: tcpACK | tcpFIN}}, 2},
		{"and data stays behind it", []spec{{seq: 0, payload: 100}, {seq: 100, payload: 100, flags: tcpACK | tcpFIN}, {seq: 100, payload: 100}}, 3},
		{"an acknowledgement between", []spec{{seq: 0, payload: 100}, {seq: 100}, {seq: 100, payload: 100}}, 3},
		{"another acknowledgement number", []spec{{seq: 0, payload: 100}, {seq: 100, payload: 100, ack: 1}}, 2},
		{"other options", []spec{{seq: 0, payload: 100, options: "\x01\x01\x08\x0a00000000"}, {seq: 100, payload: 100, options: "\x01\x01\x08\x0a00000001"}}, 2},
		{"the same options", []spec{{seq: 0, payload: 100, options: "\x01\x01\x08\x0a00000000"}, {seq: 100, payload: 100, options: "\x01\x01\x08\x0a00000000"}}, 1},
		{"another time to live", []spec{{seq: 0, payload: 100}, {seq: 100, payload: 100, ttl: 63}}, 2},
		{"a wrong checksum", []spec{{seq: 0, payload: 100}, {seq: 100, payload: 100, spoil: true}, {seq: 200, payload: 100}}, 3},
		{"UDP of one size", []spec{{udp: true, seq: 1, payload: 50}, {udp: true, seq: 2, payload: 50}, {udp: true, seq: 3, payload: 20}}, 1},
		{"UDP that grows", []spec{{udp: true, seq: 1, payload: 50}, {udp: true, seq: 2, payload: 51}}, 2},
		{"UDP over IPv6", []spec{{v6: true, udp: true, seq: 1, payload: 50}, {v6: true, udp: true, seq: 2, payload: 50}}, 1},
		{"UDP without checksums", []spec{{udp: true, seq: 1, payload: 50, noSum: true}, {udp: true, seq: 2, payload: 50, noSum: true}}, 2},
		{"UDP with a wrong checksum", []spec{{udp: true, seq: 1, payload: 50, spoil: true}, {udp: true, seq: 2, payload: 50}}, 2},
	} {
		t.Run(tt.name, func(t *testing.T) {
			var packets [][]byte
			for _, s := range tt.packets {
				packets = append(packets, s.build())
			}
			in := texts(packets)
			out, groups := through(t, true, packets)
			if groups != tt.groups {
				t.Errorf("%d groups, want %d", groups, tt.groups)
			}
			sameFlows(t, in, out)
		})
	}
}

// A kernel that does not know UDP bursts gets none.
func TestMergeWithoutUDP(t *testing.T) {
	packets := [][]byte{spec{udp: true, seq: 1, payload: 50}.build(), spec{udp: true, seq: 2, payload: 50}.build()}
	in := texts(packets)
	out, groups := through(t, false, packets)
	if groups != 2 {
		t.Errorf("%d groups, want 2", groups)
	}
	sameFlows(t, in, out)
}

// However many packets follow each other, none of the kernel's is too long.
func TestMergeLimits(t *testing.T) {
	for _, payload := range []int{1, 1348, 9000} {
		var packets [][]byte
		for i := range 300 {
			packets = append(packets, spec{seq: uint32(i * payload), payload: payload}.build())
		}
		in := texts(packets)
		out, groups := through(t, true, packets)
		if want := (300 + min(maxMerged, (maxPacket-40)/payload) - 1) / min(maxMerged, (maxPacket-40)/payload); groups != want {
			t.Errorf("%d packets with %d octets in %d groups, want %d", 300, payload, groups, want)
		}
		sameFlows(t, in, out)
	}
}

// TestMergeRandom mixes flows, sizes, losses and repeats.
func TestMergeRandom(t *testing.T) {
	for seed := range uint64(300) {
		r := rand.New(rand.NewPCG(seed, 1))
		seq := map[byte]uint32{}
		var packets [][]byte
		for range 1 + r.IntN(200) {
			f := byte(r.IntN(5))
			s := spec{flow: f, v6: f == 3, udp: f == 4, seq: seq[f], payload: 100}
			switch r.IntN(12) {
			case 0:
				s.payload = r.IntN(101)
			case 1:
				s.flags = byte(r.IntN(256))
			case 2:
				s.seq += 5
			case 3:
				s.ttl = 1
			case 4:
				s.spoil = true
			case 5:
				s.ack = 7
			}
			seq[f] = s.seq + uint32(s.payload)
			packets = append(packets, s.build())
		}
		in := texts(packets)
		out, _ := through(t, seed%2 == 0, packets)
		sameFlows(t, in, out)
	}
}

// FuzzMerge takes any octets for packets: what is merged is what comes apart
// again, and what is no packet goes as it is.
func FuzzMerge(f *testing.F) {
	add := func(packets ...[]byte) {
		var all []byte
		for _, p := range packets {
			all = append(binary.BigEndian.AppendUint16(all, uint16(len(p))), p...)
		}
		f.Add(all)
	}
	add(spec{seq: 0, payload: 20}.build(), spec{seq: 20, payload: 20}.build())
	add(spec{v6: true, udp: true, seq: 0, payload: 20}.build(), spec{v6: true, udp: true, seq: 20, payload: 9}.build())
	add([]byte{0x45}, nil, []byte{0x60}, make([]byte, 60))
	f.Fuzz(func(t *testing.T, all []byte) {
		var packets [][]byte
		for len(all) >= 2 && len(packets) < 500 {
			n := min(int(binary.BigEndian.Uint16(all)), len(all)-2)
			packets = append(packets, bytes.Clone(all[2:2+n]))
			all = all[2+n:]
		}
		in := texts(packets)
		out, _ := through(t, true, packets)
		count := map[string]int{}
		for _, p := range in {
			if len(p) >= ip4Len { // less the cutting end does not take
				count[normal([]byte(p))]++
			}
		}
		for _, p := range out {
			count[normal(p)]--
		}
		for p, n := range count {
			if n != 0 {
				t.Fatalf("%x: %d too few came out", p, n)
			}
		}
	})
}

// FuzzSplit takes anything for what the kernel gives.
func FuzzSplit(f *testing.F) {
	b := make([]byte, vnetLen)
	vnet{needsChecksum, gsoTCP4, 40, 10, 20, 16}.put(b)
	f.Add(append(b, spec{payload: 55}.build()...))
	vnet{needsChecksum, gsoUDP, 48, 10, 40, 6}.put(b)
	f.Add(append(b[:vnetLen:vnetLen], spec{v6: true, udp: true, payload: 55}.build()...))
	// A TCP header of less than 20 octets, and a last segment too short for what
	// is missing.
	short := spec{payload: 55}.build()[:51]
	short[ip4Len+12] = 0x30
	vnet{needsChecksum, gsoTCP4, 40, 18, 20, 16}.put(b)
	f.Add(append(b[:vnetLen:vnetLen], short...))
	f.Fuzz(func(t *testing.T, in []byte) {
		bufs, sizes := make([][]byte, 8), make([]int, 8)
		for i := range bufs {
			bufs[i] = make([]byte, 64+1500)
		}
		n := split(bytes.Clone(in), bufs, sizes, 64)
		for i := range n {
			if sizes[i] < 1 || sizes[i] > 1500 {
				t.Fatalf("packet %d of %d has %d octets", i, n, sizes[i])
			}
		}
	})
}

func BenchmarkMerge(b *testing.B) {
	var packets, again [][]byte
	for i := range 46 {
		packets = append(packets, spec{seq: uint32(i * 1348), payload: 1348, options: "\x01\x01\x08\x0a00000000"}.build())
		again = append(again, bytes.Clone(packets[i]))
	}
	m := merger{}
	b.SetBytes(46 * 1400)
	b.ReportAllocs()
	for b.Loop() {
		for i := range packets {
			copy(packets[i], again[i])
		}
		m.plan(packets)
		for i := range m.groups {
			m.header(packets, &m.groups[i])
		}
		if len(m.groups) != 1 {
			b.Fatal("the burst was not joined")
		}
	}
}
