package wire

import "testing"

// The example of RFC 1071, 3, in one part and in several, and an odd octet.
func TestSum(t *testing.T) {
	b := []byte{0x00, 0x01, 0xf2, 0x03, 0xf4, 0xf5, 0xf6, 0xf7}
	for _, got := range []uint16{Sum(0, b), Sum(0, b[:2], nil, b[2:]), Sum(0xf6f7, b[:6])} {
		if got != 0xddf2 {
			t.Errorf("Sum = %#x, want 0xddf2", got)
		}
	}
	if got := Sum(0xfffe, []byte{0x12}); got != 0x11ff {
		t.Errorf("of an odd octet: %#x, want 0x11ff", got)
	}
	if got := ^Sum(0, b) + Sum(0, b); got != 0xffff {
		t.Errorf("with its own checksum: %#x", got)
	}
}
