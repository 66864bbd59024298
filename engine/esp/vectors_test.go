package esp

import (
	"bytes"
	"testing"

	"github.com/culvert-vpn/culvert/engine/suite"
)

// Packets of RFC 3602, 4, cases 5 and 7: AES-CBC in transport and tunnel mode,
// without authentication, so that an ICV that no one looks at follows here.
func TestRFC3602Packets(t *testing.T) {
	for _, tt := range []struct {
		name, key, head, body, ct string
	}{
		{
			"case 5", "90d382b4 10eeba7a d938c46c ec1a82bf",
			"00004321 00000001 e96e8c08 ab465763 fd098d45 dd3ff893",
			"08000ebd a70a0000 8e9c083d b95b0700 08090a0b 0c0d0e0f 10111213 14151617" +
				"18191a1b 1c1d1e1f 20212223 24252627 28292a2b 2c2d2e2f 30313233 34353637" +
				"01020304 05060708 090a0b0c 0d0e0e01",
			"f663c25d 325c18c6 a9453e19 4e120849 a4870b66 cc6b9965 330013b4 898dc856" +
				"a4699e52 3a55db08 0b59ec3a 8e4b7e52 775b07d1 db34ed9c 538ab50c 551b874a" +
				"a269add0 47ad2d59 13ac19b7 cfbad4a6",
		},
		{
			"case 7", "01234567 89abcdef 01234567 89abcdef",
			"00008765 00000002 f4e76524 4f6407ad f13dc138 0f673f37",
			"45000054 09040000 4001f988 c0a87b03 c0a87bc8 08009f76 a90a0100 b49c083d" +
				"02a20400 08090a0b 0c0d0e0f 10111213 14151617 18191a1b 1c1d1e1f 20212223" +
				"24252627 28292a2b 2c2d2e2f 30313233 34353637 01020304 05060708 090a0a04",
			"773b5241 a4c44922 5e4f3ce5 ed611b0c 237ca96c f74a9301 3c1b0ea1 a0cf70f8" +
				"e4ecaec7 8ac53aad 7a0f022b 859243c6 47752e94 a859352b 8a4d4d2d ecd136e5" +
				"c177f132 ad3fbfb2 201ac990 4c74ee0a 109e0ca1 e4dfe9d5 a100b842 f1c22f0d",
		},
	} {
		t.Run(tt.name, func(t *testing.T) {
			keymat := append(unhex(t, tt.key), make([]byte, 20)...)
			icv := make([]byte, 12)
			plain := append(append(unhex(t, tt.head), unhex(t, tt.body)...), icv...)
			want := append(append(unhex(t, tt.head), unhex(t, tt.ct)...), icv...)

			enc, err := newTransform(suite.MustPhase2("aes128-sha1")[0], keymat, true)
			if err != nil {
				t.Fatal(err)
			}
			dec, err := newTransform(suite.MustPhase2("aes128-sha1")[0], keymat, false)
			if err != nil {
				t.Fatal(err)
			}
			// Twice and in one batch: no packet depends on the one before.
			got := [][]byte{bytes.Clone(plain), bytes.Clone(plain)}
			enc.encrypt(got)
			for _, p := range got {
				if !bytes.Equal(p, want) {
					t.Errorf("encrypt(%x) = %x, want %x", plain, p, want)
				}
			}
			dec.decrypt(got)
			for _, p := range got {
				if !bytes.Equal(p, plain) {
					t.Errorf("decrypt(%x) = %x, want %x", want, p, plain)
				}
			}
		})
	}
}

