package ike

import (
	"crypto/ecdh"
	"encoding/hex"
	"errors"
	"fmt"
	"io"

	"filippo.io/bigmod"

	"github.com/culvert-vpn/culvert/engine/suite"
)

// errDHValue is a public value of the peer that is no element of the group, or
// one that would make the shared secret known to everybody.
var errDHValue = errors.New("ike: bad Diffie-Hellman public value")

// Ours: how often a random number beyond an elliptic curve's order is drawn
// again. Once is already a 1 in 2^32 event; a source that fails this often is
// no source of random numbers.
const scalarTries = 16

// modpGroup is a group of the integers modulo a safe prime, generator 2.
type modpGroup struct {
	prime string // hexadecimal, of full length
	// exponentLen is the length of the private exponent in octets: above twice
	// the group's strength (RFC 3526, 8; RFC 7919, 5.2), since in the group of a
	// safe prime a longer one costs time and adds nothing.
	exponentLen int
}

var modpGroups = map[suite.Group]modpGroup{
	suite.MODP768:  {modp768Prime, 32},
	suite.MODP1024: {modp1024Prime, 32},
	suite.MODP1536: {modp1536Prime, 32},
	suite.MODP2048: {modp2048Prime, 32},
	suite.MODP3072: {modp3072Prime, 40},
	suite.MODP4096: {modp4096Prime, 48},
}

// ecpGroup is a group of RFC 5903.
type ecpGroup struct {
	curve    ecdh.Curve
	fieldLen int  // octets of a coordinate and of a private key
	topMask  byte // what of a private key's first octet is below the order
}

var ecpGroups = map[suite.Group]ecpGroup{
	suite.ECP256: {ecdh.P256(), 32, 0xff},
	suite.ECP384: {ecdh.P384(), 48, 0xff},
	suite.ECP521: {ecdh.P521(), 66, 0x01},
}

// dhKey is a Diffie-Hellman key pair of ours, good for one exchange.
type dhKey struct {
	modulus  *bigmod.Modulus  // MODP
	exponent []byte           // MODP
	private  *ecdh.PrivateKey // ECP
	pub      []byte
}

// generateDH makes a key pair in group g from the octets of rand alone, so that
// the same octets make the same key pair.
func generateDH(g suite.Group, rand io.Reader) (*dhKey, error) {
	if group, ok := modpGroups[g]; ok {
		return generateMODP(group, rand)
	}
	if group, ok := ecpGroups[g]; ok {
		return generateECP(group, rand)
	}
	return nil, fmt.Errorf("ike: no Diffie-Hellman group %v", g)
}

func generateMODP(g modpGroup, rand io.Reader) (*dhKey, error) {
	exponent := make([]byte, g.exponentLen)
	if _, err := io.ReadFull(rand, exponent); err != nil {
		return nil, fmt.Errorf("ike: random number for Diffie-Hellman: %w", err)
	}
	exponent[0] |= 0x80 // never 0 or so small that no reduction takes place
	return newMODP(g, exponent)
}

// newMODP makes the key pair of a given private exponent, which it keeps.
func newMODP(g modpGroup, exponent []byte) (*dhKey, error) {
	prime, err := hex.DecodeString(g.prime)
	if err != nil {
		return nil, fmt.Errorf("ike: prime of the group: %w", err)
	}
	modulus, err := bigmod.NewModulus(prime)
	if err != nil {
		return nil, fmt.Errorf("ike: prime of the group: %w", err)
	}
	two := bigmod.NewNat().SetUint(2).ExpandFor(modulus)
	pub := bigmod.NewNat().Exp(two, exponent, modulus).Bytes(modulus)
	return &dhKey{modulus: modulus, exponent: exponent, pub: pub}, nil
}

// generateECP draws a private key itself: crypto/ecdh's GenerateKey does not
// heed the source of random numbers that it is given.
func generateECP(g ecpGroup, rand io.Reader) (*dhKey, error) {
	scalar := make([]byte, g.fieldLen)
	for range scalarTries {
		if _, err := io.ReadFull(rand, scalar); err != nil {
			return nil, fmt.Errorf("ike: random number for Diffie-Hellman: %w", err)
		}
		scalar[0] &= g.topMask
		if k, err := newECP(g, scalar); err == nil {
			return k, nil
		}
	}
	return nil, errors.New("ike: the source of random numbers gives no private key")
}

// newECP makes the key pair of a given private key, which it does not keep. It
// is an error unless that is between 1 and the order of the curve.
func newECP(g ecpGroup, scalar []byte) (*dhKey, error) {
	private, err := g.curve.NewPrivateKey(scalar)
	if err != nil {
		return nil, fmt.Errorf("ike: private key: %w", err)
	}
	return &dhKey{private: private, pub: private.PublicKey().Bytes()[1:]}, nil
}

// public is what goes into the KE payload: the full length of the prime (RFC
// 2409, 5), or both coordinates (RFC 5903, 7).
func (k *dhKey) public() []byte { return append([]byte(nil), k.pub...) }

// shared is g^xy with the peer's public value: the full length of the prime, or
// the X coordinate alone (RFC 5903, 7). A value that is no element of the group
// or lies in a trivial subgroup is errDHValue.
func (k *dhKey) shared(peer []byte) ([]byte, error) {
	if k.private != nil {
		return k.sharedECP(peer)
	}
	if len(peer) == 0 || len(peer) > k.modulus.Size() {
		return nil, fmt.Errorf("%w: %d octets, want %d", errDHValue, len(peer), k.modulus.Size())
	}
	// Some peers leave leading zeros out: the number is the same.
	padded := make([]byte, k.modulus.Size())
	copy(padded[len(padded)-len(peer):], peer)
	y, err := bigmod.NewNat().SetBytes(padded, k.modulus)
	if err != nil {
		return nil, fmt.Errorf("%w: not below the prime", errDHValue)
	}
	if y.IsZero()|y.IsOne()|y.IsMinusOne(k.modulus) == 1 {
		return nil, fmt.Errorf("%w: 0, 1 or -1", errDHValue)
	}
	return bigmod.NewNat().Exp(y, k.exponent, k.modulus).Bytes(k.modulus), nil
}

func (k *dhKey) sharedECP(peer []byte) ([]byte, error) {
	if len(peer) != len(k.pub) {
		return nil, fmt.Errorf("%w: %d octets, want %d", errDHValue, len(peer), len(k.pub))
	}
	const uncompressed = 0x04 // SEC 1, 2.3.3: in front of both coordinates
	point, err := k.private.Curve().NewPublicKey(append([]byte{uncompressed}, peer...))
	if err != nil {
		return nil, fmt.Errorf("%w: not on the curve", errDHValue)
	}
	secret, err := k.private.ECDH(point)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", errDHValue, err)
	}
	return secret, nil
}
