// Package suite names the sets of algorithms that the two phases of IKEv1 agree
// on, as profiles write them: "aes256-sha256-modp2048", "aes128gcm16".
package suite

import (
	"errors"
	"fmt"
	"strings"
)

// ErrUnknown is a name that is no suite; the error that wraps it says what is
// allowed.
var ErrUnknown = errors.New("unknown algorithm")

// Cipher is an encryption algorithm, without its key length.
type Cipher uint8

// The ciphers. GCM is for ESP only.
const (
	DES       Cipher = iota + 1 // RFC 2405
	TripleDES                   // RFC 2451
	AESCBC                      // RFC 3602
	AESGCM16                    // RFC 4106
)

// Hash is a hash function, of phase 1 or under the HMAC of phase 2.
type Hash uint8

// The hash functions.
const (
	MD5 Hash = iota + 1
	SHA1
	SHA256
	SHA384
	SHA512
)

// Group is a Diffie-Hellman group by its IANA group description.
type Group uint16

// The groups (RFC 2409, 6; RFC 3526; RFC 5903).
const (
	MODP768  Group = 1
	MODP1024 Group = 2
	MODP1536 Group = 5
	MODP2048 Group = 14
	MODP3072 Group = 15
	MODP4096 Group = 16
	ECP256   Group = 19
	ECP384   Group = 20
	ECP521   Group = 21
)

// Phase1 is an IKE suite.
type Phase1 struct {
	Cipher  Cipher
	KeyBits int // 128, 192 or 256 for AES, 0 otherwise
	Hash    Hash
	Group   Group
}

// Phase2 is an ESP suite.
type Phase2 struct {
	Cipher  Cipher
	KeyBits int  // 128, 192 or 256 for AES, 0 otherwise
	Hash    Hash // of the HMAC; 0 for GCM
	// Truncate96 is HMAC-SHA2-256 cut to 96 bits, as Linux did before 2.6.33
	// and some gateways still do, in place of the 128 bits of RFC 4868.
	Truncate96 bool
}

var cipherNames = []struct {
	name string
	c    Cipher
	bits int
}{
	{"aes256gcm16", AESGCM16, 256}, {"aes192gcm16", AESGCM16, 192}, {"aes128gcm16", AESGCM16, 128},
	{"aes256", AESCBC, 256}, {"aes192", AESCBC, 192}, {"aes128", AESCBC, 128},
	{"3des", TripleDES, 0}, {"des", DES, 0},
}

var hashNames = []struct {
	name string
	h    Hash
}{{"sha512", SHA512}, {"sha384", SHA384}, {"sha256", SHA256}, {"sha1", SHA1}, {"md5", MD5}}

var groupNames = []struct {
	name string
	g    Group
}{
	{"modp768", MODP768}, {"modp1024", MODP1024}, {"modp1536", MODP1536}, {"modp2048", MODP2048},
	{"modp3072", MODP3072}, {"modp4096", MODP4096}, {"ecp256", ECP256}, {"ecp384", ECP384}, {"ecp521", ECP521},
}

// cipherName is the name in suites: "aes256", "3des".
func cipherName(c Cipher, bits int) string {
	for _, n := range cipherNames {
		if n.c == c && n.bits == bits {
			return n.name
		}
	}
	return fmt.Sprintf("cipher(%d,%d)", c, bits)
}

// String is the name in suites: "sha256".
func (h Hash) String() string {
	for _, n := range hashNames {
		if n.h == h {
			return n.name
		}
	}
	return fmt.Sprintf("hash(%d)", uint8(h))
}

// String is the name in suites: "modp2048".
func (g Group) String() string {
	for _, n := range groupNames {
		if n.g == g {
			return n.name
		}
	}
	return fmt.Sprintf("group(%d)", uint16(g))
}

// String is the suite's name: "aes256-sha256-modp2048".
func (s Phase1) String() string {
	return cipherName(s.Cipher, s.KeyBits) + "-" + s.Hash.String() + "-" + s.Group.String()
}

// String is the suite's name: "aes256-sha1", "aes128gcm16", "aes128-sha256_96".
func (s Phase2) String() string {
	if s.Cipher == AESGCM16 {
		return cipherName(s.Cipher, s.KeyBits)
	}
	name := cipherName(s.Cipher, s.KeyBits) + "-" + s.Hash.String()
	if s.Truncate96 {
		name += "_96"
	}
	return name
}

// Weak says that the suite rests on an algorithm that is broken or too short
// today: DES, 3DES, MD5, or a group under 2048 bits.
func (s Phase1) Weak() bool {
	return s.Cipher == DES || s.Cipher == TripleDES || s.Hash == MD5 || s.Group == MODP768 || s.Group == MODP1024 || s.Group == MODP1536
}

// Weak says that the suite rests on an algorithm that is broken or too short
// today: DES, 3DES or MD5.
func (s Phase2) Weak() bool { return s.Cipher == DES || s.Cipher == TripleDES || s.Hash == MD5 }

// ParseGroup reads a group's name.
func ParseGroup(name string) (Group, error) {
	for _, n := range groupNames {
		if n.name == name {
			return n.g, nil
		}
	}
	return 0, fmt.Errorf("%w %q: a group is one of %s", ErrUnknown, name, join(len(groupNames), func(i int) string { return groupNames[i].name }))
}

