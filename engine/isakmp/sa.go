package isakmp

import (
	"encoding/binary"
	"fmt"

	"github.com/culvert-vpn/culvert/engine/internal/wire"
)

// From the specification.
const (
	// DOIIPsec is the domain of interpretation of IPsec (RFC 2407, 4.1).
	DOIIPsec = 1
	// SituationIdentityOnly is SIT_IDENTITY_ONLY (RFC 2407, 4.2.1).
	SituationIdentityOnly = 1

	attributeBasic = 0x8000 // AF bit: the value is in the length field (RFC 2408, 3.3)
)

// SA is the body of an SA payload (RFC 2408, 3.4).
//
//	SA: DOI, Situation
//	 +- Proposal: number, protocol, SPI
//	     +- Transform: number, algorithm
//	         +- Attribute: type, value
type SA struct {
	DOI, Situation uint32
	Proposals      []Proposal
}

// Proposal is one proposal (RFC 2408, 3.5). Proposals of the same number are
// to be taken together.
type Proposal struct {
	Number     uint8
	Protocol   Protocol
	SPI        []byte
	Transforms []Transform
}

// Transform is one choice of algorithms (RFC 2408, 3.6). ID is a
// TransformKeyIKE in phase 1, an ESP transform in phase 2.
type Transform struct {
	Number     uint8
	ID         TransformID
	Attributes []Attribute
}

// Attribute is a data attribute (RFC 2408, 3.3). What Type and Value mean
// depends on the phase: RFC 2409 appendix A, or RFC 2407 4.5.
type Attribute struct {
	Type  AttributeType
	Basic bool // short form: two octets of value without a length
	Value []byte
}

// BasicAttribute is an attribute in short form.
func BasicAttribute(t AttributeType, v uint16) Attribute {
	return Attribute{t, true, binary.BigEndian.AppendUint16(nil, v)}
}

// NumberAttribute is an attribute in short form, or in the long form with four
// octets when v does not fit.
func NumberAttribute(t AttributeType, v uint32) Attribute {
	if v <= 0xffff {
		return BasicAttribute(t, uint16(v))
	}
	return Attribute{t, false, binary.BigEndian.AppendUint32(nil, v)}
}

// Number is the value as an unsigned number. ok is false for a long value
// that is empty or beyond 64 bits.
func (a Attribute) Number() (v uint64, ok bool) {
	if len(a.Value) == 0 || len(a.Value) > 8 {
		return 0, false
	}
	for _, b := range a.Value {
		v = v<<8 | uint64(b)
	}
	return v, true
}

// ParseSA reads the body of an SA payload. Counts and lengths must agree
// exactly, other domains of interpretation and situations are ErrSyntax.
func ParseSA(body []byte) (SA, error) {
	r := wire.NewReader(body)
	sa := SA{DOI: r.Uint32(), Situation: r.Uint32()}
	switch {
	case r.Err() != nil:
		return SA{}, fmt.Errorf("%w: SA of %d octets", ErrShort, len(body))
	case sa.DOI != DOIIPsec || sa.Situation != SituationIdentityOnly:
		return SA{}, fmt.Errorf("%w: DOI %d with situation %d", ErrSyntax, sa.DOI, sa.Situation)
	}
	transforms := 0
	for more := true; more; {
		if len(sa.Proposals) == maxProposals {
			return SA{}, fmt.Errorf("%w: over %d proposals", ErrLimit, maxProposals)
		}
		next, body, err := parseSubstructure(r, PayloadProposal)
		if err != nil {
			return SA{}, err
		}
		p, err := parseProposal(body)
		if err != nil {
			return SA{}, err
		}
		if transforms += len(p.Transforms); transforms > maxTransforms {
			return SA{}, fmt.Errorf("%w: over %d transforms", ErrLimit, maxTransforms)
		}
		sa.Proposals = append(sa.Proposals, p)
		more = next
	}
	if r.Len() != 0 {
		return SA{}, fmt.Errorf("%w: %d octets after the last proposal", ErrLength, r.Len())
	}
	return sa, nil
}

// parseSubstructure reads the generic header of a proposal or transform, and
// its body. more says that another one follows.
func parseSubstructure(r *wire.Reader, kind PayloadType) (more bool, body []byte, err error) {
	next := PayloadType(r.Uint8())
	r.Uint8() // RESERVED
	length := int(r.Uint16())
	if r.Err() == nil && length < genericLen {
		return false, nil, fmt.Errorf("%w: %v of %d octets", ErrLength, kind, length)
	}
	body = r.Bytes(length - genericLen)
	switch {
	case r.Err() != nil:
		return false, nil, fmt.Errorf("%w: in %v", ErrShort, kind)
	case next != PayloadNone && next != kind:
		return false, nil, fmt.Errorf("%w: %v after %v", ErrSyntax, next, kind)
	}
	return next == kind, body, nil
}

