package isakmp

import (
	"encoding/binary"
	"fmt"
	"net/netip"

	"github.com/culvert-vpn/culvert/engine/internal/wire"
)

// Payload is one payload of the chain with its body as it is on the wire. The
// hashes of IKE cover bodies as sent, so they are kept apart from what they
// mean: ParseSA, ParseIdentification and so on read them. Payloads of types
// unknown to this package are in the chain like all others, to be passed over.
type Payload struct {
	Type PayloadType
	Body []byte // without the generic header
}

// ParsePayloads reads a chain whose first payload is of type first (RFC 2408,
// 3.2), and the number of octets it takes up: what follows in b is the padding
// of an encrypted message.
func ParsePayloads(first PayloadType, b []byte) (payloads []Payload, n int, err error) {
	r := wire.NewReader(b)
	for t := first; t != PayloadNone; {
		if len(payloads) == maxPayloads {
			return nil, 0, fmt.Errorf("%w: over %d payloads", ErrLimit, maxPayloads)
		}
		next := PayloadType(r.Uint8())
		r.Uint8() // RESERVED: must be zero, but nothing depends on it
		length := int(r.Uint16())
		if r.Err() == nil && length < genericLen {
			return nil, 0, fmt.Errorf("%w: payload %v of %d octets", ErrLength, t, length)
		}
		body := r.Bytes(length - genericLen)
		if r.Err() != nil {
			return nil, 0, fmt.Errorf("%w: in payload %v", ErrShort, t)
		}
		payloads = append(payloads, Payload{t, body})
		t = next
	}
	return payloads, len(b) - r.Len(), nil
}

// AppendPayloads writes the chain with its generic headers.
func AppendPayloads(dst []byte, payloads []Payload) []byte {
	for i, p := range payloads {
		dst = append(dst, byte(FirstType(payloads[i+1:])), 0)
		dst = binary.BigEndian.AppendUint16(dst, uint16(genericLen+len(p.Body)))
		dst = append(dst, p.Body...)
	}
	return dst
}

// FirstType is the type of the first payload, PayloadNone for no payloads:
// what belongs into the Next Payload field before them.
func FirstType(payloads []Payload) PayloadType {
	if len(payloads) == 0 {
		return PayloadNone
	}
	return payloads[0].Type
}

// Identification is the body of an ID payload (RFC 2407, 4.6.2).
type Identification struct {
	Type     IDType
	Protocol uint8  // IP protocol, 0 for any
	Port     uint16 // 0 for any
	Data     []byte
}

// ParseIdentification reads the body of an ID payload.
func ParseIdentification(body []byte) (Identification, error) {
	r := wire.NewReader(body)
	id := Identification{Type: IDType(r.Uint8()), Protocol: r.Uint8(), Port: r.Uint16()}
	id.Data = r.Rest()
	if r.Err() != nil {
		return Identification{}, fmt.Errorf("%w: identification of %d octets", ErrShort, len(body))
	}
	want := -1
	switch id.Type {
	case IDIPv4Addr:
		want = 4
	case IDIPv6Addr:
		want = 16
	case IDIPv4AddrSubnet, IDIPv4AddrRange:
		want = 8
	case IDIPv6AddrSubnet, IDIPv6AddrRange:
		want = 32
	}
	if want >= 0 && len(id.Data) != want {
		return Identification{}, fmt.Errorf("%w: %v of %d octets", ErrLength, id.Type, len(id.Data))
	}
	return id, nil
}

// Append writes the body.
func (id Identification) Append(dst []byte) []byte {
	dst = append(dst, byte(id.Type), id.Protocol)
	dst = binary.BigEndian.AppendUint16(dst, id.Port)
	return append(dst, id.Data...)
}

// AddrIdentification names an address; protocol and port 0 are any.
func AddrIdentification(a netip.Addr, protocol uint8, port uint16) Identification {
	a = a.Unmap()
	t := IDIPv6Addr
	if !a.IsValid() {
		a = netip.IPv4Unspecified()
	}
	if a.Is4() {
		t = IDIPv4Addr
	}
	return Identification{Type: t, Protocol: protocol, Port: port, Data: a.AsSlice()}
}

// Addr is the address of an ID_IPV4_ADDR or ID_IPV6_ADDR, the zero Addr otherwise.
func (id Identification) Addr() netip.Addr {
	if id.Type != IDIPv4Addr && id.Type != IDIPv6Addr {
		return netip.Addr{}
	}
	a, _ := netip.AddrFromSlice(id.Data)
	return a
}

// String is the type with an address or a quoted text.
func (id Identification) String() string {
	if a := id.Addr(); a.IsValid() {
		return fmt.Sprintf("%v %v", id.Type, a)
	}
	switch id.Type {
	case IDFQDN, IDUserFQDN:
		return fmt.Sprintf("%v %q", id.Type, id.Data)
	}
	return fmt.Sprintf("%v %x", id.Type, id.Data)
}