// Packets of draft-mcgrew-gcm-test-01, 4: AES-GCM in ESP by an author of RFC
// 4106, without extended sequence numbers.
func TestGCMPackets(t *testing.T) {
	for _, tt := range []struct {
		name, suite, keymat, head, body, ct string
	}{
		{
			"128 bits", "aes128gcm16", "feffe992 8665731c 6d6a8f94 67308308 cafebabe",
			"0000a5f8 0000000a facedbad decaf888",
			"4500003e 698f0000 80114dcc c0a80102 c0a80101 0a980035 002a2343 b2d00100" +
				"00010000 00000000 03736970 09637962 65726369 74790264 6b000001 00010001",
			"deb22cd9 b07c72c1 6e3a65be eb8df304 a5a5897d 33ae530f 1ba76d5d 114d2a5c" +
				"3de81827 c10e9a4f 51330d0e ec416642 cfbb85a5 b47e48a4 ec3b9ba9 5d918bd1" +
				"83b70d3a a8bc6ee4 c309e9d8 5a41ad4a",
		},
		{
			"256 bits", "aes256gcm16", "abbccdde f0011223 34455667 78899aab abbccdde f0011223 34455667 78899aab 11223344",
			"4a2cbfe3 00000002 01020304 05060708",
			"45000030 69a64000 80062690 c0a80102 9389155e 0a9e008b 2dc57ee0 00000000" +
				"70024000 20bf0000 020405b4 01010402 01020201",
			"ff425c9b 724599df 7a3bcd51 0194e00d 6a78107f 1b0b1cbf 06efae9d 65a5d763" +
				"748a6379 85771d34 7f054565 9f14e99d ef842d8e b335f4ee cfdbf831 824b4c49 15956c96",
		},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s := suite.MustPhase2(tt.suite)[0]
			head, body := unhex(t, tt.head), unhex(t, tt.body)
			plain := append(append(bytes.Clone(head), body...), make([]byte, 16)...)
			want := append(bytes.Clone(head), unhex(t, tt.ct)...)
			tr, err := newTransform(s, unhex(t, tt.keymat), true)
			if err != nil {
				t.Fatal(err)
			}
			got := [][]byte{plain}
			tr.encrypt(got)
			tr.authenticate(got)
			if !bytes.Equal(got[0], want) {
				t.Errorf("encrypt = %x, want %x", got[0], want)
			}
			good := []bool{false}
			tr.verify(got, good)
			tr.decrypt(got)
			if p := got[0][len(head) : len(head)+len(body)]; !good[0] || !bytes.Equal(p, body) {
				t.Errorf("verify = %v with %x, want true with %x", good[0], p, body)
			}
		})
	}
}

// An ICV is the front of the HMAC: RFC 2202, 3, test case 1 (SHA-1); RFC 4231,
// 4.2 (the others) with keys of the length that ESP has, RFC 4868, 2.7.2.1.
func TestICVVectors(t *testing.T) {
	for _, tt := range []struct {
		name, suite, key, data, want string
	}{
		{"RFC 2202, MD5", "aes128-md5", "0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b", "4869205468657265", "9294727a3638bb1c13f48ef8"},
		{"RFC 2202, SHA-1", "aes128-sha1", "0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b", "4869205468657265", "b617318655057264e28bc0b6"},
		{"RFC 4868, AUTH256-1", "aes128-sha256", "0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b", "4869205468657265", "198a607eb44bfbc69903a0f1cf2bbdc5"},
		{"the same, 96 bits", "aes128-sha256_96", "0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b", "4869205468657265", "198a607eb44bfbc69903a0f1"},
		{
			"RFC 4868, AUTH384-1", "aes128-sha384",
			"0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b",
			"4869205468657265", "b6a8d5636f5c6a7224f9977dcf7ee6c7fb6d0c48cbdee973",
		},
		{
			"RFC 4868, AUTH512-1", "aes128-sha512",
			"0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b",
			"4869205468657265", "637edc6e01dce7e6742a99451aae82df23da3e92439e590e43e761b33e910fb8",
		},
	} {
		tr, err := newTransform(suite.MustPhase2(tt.suite)[0], append(make([]byte, 16), unhex(t, tt.key)...), true)
		if err != nil {
			t.Fatal(err)
		}
		want := unhex(t, tt.want)
		data := unhex(t, tt.data)
		p := append(bytes.Clone(data), make([]byte, len(want))...)
		tr.authenticate([][]byte{p})
		if got := p[len(data):]; !bytes.Equal(got, want) {
			t.Errorf("%s: ICV %x, want %x", tt.name, got, want)
		}
	}
}
