package ike

import (
	"encoding/binary"
	"time"

	"github.com/culvert-vpn/culvert/engine/isakmp"
	"github.com/culvert-vpn/culvert/engine/suite"
)

// Ours: ESP SPIs up to 255 are reserved (RFC 4303, 2.1).
const firstSPI = 256

// ikeCiphers and ikeHashes are the phase 1 algorithms by their attribute values.
var ikeCiphers = map[suite.Cipher]uint16{suite.DES: isakmp.IKEDES, suite.TripleDES: isakmp.IKE3DES, suite.AESCBC: isakmp.IKEAESCBC}

var ikeHashes = map[suite.Hash]uint16{
	suite.MD5: isakmp.IKEMD5, suite.SHA1: isakmp.IKESHA1, suite.SHA256: isakmp.IKESHA256, suite.SHA384: isakmp.IKESHA384, suite.SHA512: isakmp.IKESHA512,
}

// espTransforms and espAuths are the phase 2 algorithms by their numbers.
var espTransforms = map[suite.Cipher]isakmp.TransformID{
	suite.DES: isakmp.TransformDES, suite.TripleDES: isakmp.Transform3DES, suite.AESCBC: isakmp.TransformAES, suite.AESGCM16: isakmp.TransformAESGCM16,
}

var espAuths = map[suite.Hash]uint16{
	suite.MD5: isakmp.AuthHMACMD5, suite.SHA1: isakmp.AuthHMACSHA1, suite.SHA256: isakmp.AuthHMACSHA256,
	suite.SHA384: isakmp.AuthHMACSHA384, suite.SHA512: isakmp.AuthHMACSHA512,
}

// key is the key of a map that has value v.
func key[K, V comparable](m map[K]V, v V) (K, bool) {
	for k, have := range m {
		if have == v {
			return k, true
		}
	}
	var none K
	return none, false
}

// lifeSeconds is a lifetime as an attribute's value.
func lifeSeconds(d time.Duration) uint32 {
	return uint32(min(max(int64(d/time.Second), 1), 1<<31))
}

// offerPhase1 is the SA payload of MM1: one proposal, a transform for each suite.
func offerPhase1(list []suite.Phase1, life time.Duration) isakmp.SA {
	p := isakmp.Proposal{Number: 1, Protocol: isakmp.ProtocolISAKMP}
	for i, s := range list {
		t := isakmp.Transform{Number: uint8(i + 1), ID: isakmp.TransformKeyIKE, Attributes: []isakmp.Attribute{
			isakmp.BasicAttribute(isakmp.IKEEncryption, ikeCiphers[s.Cipher]),
			isakmp.BasicAttribute(isakmp.IKEHash, ikeHashes[s.Hash]),
			isakmp.BasicAttribute(isakmp.IKEAuth, isakmp.IKEPreSharedKey),
			isakmp.BasicAttribute(isakmp.IKEGroup, uint16(s.Group)),
			isakmp.BasicAttribute(isakmp.IKELifeType, isakmp.LifeSeconds),
			isakmp.NumberAttribute(isakmp.IKELifeDuration, lifeSeconds(life)),
		}}
		if s.KeyBits != 0 {
			t.Attributes = append(t.Attributes, isakmp.BasicAttribute(isakmp.IKEKeyLength, uint16(s.KeyBits)))
		}
		p.Transforms = append(p.Transforms, t)
	}
	return isakmp.SA{DOI: isakmp.DOIIPsec, Situation: isakmp.SituationIdentityOnly, Proposals: []isakmp.Proposal{p}}
}

// readPhase1 is the suite of a transform and its lifetime, 0 if it names none.
// ok is false for anything but algorithms known here and a pre-shared key.
func readPhase1(t isakmp.Transform) (s suite.Phase1, life time.Duration, ok bool) {
	var auth, lifeType uint64
	ok = t.ID == isakmp.TransformKeyIKE
	for _, a := range t.Attributes {
		v, number := a.Number()
		found := number
		switch a.Type {
		case isakmp.IKEEncryption:
			s.Cipher, found = key(ikeCiphers, uint16(v))
		case isakmp.IKEHash:
			s.Hash, found = key(ikeHashes, uint16(v))
		case isakmp.IKEAuth:
			auth = v
		case isakmp.IKEGroup:
			s.Group = suite.Group(v)
		case isakmp.IKEGroupType: // MODP (1) or ECP (2): the group's number says so already
		case isakmp.IKELifeType:
			lifeType = v
		case isakmp.IKELifeDuration:
			if lifeType == isakmp.LifeSeconds {
				life = seconds(v)
			}
		case isakmp.IKEKeyLength:
			s.KeyBits = int(v & 0xffff)
		default:
			found = false
		}
		ok = ok && found && number
	}
	return s, life, ok && auth == isakmp.IKEPreSharedKey
}

