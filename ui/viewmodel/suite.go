package viewmodel

import (
	"strconv"
	"strings"

	"github.com/culvert-vpn/culvert/engine/suite"
)

var cipherTexts = map[suite.Cipher]string{suite.DES: "DES", suite.TripleDES: "3DES", suite.AESCBC: "AES-", suite.AESGCM16: "AES-"}

var hashTexts = map[suite.Hash]string{suite.MD5: "MD5", suite.SHA1: "SHA-1", suite.SHA256: "SHA-256", suite.SHA384: "SHA-384", suite.SHA512: "SHA-512"}

// agreed is a suite as people write it.
type agreed struct {
	parts      []string // "AES-256", "SHA-256"
	group      suite.Group
	weakCipher bool
	weakHash   bool
}

// parseSuite reads a suite's name of either phase.
func parseSuite(name string) (agreed, bool) {
	var a agreed
	add := func(c suite.Cipher, bits int, h suite.Hash) {
		text := cipherTexts[c]
		if bits > 0 {
			text += strconv.Itoa(bits)
		}
		if c == suite.AESGCM16 {
			text += "-GCM"
		}
		a.parts = append(a.parts, text)
		if h != 0 {
			a.parts = append(a.parts, hashTexts[h])
		}
		a.weakCipher, a.weakHash = c == suite.DES || c == suite.TripleDES, h == suite.MD5
	}
	if s, err := suite.ParsePhase1(name); err == nil {
		add(s.Cipher, s.KeyBits, s.Hash)
		a.group = s.Group
		return a, true
	}
	s, err := suite.ParsePhase2(name)
	if err != nil {
		return a, false
	}
	add(s.Cipher, s.KeyBits, s.Hash)
	return a, true
}

// weakGroup says that a group has 1024 bits or less.
func (a agreed) weakGroup() bool { return a.group == suite.MODP768 || a.group == suite.MODP1024 }

// Suite is a suite for people: "AES-256, SHA-256, 2048-bit key". What is no
// suite stays as it is.
func (w *Words) Suite(name string) string {
	a, ok := parseSuite(name)
	if !ok {
		return line(name)
	}
	if a.group != 0 {
		kind, bits := "detail.key", strings.TrimPrefix(a.group.String(), "modp")
		if ecp, curve := strings.CutPrefix(bits, "ecp"); curve {
			kind, bits = "detail.curve", ecp
		}
		a.parts = append(a.parts, w.with(kind, "N", bits))
	}
	return w.join(a.parts)
}

// join is a list in a line.
func (w *Words) join(parts []string) string { return strings.Join(parts, w.Text("list.comma")) }
