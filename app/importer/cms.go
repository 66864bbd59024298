package importer

import (
	"bytes"
	"errors"
)

// A signed configuration profile is a CMS SignedData (RFC 5652, 5) around the
// property list, in DER or, from Apple's own tools, in BER with indefinite
// lengths. Only the way to the content is walked: the signature says who made
// the file, and whom to trust in that the caller cannot tell.

// From the specification: object identifiers (RFC 5652, 4 to 6), encoded.
var (
	oidSigned    = []byte{0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x07, 0x02}
	oidEnveloped = []byte{0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x07, 0x03}
)

// From the specification (X.690, 8.1.2): tags.
const (
	tagOctets   = 0x04
	tagOID      = 0x06
	tagSequence = 0x30
	tagFirst    = 0xa0 // [0], constructed
	constructed = 0x20
)

// Ours.
const maxDepthBER = 16

var errBER = errors.New("its signature's wrapping is damaged")

// isDER says that data may be a SEQUENCE around an object identifier.
func isDER(data []byte) bool {
	in, _, err := element(data, tagSequence)
	return err == nil && len(in) > 2 && in[0] == tagOID
}

// element reads the first element of b, which has that tag: its contents, without
// the end of an indefinite length, and what follows it.
func element(b []byte, tag byte) (contents, rest []byte, err error) {
	if len(b) < 2 || b[0] != tag {
		return nil, nil, errBER
	}
	head, n, indefinite, err := header(b)
	if err != nil {
		return nil, nil, err
	}
	if !indefinite {
		return b[head : head+n], b[head+n:], nil
	}
	n, err = indefiniteLength(b[head:], 0)
	if err != nil {
		return nil, nil, err
	}
	return b[head : head+n], b[head+n+2:], nil
}

// header reads tag and length of b's first element: how long they are, and how
// long the contents, which are there.
func header(b []byte) (head, n int, indefinite bool, err error) {
	if len(b) < 2 || b[0]&0x1f == 0x1f { // no tag above 30 is in CMS
		return 0, 0, false, errBER
	}
	first := b[1]
	switch {
	case first == 0x80:
		if b[0]&constructed == 0 {
			return 0, 0, false, errBER
		}
		return 2, 0, true, nil
	case first < 0x80:
		head, n = 2, int(first)
	default:
		size := int(first & 0x7f)
		if size > 4 || len(b) < 2+size {
			return 0, 0, false, errBER
		}
		for _, c := range b[2 : 2+size] {
			n = n<<8 | int(c)
		}
		head = 2 + size
	}
	if n > len(b)-head {
		return 0, 0, false, errBER
	}
	return head, n, false, nil
}

// indefiniteLength is how far it is to the two zero octets that end b's elements.
func indefiniteLength(b []byte, depth int) (int, error) {
	if depth > maxDepthBER {
		return 0, errBER
	}
	at := 0
	for {
		if bytes.HasPrefix(b[at:], []byte{0, 0}) {
			return at, nil
		}
		head, n, indefinite, err := header(b[at:])
		if err != nil {
			return 0, err
		}
		at += head
		if indefinite {
			n, err = indefiniteLength(b[at:], depth+1)
			if err != nil {
				return 0, err
			}
			n += 2
		}
		at += n
	}
}

// unwrap is the content of a SignedData.
func unwrap(data []byte) ([]byte, error) {
	info, _, err := element(data, tagSequence)
	if err != nil {
		return nil, err
	}
	kind, rest, err := element(info, tagOID)
	switch {
	case err != nil:
		return nil, err
	case bytes.Equal(kind, oidEnveloped):
		return nil, ErrEncrypted
	case !bytes.Equal(kind, oidSigned):
		return nil, errors.New("it is neither signed nor a property list")
	}
	explicit, _, err := element(rest, tagFirst)
	if err != nil {
		return nil, err
	}
	signed, _, err := element(explicit, tagSequence)
	if err != nil {
		return nil, err
	}
	for range 2 { // version, digestAlgorithms
		if signed, err = skip(signed); err != nil {
			return nil, err
		}
	}
	inner, _, err := element(signed, tagSequence)
	if err != nil {
		return nil, err
	}
	if _, inner, err = element(inner, tagOID); err != nil {
		return nil, err
	}
	content, _, err := element(inner, tagFirst)
	if err != nil {
		return nil, errors.New("the signature is there without what it signs")
	}
	return octets(content, nil, 0)
}

// skip is what follows the first element.
func skip(b []byte) ([]byte, error) {
	if len(b) == 0 {
		return nil, errBER
	}
	_, rest, err := element(b, b[0])
	return rest, err
}

// octets appends an OCTET STRING, or the parts of a constructed one, to dst.
func octets(b, dst []byte, depth int) ([]byte, error) {
	if depth > maxDepthBER {
		return nil, errBER
	}
	for len(b) > 0 {
		tag := b[0]
		if tag&^constructed != tagOctets {
			return nil, errBER
		}
		in, rest, err := element(b, tag)
		if err != nil {
			return nil, err
		}
		if tag&constructed == 0 {
			dst = append(dst, in...)
		} else if dst, err = octets(in, dst, depth+1); err != nil {
			return nil, err
		}
		b = rest
	}
	return dst, nil
}
