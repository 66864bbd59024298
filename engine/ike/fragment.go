package ike

import (
	"github.com/culvert-vpn/culvert/engine/isakmp"
)

// Ours.
const (
	// maxUnfragmented is the largest message sent in one piece to a peer that
	// can put fragments together: paths lose longer ones (IP fragments).
	maxUnfragmented = 1200
	fragmentRoom    = maxUnfragmented - isakmp.HeaderLen - 8 // generic and fragment header
	maxAssemblies   = 2
	maxFragments    = 32 // of one message: twice what any chain of certificates needs
	maxAssembled    = 32 * 1024
)

// assembly collects the fragments of one message.
type assembly struct {
	id    uint16
	parts [maxFragments][]byte
	last  int // number of the last one, 0 while unknown
	size  int
}

// split cuts a message into fragments when it is long and the peer knows them.
func (sa *ikeSA) split(msg []byte) [][]byte {
	if !sa.frag || len(msg) <= maxUnfragmented {
		return [][]byte{msg}
	}
	h, err := isakmp.ParseHeader(msg)
	if err != nil {
		return [][]byte{msg}
	}
	h.Flags = 0
	sa.fragID++
	var list [][]byte
	for n := uint8(1); len(msg) > 0; n++ {
		room := min(fragmentRoom, len(msg))
		f := isakmp.Fragment{ID: sa.fragID, Number: n, Last: room == len(msg), Data: msg[:room]}
		msg = msg[room:]
		m := isakmp.Message{Header: h, Payloads: []isakmp.Payload{{Type: isakmp.PayloadFragmentation, Body: f.Append(nil)}}}
		list = append(list, m.Append(nil))
	}
	return list
}

// assemble keeps a fragment, and returns the whole message once the last one
// missing is there. Nothing authenticates fragments, so a later one takes the
// place of an earlier of the same number: repeats then heal what was forged.
func (sa *ikeSA) assemble(body []byte) (msg []byte, reason DropReason) {
	f, err := isakmp.ParseFragment(body)
	if err != nil {
		return nil, DropMalformed
	}
	if int(f.Number) > maxFragments {
		return nil, DropLimit
	}
	a := sa.assembly(f.ID)
	i := int(f.Number) - 1
	if a.size-len(a.parts[i])+len(f.Data) > maxAssembled {
		return nil, DropLimit
	}
	a.size += len(f.Data) - len(a.parts[i])
	a.parts[i] = clone(f.Data)
	if f.Last {
		a.last = int(f.Number)
	}
	for _, p := range a.parts[:a.last] {
		if p == nil {
			return nil, 0
		}
		msg = append(msg, p...)
	}
	if msg != nil {
		sa.dropAssembly(f.ID)
	}
	return msg, 0
}

// assembly is the one with this ID, a new one in place of the oldest if need be.
func (sa *ikeSA) assembly(id uint16) *assembly {
	for i := range sa.parts {
		if sa.parts[i].id == id {
			return &sa.parts[i]
		}
	}
	if len(sa.parts) == maxAssemblies {
		sa.parts = append(sa.parts[:0:0], sa.parts[1:]...)
	}
	sa.parts = append(sa.parts, assembly{id: id})
	return &sa.parts[len(sa.parts)-1]
}

func (sa *ikeSA) dropAssembly(id uint16) {
	for i := range sa.parts {
		if sa.parts[i].id == id {
			sa.parts = append(sa.parts[:i:i], sa.parts[i+1:]...)
			return
		}
	}
}
