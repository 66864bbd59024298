package esp

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/des"
	"crypto/hmac"
	"crypto/sha512"
	"crypto/subtle"
	"fmt"
	"hash"

	"github.com/culvert-vpn/culvert/engine/esp/multibuffer"
	"github.com/culvert-vpn/culvert/engine/suite"
)

// transform is the cryptography of an SA in one direction. Its methods take the
// packets of a batch, each whole from SPI to ICV and of a length that the format
// allows. The packets are independent of each other: how many are worked on at
// a time is the business of this type alone. It is not safe for concurrent use.
type transform struct {
	format

	aead  cipher.AEAD // GCM, nil for the others
	nonce [saltLen + gcmIVLen]byte

	// Of AES-CBC and of HMAC-SHA1 and -SHA256, all packets at once; nil for the
	// others, which go packet by packet.
	cbcs    *multibuffer.CBC
	cbcJobs []multibuffer.CBCJob
	macs    *multibuffer.HMAC
	macJobs []multibuffer.MACJob

	cbc   cipher.BlockMode
	chain [aes.BlockSize]byte
	mac   hash.Hash
	sum   [sha512.Size]byte
}

// newTransform takes the keying material of one direction; encrypt says which.
func newTransform(s suite.Phase2, keymat []byte, encrypt bool) (*transform, error) {
	f, err := formatOf(s)
	if err != nil {
		return nil, err
	}
	if want := f.keyLen + f.saltLen + f.macLen; len(keymat) != want {
		return nil, fmt.Errorf("esp: %d octets of keying material for %v, want %d", len(keymat), s, want)
	}
	t := &transform{format: f}
	key, rest := keymat[:f.keyLen], keymat[f.keyLen:]
	block, err := newBlock(s.Cipher, key)
	if err != nil {
		return nil, fmt.Errorf("esp: encryption key: %w", err)
	}
	if s.Cipher == suite.AESGCM16 {
		copy(t.nonce[:saltLen], rest)
		if t.aead, err = cipher.NewGCM(block); err != nil {
			return nil, fmt.Errorf("esp: %w", err)
		}
		return t, nil
	}
	switch {
	case s.Cipher == suite.AESCBC:
		if t.cbcs, err = multibuffer.NewCBC(key); err != nil {
			return nil, fmt.Errorf("esp: %w", err)
		}
	case encrypt:
		t.cbc = cipher.NewCBCEncrypter(block, t.chain[:f.ivLen])
	default:
		t.cbc = cipher.NewCBCDecrypter(block, t.chain[:f.ivLen])
	}
	switch s.Hash {
	case suite.SHA1:
		t.macs = multibuffer.NewHMACSHA1(rest)
	case suite.SHA256:
		t.macs = multibuffer.NewHMACSHA256(rest)
	default:
		t.mac = hmac.New(s.Hash.New(), rest)
	}
	return t, nil
}

// Fast reports whether a suite's packets are worked on many at a time, or by
// instructions of the CPU made for it. The others are ten times as slow and more.
func Fast(s suite.Phase2) bool {
	return s.Cipher == suite.AESGCM16 || s.Cipher == suite.AESCBC && (s.Hash == suite.SHA1 || s.Hash == suite.SHA256)
}

// newBlock takes weak DES keys as they are, like everybody (RFC 2451, 2.3 would
// have them refused, after both ends have agreed on them).
func newBlock(c suite.Cipher, key []byte) (cipher.Block, error) {
	switch c {
	case suite.DES:
		return des.NewCipher(key)
	case suite.TripleDES:
		return des.NewTripleDESCipher(key)
	}
	return aes.NewCipher(key)
}

// encrypt encrypts the packets, whose IVs are in place.
func (t *transform) encrypt(pkts [][]byte) {
	if t.aead != nil {
		t.sealGCM(pkts)
		return
	}
	if t.cbcs != nil {
		t.cbcs.Encrypt(t.jobs(pkts))
		return
	}
	for _, p := range pkts {
		iv, body := p[headerLen:t.headLen()], p[t.headLen():len(p)-t.icvLen]
		t.xorChain(body, iv)
		t.cbc.CryptBlocks(body, body)
		copy(t.chain[:], body[len(body)-t.ivLen:])
	}
}

