package packet

import (
	"bytes"
	"testing"
)

func TestBuffer(t *testing.T) {
	b := New(Size)
	if !b.Set([]byte("payload")) {
		t.Fatal("Set found no room")
	}
	copy(b.Prepend(4), "head")
	copy(b.Append(4), "tail")
	if got, want := b.Bytes(), []byte("headpayloadtail"); !bytes.Equal(got, want) {
		t.Fatalf("Bytes() = %q, want %q", got, want)
	}
	b.TrimFront(4)
	b.TrimBack(4)
	if got, want := b.Bytes(), []byte("payload"); !bytes.Equal(got, want) {
		t.Fatalf("after trimming Bytes() = %q, want %q", got, want)
	}
	whole := []byte("onetwothree")
	var v Buffer
	v.Wrap(whole[3:6:6])
	if got := v.Append(1); got != nil || string(v.Bytes()) != "two" {
		t.Errorf("of a wrapped packet Bytes() = %q, Append(1) = %v, want \"two\" and no room", v.Bytes(), got)
	}
	b.Drop()
	if v.Drop(); b.Len() != 0 || v.Len() != 0 {
		t.Fatalf("Len() of a dropped packet = %d, want 0", b.Len())
	}
}

func TestBounds(t *testing.T) {
	b := New(Size)
	if b.Set(make([]byte, Size)) {
		t.Error("Set took more than the buffer has")
	}
	b.SetLen(Size - Headroom)
	if got := b.Append(1); got != nil {
		t.Errorf("Append(1) on a full buffer = %v, want nil", got)
	}
	for name, f := range map[string]func(){
		"TrimFront": func() { New(Size).TrimFront(1) },
		"TrimBack":  func() { New(Size).TrimBack(1) },
		"SetLen":    func() { New(Size).SetLen(Size) },
		"Prepend":   func() { New(Size).Prepend(Headroom + 1) },
	} {
		func() {
			defer func() {
				if recover() == nil {
					t.Errorf("%s beyond the buffer did not panic", name)
				}
			}()
			f()
		}()
	}
}
