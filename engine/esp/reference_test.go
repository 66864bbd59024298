package esp

import (
	"bytes"
	"crypto/aes"
	"crypto/cipher"
	"crypto/des"
	"crypto/hmac"
	"crypto/md5"
	"crypto/sha1"
	"crypto/sha256"
	"crypto/sha512"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"hash"
	"io"
	"math/rand"
	"strings"
	"testing"
	"time"

	"github.com/culvert-vpn/culvert/engine/packet"
	"github.com/culvert-vpn/culvert/engine/suite"
)

// reference is ESP once more, by the standard library and block by block, that
// the package is compared with.
type reference struct {
	name            string
	block           cipher.Block
	gcm             bool
	salt            []byte
	mac             func() hash.Hash
	macKey          []byte
	ivLen, icv, key int // key: octets of keying material
}

// newReference takes the keying material apart by the suite's name.
func newReference(t testing.TB, name string, keymat []byte) *reference {
	t.Helper()
	r := &reference{name: name}
	cipherName, hashName, _ := strings.Cut(name, "-")
	var bits int
	var err error
	keyLen, macLen := 0, 0
	switch {
	case cipherName == "des":
		keyLen, r.ivLen = 8, 8
	case cipherName == "3des":
		keyLen, r.ivLen = 24, 8
	case strings.HasSuffix(cipherName, "gcm16"):
		r.gcm = true
		_, err = fmt.Sscanf(cipherName, "aes%dgcm16", &bits)
		keyLen, r.ivLen, r.icv = bits/8, 8, 16
	default:
		_, err = fmt.Sscanf(cipherName, "aes%d", &bits)
		keyLen, r.ivLen = bits/8, 16
	}
	if err != nil {
		t.Fatal(err)
	}
	switch hashName {
	case "md5":
		r.mac, macLen, r.icv = md5.New, 16, 12
	case "sha1":
		r.mac, macLen, r.icv = sha1.New, 20, 12
	case "sha256_96":
		r.mac, macLen, r.icv = sha256.New, 32, 12
	case "sha256":
		r.mac, macLen, r.icv = sha256.New, 32, 16
	case "sha384":
		r.mac, macLen, r.icv = sha512.New384, 48, 24
	case "sha512":
		r.mac, macLen, r.icv = sha512.New, 64, 32
	}
	switch {
	case cipherName == "des":
		r.block, err = des.NewCipher(keymat[:8])
	case cipherName == "3des":
		r.block, err = des.NewTripleDESCipher(keymat[:24])
	default:
		r.block, err = aes.NewCipher(keymat[:keyLen])
	}
	if err != nil {
		t.Fatal(err)
	}
	if r.gcm {
		r.salt = keymat[keyLen : keyLen+4]
		keyLen += 4
	}
	r.macKey = keymat[keyLen : keyLen+macLen]
	r.key = keyLen + macLen
	return r
}

func (r *reference) align() int {
	if r.gcm {
		return 4
	}
	return r.ivLen
}

// pad is a body: payload, the shortest padding and more octets of it, trailer.
func (r *reference) pad(payload []byte, more int, next byte) []byte {
	body := bytes.Clone(payload)
	n := more
	for (len(payload)+n+2)%r.align() != 0 {
		n++
	}
	for i := 1; i <= n; i++ {
		body = append(body, byte(i))
	}
	return append(body, byte(n), next)
}

// seal makes a packet out of a body, which holds padding and trailer.
func (r *reference) seal(t testing.TB, spi, seq uint32, iv, body []byte) []byte {
	t.Helper()
	p := binary.BigEndian.AppendUint32(nil, spi)
	p = binary.BigEndian.AppendUint32(p, seq)
	header := bytes.Clone(p)
	p = append(p, iv...)
	if r.gcm {
		aead, err := cipher.NewGCM(r.block)
		if err != nil {
			t.Fatal(err)
		}
		return append(p, aead.Seal(nil, append(bytes.Clone(r.salt), iv...), body, header)...)
	}
	chain := iv
	for i := 0; i < len(body); i += r.ivLen {
		block := make([]byte, r.ivLen)
		for j := range block {
			block[j] = body[i+j] ^ chain[j]
		}
		r.block.Encrypt(block, block)
		p = append(p, block...)
		chain = block
	}
	return append(p, r.sum(p)...)
}

func (r *reference) sum(p []byte) []byte {
	mac := hmac.New(r.mac, r.macKey)
	mac.Write(p)
	return mac.Sum(nil)[:r.icv]
}

