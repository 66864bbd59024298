package wire

import (
	"bytes"
	"errors"
	"testing"
)

func TestReader(t *testing.T) {
	r := NewReader([]byte{1, 0, 2, 0, 0, 0, 3, 0, 0, 0, 0, 0, 0, 0, 4, 9, 8, 7})
	if got := r.Uint8(); got != 1 {
		t.Errorf("Uint8() = %d, want 1", got)
	}
	if got := r.Uint16(); got != 2 {
		t.Errorf("Uint16() = %d, want 2", got)
	}
	if got := r.Uint32(); got != 3 {
		t.Errorf("Uint32() = %d, want 3", got)
	}
	if got := r.Uint64(); got != 4 {
		t.Errorf("Uint64() = %d, want 4", got)
	}
	b := r.Bytes(2)
	if !bytes.Equal(b, []byte{9, 8}) || cap(b) != 2 {
		t.Errorf("Bytes(2) = %x with capacity %d, want 0908 with capacity 2", b, cap(b))
	}
	if got := r.Rest(); !bytes.Equal(got, []byte{7}) {
		t.Errorf("Rest() = %x, want 07", got)
	}
	if err := r.Err(); err != nil {
		t.Errorf("Err() = %v, want nil", err)
	}
}

func TestReaderStickyError(t *testing.T) {
	r := NewReader([]byte{1, 2, 3})
	if got := r.Uint32(); got != 0 {
		t.Errorf("Uint32() of three octets = %d, want 0", got)
	}
	if got := r.Uint8(); got != 0 {
		t.Errorf("Uint8() after an error = %d, want 0", got)
	}
	if got := r.Rest(); got != nil {
		t.Errorf("Rest() after an error = %x, want nil", got)
	}
	if err := r.Err(); !errors.Is(err, ErrShort) {
		t.Errorf("Err() = %v, want ErrShort", err)
	}
	if b := NewReader([]byte{1}).Bytes(-1); b != nil {
		t.Errorf("Bytes(-1) = %x, want nil", b)
	}
}

func TestPutLen16(t *testing.T) {
	b := []byte{0xaa, 0, 0, 1, 2, 3}
	PutLen16(b, 1, 1)
	if want := []byte{0xaa, 0, 5, 1, 2, 3}; !bytes.Equal(b, want) {
		t.Errorf("PutLen16 wrote %x, want %x", b, want)
	}
}
