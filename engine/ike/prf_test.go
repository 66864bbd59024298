package ike

import (
	"bytes"
	"crypto/md5"
	"crypto/sha1"
	"crypto/sha256"
	"crypto/sha512"
	"strings"
	"testing"

	"github.com/culvert-vpn/culvert/engine/suite"
)

// RFC 2202, 2 and 3 (test cases 1, 2, 6); RFC 4231, 4.2, 4.3, 4.7.
func TestPRFVectors(t *testing.T) {
	long := "54657374205573696e67204c6172676572205468616e20426c6f636b2d53697a65204b6579202d2048617368204b6579204669727374"
	tests := []struct {
		name            string
		h               suite.Hash
		key, data, want string
	}{
		{"2202 MD5 1", suite.MD5, strings.Repeat("0b", 16), "4869205468657265", "9294727a3638bb1c13f48ef8158bfc9d"},
		{"2202 MD5 2", suite.MD5, "4a656665", "7768617420646f2079612077616e7420666f72206e6f7468696e673f", "750c783e6ab0b503eaa86e310a5db738"},
		{"2202 MD5 6", suite.MD5, strings.Repeat("aa", 80), long, "6b1ab7fe4bd7bf8f0b62e6ce61b9d0cd"},
		{"2202 SHA1 1", suite.SHA1, strings.Repeat("0b", 20), "4869205468657265", "b617318655057264e28bc0b6fb378c8ef146be00"},
		{"2202 SHA1 2", suite.SHA1, "4a656665", "7768617420646f2079612077616e7420666f72206e6f7468696e673f", "effcdf6ae5eb2fa2d27416d5f184df9c259a7c79"},
		{"2202 SHA1 6", suite.SHA1, strings.Repeat("aa", 80), long, "aa4ae5e15272d00e95705637ce8a3b55ed402112"},
		{"4231 SHA256 1", suite.SHA256, strings.Repeat("0b", 20), "4869205468657265", "b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7"},
		{"4231 SHA256 2", suite.SHA256, "4a656665", "7768617420646f2079612077616e7420666f72206e6f7468696e673f", "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843"},
		{"4231 SHA256 6", suite.SHA256, strings.Repeat("aa", 131), long, "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54"},
		{
			"4231 SHA384 1", suite.SHA384, strings.Repeat("0b", 20), "4869205468657265",
			"afd03944d84895626b0825f4ab46907f15f9dadbe4101ec682aa034c7cebc59cfaea9ea9076ede7f4af152e8b2fa9cb6",
		},
		{
			"4231 SHA384 6", suite.SHA384, strings.Repeat("aa", 131), long,
			"4ece084485813e9088d2c63a041bc5b44f9ef1012a2b588f3cd11f05033ac4c60c2ef6ab4030fe8296248df163f44952",
		},
		{
			"4231 SHA512 1", suite.SHA512, strings.Repeat("0b", 20), "4869205468657265",
			"87aa7cdea5ef619d4ff0b4241a1d6cb02379f4e2ce4ec2787ad0b30545e17cdedaa833b7d6b8a702038b274eaea3f4e4be9d914eeb61f1702e696c203a126854",
		},
		{
			"4231 SHA512 6", suite.SHA512, strings.Repeat("aa", 131), long,
			"80b24263c7c1a3ebb71493c1dd7be8b49b46d1f41b4aeec1121b013783f8f3526b56d037e05f2598bd0fd2215d6a1e5295e64f73f63f0aec8b915a985d786598",
		},
	}
	for _, tt := range tests {
		data := unhex(t, tt.data)
		for _, cut := range []int{0, 1, len(data)} {
			if got := prf(tt.h, unhex(t, tt.key), data[:cut], nil, data[cut:]); !bytes.Equal(got, unhex(t, tt.want)) {
				t.Errorf("%s: prf(%x) = %x, want %s", tt.name, data, got, tt.want)
			}
		}
	}
}

// NIST's samples of the key derivation function of IKEv1 (CAVP, ikev1_psk and
// ikev1_dsa), with SHA-1.
func TestNISTKeyDerivation(t *testing.T) {
	if got, want := prf(suite.SHA1, unhex(t, "c0"), unhex(t, "03a6f25a83c8c2a3"), unhex(t, "9d958a6618f77e7f")),
		unhex(t, "ab3be41bc62f2ef0c41a3076d58768be77fadd2e"); !bytes.Equal(got, want) {
		t.Errorf("SKEYID = %x, want %x", got, want)
	}
	k, err := deriveFromSKEYID(suite.MustPhase1("aes128-sha1-modp1024")[0],
		unhex(t, "707197817fb2d90cf54d1842606bdea59b9f4823"), nil, nil,
		unhex(t, "8ba4cbc73c0187301dc19a975823854dbd641c597f637f8d053a83b9514673eb"),
		unhex(t, "8c3bcd3a69831d7f"), unhex(t, "d2d9a7ff4fbe95a7"))
	if err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		name string
		got  []byte
		want string
	}{
		{"SKEYID_d", k.skeyidD, "384be709a8a5e63c3ed160cfe3921c4b37d5b32d"},
		{"SKEYID_a", k.skeyidA, "48b327575abe3adba0f279849e289022a13e2b47"},
		{"SKEYID_e", k.skeyidE, "a4a415c8e0c38c0da847c356cc61c24df8025560"},
	} {
		if !bytes.Equal(tt.got, unhex(t, tt.want)) {
			t.Errorf("%s = %x, want %s", tt.name, tt.got, tt.want)
		}
	}
}

