package dataplane

import (
	"encoding/binary"
	"testing"

	"github.com/culvert-vpn/culvert/engine/internal/wire"
)

// syn builds an IPv4 or IPv6 TCP segment with the given options and a right
// checksum.
func syn(version int, flags byte, options []byte) []byte {
	for len(options)%4 != 0 {
		options = append(options, optionEnd)
	}
	tcp := make([]byte, tcpHeader, tcpHeader+len(options))
	tcp = append(tcp, options...)
	tcp[12], tcp[13] = byte(len(tcp)/4)<<4, flags
	var ip []byte
	if version == 4 {
		ip = make([]byte, ipv4Header)
		ip[0], ip[9] = 0x45, protoTCP
		copy(ip[12:], []byte{192, 0, 2, 1, 198, 51, 100, 7})
	} else {
		ip = make([]byte, ipv6Header)
		ip[0], ip[6] = 0x60, protoTCP
		ip[8], ip[24] = 0x20, 0x20
		ip[23], ip[39] = 1, 2
	}
	p := append(ip, tcp...)
	binary.BigEndian.PutUint16(p[len(ip)+16:], tcpSum(p))
	return p
}

// tcpSum is the checksum that the segment should have, computed over a zero in
// its place.
func tcpSum(p []byte) uint16 {
	n, addresses := ipv4Header, p[12:20]
	if p[0]>>4 == 6 {
		n, addresses = ipv6Header, p[8:40]
	}
	tcp := append([]byte(nil), p[n:]...)
	tcp[16], tcp[17] = 0, 0
	return ^wire.Sum(uint32(len(tcp))+protoTCP, addresses, tcp)
}

func TestClampMSS(t *testing.T) {
	mss := func(v uint16) []byte { return []byte{optionMSS, 4, byte(v >> 8), byte(v)} }
	for _, tt := range []struct {
		name    string
		version int
		flags   byte
		options []byte
		at      int // of the value among the options
		want    uint16
	}{
		{"IPv4 too large", 4, tcpSYN, mss(1460), 2, 1360},
		{"IPv6 too large", 6, tcpSYN, mss(1440), 2, 1340},
		{"SYN and ACK", 4, tcpSYN | 0x10, mss(8960), 2, 1360},
		{"small enough", 4, tcpSYN, mss(1200), 2, 1200},
		{"no SYN", 4, 0x10, mss(1460), 2, 1460},
		{"at an odd offset", 4, tcpSYN, append([]byte{optionNop}, mss(1460)...), 3, 1360},
		{"behind another option", 4, tcpSYN, append([]byte{4, 2}, mss(1460)...), 4, 1360},
		{"behind the end", 4, tcpSYN, append([]byte{optionEnd}, mss(1460)...), 3, 1460},
	} {
		p := syn(tt.version, tt.flags, tt.options)
		clampMSS(p, 1400)
		n := ipv4Header
		if tt.version == 6 {
			n = ipv6Header
		}
		if got := binary.BigEndian.Uint16(p[n+tcpHeader+tt.at:]); got != tt.want {
			t.Errorf("%s: MSS = %d, want %d", tt.name, got, tt.want)
		}
		if got, want := binary.BigEndian.Uint16(p[n+16:]), tcpSum(p); got != want {
			t.Errorf("%s: checksum = %04x, want %04x", tt.name, got, want)
		}
	}
}

func FuzzClampMSS(f *testing.F) {
	f.Add(syn(4, tcpSYN, []byte{optionMSS, 4, 5, 180}))
	f.Add(syn(6, tcpSYN, []byte{optionNop, optionMSS, 4, 5, 180}))
	f.Add([]byte{0x4f})
	f.Fuzz(func(t *testing.T, p []byte) { clampMSS(append([]byte(nil), p...), 1400) })
}