// Notification is the body of an N payload (RFC 2408, 3.14).
type Notification struct {
	DOI      uint32
	Protocol Protocol
	Type     NotifyType
	SPI      []byte
	Data     []byte
}

// ParseNotification reads the body of an N payload.
func ParseNotification(body []byte) (Notification, error) {
	r := wire.NewReader(body)
	n := Notification{DOI: r.Uint32(), Protocol: Protocol(r.Uint8())}
	size := int(r.Uint8())
	n.Type = NotifyType(r.Uint16())
	n.SPI = r.Bytes(size)
	n.Data = r.Rest()
	if r.Err() != nil {
		return Notification{}, fmt.Errorf("%w: notification of %d octets", ErrShort, len(body))
	}
	return n, nil
}

// Append writes the body. The SPI is at most 255 octets.
func (n Notification) Append(dst []byte) []byte {
	dst = binary.BigEndian.AppendUint32(dst, n.DOI)
	dst = append(dst, byte(n.Protocol), byte(len(n.SPI)))
	dst = binary.BigEndian.AppendUint16(dst, uint16(n.Type))
	dst = append(dst, n.SPI...)
	return append(dst, n.Data...)
}

// Delete is the body of a D payload (RFC 2408, 3.15). All SPIs have the same length.
type Delete struct {
	DOI      uint32
	Protocol Protocol
	SPIs     [][]byte
}

// ParseDelete reads the body of a D payload, which its SPIs must fill.
func ParseDelete(body []byte) (Delete, error) {
	r := wire.NewReader(body)
	d := Delete{DOI: r.Uint32(), Protocol: Protocol(r.Uint8())}
	size, count := int(r.Uint8()), int(r.Uint16())
	switch {
	case r.Err() != nil:
		return Delete{}, fmt.Errorf("%w: delete of %d octets", ErrShort, len(body))
	case count > maxSPIs:
		return Delete{}, fmt.Errorf("%w: delete of %d SPIs", ErrLimit, count)
	case size == 0 || count == 0 || size*count != r.Len():
		return Delete{}, fmt.Errorf("%w: delete of %d SPIs of %d octets in %d", ErrLength, count, size, r.Len())
	}
	for range count {
		d.SPIs = append(d.SPIs, r.Bytes(size))
	}
	return d, nil
}

// Append writes the body.
func (d Delete) Append(dst []byte) []byte {
	size := 0
	if len(d.SPIs) > 0 {
		size = len(d.SPIs[0])
	}
	dst = binary.BigEndian.AppendUint32(dst, d.DOI)
	dst = append(dst, byte(d.Protocol), byte(size))
	dst = binary.BigEndian.AppendUint16(dst, uint16(len(d.SPIs)))
	for _, spi := range d.SPIs {
		dst = append(dst, spi...)
	}
	return dst
}

// ParseNATOA reads the body of a NAT-OA payload (RFC 3947, 5.2).
func ParseNATOA(body []byte) (netip.Addr, error) {
	id, err := ParseIdentification(body)
	if err != nil {
		return netip.Addr{}, err
	}
	a := id.Addr()
	if !a.IsValid() {
		return netip.Addr{}, fmt.Errorf("%w: original address of type %v", ErrSyntax, id.Type)
	}
	return a, nil
}

// AppendNATOA writes the body of a NAT-OA payload (RFC 3947, 5.2).
func AppendNATOA(dst []byte, a netip.Addr) []byte {
	return AddrIdentification(a, 0, 0).Append(dst)
}

// Fragment is the body of an IKE fragment payload, as Cisco, Microsoft,
// strongSwan and Libreswan send it: the pieces in their order are one whole
// message with its own header ([MS-IKEE] 2.2.3).
type Fragment struct {
	ID     uint16
	Number uint8 // from 1
	Last   bool
	Data   []byte
}

// ParseFragment reads the body of an IKE fragment payload.
func ParseFragment(body []byte) (Fragment, error) {
	r := wire.NewReader(body)
	f := Fragment{ID: r.Uint16(), Number: r.Uint8(), Last: r.Uint8()&1 != 0}
	f.Data = r.Rest()
	switch {
	case r.Err() != nil:
		return Fragment{}, fmt.Errorf("%w: fragment of %d octets", ErrShort, len(body))
	case f.Number == 0 || len(f.Data) == 0:
		return Fragment{}, fmt.Errorf("%w: fragment %d with %d octets", ErrSyntax, f.Number, len(f.Data))
	}
	return f, nil
}

// Append writes the body.
func (f Fragment) Append(dst []byte) []byte {
	dst = binary.BigEndian.AppendUint16(dst, f.ID)
	var last byte
	if f.Last {
		last = 1
	}
	dst = append(dst, f.Number, last)
	return append(dst, f.Data...)
}
