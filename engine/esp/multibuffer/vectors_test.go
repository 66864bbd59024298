package multibuffer

import (
	"bytes"
	"encoding/hex"
	"strings"
	"testing"
)

func unhex(t testing.TB, s string) []byte {
	t.Helper()
	b, err := hex.DecodeString(strings.ReplaceAll(s, " ", ""))
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// The plaintext and the IV of all vectors in NIST SP 800-38A, F.2.
const (
	cbcIV    = "000102030405060708090a0b0c0d0e0f"
	cbcClear = "6bc1bee22e409f96e93d7e117393172a ae2d8a571e03ac9c9eb76fac45af8e51 30c81c46a35ce411e5fbc1191a0a52ef f69f2445df4f9b17ad2b417be66c3710"
)

// NIST SP 800-38A, F.2.1 to F.2.6.
func TestVectorsCBC(t *testing.T) {
	eachLevel(t, func(t *testing.T) {
		for _, v := range []struct{ name, key, cipher string }{
			{"F.2.1", "2b7e151628aed2a6abf7158809cf4f3c",
				"7649abac8119b246cee98e9b12e9197d 5086cb9b507219ee95db113a917678b2 73bed6b8e3c1743b7116e69e22229516 3ff1caa1681fac09120eca307586e1a7"},
			{"F.2.3", "8e73b0f7da0e6452c810f32b809079e562f8ead2522c6b7b",
				"4f021db243bc633d7178183a9fa071e8 b4d9ada9ad7dedf4e5e738763f69145a 571b242012fb7ae07fa9baac3df102e0 08b0e27988598881d920a9e64f5615cd"},
			{"F.2.5", "603deb1015ca71be2b73aef0857d77811f352c073b6108d72d9810a30914dff4",
				"f58c4c04d6e5f1ba779eabfb5f7bfbd6 9cfc4e967edb808d679f777bc6702c7d 39f23369a9d9bacfa530e26304231461 b2eb05e2c39be9fcda6c19078c6a9d1b"},
		} {
			c, err := NewCBC(unhex(t, v.key))
			if err != nil {
				t.Fatal(err)
			}
			jobs := make([]CBCJob, 9)
			for i := range jobs {
				jobs[i] = CBCJob{IV: unhex(t, cbcIV), Data: unhex(t, cbcClear)}
			}
			c.Encrypt(jobs)
			for i := range jobs {
				if want := unhex(t, v.cipher); !bytes.Equal(jobs[i].Data, want) {
					t.Errorf("%s, job %d: got %x, want %x", v.name, i, jobs[i].Data, want)
				}
			}
			c.Decrypt(jobs)
			for i := range jobs {
				if want := unhex(t, cbcClear); !bytes.Equal(jobs[i].Data, want) {
					t.Errorf("%s undone, job %d: got %x, want %x", v.name, i, jobs[i].Data, want)
				}
			}
		}
	})
}

// RFC 2202, 3 (test cases of HMAC-SHA1) and RFC 4231, 4 (HMAC-SHA256).
func TestVectorsHMAC(t *testing.T) {
	times := func(s string, n int) string { return strings.Repeat(s, n) }
	const counted = "\x01\x02\x03\x04\x05\x06\x07\x08\x09\x0a\x0b\x0c\x0d\x0e\x0f\x10\x11\x12\x13\x14\x15\x16\x17\x18\x19"
	const hashFirst = "Test Using Larger Than Block-Size Key - Hash Key First"
	eachLevel(t, func(t *testing.T) {
		for _, v := range []struct {
			name, key, data, sum string
			make                 func([]byte) *HMAC
		}{
			{"RFC 2202, 1", times("\x0b", 20), "Hi There", "b617318655057264e28bc0b6fb378c8ef146be00", NewHMACSHA1},
			{"RFC 2202, 2", "Jefe", "what do ya want for nothing?", "effcdf6ae5eb2fa2d27416d5f184df9c259a7c79", NewHMACSHA1},
			{"RFC 2202, 3", times("\xaa", 20), times("\xdd", 50), "125d7342b9ac11cd91a39af48aa17b4f63f175d3", NewHMACSHA1},
			{"RFC 2202, 4", counted, times("\xcd", 50), "4c9007f4026250c6bc8414f9bf50c86c2d7235da", NewHMACSHA1},
			{"RFC 2202, 6", times("\xaa", 80), hashFirst, "aa4ae5e15272d00e95705637ce8a3b55ed402112", NewHMACSHA1},
			{"RFC 2202, 7", times("\xaa", 80), "Test Using Larger Than Block-Size Key and Larger Than One Block-Size Data",
				"e8e99d0f45237d786d6bbaa7965c7808bbff1a91", NewHMACSHA1},
			{"RFC 4231, 4.2", times("\x0b", 20), "Hi There", "b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7", NewHMACSHA256},
			{"RFC 4231, 4.3", "Jefe", "what do ya want for nothing?", "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843", NewHMACSHA256},
			{"RFC 4231, 4.4", times("\xaa", 20), times("\xdd", 50), "773ea91e36800e46854db8ebd09181a72959098b3ef8c122d9635514ced565fe", NewHMACSHA256},
			{"RFC 4231, 4.5", counted, times("\xcd", 50), "82558a389a443c0ea4cc819899f2083a85f0faa3e578f8077a2e3ff46729665b", NewHMACSHA256},
			{"RFC 4231, 4.7", times("\xaa", 131), hashFirst, "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54", NewHMACSHA256},
			{"RFC 4231, 4.8", times("\xaa", 131),
				"This is a test using a larger than block-size key and a larger than block-size data. The key needs to be hashed before being used by the HMAC algorithm.",
				"9b09ffa71b942fcb27635fbcd5b0e944bfdc63644f0713938a7f51535c3a35e2", NewHMACSHA256},
		} {
			jobs := make([]MACJob, 9)
			for i := range jobs {
				jobs[i].Data = []byte(v.data)
			}
			v.make([]byte(v.key)).Sum(jobs)
			for i := range jobs {
				if want := unhex(t, v.sum); !bytes.Equal(jobs[i].Sum[:len(want)], want) {
					t.Errorf("%s, job %d: got %x, want %x", v.name, i, jobs[i].Sum[:len(want)], want)
				}
			}
		}
	})
}

// FIPS 197, A.1 to A.3: the last key of the expansions.
func TestVectorsKeys(t *testing.T) {
	for _, v := range []struct {
		key, last string
		rounds    int
	}{
		{"2b7e151628aed2a6abf7158809cf4f3c", "d014f9a8 c9ee2589 e13f0cc8 b6630ca6", 10},
		{"8e73b0f7da0e6452c810f32b809079e562f8ead2522c6b7b", "e98ba06f 448c773c 8ecc7204 01002202", 12},
		{"603deb1015ca71be2b73aef0857d77811f352c073b6108d72d9810a30914dff4", "fe4890d1 e6188d0b 046df344 706c631e", 14},
	} {
		var enc, dec [240]byte
		rounds := expandKey(unhex(t, v.key), &enc, &dec)
		if rounds != v.rounds {
			t.Errorf("expandKey(%s) = %d rounds, want %d", v.key, rounds, v.rounds)
		}
		if got, want := enc[16*rounds:16*rounds+16], unhex(t, v.last); !bytes.Equal(got, want) || !bytes.Equal(dec[:16], want) {
			t.Errorf("expandKey(%s): last key %x, first one of decryption %x, want %x", v.key, got, dec[:16], want)
		}
	}
	// FIPS 197, figure 7, and that the S-box is a permutation.
	if got := subWord(0x00530110); got != 0x63ed7cca {
		t.Errorf("subWord(00530110) = %08x, want 63ed7cca", got)
	}
	seen := make(map[uint32]bool)
	for i := range uint32(256) {
		seen[subWord(i)&0xff] = true
	}
	if len(seen) != 256 {
		t.Errorf("the S-box has %d values, want 256", len(seen))
	}
}
