package suite

import (
	"errors"
	"testing"
)

func TestNamesRoundTrip(t *testing.T) {
	for _, s := range DefaultPhase1() {
		if got, err := ParsePhase1(s.String()); err != nil || got != s {
			t.Errorf("ParsePhase1(%q) = %+v, %v, want %+v", s, got, err, s)
		}
	}
	for _, s := range append(DefaultPhase2(), Phase2{AESCBC, 192, SHA512, false}, Phase2{AESCBC, 128, SHA256, true}, Phase2{DES, 0, SHA1, false}) {
		if got, err := ParsePhase2(s.String()); err != nil || got != s {
			t.Errorf("ParsePhase2(%q) = %+v, %v, want %+v", s, got, err, s)
		}
	}
}

func TestBadNames(t *testing.T) {
	for _, name := range []string{"", "aes256", "aes256-sha1", "aes-sha1-modp2048", "aes128gcm16-sha1-modp2048", "aes256-sha1-modp999", "aes256-sha3-modp2048", "aes256-sha1-modp2048-x"} {
		if _, err := ParsePhase1(name); !errors.Is(err, ErrUnknown) {
			t.Errorf("ParsePhase1(%q) = %v, want ErrUnknown", name, err)
		}
	}
	for _, name := range []string{"", "aes256", "aes128gcm16-sha1", "aes256-sha1_96", "blowfish-sha1", "aes256-sha1-modp2048"} {
		if _, err := ParsePhase2(name); !errors.Is(err, ErrUnknown) {
			t.Errorf("ParsePhase2(%q) = %v, want ErrUnknown", name, err)
		}
	}
}

func TestDefaultsLeaveTheBrokenOut(t *testing.T) {
	for _, s := range append(DefaultPhase1(), AllPhase1()...) {
		if s.Cipher == DES || s.Group == MODP768 {
			t.Errorf("the default phase 1 list offers %v: only a profile may name it", s)
		}
	}
	for _, s := range append(DefaultPhase2(), AllPhase2()...) {
		if s.Cipher == DES {
			t.Errorf("the default phase 2 list offers %v: only a profile may name it", s)
		}
	}
}
