package ppp

import (
	"encoding/binary"
	"errors"
	"net/netip"
)

// option is a configuration option (RFC 1661, 6).
type option struct {
	kind uint8
	data []byte // a view
}

var errOption = errors.New("ppp: length of an option does not fit its packet")

// parseOptions reads the options of a Configure packet, as views into b.
func parseOptions(b []byte) ([]option, error) {
	var opts []option
	for len(b) > 0 {
		if len(b) < 2 || b[1] < 2 || int(b[1]) > len(b) {
			return nil, errOption
		}
		n := int(b[1])
		opts = append(opts, option{b[0], b[2:n:n]})
		b = b[n:]
	}
	return opts, nil
}

func appendOption(dst []byte, kind uint8, data ...byte) []byte {
	return append(append(dst, kind, uint8(2+len(data))), data...)
}

func (o option) append(dst []byte) []byte { return appendOption(dst, o.kind, o.data...) }

func appendOption16(dst []byte, kind uint8, v uint16) []byte {
	return appendOption(dst, kind, byte(v>>8), byte(v))
}

func appendOption32(dst []byte, kind uint8, v uint32) []byte {
	return binary.BigEndian.AppendUint32(append(dst, kind, 6), v)
}

func appendOptionAddr(dst []byte, kind uint8, a netip.Addr) []byte {
	var b [4]byte
	if a.Is4() {
		b = a.As4()
	}
	return appendOption(dst, kind, b[:]...)
}

// addr is the IPv4 address an option holds.
func (o option) addr() (netip.Addr, bool) {
	if len(o.data) != 4 {
		return netip.Addr{}, false
	}
	return netip.AddrFrom4([4]byte(o.data)), true
}

// verdict is what is said about the peer's options: nothing is an Ack.
type verdict struct {
	nak    []byte // options with the values we would take
	reject []byte // options as the peer sent them
	fatal  bool   // the layer has ended the link: nothing is to be answered
}

func (v *verdict) rejects(o option) { v.reject = o.append(v.reject) }

func (v *verdict) good() bool { return len(v.nak) == 0 && len(v.reject) == 0 }

// harden turns Naks that lead nowhere into Rejects (RFC 1661, 4.6:
// Max-Failure): the options of the request that were to be Nak'd.
func (v *verdict) harden(request []option) {
	naks, err := parseOptions(v.nak)
	if err != nil {
		return
	}
	for _, o := range request {
		for _, n := range naks {
			if o.kind == n.kind {
				v.rejects(o)
				break
			}
		}
	}
	v.nak = nil
}
