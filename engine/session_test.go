package engine

import (
	"encoding/binary"
	"testing"

	"github.com/culvert-vpn/culvert/engine/dataplane"
	"github.com/culvert-vpn/culvert/engine/esp"
	"github.com/culvert-vpn/culvert/engine/packet"
	"github.com/culvert-vpn/culvert/engine/suite"
)

// TestPathFor waits for the keys of an SA that the gateway already uses, and
// does not wait twice for those that do not come.
func TestPathFor(t *testing.T) {
	s := &Session{published: make(chan struct{}, 1)}
	kind := suite.MustPhase2("aes128-sha1")[0]
	in, err := esp.NewInbound(kind, 0x3003, make([]byte, esp.KeymatLen(kind)))
	if err != nil {
		t.Fatal(err)
	}
	before := &dataplane.Path{Encapsulation: dataplane.UDP, Expecting: []uint32{0x3003}}
	after := &dataplane.Path{Encapsulation: dataplane.UDP, In: []*esp.Inbound{in}}
	batch := packet.NewBatch(1)
	batch[0].Set(binary.BigEndian.AppendUint32(nil, 0x3003))

	var tired uint32
	s.publish(before)
	got := make(chan *dataplane.Path)
	go func() { got <- s.pathFor(batch, &tired) }()
	s.publish(after)
	if p := <-got; p != after || tired != 0 {
		t.Errorf("pathFor = %+v, tired of %#x, want the Path with the SA", p, tired)
	}

	s.publish(before)
	for range 2 { // the second one at once
		if p := s.pathFor(batch, &tired); p != before || tired != 0x3003 {
			t.Errorf("pathFor = %+v, tired of %#x, want the Path there is and 0x3003", p, tired)
		}
	}
}
