// Package wire reads the big-endian integers and byte strings that every
// protocol of the engine is made of, never beyond what it was given, and adds up
// the Internet checksum.
package wire

import (
	"encoding/binary"
	"errors"
)

// ErrShort is a message that ends before all of its fields were there.
var ErrShort = errors.New("wire: message too short")

// Reader takes fields off the front of a message. Its error is sticky: read
// all the fields, then ask Err once. After an error every read gives zero.
type Reader struct {
	b   []byte
	err error
}

// NewReader reads from b, which it borrows.
func NewReader(b []byte) *Reader { return &Reader{b: b} }

// Err is nil, or ErrShort once a read went beyond the end.
func (r *Reader) Err() error { return r.err }

// Len is the number of octets not read yet.
func (r *Reader) Len() int { return len(r.b) }

// Uint8 reads one octet.
func (r *Reader) Uint8() uint8 {
	if b := r.Bytes(1); b != nil {
		return b[0]
	}
	return 0
}

// Uint16 reads two octets.
func (r *Reader) Uint16() uint16 {
	if b := r.Bytes(2); b != nil {
		return binary.BigEndian.Uint16(b)
	}
	return 0
}

// Uint32 reads four octets.
func (r *Reader) Uint32() uint32 {
	if b := r.Bytes(4); b != nil {
		return binary.BigEndian.Uint32(b)
	}
	return 0
}

// Uint64 reads eight octets.
func (r *Reader) Uint64() uint64 {
	if b := r.Bytes(8); b != nil {
		return binary.BigEndian.Uint64(b)
	}
	return 0
}

// Bytes reads n octets and returns them as a view into the message, with no
// spare capacity. A negative or too large n is ErrShort and gives nil.
func (r *Reader) Bytes(n int) []byte {
	if r.err != nil || n < 0 || n > len(r.b) {
		r.err = ErrShort
		r.b = nil
		return nil
	}
	b := r.b[:n:n]
	r.b = r.b[n:]
	return b
}

// Rest reads all that is left, as a view into the message.
func (r *Reader) Rest() []byte { return r.Bytes(len(r.b)) }

// PutLen16 writes into dst[at:at+2] the number of octets from start to the end
// of dst: the length field of a structure that has just been appended.
func PutLen16(dst []byte, at, start int) {
	binary.BigEndian.PutUint16(dst[at:], uint16(len(dst)-start))
}
