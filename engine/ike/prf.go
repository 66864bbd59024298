package ike

import (
	"crypto/cipher"
	"crypto/hmac"
	"encoding/binary"
	"fmt"

	"github.com/culvert-vpn/culvert/engine/suite"
)

// prf is the negotiated pseudo-random function, HMAC, over all the parts one
// after the other (RFC 2409, 4). h must be one that suite knows.
func prf(h suite.Hash, key []byte, parts ...[]byte) []byte {
	mac := hmac.New(h.New(), key)
	for _, p := range parts {
		mac.Write(p)
	}
	return mac.Sum(nil)
}

// digest is the plain hash over all the parts one after the other.
func digest(h suite.Hash, parts ...[]byte) []byte {
	d := h.New()()
	for _, p := range parts {
		d.Write(p)
	}
	return d.Sum(nil)
}

// expand stretches a prf to n octets: K1 | K2 | …, where K1 is the prf of the
// parts and each further one that of its predecessor and the parts.
func expand(h suite.Hash, key []byte, n int, parts ...[]byte) []byte {
	var out, last []byte
	for len(out) < n {
		last = prf(h, key, append([][]byte{last}, parts...)...)
		out = append(out, last...)
	}
	return out[:n]
}

// phase1Keys is the keying material of an ISAKMP SA (RFC 2409, 5).
type phase1Keys struct {
	skeyid, skeyidD, skeyidA, skeyidE []byte

	enc cipher.Block
	h   suite.Hash
	iv  []byte // of the first encrypted message of phase 1
}

// derivePhase1 makes the keys of an SA that a pre-shared key authenticates (RFC
// 2409, 5 and 5.4, appendix B). ni and nr are the bodies of the nonce payloads,
// gxi and gxr the public values as sent, gxy the shared secret.
func derivePhase1(s suite.Phase1, psk, ni, nr, gxi, gxr, gxy, ckyI, ckyR []byte) (*phase1Keys, error) {
	if s.Hash.New() == nil {
		return nil, fmt.Errorf("ike: no hash function %v", s.Hash)
	}
	return deriveFromSKEYID(s, prf(s.Hash, psk, ni, nr), gxi, gxr, gxy, ckyI, ckyR)
}

// deriveFromSKEYID is the part of derivePhase1 that does not depend on how the
// peers authenticate each other. The suite's hash function is a known one.
func deriveFromSKEYID(s suite.Phase1, skeyid, gxi, gxr, gxy, ckyI, ckyR []byte) (*phase1Keys, error) {
	keyLen, err := phase1KeyLen(s)
	if err != nil {
		return nil, err
	}
	k := &phase1Keys{h: s.Hash, skeyid: skeyid}
	k.skeyidD = prf(k.h, k.skeyid, gxy, ckyI, ckyR, []byte{0})
	k.skeyidA = prf(k.h, k.skeyid, k.skeyidD, gxy, ckyI, ckyR, []byte{1})
	k.skeyidE = prf(k.h, k.skeyid, k.skeyidA, gxy, ckyI, ckyR, []byte{2})
	if k.enc, err = newBlock(s.Cipher, encryptionKey(k.h, k.skeyidE, keyLen)); err != nil {
		return nil, err
	}
	k.iv = digest(k.h, gxi, gxr)[:k.enc.BlockSize()]
	return k, nil
}

// encryptionKey cuts SKEYID_e to n octets, or stretches it when it has fewer
// (RFC 2409, appendix B): AES-256 and 3DES with SHA-1 or MD5.
func encryptionKey(h suite.Hash, skeyidE []byte, n int) []byte {
	if n <= len(skeyidE) {
		return skeyidE[:n]
	}
	// K1 is over a single zero octet, Kn over K(n-1) alone.
	last := prf(h, skeyidE, []byte{0})
	key := append([]byte(nil), last...)
	for len(key) < n {
		last = prf(h, skeyidE, last)
		key = append(key, last...)
	}
	return key[:n]
}

// hashI is HASH_I of RFC 2409, 5: saBody is the body of the initiator's SA
// payload, idBody that of its ID payload.
func (k *phase1Keys) hashI(gxi, gxr, ckyI, ckyR, saBody, idBody []byte) []byte {
	return prf(k.h, k.skeyid, gxi, gxr, ckyI, ckyR, saBody, idBody)
}

// hashR is HASH_R of RFC 2409, 5: saBody is the body of the initiator's SA
// payload, idBody that of the responder's ID payload.
func (k *phase1Keys) hashR(gxi, gxr, ckyI, ckyR, saBody, idBody []byte) []byte {
	return prf(k.h, k.skeyid, gxr, gxi, ckyR, ckyI, saBody, idBody)
}

// messageIV is the IV of the first message of an exchange under the SA: Quick
// Mode or Informational (RFC 2409, appendix B). lastPhase1Block is the last
// ciphertext block of phase 1.
func (k *phase1Keys) messageIV(lastPhase1Block []byte, msgID uint32) []byte {
	id := binary.BigEndian.AppendUint32(nil, msgID)
	return digest(k.h, lastPhase1Block, id)[:k.enc.BlockSize()]
}

// keymat is n octets of keying material for one direction of a phase 2 SA (RFC
// 2409, 5.5): spi is that of the SA's receiver, gxy the secret of Quick Mode's
// own exchange or nil without PFS, ni and nr the bodies of its nonce payloads.
func keymat(k *phase1Keys, proto uint8, spi uint32, gxy, ni, nr []byte, n int) []byte {
	head := binary.BigEndian.AppendUint32([]byte{proto}, spi)
	return expand(k.h, k.skeyidD, n, gxy, head, ni, nr)
}

// keymatLen is the number of octets of keying material for each direction: the
// encryption key, for GCM with its salt (RFC 4106, 8.1), then the
// authentication key, which has the length of the hash.
func keymatLen(s suite.Phase2) int {
	n := s.KeyBits / 8
	switch s.Cipher {
	case suite.DES:
		n = desKeyLen
	case suite.TripleDES:
		n = tripleDESKeyLen
	case suite.AESGCM16:
		const saltLen = 4
		return n + saltLen
	}
	if h := s.Hash.New(); h != nil {
		n += h().Size()
	}
	return n
}
