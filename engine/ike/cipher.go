package ike

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/des"
	"errors"
	"fmt"

	"github.com/culvert-vpn/culvert/engine/suite"
)

// From the specification: key lengths in octets (RFC 2405, 2451).
const (
	desKeyLen       = 8
	tripleDESKeyLen = 24
)

// errCiphertext is an encrypted message that is not a whole number of blocks.
var errCiphertext = errors.New("ike: ciphertext is not a whole number of blocks")

// phase1KeyLen is the length of the suite's encryption key in octets.
func phase1KeyLen(s suite.Phase1) (int, error) {
	switch {
	case s.Cipher == suite.DES:
		return desKeyLen, nil
	case s.Cipher == suite.TripleDES:
		return tripleDESKeyLen, nil
	case s.Cipher == suite.AESCBC && (s.KeyBits == 128 || s.KeyBits == 192 || s.KeyBits == 256):
		return s.KeyBits / 8, nil
	}
	return 0, fmt.Errorf("ike: no cipher for %v", s)
}

// newBlock is the block cipher under key. Weak DES keys are taken as they are:
// peers do not look for them either (RFC 2409, appendix B would have the key
// made anew), and one end doing so alone would make two different keys.
func newBlock(c suite.Cipher, key []byte) (cipher.Block, error) {
	var b cipher.Block
	var err error
	switch c {
	case suite.DES:
		b, err = des.NewCipher(key)
	case suite.TripleDES:
		b, err = des.NewTripleDESCipher(key)
	default:
		b, err = aes.NewCipher(key)
	}
	if err != nil {
		return nil, fmt.Errorf("ike: encryption key: %w", err)
	}
	return b, nil
}

// encryptCBC encrypts plain, filled up with zeros to whole blocks (RFC 2409,
// appendix B), into memory of its own. nextIV, the last block of ct, is the IV
// of the exchange's next message. iv has the length of a block.
func encryptCBC(b cipher.Block, iv, plain []byte) (ct, nextIV []byte) {
	size := b.BlockSize()
	ct = make([]byte, (len(plain)+size-1)/size*size)
	copy(ct, plain)
	cipher.NewCBCEncrypter(b, iv).CryptBlocks(ct, ct)
	return ct, lastBlock(iv, ct)
}

// decryptCBC decrypts ct into memory of its own; the padding stays on, since
// only the payloads in it say where they end. nextIV is as for encryptCBC. An
// empty ct, or one that is not whole blocks, is errCiphertext.
func decryptCBC(b cipher.Block, iv, ct []byte) (plain, nextIV []byte, err error) {
	size := b.BlockSize()
	if len(ct) == 0 || len(ct)%size != 0 || len(iv) != size {
		return nil, nil, errCiphertext
	}
	plain = make([]byte, len(ct))
	cipher.NewCBCDecrypter(b, iv).CryptBlocks(plain, ct)
	return plain, lastBlock(iv, ct), nil
}

// lastBlock is a copy of the last block of ct, of iv when ct is empty.
func lastBlock(iv, ct []byte) []byte {
	if len(ct) == 0 {
		return append([]byte(nil), iv...)
	}
	return append([]byte(nil), ct[len(ct)-len(iv):]...)
}
