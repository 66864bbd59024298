package dataplane

import "encoding/binary"

const (
	protoTCP    = 6
	tcpSYN      = 0x02
	optionEnd   = 0
	optionNop   = 1
	optionMSS   = 2
	ipv4Header  = 20
	ipv6Header  = 40
	tcpHeader   = 20
	fragmentOff = 0x1fff
)

// clampMSS lowers the maximum segment size that a TCP SYN announces so that
// its answers fit packets of mtu octets (RFC 6691): many paths drop the ICMP
// messages that would tell the sender. Anything that is no whole TCP SYN is
// left as it is.
func clampMSS(p []byte, mtu int) {
	if len(p) == 0 {
		return
	}
	var tcp []byte
	var header int
	switch p[0] >> 4 {
	case 4:
		n := int(p[0]&0xf) * 4
		if n < ipv4Header || len(p) < n+tcpHeader || p[9] != protoTCP || binary.BigEndian.Uint16(p[6:])&fragmentOff != 0 {
			return
		}
		tcp, header = p[n:], ipv4Header+tcpHeader
	case 6:
		if len(p) < ipv6Header+tcpHeader || p[6] != protoTCP {
			return
		}
		tcp, header = p[ipv6Header:], ipv6Header+tcpHeader
	default:
		return
	}
	n := int(tcp[12]>>4) * 4
	if tcp[13]&tcpSYN == 0 || n < tcpHeader || n > len(tcp) || mtu <= header {
		return
	}
	lowerMSS(tcp, n, uint16(mtu-header))
}

// lowerMSS walks the options of a TCP header of n octets.
func lowerMSS(tcp []byte, n int, limit uint16) {
	for i := tcpHeader; i < n; {
		switch tcp[i] {
		case optionEnd:
			return
		case optionNop:
			i++
			continue
		}
		if i+1 >= n || tcp[i+1] < 2 || i+int(tcp[i+1]) > n {
			return
		}
		if tcp[i] == optionMSS && tcp[i+1] == 4 {
			if old := binary.BigEndian.Uint16(tcp[i+2:]); old > limit {
				binary.BigEndian.PutUint16(tcp[i+2:], limit)
				// A value at an odd offset counts with its octets swapped (RFC 1071, 2).
				if i%2 != 0 {
					old, limit = old<<8|old>>8, limit<<8|limit>>8
				}
				updateChecksum(tcp[16:18], old, limit)
			}
			return
		}
		i += int(tcp[i+1])
	}
}

// updateChecksum replaces one 16-bit word in an Internet checksum (RFC 1624, 3).
func updateChecksum(sum []byte, old, new uint16) {
	s := uint32(^binary.BigEndian.Uint16(sum)) + uint32(^old) + uint32(new)
	s = s&0xffff + s>>16
	s = s&0xffff + s>>16
	binary.BigEndian.PutUint16(sum, ^uint16(s))
}