// ParsePhase1 reads a name such as "aes256-sha256-modp2048".
func ParsePhase1(name string) (Phase1, error) {
	p := strings.Split(name, "-")
	if len(p) != 3 {
		return Phase1{}, fmt.Errorf("%w %q: a phase 1 suite is cipher-hash-group, such as aes256-sha256-modp2048", ErrUnknown, name)
	}
	c, bits, err := parseCipher(p[0])
	if err != nil {
		return Phase1{}, err
	}
	if c == AESGCM16 {
		return Phase1{}, fmt.Errorf("%w %q: phase 1 has no GCM: use aes256, aes192, aes128 or 3des", ErrUnknown, p[0])
	}
	h, err := parseHash(p[1])
	if err != nil {
		return Phase1{}, err
	}
	g, err := ParseGroup(p[2])
	if err != nil {
		return Phase1{}, err
	}
	return Phase1{c, bits, h, g}, nil
}

// ParsePhase2 reads a name such as "aes128gcm16", "aes256-sha1" or
// "aes128-sha256_96".
func ParsePhase2(name string) (Phase2, error) {
	p := strings.Split(name, "-")
	c, bits, err := parseCipher(p[0])
	switch {
	case err != nil:
		return Phase2{}, err
	case c == AESGCM16 && len(p) == 1:
		return Phase2{Cipher: c, KeyBits: bits}, nil
	case c == AESGCM16:
		return Phase2{}, fmt.Errorf("%w %q: GCM authenticates by itself and takes no hash", ErrUnknown, name)
	case len(p) != 2:
		return Phase2{}, fmt.Errorf("%w %q: a phase 2 suite is cipher-hash, such as aes256-sha1, or aes128gcm16", ErrUnknown, name)
	}
	hash, truncate := strings.CutSuffix(p[1], "_96")
	h, err := parseHash(hash)
	if err != nil {
		return Phase2{}, err
	}
	if truncate && h != SHA256 {
		return Phase2{}, fmt.Errorf("%w %q: only sha256 has a 96-bit variant, sha256_96", ErrUnknown, name)
	}
	return Phase2{c, bits, h, truncate}, nil
}

func parseCipher(name string) (Cipher, int, error) {
	for _, n := range cipherNames {
		if n.name == name {
			return n.c, n.bits, nil
		}
	}
	return 0, 0, fmt.Errorf("%w %q: a cipher is one of %s", ErrUnknown, name, join(len(cipherNames), func(i int) string { return cipherNames[i].name }))
}

func parseHash(name string) (Hash, error) {
	for _, n := range hashNames {
		if n.name == name {
			return n.h, nil
		}
	}
	return 0, fmt.Errorf("%w %q: a hash is one of %s", ErrUnknown, name, join(len(hashNames), func(i int) string { return hashNames[i].name }))
}

func join(n int, name func(int) string) string {
	names := make([]string, n)
	for i := range names {
		names[i] = name(i)
	}
	return strings.Join(names, ", ")
}

// MustPhase1 reads names that are part of the program; it panics on a wrong one.
func MustPhase1(names ...string) []Phase1 { return must(names, ParsePhase1) }

// MustPhase2 reads names that are part of the program; it panics on a wrong one.
func MustPhase2(names ...string) []Phase2 { return must(names, ParsePhase2) }

func must[S any](names []string, parse func(string) (S, error)) []S {
	out := make([]S, len(names))
	for i, n := range names {
		s, err := parse(n)
		if err != nil {
			panic(err)
		}
		out[i] = s
	}
	return out
}

// DefaultPhase1 is what a client offers: the union of what Windows 11 and macOS
// offer, strong ones first, so that a gateway set up for either is content.
func DefaultPhase1() []Phase1 {
	return MustPhase1(
		"aes256-sha512-modp2048", "aes256-sha256-modp2048", "aes256-sha1-modp2048", "aes256-md5-modp2048",
		"aes256-sha1-ecp384", "aes128-sha1-ecp256",
		"aes128-sha256-modp2048", "aes128-sha1-modp2048", "3des-sha1-modp2048",
		"aes256-sha256-modp1536", "aes256-sha1-modp1536", "aes256-md5-modp1536", "aes128-sha1-modp1536",
		"aes256-sha1-modp1024", "aes256-md5-modp1024", "aes128-sha1-modp1024", "aes128-md5-modp1024",
		"3des-sha1-modp1024", "3des-md5-modp1024",
	)
}

// DefaultPhase2 is what a client offers for ESP: fast ones first (GCM, then
// AES-CBC with SHA-1), what only old gateways know last.
func DefaultPhase2() []Phase2 {
	return MustPhase2(
		"aes128gcm16", "aes256gcm16",
		"aes128-sha1", "aes256-sha1", "aes256-sha256", "aes128-sha256",
		"aes192-sha1", "3des-sha1", "aes256-md5", "aes128-md5", "3des-md5",
	)
}

// AllPhase1 is what a gateway takes when nothing is said: every suite but those
// with DES or MODP 768, which are broken, and those with MODP 3072 or 4096: a
// stranger may have it compute a secret, which takes 30 ms with the latter.
func AllPhase1() []Phase1 {
	var out []Phase1
	for _, g := range groupNames {
		for _, h := range hashNames {
			for _, c := range cipherNames {
				if c.c != DES && c.c != AESGCM16 && g.g != MODP768 && g.g != MODP3072 && g.g != MODP4096 {
					out = append(out, Phase1{c.c, c.bits, h.h, g.g})
				}
			}
		}
	}
	return out
}

// AllPhase2 is what a gateway takes when nothing is said: every suite but those
// with DES.
func AllPhase2() []Phase2 {
	out := MustPhase2("aes128gcm16", "aes192gcm16", "aes256gcm16")
	for _, h := range hashNames {
		for _, c := range cipherNames {
			if c.c != DES && c.c != AESGCM16 {
				out = append(out, Phase2{Cipher: c.c, KeyBits: c.bits, Hash: h.h})
			}
		}
	}
	return out
}