// decrypt undoes encrypt, for packets that verify has passed.
func (t *transform) decrypt(pkts [][]byte) {
	if t.aead != nil {
		return // verify has done it
	}
	if t.cbcs != nil {
		t.cbcs.Decrypt(t.jobs(pkts))
		return
	}
	var last [aes.BlockSize]byte
	for _, p := range pkts {
		iv, body := p[headerLen:t.headLen()], p[t.headLen():len(p)-t.icvLen]
		copy(last[:], body[len(body)-t.ivLen:])
		t.cbc.CryptBlocks(body, body)
		t.xorChain(body, iv)
		t.chain = last
	}
}

// jobs are the packets' IVs and bodies.
func (t *transform) jobs(pkts [][]byte) []multibuffer.CBCJob {
	t.cbcJobs = t.cbcJobs[:0]
	for _, p := range pkts {
		t.cbcJobs = append(t.cbcJobs, multibuffer.CBCJob{IV: p[headerLen:t.headLen()], Data: p[t.headLen() : len(p)-t.icvLen]})
	}
	return t.cbcJobs
}

// sums computes the packets' codes into macJobs.
func (t *transform) sums(pkts [][]byte) []multibuffer.MACJob {
	if cap(t.macJobs) < len(pkts) {
		t.macJobs = make([]multibuffer.MACJob, len(pkts))
	}
	t.macJobs = t.macJobs[:len(pkts)]
	for i, p := range pkts {
		t.macJobs[i].Data = p[:len(p)-t.icvLen]
	}
	t.macs.Sum(t.macJobs)
	return t.macJobs
}

// xorChain gives a packet its own IV. cbc goes on from packet to packet as if
// they were one message, so that none needs an object of its own: it XORs the
// last block of ciphertext before, which chain has, into the first block, where
// the IV belongs.
func (t *transform) xorChain(body, iv []byte) {
	first := body[:t.ivLen]
	subtle.XORBytes(first, first, iv)
	subtle.XORBytes(first, first, t.chain[:t.ivLen])
}

// authenticate puts the ICVs on encrypted packets.
func (t *transform) authenticate(pkts [][]byte) {
	if t.aead != nil {
		return // encrypt has done it
	}
	if t.macs != nil {
		for i, j := range t.sums(pkts) {
			copy(pkts[i][len(j.Data):], j.Sum[:])
		}
		return
	}
	for _, p := range pkts {
		n := len(p) - t.icvLen
		copy(p[n:], t.hmac(p[:n]))
	}
}

// verify says for each packet whether its ICV is right.
func (t *transform) verify(pkts [][]byte, good []bool) {
	if t.aead != nil {
		t.openGCM(pkts, good)
		return
	}
	if t.macs != nil {
		for i, j := range t.sums(pkts) {
			good[i] = hmac.Equal(pkts[i][len(j.Data):], j.Sum[:t.icvLen])
		}
		return
	}
	for i, p := range pkts {
		n := len(p) - t.icvLen
		good[i] = hmac.Equal(p[n:], t.hmac(p[:n])[:t.icvLen])
	}
}

// hmac is good until the next one. Reset goes back to the state behind the key,
// which the first one has stored: a new HMAC a packet would cost a third more.
func (t *transform) hmac(msg []byte) []byte {
	t.mac.Reset()
	t.mac.Write(msg)
	return t.mac.Sum(t.sum[:0])
}

// sealGCM encrypts and authenticates at once (RFC 4106, 3 to 5).
func (t *transform) sealGCM(pkts [][]byte) {
	for _, p := range pkts {
		copy(t.nonce[saltLen:], p[headerLen:t.headLen()])
		body := p[t.headLen() : len(p)-t.icvLen]
		t.aead.Seal(body[:0], t.nonce[:], body, p[:headerLen])
	}
}

// openGCM decrypts the packets whose ICV is right.
func (t *transform) openGCM(pkts [][]byte, good []bool) {
	for i, p := range pkts {
		copy(t.nonce[saltLen:], p[headerLen:t.headLen()])
		body := p[t.headLen():]
		_, err := t.aead.Open(body[:0], t.nonce[:], body, p[:headerLen])
		good[i] = err == nil
	}
}