func parseProposal(b []byte) (Proposal, error) {
	r := wire.NewReader(b)
	p := Proposal{Number: r.Uint8(), Protocol: Protocol(r.Uint8())}
	size, count := int(r.Uint8()), int(r.Uint8())
	p.SPI = r.Bytes(size)
	if r.Err() != nil {
		return Proposal{}, fmt.Errorf("%w: in proposal", ErrShort)
	}
	for more := true; more; {
		if len(p.Transforms) == count {
			return Proposal{}, fmt.Errorf("%w: not the %d transforms announced", ErrLength, count)
		}
		next, body, err := parseSubstructure(r, PayloadTransform)
		if err != nil {
			return Proposal{}, err
		}
		t, err := parseTransform(body)
		if err != nil {
			return Proposal{}, err
		}
		p.Transforms = append(p.Transforms, t)
		more = next
	}
	if r.Len() != 0 || len(p.Transforms) != count {
		return Proposal{}, fmt.Errorf("%w: %d transforms of %d, %d octets left", ErrLength, len(p.Transforms), count, r.Len())
	}
	return p, nil
}

func parseTransform(b []byte) (Transform, error) {
	r := wire.NewReader(b)
	t := Transform{Number: r.Uint8(), ID: TransformID(r.Uint8())}
	r.Uint16() // RESERVED2
	if r.Err() != nil {
		return Transform{}, fmt.Errorf("%w: in transform", ErrShort)
	}
	var err error
	t.Attributes, err = ParseAttributes(r.Rest())
	return t, err
}

// ParseAttributes reads a list of attributes that fills b, as transforms and
// the data of a RESPONDER-LIFETIME notification are (RFC 2407, 4.6.3.1).
func ParseAttributes(b []byte) ([]Attribute, error) {
	var list []Attribute
	for r := wire.NewReader(b); r.Len() > 0; {
		if len(list) == maxAttributes {
			return nil, fmt.Errorf("%w: over %d attributes", ErrLimit, maxAttributes)
		}
		kind := r.Uint16()
		a := Attribute{Type: AttributeType(kind &^ attributeBasic), Basic: kind&attributeBasic != 0}
		if a.Basic {
			a.Value = r.Bytes(2)
		} else {
			a.Value = r.Bytes(int(r.Uint16()))
		}
		if r.Err() != nil {
			return nil, fmt.Errorf("%w: in attribute %d", ErrShort, a.Type)
		}
		list = append(list, a)
	}
	return list, nil
}

// AppendAttributes writes a list of attributes.
func AppendAttributes(dst []byte, list []Attribute) []byte {
	for _, a := range list {
		if a.Basic {
			dst = binary.BigEndian.AppendUint16(dst, uint16(a.Type)|attributeBasic)
		} else {
			dst = binary.BigEndian.AppendUint16(dst, uint16(a.Type))
			dst = binary.BigEndian.AppendUint16(dst, uint16(len(a.Value)))
		}
		dst = append(dst, a.Value...)
	}
	return dst
}

// Append writes the body.
func (sa SA) Append(dst []byte) []byte {
	dst = binary.BigEndian.AppendUint32(dst, sa.DOI)
	dst = binary.BigEndian.AppendUint32(dst, sa.Situation)
	for i, p := range sa.Proposals {
		start := len(dst)
		dst = append(dst, nextOf(PayloadProposal, i, len(sa.Proposals)), 0, 0, 0)
		dst = append(dst, p.Number, byte(p.Protocol), byte(len(p.SPI)), byte(len(p.Transforms)))
		dst = append(dst, p.SPI...)
		for j, t := range p.Transforms {
			dst = t.append(dst, nextOf(PayloadTransform, j, len(p.Transforms)))
		}
		wire.PutLen16(dst, start+2, start)
	}
	return dst
}

func (t Transform) append(dst []byte, next byte) []byte {
	start := len(dst)
	dst = append(dst, next, 0, 0, 0, t.Number, byte(t.ID), 0, 0)
	dst = AppendAttributes(dst, t.Attributes)
	wire.PutLen16(dst, start+2, start)
	return dst
}

// nextOf is the Next Payload field of the i-th of n substructures.
func nextOf(kind PayloadType, i, n int) byte {
	if i == n-1 {
		return byte(PayloadNone)
	}
	return byte(kind)
}
