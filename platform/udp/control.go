package udp

import (
	"encoding/binary"
	"unsafe"
)

// A control message, in the machine's byte order: Linux (struct cmsghdr) and
// Windows (WSACMSGHDR) agree on it.
//
//	 0      w      w+4    w+8
//	+------+------+------+------+---------+
//	| len  | level| type | data | padding |   w: octets of a pointer; all are a
//	+------+------+------+------+---------+   multiple of w; len is without padding
const (
	word        = int(unsafe.Sizeof(uintptr(0)))
	controlRoom = 24 // the longest that is used here, on 64 bits
)

// control is room for one control message, aligned as the systems want it.
type control struct {
	_ [0]uint64
	b [controlRoom]byte
}

// controlLen is what the len of a control message says that has data octets.
func controlLen(word, data int) int { return word + 8 + data }

// putControl writes a control message that holds a number of width octets, 2 or
// 4, and gives its octets with padding.
func putControl(b []byte, word int, level, typ int32, width int, number uint32) int {
	end := (controlLen(word, width) + word - 1) / word * word
	clear(b[:end])
	putWord(b, word, controlLen(word, width))
	binary.NativeEndian.PutUint32(b[word:], uint32(level))
	binary.NativeEndian.PutUint32(b[word+4:], uint32(typ))
	if width == 2 {
		binary.NativeEndian.PutUint16(b[word+8:], uint16(number))
	} else {
		binary.NativeEndian.PutUint32(b[word+8:], number)
	}
	return end
}

// findControl looks for a control message with a number of 4 octets: 0 if there
// is none. What the messages' lengths do not allow is not read.
func findControl(b []byte, word int, level, typ int32) uint32 {
	for len(b) >= controlLen(word, 0) {
		n := getWord(b, word)
		if n < controlLen(word, 0) || n > len(b) {
			return 0
		}
		if binary.NativeEndian.Uint32(b[word:]) == uint32(level) && binary.NativeEndian.Uint32(b[word+4:]) == uint32(typ) {
			if n < controlLen(word, 4) {
				return 0
			}
			return binary.NativeEndian.Uint32(b[word+8:])
		}
		b = b[min((n+word-1)/word*word, len(b)):]
	}
	return 0
}

func putWord(b []byte, word, n int) {
	if word == 4 {
		binary.NativeEndian.PutUint32(b, uint32(n))
	} else {
		binary.NativeEndian.PutUint64(b, uint64(n))
	}
}

// getWord gives -1 for what is no length.
func getWord(b []byte, word int) int {
	n := uint64(0)
	if word == 4 {
		n = uint64(binary.NativeEndian.Uint32(b))
	} else {
		n = binary.NativeEndian.Uint64(b)
	}
	if n > 1<<30 {
		return -1
	}
	return int(n)
}