// open takes a packet apart: header, IV and body with padding and trailer. It
// fails the test when the packet is not authentic.
func (r *reference) open(t testing.TB, p []byte) (spi, seq uint32, iv, body []byte) {
	t.Helper()
	if len(p) < 8+r.ivLen+r.icv {
		t.Fatalf("a packet of %d octets", len(p))
	}
	spi, seq = binary.BigEndian.Uint32(p), binary.BigEndian.Uint32(p[4:])
	iv = p[8 : 8+r.ivLen]
	ct := p[8+r.ivLen : len(p)-r.icv]
	if r.gcm {
		aead, err := cipher.NewGCM(r.block)
		if err != nil {
			t.Fatal(err)
		}
		body, err := aead.Open(nil, append(bytes.Clone(r.salt), iv...), p[16:], p[:8])
		if err != nil {
			t.Fatalf("%s: the reference cannot open %x: %v", r.name, p, err)
		}
		return spi, seq, iv, body
	}
	if got, want := p[len(p)-r.icv:], r.sum(p[:len(p)-r.icv]); !bytes.Equal(got, want) {
		t.Fatalf("%s: ICV %x of %x, want %x", r.name, got, p, want)
	}
	chain := iv
	for i := 0; i < len(ct); i += r.ivLen {
		block := make([]byte, r.ivLen)
		r.block.Decrypt(block, ct[i:i+r.ivLen])
		for j := range block {
			block[j] ^= chain[j]
		}
		body = append(body, block...)
		chain = ct[i : i+r.ivLen]
	}
	return spi, seq, iv, body
}

// allSuites is every suite of ESP by name.
func allSuites() []string {
	names := []string{"aes128gcm16", "aes192gcm16", "aes256gcm16"}
	for _, c := range []string{"des", "3des", "aes128", "aes192", "aes256"} {
		for _, h := range []string{"md5", "sha1", "sha256", "sha256_96", "sha384", "sha512"} {
			names = append(names, c+"-"+h)
		}
	}
	return names
}

const testSPI uint32 = 0xc0ffee01

var testTime = time.Date(2026, 11, 1, 12, 0, 0, 5, time.UTC)

// random gives the same octets in every run.
func random(seed int64) io.Reader { return rand.New(rand.NewSource(seed)) }

func randomBytes(seed int64, n int) []byte {
	b := make([]byte, n)
	rand.New(rand.NewSource(seed)).Read(b)
	return b
}

func unhex(t testing.TB, s string) []byte {
	t.Helper()
	b, err := hex.DecodeString(strings.Join(strings.Fields(s), ""))
	if err != nil {
		t.Fatalf("hexadecimal %q: %v", s, err)
	}
	return b
}

// pair is both ends of an SA and the reference with the same keys.
type pair struct {
	s   suite.Phase2
	out *Outbound
	in  *Inbound
	ref *reference
}

func newPair(t testing.TB, name string) pair {
	t.Helper()
	s := suite.MustPhase2(name)[0]
	keymat := randomBytes(42, KeymatLen(s))
	out, err := NewOutbound(s, testSPI, keymat, random(43))
	if err != nil {
		t.Fatal(err)
	}
	in, err := NewInbound(s, testSPI, keymat)
	if err != nil {
		t.Fatal(err)
	}
	ref := newReference(t, name, append(keymat, make([]byte, 200)...))
	if ref.key != len(keymat) {
		t.Fatalf("KeymatLen(%s) = %d, want %d", name, len(keymat), ref.key)
	}
	return pair{s, out, in, ref}
}

// packetOf is a packet of the reference with a payload.
func (p pair) packetOf(t testing.TB, seq uint32, payload []byte) []byte {
	return p.ref.seal(t, testSPI, seq, randomBytes(int64(seq), p.ref.ivLen), p.ref.pad(payload, 0, 17))
}

// batchOf is buffers with those packets.
func batchOf(t testing.TB, pkts ...[]byte) []*packet.Buffer {
	t.Helper()
	batch := packet.NewBatch(len(pkts))
	for i, p := range pkts {
		if !batch[i].Set(p) {
			t.Fatalf("no room for a packet of %d octets", len(p))
		}
	}
	return batch
}

// open opens a single packet; nil when it was dropped.
func open(t testing.TB, in *Inbound, p []byte) []byte {
	t.Helper()
	batch := batchOf(t, p)
	n := in.Open(testTime, batch)
	got := batch[0].Bytes()
	if (n == 1) != (len(got) > 0) {
		t.Fatalf("Open(%x) = %d with a payload of %d octets", p, n, len(got))
	}
	if n == 0 {
		return nil
	}
	return got
}
