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

	// Of AES-GCM, AES-CBC and HMAC-SHA1 and -SHA256, all packets at once; nil for
	// the others, which go packet by packet.
	gcm     *multibuffer.GCM
	gcmJobs []multibuffer.GCMJob
	salt    [saltLen]byte
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
	if err := t.setCipher(s.Cipher, key, encrypt); err != nil {
		return nil, fmt.Errorf("esp: encryption key: %w", err)
	}
	if t.gcm != nil {
		copy(t.salt[:], rest)
		return t, nil
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

// setCipher takes weak DES keys as they are, like everybody (RFC 2451, 2.3 would
// have them refused, after both ends have agreed on them).
func (t *transform) setCipher(c suite.Cipher, key []byte, encrypt bool) error {
	var block cipher.Block
	var err error
	switch c {
	case suite.AESGCM16:
		t.gcm, err = multibuffer.NewGCM(key)
		return err
	case suite.AESCBC:
		t.cbcs, err = multibuffer.NewCBC(key)
		return err
	case suite.DES:
		block, err = des.NewCipher(key)
	default:
		block, err = des.NewTripleDESCipher(key)
	}
	switch {
	case err != nil:
		return err
	case encrypt:
		t.cbc = cipher.NewCBCEncrypter(block, t.chain[:t.ivLen])
	default:
		t.cbc = cipher.NewCBCDecrypter(block, t.chain[:t.ivLen])
	}
	return nil
}

// encrypt encrypts the packets, whose IVs are in place.
func (t *transform) encrypt(pkts [][]byte) {
	if t.gcm != nil {
		t.gcm.Seal(t.sealed(pkts))
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
	if t.gcm != nil {
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
	if t.gcm != nil {
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
	if t.gcm != nil {
		jobs := t.sealed(pkts)
		t.gcm.Open(jobs)
		for i := range jobs {
			good[i] = jobs[i].Good
		}
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

// sealed are the packets as AES-GCM has them (RFC 4106, 3 to 5): the nonce is
// salt and IV, SPI and sequence number are authenticated only.
func (t *transform) sealed(pkts [][]byte) []multibuffer.GCMJob {
	if cap(t.gcmJobs) < len(pkts) {
		t.gcmJobs = make([]multibuffer.GCMJob, len(pkts))
	}
	t.gcmJobs = t.gcmJobs[:len(pkts)]
	for i, p := range pkts {
		j := &t.gcmJobs[i]
		copy(j.Nonce[:], t.salt[:])
		copy(j.Nonce[saltLen:], p[headerLen:t.headLen()])
		j.AAD, j.Data = p[:headerLen], p[t.headLen():]
	}
	return t.gcmJobs
}

// release forgets the packets of a batch that is done.
func (t *transform) release() {
	clear(t.gcmJobs)
	clear(t.cbcJobs)
	clear(t.macJobs)
}
