package esp

import (
	"testing"

	"github.com/culvert-vpn/culvert/engine/packet"
	"github.com/culvert-vpn/culvert/engine/suite"
)

func TestFormats(t *testing.T) {
	for _, tt := range []struct {
		suite                 string
		keymat, overhead, max int // overhead of 100 octets, largest payload in 1,400
	}{
		{"aes128gcm16", 20, 8 + 8 + 2 + 2 + 16, 1366},
		{"aes192gcm16", 28, 8 + 8 + 2 + 2 + 16, 1366},
		{"aes256gcm16", 36, 8 + 8 + 2 + 2 + 16, 1366},
		{"aes128-sha1", 36, 8 + 16 + 10 + 2 + 12, 1358},
		{"aes256-sha1", 52, 8 + 16 + 10 + 2 + 12, 1358},
		{"aes128-md5", 32, 8 + 16 + 10 + 2 + 12, 1358},
		{"aes128-sha256", 48, 8 + 16 + 10 + 2 + 16, 1358},
		{"aes256-sha256_96", 64, 8 + 16 + 10 + 2 + 12, 1358},
		{"aes256-sha384", 80, 8 + 16 + 10 + 2 + 24, 1342},
		{"aes192-sha512", 88, 8 + 16 + 10 + 2 + 32, 1342},
		{"3des-sha1", 44, 8 + 8 + 2 + 2 + 12, 1366},
		{"3des-md5", 40, 8 + 8 + 2 + 2 + 12, 1366},
		{"des-md5", 24, 8 + 8 + 2 + 2 + 12, 1366},
	} {
		s := suite.MustPhase2(tt.suite)[0]
		if got := KeymatLen(s); got != tt.keymat {
			t.Errorf("KeymatLen(%s) = %d, want %d", tt.suite, got, tt.keymat)
		}
		if got := Overhead(s, 100); got != tt.overhead {
			t.Errorf("Overhead(%s, 100) = %d, want %d", tt.suite, got, tt.overhead)
		}
		if got := MaxPayload(s, 1400); got != tt.max {
			t.Errorf("MaxPayload(%s, 1400) = %d, want %d", tt.suite, got, tt.max)
		}
	}
}

// Overhead is what Seal adds, for every length; DES is slow, and leaves the
// middle ones to prepare, which is what decides.
func TestFast(t *testing.T) {
	slow := map[string]bool{"3des-sha1": true, "aes128-md5": true, "aes256-sha512": true, "des-md5": true,
		"aes128gcm16": false, "aes256-sha1": false, "aes256-sha256": false, "aes128-sha256_96": false}
	for name, want := range slow {
		s, err := suite.ParsePhase2(name)
		if err != nil {
			t.Fatal(err)
		}
		if Fast(s) == want {
			t.Errorf("Fast(%s) = %v, want %v", name, Fast(s), !want)
		}
	}
}

func TestOverheadIsExact(t *testing.T) {
	for _, name := range allSuites() {
		p := newPair(t, name)
		b := packet.New(packet.Size)
		batch := []*packet.Buffer{b}
		for n := 1; n <= 1500; n++ {
			b.Reset()
			b.SetLen(n)
			if p.out.crypto.ivLen == 8 && p.out.crypto.gcm == nil && n > 100 && n < 1400 {
				p.out.prepare(batch)
			} else if err := p.out.Seal(batch); err != nil {
				t.Fatal(err)
			}
			if got, want := Overhead(p.s, n), b.Len()-n; got != want {
				t.Fatalf("Overhead(%s, %d) = %d, want %d", name, n, got, want)
			}
		}
	}
}

// MaxPayload fits, and an octet more does not.
func TestMaxPayloadIsExact(t *testing.T) {
	for _, name := range allSuites() {
		s := suite.MustPhase2(name)[0]
		for room := -5; room <= 1600; room++ {
			n := MaxPayload(s, room)
			if n < 0 || n > 0 && n+Overhead(s, n) > room {
				t.Fatalf("MaxPayload(%s, %d) = %d, whose packet has %d octets", name, room, n, n+Overhead(s, n))
			}
			if n+1+Overhead(s, n+1) <= room {
				t.Fatalf("MaxPayload(%s, %d) = %d, though a packet with %d octets has %d", name, room, n, n+1, n+1+Overhead(s, n+1))
			}
		}
	}
}

func TestUnknownSuites(t *testing.T) {
	for _, s := range []suite.Phase2{
		{},
		{Hash: suite.SHA1},
		{Cipher: suite.AESCBC, KeyBits: 128},
		{Cipher: suite.AESCBC, KeyBits: 128, Hash: 99},
		{Cipher: suite.AESCBC, KeyBits: 64, Hash: suite.SHA1},
		{Cipher: suite.AESCBC, Hash: suite.SHA1},
		{Cipher: suite.AESGCM16, KeyBits: 127},
		{Cipher: suite.AESGCM16, KeyBits: 128, Hash: suite.SHA1},
		{Cipher: 99, KeyBits: 128, Hash: suite.SHA1},
	} {
		if got := KeymatLen(s); got != 0 {
			t.Errorf("KeymatLen(%+v) = %d, want 0", s, got)
		}
		if got := Overhead(s, 100); got != 0 {
			t.Errorf("Overhead(%+v) = %d, want 0", s, got)
		}
		if got := MaxPayload(s, 1400); got != 0 {
			t.Errorf("MaxPayload(%+v) = %d, want 0", s, got)
		}
		for _, n := range []int{0, 36} {
			if o, err := NewOutbound(s, testSPI, make([]byte, n), random(1)); err == nil {
				t.Errorf("NewOutbound(%+v) = %v, want an error", s, o.SPI())
			}
			if i, err := NewInbound(s, testSPI, make([]byte, n)); err == nil {
				t.Errorf("NewInbound(%+v) = %v, want an error", s, i.SPI())
			}
		}
	}
}

func TestKeymatOfWrongLength(t *testing.T) {
	for _, name := range allSuites() {
		s := suite.MustPhase2(name)[0]
		for _, n := range []int{0, KeymatLen(s) - 1, KeymatLen(s) + 1} {
			if _, err := NewOutbound(s, testSPI, make([]byte, n), random(1)); err == nil {
				t.Errorf("NewOutbound(%s) took %d octets of keying material", name, n)
			}
			if _, err := NewInbound(s, testSPI, make([]byte, n)); err == nil {
				t.Errorf("NewInbound(%s) took %d octets of keying material", name, n)
			}
		}
	}
}
