package mschap

import (
	"bytes"
	"encoding/hex"
	"strings"
	"testing"
)

func unhex(t *testing.T, s string) []byte {
	t.Helper()
	b, err := hex.DecodeString(strings.ReplaceAll(s, " ", ""))
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// The hash example of RFC 2759, 9.2.
func TestRFC2759Example(t *testing.T) {
	password := Unicode([]byte("clientPass"))
	if want := unhex(t, "63 00 6C 00 69 00 65 00 6E 00 74 00 50 00 61 00 73 00 73 00"); !bytes.Equal(password, want) {
		t.Errorf("Unicode(clientPass) = %x, want %x", []byte(password), want)
	}
	auth := Challenge(unhex(t, "5B 5D 7C 7D 7B 3F 2F 3E 3C 2C 60 21 32 26 26 28"))
	peer := Challenge(unhex(t, "21 40 23 24 25 5E 26 2A 28 29 5F 2B 3A 33 7C 7E"))
	challenge := ChallengeHash(peer, auth, "User")
	hash := NtPasswordHash(password)
	hashHash := HashNtPasswordHash(hash)
	nt := GenerateNTResponse(auth, peer, "User", password)
	domain := GenerateNTResponse(auth, peer, `DOMAIN\User`, password)
	for _, tt := range []struct {
		name      string
		got, want []byte
	}{
		{"ChallengeHash", challenge[:], unhex(t, "D0 2E 43 86 BC E9 12 26")},
		{"NtPasswordHash", hash[:], unhex(t, "44 EB BA 8D 53 12 B8 D6 11 47 44 11 F5 69 89 AE")},
		{"HashNtPasswordHash", hashHash[:], unhex(t, "41 C0 0C 58 4B D2 D9 1C 40 17 A2 A1 2F A5 9F 3F")},
		{"GenerateNTResponse", nt[:], unhex(t, "82 30 9E CD 8D 70 8B 5E A0 8F AA 39 81 CD 83 54 42 33 11 4A 3D 85 D6 DF")},
		{"GenerateNTResponse with a domain", domain[:], nt[:]},
		{"GenerateAuthenticatorResponse", []byte(GenerateAuthenticatorResponse(password, nt, peer, auth, "User")), []byte("S=407A5589115FD0D6209F510FE9C04566932CDA56")},
	} {
		if !bytes.Equal(tt.got, tt.want) {
			t.Errorf("%s = %x, want %x", tt.name, tt.got, tt.want)
		}
	}
	proof := ParseSuccess([]byte("S=407A5589115FD0D6209F510FE9C04566932CDA56")).Proof
	if !CheckAuthenticatorResponse(proof, password, nt, peer, auth, "User") {
		t.Error("the proof of RFC 2759, 9.2 is refused")
	}
	for i := range proof {
		wrong := proof
		wrong[i] ^= 1
		if CheckAuthenticatorResponse(wrong, password, nt, peer, auth, "User") {
			t.Errorf("a proof with octet %d changed is accepted", i)
		}
	}
}

// The examples of DES keys with their parity bits: RFC 2759, 9.3.
func TestDESKey(t *testing.T) {
	for _, tt := range []struct{ name, in, want string }{
		{"first", "FC156AF7EDCD6C", "FD0B5B5E7F6E34D9"},
		{"second", "0EDD E3337D42 7F", "0E6E796737EA08FE"},
	} {
		got := desKey([7]byte(unhex(t, tt.in)))
		want := unhex(t, tt.want)
		for i := range got {
			if got[i] != want[i]&0xfe { // the low bit is parity
				t.Errorf("%s: desKey(%s) = %x, want %x but for parity", tt.name, tt.in, got, want)
				break
			}
		}
	}
}

func TestPasswordForms(t *testing.T) {
	for _, tt := range []struct{ name, password, unicode, widened string }{
		{"empty", "", "", ""},
		{"ascii", "aZ", "61005a00", "61005a00"},
		{"umlaut", "ü", "fc00", "c300bc00"},
		{"beyond the base plane", "\U0001F511", "3dd811dd", "f0009f0094009100"},
		{"no UTF-8", "\xfc", "fc00", "fc00"},
	} {
		if got := hex.EncodeToString(Unicode([]byte(tt.password))); got != tt.unicode {
			t.Errorf("%s: Unicode(%q) = %s, want %s", tt.name, tt.password, got, tt.unicode)
		}
		if got := hex.EncodeToString(Widened([]byte(tt.password))); got != tt.widened {
			t.Errorf("%s: Widened(%q) = %s, want %s", tt.name, tt.password, got, tt.widened)
		}
	}
	p := Unicode([]byte("x"))
	if p.String() != "redacted" {
		t.Error("a password prints itself")
	}
	if p.Zero(); p[0] != 0 {
		t.Error("Zero leaves the password")
	}
}

const c32 = "00112233445566778899AABBCCDDEEFF"

func TestParseFailure(t *testing.T) {
	challenge := Challenge(unhex(t, c32))
	for _, tt := range []struct {
		name, in string
		want     Failure
	}{
		{"softether", "E=691 R=0 C=" + c32 + " V=3", Failure{Code: 691, Challenge: challenge, HasChallenge: true, Version: 3}},
		{"pppd", "E=691 R=1 C=" + c32 + " V=0 M=Access denied", Failure{Code: 691, Retry: true, Challenge: challenge, HasChallenge: true, Message: "Access denied"}},
		{"newline", "E=648 R=0 V=3 M=abgelaufen\n", Failure{Code: 648, Version: 3, Message: "abgelaufen"}},
		{"other order", "R=1 V=3 C=" + strings.ToLower(c32) + " E=691", Failure{Code: 691, Retry: true, Challenge: challenge, HasChallenge: true, Version: 3}},
		{"message first", "M=no way R=you sure E=649 R=0", Failure{Code: 649, Message: "no way R=you sure"}},
		{"russian", "E=647 R=0 M=Учётная запись отключена", Failure{Code: 647, Message: "Учётная запись отключена"}},
		{"short challenge", "E=691 R=1 C=0011", Failure{Code: 691, Retry: true}},
		{"no fields", "Authentication failed\r\n", Failure{Message: "Authentication failed"}},
		{"a field inside a message", "E=691 M=try E=5 again", Failure{Code: 691, Message: "try E=5 again"}},
		{"twice M", "E=691 M=a M=b", Failure{Code: 691, Message: "a M=b"}},
		{"trailing zero", "E=691\x00", Failure{Code: 691}},
		{"huge", "E=99999999999999999999", Failure{Message: "E=99999999999999999999"}},
		{"empty", "", Failure{}},
	} {
		if got := ParseFailure([]byte(tt.in)); got != tt.want {
			t.Errorf("%s: ParseFailure(%q) = %+v, want %+v", tt.name, tt.in, got, tt.want)
		}
	}
	sent := Failure{Code: 691, Retry: true, Challenge: challenge, HasChallenge: true, Version: 3, Message: "no"}
	if got := ParseFailure(sent.Append(nil)); got != sent {
		t.Errorf("ParseFailure(Append(%+v)) = %+v", sent, got)
	}
}

func TestParseSuccess(t *testing.T) {
	const s40 = "407A5589115FD0D6209F510FE9C04566932CDA56"
	proof := [20]byte(unhex(t, s40))
	for _, tt := range []struct {
		name, in string
		want     Success
	}{
		{"bare", "S=" + s40, Success{Proof: proof, HasProof: true}},
		{"message", "S=" + s40 + " M=Welcome to the office", Success{Proof: proof, HasProof: true, Message: "Welcome to the office"}},
		{"message first, lower case, newline", "M=hi S=" + strings.ToLower(s40) + "\n", Success{Proof: proof, HasProof: true, Message: "hi"}},
		{"cut", "S=" + s40[:38], Success{Message: "S=" + s40[:38]}},
		{"none", "Welcome", Success{Message: "Welcome"}},
		{"empty", "", Success{}},
	} {
		if got := ParseSuccess([]byte(tt.in)); got != tt.want {
			t.Errorf("%s: ParseSuccess(%q) = %+v, want %+v", tt.name, tt.in, got, tt.want)
		}
	}
}

func FuzzParse(f *testing.F) {
	f.Add([]byte("E=691 R=1 C=" + c32 + " V=3 M=no"))
	f.Add([]byte("M=M=M= E=\n"))
	f.Add([]byte("S=407A5589115FD0D6209F510FE9C04566932CDA56 M=x"))
	f.Fuzz(func(t *testing.T, b []byte) {
		fail := ParseFailure(b)
		if len(fail.Message) > len(b) || fail.Code < 0 {
			t.Errorf("ParseFailure(%q) = %+v", b, fail)
		}
		if ok := ParseSuccess(b); len(ok.Message) > len(b) {
			t.Errorf("ParseSuccess(%q) = %+v", b, ok)
		}
		if got := len(Widened(b)); got != 2*len(b) {
			t.Errorf("Widened(%q) has %d octets", b, got)
		}
		if got := len(Unicode(b)); got%2 != 0 || got > 2*len(b) {
			t.Errorf("Unicode(%q) has %d octets", b, got)
		}
	})
}
