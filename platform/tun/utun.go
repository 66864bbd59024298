package tun

import "encoding/binary"

// From the specification: what a utun device of macOS has in front of a packet,
// its address family in network order (net/if_utun.h, sys/socket.h).
const (
	utunHeaderLen = 4
	utunInet      = 2
	utunInet6     = 30
)

// putUTUN writes what goes in front of packet p, and says whether it is one of IP.
func putUTUN(b *[utunHeaderLen]byte, p []byte) bool {
	family := uint32(0)
	if len(p) > 0 {
		switch p[0] >> 4 {
		case 4:
			family = utunInet
		case 6:
			family = utunInet6
		}
	}
	binary.BigEndian.PutUint32(b[:], family)
	return family != 0
}