// Vectors that NSS's test suite has for RFC 2409, appendix B, with SHA-1.
func TestEncryptionKeyVectors(t *testing.T) {
	key := unhex(t, "63e81194946ebd05df7df5ebf5d8750056bf1f1d")
	for _, tt := range []struct {
		n    int
		want string
	}{
		{15, "63e81194946ebd05df7df5ebf5d875"},
		{20, "63e81194946ebd05df7df5ebf5d8750056bf1f1d"},
		{40, "933347a07de5782247dd36d1562ffe0eecade1eb4134165257e3af1000af8ae3f165063828cbb60d"},
	} {
		if got := encryptionKey(suite.SHA1, key, tt.n); !bytes.Equal(got, unhex(t, tt.want)) {
			t.Errorf("encryptionKey(%d) = %x, want %s", tt.n, got, tt.want)
		}
	}
}

// refHash is a plain hash by its RFC name, apart from newHash.
func refHash(h suite.Hash, b []byte) []byte {
	switch h {
	case suite.MD5:
		s := md5.Sum(b)
		return s[:]
	case suite.SHA1:
		s := sha1.Sum(b)
		return s[:]
	case suite.SHA256:
		s := sha256.Sum256(b)
		return s[:]
	case suite.SHA384:
		s := sha512.Sum384(b)
		return s[:]
	}
	s := sha512.Sum512(b)
	return s[:]
}

// refHMAC is HMAC as RFC 2104 writes it.
func refHMAC(h suite.Hash, key, msg []byte) []byte {
	size := 64
	if h == suite.SHA384 || h == suite.SHA512 {
		size = 128
	}
	if len(key) > size {
		key = refHash(h, key)
	}
	inner, outer := bytes.Repeat([]byte{0x36}, size), bytes.Repeat([]byte{0x5c}, size)
	for i, k := range key {
		inner[i] ^= k
		outer[i] ^= k
	}
	return refHash(h, append(outer, refHash(h, append(inner, msg...))...))
}

func cat(parts ...string) []byte { return []byte(strings.Join(parts, "")) }

// Every suite against the formulas of RFC 2409, 5 and appendix B, written out.
func TestDerivePhase1(t *testing.T) {
	const (
		psk, ni, nr   = "a pre-shared key", "initiator's nonce", "responder's nonce!"
		gxi, gxr, gxy = "public value of i", "public value of r", "shared secret"
		ckyI, ckyR    = "cookie-i", "cookie-r"
		sa, id        = "SA body", "ID body"
	)
	for _, h := range []suite.Hash{suite.MD5, suite.SHA1, suite.SHA256, suite.SHA384, suite.SHA512} {
		for _, c := range []struct {
			c           suite.Cipher
			bits, block int
			key         int
		}{{suite.DES, 0, 8, 8}, {suite.TripleDES, 0, 8, 24}, {suite.AESCBC, 128, 16, 16}, {suite.AESCBC, 192, 16, 24}, {suite.AESCBC, 256, 16, 32}} {
			s := suite.Phase1{Cipher: c.c, KeyBits: c.bits, Hash: h, Group: suite.MODP1024}
			t.Run(s.String(), func(t *testing.T) {
				k, err := derivePhase1(s, []byte(psk), []byte(ni), []byte(nr), []byte(gxi), []byte(gxr), []byte(gxy), []byte(ckyI), []byte(ckyR))
				if err != nil {
					t.Fatal(err)
				}
				skeyid := refHMAC(h, []byte(psk), cat(ni, nr))
				d := refHMAC(h, skeyid, cat(gxy, ckyI, ckyR, "\x00"))
				a := refHMAC(h, skeyid, cat(string(d), gxy, ckyI, ckyR, "\x01"))
				e := refHMAC(h, skeyid, cat(string(a), gxy, ckyI, ckyR, "\x02"))
				key := e
				if len(e) < c.key {
					k1 := refHMAC(h, e, []byte{0})
					k2 := refHMAC(h, e, k1)
					key = append(k1, k2...)
				}
				b, err := newBlock(c.c, key[:c.key])
				if err != nil {
					t.Fatal(err)
				}
				in, ours, want := []byte("sixteen octets.."), make([]byte, 16), make([]byte, 16)
				k.enc.Encrypt(ours, in)
				b.Encrypt(want, in)
				for _, v := range []struct {
					name      string
					got, want []byte
				}{
					{"SKEYID", k.skeyid, skeyid},
					{"SKEYID_d", k.skeyidD, d},
					{"SKEYID_a", k.skeyidA, a},
					{"SKEYID_e", k.skeyidE, e},
					{"a block encrypted", ours, want},
					{"IV", k.iv, refHash(h, cat(gxi, gxr))[:c.block]},
					{"HASH_I", k.hashI([]byte(gxi), []byte(gxr), []byte(ckyI), []byte(ckyR), []byte(sa), []byte(id)), refHMAC(h, skeyid, cat(gxi, gxr, ckyI, ckyR, sa, id))},
					{"HASH_R", k.hashR([]byte(gxi), []byte(gxr), []byte(ckyI), []byte(ckyR), []byte(sa), []byte(id)), refHMAC(h, skeyid, cat(gxr, gxi, ckyR, ckyI, sa, id))},
					{"phase 2 IV", k.messageIV([]byte("last block"), 0x01020304), refHash(h, cat("last block", "\x01\x02\x03\x04"))[:c.block]},
				} {
					if !bytes.Equal(v.got, v.want) {
						t.Errorf("%s = %x, want %x", v.name, v.got, v.want)
					}
				}
			})
		}
	}
}