// seconds is a duration of v seconds, at most a hundred years.
func seconds(v uint64) time.Duration {
	return time.Duration(min(v, 100*365*24*3600)) * time.Second
}

// choosePhase1 is the first transform of the peer's that list allows, and the
// SA payload that accepts it: its own attributes sent back.
func choosePhase1(offer isakmp.SA, list []suite.Phase1) (s suite.Phase1, life time.Duration, answer isakmp.SA, ok bool) {
	for _, p := range offer.Proposals {
		if p.Protocol != isakmp.ProtocolISAKMP {
			continue
		}
		for _, t := range p.Transforms {
			s, life, ok = readPhase1(t)
			if ok && contains(list, s) {
				p.Transforms = []isakmp.Transform{t}
				offer.Proposals = []isakmp.Proposal{p}
				return s, life, offer, true
			}
		}
	}
	return suite.Phase1{}, 0, isakmp.SA{}, false
}

// offeredPhase1 lists what is in a peer's proposals, for an Error.
func offeredPhase1(offer isakmp.SA) string {
	var list []suite.Phase1
	for _, p := range offer.Proposals {
		for _, t := range p.Transforms {
			if s, _, ok := readPhase1(t); ok {
				list = append(list, s)
			}
		}
	}
	return suiteNames(list)
}

func contains[S comparable](list []S, s S) bool {
	for _, have := range list {
		if have == s {
			return true
		}
	}
	return false
}

// acceptedPhase1 reads the SA payload of MM2: one proposal with one transform
// out of those offered.
func acceptedPhase1(answer isakmp.SA, offered []suite.Phase1) (s suite.Phase1, life time.Duration, ok bool) {
	if len(answer.Proposals) != 1 || len(answer.Proposals[0].Transforms) != 1 || answer.Proposals[0].Protocol != isakmp.ProtocolISAKMP {
		return suite.Phase1{}, 0, false
	}
	s, life, ok = readPhase1(answer.Proposals[0].Transforms[0])
	return s, life, ok && contains(offered, s)
}

// phase2Terms are the attributes of a phase 2 transform.
type phase2Terms struct {
	suite suite.Phase2
	encap uint16
	group suite.Group // 0: no PFS
	life  time.Duration
}

// offerPhase2 is the SA payload of QM1: one ESP proposal, a transform for each suite.
func offerPhase2(list []suite.Phase2, spi uint32, encap uint16, group suite.Group, life time.Duration) isakmp.SA {
	p := isakmp.Proposal{Number: 1, Protocol: isakmp.ProtocolESP, SPI: binary.BigEndian.AppendUint32(nil, spi)}
	for i, s := range list {
		t := isakmp.Transform{Number: uint8(i + 1), ID: espTransforms[s.Cipher], Attributes: []isakmp.Attribute{
			isakmp.BasicAttribute(isakmp.IPsecLifeType, isakmp.LifeSeconds),
			isakmp.NumberAttribute(isakmp.IPsecLifeDuration, lifeSeconds(life)),
			isakmp.BasicAttribute(isakmp.IPsecEncapsulation, encap),
		}}
		if s.Hash != 0 {
			t.Attributes = append(t.Attributes, isakmp.BasicAttribute(isakmp.IPsecAuth, espAuths[s.Hash]))
		}
		if s.KeyBits != 0 {
			t.Attributes = append(t.Attributes, isakmp.BasicAttribute(isakmp.IPsecKeyLength, uint16(s.KeyBits)))
		}
		if group != 0 {
			t.Attributes = append(t.Attributes, isakmp.BasicAttribute(isakmp.IPsecGroup, uint16(group)))
		}
		p.Transforms = append(p.Transforms, t)
	}
	return isakmp.SA{DOI: isakmp.DOIIPsec, Situation: isakmp.SituationIdentityOnly, Proposals: []isakmp.Proposal{p}}
}

