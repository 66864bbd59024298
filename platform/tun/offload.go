package tun

import "encoding/binary"

// The kernel's header in front of each packet: struct virtio_net_hdr of
// linux/virtio_net.h, in the machine's byte order. With it one packet stands for
// a burst of a flow, up to 64 KB, which is cut, or was joined, late.
const (
	vnetLen       = 10
	needsChecksum = 1 // the checksum field holds the pseudo-header's sum only

	gsoNone = 0
	gsoTCP4 = 1
	gsoTCP6 = 4
	gsoUDP  = 5    // UDP_L4, Linux 6.2
	gsoECN  = 0x80 // a flag beside these
)

type vnet struct {
	flags, gso    uint8
	headers, size uint16 // octets of all headers, and of a segment's payload
	start, offset uint16 // where what is summed begins, and the sum's place from there
}

func parseVnet(b []byte) vnet {
	return vnet{b[0], b[1], binary.NativeEndian.Uint16(b[2:]), binary.NativeEndian.Uint16(b[4:]),
		binary.NativeEndian.Uint16(b[6:]), binary.NativeEndian.Uint16(b[8:])}
}

func (v vnet) put(b []byte) {
	b[0], b[1] = v.flags, v.gso
	binary.NativeEndian.PutUint16(b[2:], v.headers)
	binary.NativeEndian.PutUint16(b[4:], v.size)
	binary.NativeEndian.PutUint16(b[6:], v.start)
	binary.NativeEndian.PutUint16(b[8:], v.offset)
}

const (
	ip4Len, ip6Len = 20, 40
	tcpLen, udpLen = 20, 8
	protoTCP       = 6
	protoUDP       = 17

	tcpFIN, tcpPSH, tcpACK = 0x01, 0x08, 0x10
	tcpFlags               = 13 // their place in a TCP header
	tcpSum, udpSum         = 16, 6
)

// split cuts what one read gave, the kernel's header in front, into IP packets,
// each behind offset octets of a buffer. What it cannot read, or has no room
// for, is lost.
func split(in []byte, bufs [][]byte, sizes []int, offset int) int {
	if len(in) < vnetLen+ip4Len || len(bufs) == 0 {
		return 0
	}
	v, p := parseVnet(in), in[vnetLen:]
	switch v.gso &^ gsoECN {
	case gsoNone:
		if len(p) > len(bufs[0])-offset {
			return 0
		}
		out := bufs[0][offset:][:len(p)]
		copy(out, p)
		if v.flags&needsChecksum != 0 {
			at := int(v.start) + int(v.offset)
			if at+2 > len(out) || int(v.start) > at {
				return 0
			}
			putSum(out[at:], ^fold(sum(0, out[v.start:])))
		}
		sizes[0] = len(p)
		return 1
	case gsoTCP4, gsoTCP6, gsoUDP:
		return splitBurst(v, p, bufs, sizes, offset)
	}
	return 0
}

// splitBurst cuts a TCP or UDP burst. The sizes in v are the kernel's, and are
// checked all the same.
func splitBurst(v vnet, p []byte, bufs [][]byte, sizes []int, offset int) int {
	ip, size := int(v.start), int(v.size)
	tcp := v.gso&^gsoECN != gsoUDP
	proto, length, at := uint8(protoUDP), udpLen, ip+udpSum
	if tcp {
		proto, length, at = protoTCP, tcpLen, ip+tcpSum
	}
	v6 := p[0]>>4 == 6
	if size == 0 || ip < ip4Len || v6 && ip < ip6Len || ip+length > len(p) {
		return 0
	}
	if tcp {
		if length = int(p[ip+12]>>4) * 4; length < tcpLen {
			return 0
		}
	}
	headers := ip + length
	if headers >= len(p) {
		return 0
	}
	var seq uint32
	if tcp {
		seq = binary.BigEndian.Uint32(p[ip+4:])
	}
	id := binary.BigEndian.Uint16(p[4:])
	n := 0
	for from := headers; from < len(p) && n < len(bufs); from += size {
		to := min(from+size, len(p))
		total := headers + to - from
		if total > len(bufs[n])-offset {
			return n
		}
		out := bufs[n][offset:][:total]
		copy(out, p[:headers])
		copy(out[headers:], p[from:to])
		putLengths(out, id+uint16(n))
		if tcp {
			binary.BigEndian.PutUint32(out[ip+4:], seq)
			seq += uint32(size)
			if to != len(p) {
				out[ip+tcpFlags] &^= tcpFIN | tcpPSH // the last one's
			}
		} else {
			binary.BigEndian.PutUint16(out[ip+4:], uint16(total-ip))
		}
		out[at], out[at+1] = 0, 0
		s := ^fold(sum(pseudo(out, proto, total-ip), out[ip:]))
		if s == 0 && !tcp {
			s = 0xffff // RFC 768: zero would say that there is none
		}
		putSum(out[at:], s)
		sizes[n] = total
		n++
	}
	return n
}

// putLengths writes an IP header's length and, for IPv4, its identification and
// checksum.
func putLengths(p []byte, id uint16) {
	if p[0]>>4 == 6 {
		binary.BigEndian.PutUint16(p[4:], uint16(len(p)-ip6Len))
		return
	}
	binary.BigEndian.PutUint16(p[2:], uint16(len(p)))
	binary.BigEndian.PutUint16(p[4:], id)
	putHeaderSum(p)
}

func putHeaderSum(p []byte) {
	p[10], p[11] = 0, 0
	n := int(p[0]&0xf) * 4
	putSum(p[10:], ^fold(sum(0, p[:n])))
}