// Which suites stretch SKEYID_e: AES-128 with SHA-1 does not.
func TestKeyExpansion(t *testing.T) {
	for _, tt := range []struct {
		h    suite.Hash
		n    int
		want bool
	}{
		{suite.SHA1, 16, false}, {suite.SHA1, 24, true}, {suite.SHA1, 32, true},
		{suite.MD5, 8, false}, {suite.MD5, 16, false}, {suite.MD5, 24, true}, {suite.MD5, 32, true},
		{suite.SHA256, 32, false}, {suite.SHA512, 32, false},
	} {
		e := prf(tt.h, []byte("key"), []byte("data"))
		key := encryptionKey(tt.h, e, tt.n)
		if got := !bytes.HasPrefix(e, key); len(key) != tt.n || got != tt.want {
			t.Errorf("encryptionKey(%v, %d) = %x of SKEYID_e %x: stretched %v, want %v", tt.h, tt.n, key, e, got, tt.want)
		}
	}
}

func TestDerivePhase1Refuses(t *testing.T) {
	for _, s := range []suite.Phase1{
		{},
		{Cipher: suite.AESCBC, KeyBits: 128},
		{Hash: suite.SHA1},
		{Cipher: suite.AESCBC, KeyBits: 100, Hash: suite.SHA1},
		{Cipher: suite.AESGCM16, KeyBits: 128, Hash: suite.SHA1},
		{Cipher: suite.AESCBC, KeyBits: 128, Hash: 99},
	} {
		if k, err := derivePhase1(s, nil, nil, nil, nil, nil, nil, nil, nil); err == nil {
			t.Errorf("derivePhase1(%+v) = %+v, want an error", s, k)
		}
	}
}

// RFC 2409, 5.5, written out; 100 octets take several rounds of every hash.
func TestKeymat(t *testing.T) {
	for _, h := range []suite.Hash{suite.MD5, suite.SHA1, suite.SHA256, suite.SHA384, suite.SHA512} {
		k := &phase1Keys{h: h, skeyidD: []byte("SKEYID_d")}
		for _, gxy := range []string{"", "secret of quick mode"} {
			seed := cat(gxy, "\x03", "\xde\xad\xbe\xef", "ni", "nr")
			var want, last []byte
			for len(want) < 100 {
				last = refHMAC(h, k.skeyidD, append(bytes.Clone(last), seed...))
				want = append(want, last...)
			}
			for _, n := range []int{0, 1, 20, 36, 64, 65, 100} {
				if got := keymat(k, 3, 0xdeadbeef, []byte(gxy), []byte("ni"), []byte("nr"), n); !bytes.Equal(got, want[:n]) {
					t.Errorf("%v, shared secret %q: keymat(%d) = %x, want %x", h, gxy, n, got, want[:n])
				}
			}
		}
	}
}

func TestKeymatLen(t *testing.T) {
	for _, tt := range []struct {
		suite string
		want  int
	}{
		{"aes128gcm16", 20}, {"aes192gcm16", 28}, {"aes256gcm16", 36},
		{"aes128-md5", 32}, {"aes128-sha1", 36}, {"aes192-sha1", 44}, {"aes256-sha1", 52},
		{"aes128-sha256", 48}, {"aes256-sha256", 64}, {"aes256-sha256_96", 64}, {"aes256-sha384", 80}, {"aes256-sha512", 96},
		{"3des-sha1", 44}, {"3des-md5", 40}, {"des-md5", 24}, {"des-sha1", 28},
	} {
		if got := keymatLen(suite.MustPhase2(tt.suite)[0]); got != tt.want {
			t.Errorf("keymatLen(%s) = %d, want %d", tt.suite, got, tt.want)
		}
	}
}