// readPhase2 is what a transform says. ok is false when there is something in
// it that is not known here.
func readPhase2(t isakmp.Transform) (terms phase2Terms, ok bool) {
	var lifeType uint64
	terms.suite.Cipher, ok = key(espTransforms, t.ID)
	for _, a := range t.Attributes {
		v, number := a.Number()
		found := number
		switch a.Type {
		case isakmp.IPsecLifeType:
			lifeType = v
		case isakmp.IPsecLifeDuration:
			if lifeType == isakmp.LifeSeconds {
				terms.life = seconds(v)
			}
		case isakmp.IPsecGroup:
			terms.group = suite.Group(v)
		case isakmp.IPsecEncapsulation:
			terms.encap = uint16(v)
		case isakmp.IPsecAuth:
			terms.suite.Hash, found = key(espAuths, uint16(v))
		case isakmp.IPsecKeyLength:
			terms.suite.KeyBits = int(v & 0xffff)
		default:
			found = false // extended sequence numbers among them (RFC 4304)
		}
		ok = ok && found && number
	}
	if terms.suite.Cipher == suite.AESGCM16 {
		terms.suite.Hash = 0 // GCM authenticates by itself, whatever is named beside it
	}
	return terms, ok
}

// findPhase2 is the suite of list that is s on the wire, where the 96-bit
// variant of HMAC-SHA2-256 looks like the other one.
func findPhase2(list []suite.Phase2, s suite.Phase2) (suite.Phase2, bool) {
	for _, have := range list {
		plain := have
		plain.Truncate96 = false
		if plain == s {
			return have, true
		}
	}
	return suite.Phase2{}, false
}

// isTransport says whether an encapsulation is one for L2TP, and whether it is in UDP.
func isTransport(encap uint16) (ok, udp bool) {
	switch encap {
	case isakmp.EncapsulationTransport:
		return true, false
	case isakmp.EncapsulationUDPTransport, isakmp.EncapsulationUDPTransportDraft:
		return true, true
	}
	return false, false
}

// choosePhase2 is the first transform of the peer's that list allows, its SPI,
// and the SA payload that accepts it. udp is how ESP travels under this ISAKMP
// SA: a transform that says otherwise is second choice, since some gateways
// name plain transport mode and encapsulate all the same. group is 0 for
// whatever the peer likes.
func choosePhase2(offer isakmp.SA, list []suite.Phase2, group suite.Group, udp bool) (terms phase2Terms, spi uint32, answer isakmp.SA, ok bool) {
	for _, fitting := range []bool{true, false} {
		for _, p := range offer.Proposals {
			if p.Protocol != isakmp.ProtocolESP || len(p.SPI) != 4 || bundled(offer, p) {
				continue
			}
			spi = binary.BigEndian.Uint32(p.SPI)
			for _, t := range p.Transforms {
				terms, ok = readPhase2(t)
				if !ok || spi < firstSPI {
					continue
				}
				transport, inUDP := isTransport(terms.encap)
				terms.suite, ok = findPhase2(list, terms.suite)
				if ok && transport && (inUDP == udp) == fitting && (group == 0 || terms.group == group) {
					p.Transforms = []isakmp.Transform{t}
					offer.Proposals = []isakmp.Proposal{p}
					return terms, spi, offer, true
				}
			}
		}
	}
	return phase2Terms{}, 0, isakmp.SA{}, false
}

// bundled says that p is to be taken together with another protocol.
func bundled(sa isakmp.SA, p isakmp.Proposal) bool {
	n := 0
	for _, other := range sa.Proposals {
		if other.Number == p.Number {
			n++
		}
	}
	return n > 1
}

// acceptedPhase2 reads the SA payload of QM2: one of the transforms offered.
func acceptedPhase2(answer isakmp.SA, offered []suite.Phase2, encap uint16, group suite.Group) (terms phase2Terms, spi uint32, ok bool) {
	if len(answer.Proposals) != 1 || len(answer.Proposals[0].Transforms) != 1 {
		return phase2Terms{}, 0, false
	}
	p := answer.Proposals[0]
	if p.Protocol != isakmp.ProtocolESP || len(p.SPI) != 4 {
		return phase2Terms{}, 0, false
	}
	spi = binary.BigEndian.Uint32(p.SPI)
	if terms, ok = readPhase2(p.Transforms[0]); !ok {
		return phase2Terms{}, 0, false
	}
	s, ok := findPhase2(offered, terms.suite)
	// The number tells the two variants of HMAC-SHA2-256 apart.
	if i := int(p.Transforms[0].Number) - 1; ok && i >= 0 && i < len(offered) {
		if same, found := findPhase2(offered[i:i+1], terms.suite); found {
			s = same
		}
	}
	terms.suite = s
	return terms, spi, ok && spi >= firstSPI && terms.encap == encap && terms.group == group
}
