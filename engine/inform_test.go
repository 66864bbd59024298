package engine

import (
	"fmt"
	"net/netip"
	"testing"
	"time"

	"github.com/culvert-vpn/culvert/engine/dhcp"
	"github.com/culvert-vpn/culvert/engine/gateway"
	"github.com/culvert-vpn/culvert/engine/packet"
)

// TestLearned has a gateway asked that pushes routes. The system behind the
// device sees nothing of it.
func TestLearned(t *testing.T) {
	for _, ipsec := range []bool{true, false} {
		t.Run(fmt.Sprint("IPsec ", ipsec), func(t *testing.T) {
			b := newBed(t, func(c *gateway.Config) {
				c.Plain = true
				c.Routes = []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8"), netip.MustParsePrefix("192.168.20.0/24")}
				c.Search = []string{"corp.example"}
			})
			learned := make(chan dhcp.Options, 2)
			b.cfg.Learned = func(_ time.Time, o dhcp.Options) { learned <- o }
			b.cfg.Stack.IPsec = ipsec
			s := connected(t, b)
			select {
			case o := <-learned:
				if got, want := fmt.Sprintf("%+v", o), "{Server:10.99.0.1 Routes:[10.0.0.0/8 192.168.20.0/24] DNS:[10.99.0.1] Search:[corp.example] Refused:0}"; got != want {
					t.Errorf("learned %s, want %s", got, want)
				}
			case <-time.After(10 * time.Second):
				t.Fatal("nothing was learned")
			}
			if n := b.device.got.Load(); n != 0 {
				t.Errorf("the device got %d packets", n)
			}
			s.Close()
			if s.question.Load() != 0 || len(learned) > 0 {
				t.Errorf("after the end: question %#x, learned once more: %t", s.question.Load(), len(learned) > 0)
			}
		})
	}
}

// TestUnanswered asks a gateway that says nothing: once more after a while, and
// the connection works meanwhile and ends as ever.
func TestUnanswered(t *testing.T) {
	b := newBed(t)
	b.cfg.Learned = func(_ time.Time, o dhcp.Options) { t.Errorf("learned %+v", o) }
	s := connected(t, b)
	await(t, "the second question", func() bool { return s.Counters().TxPackets.Load() >= 2 })
	if s.question.Load() == 0 {
		t.Error("the question is not open any more")
	}
	s.Close()
	if err := s.Wait(); err != nil {
		t.Errorf("Wait = %v", err)
	}
}

// Who does not want to know does not ask.
func TestNotAsked(t *testing.T) {
	b := newBed(t, func(c *gateway.Config) { c.Search = []string{"corp.example"} })
	s := connected(t, b)
	s.Close()
	if n := s.Counters().TxPackets.Load(); n != 0 || s.question.Load() != 0 {
		t.Errorf("%d packets went out, question %#x", n, s.question.Load())
	}
}

// TestDivert takes the answers to the question out of a batch, and nothing else.
func TestDivert(t *testing.T) {
	s := &Session{control: make(chan message, controlQueue)}
	answer := func(xid byte) []byte {
		ip := make([]byte, 20+8+236)
		ip[0], ip[2], ip[3], ip[9] = 0x45, 264>>8, 264&0xff, 17
		ip[21], ip[23], ip[24], ip[25], ip[28], ip[35] = 67, 68, 244>>8, 244&0xff, 2, xid
		return ip
	}
	batch := packet.NewBatch(4)
	batch[0].Set(answer(7))
	batch[1].Set(answer(8))
	batch[2].Set([]byte{0x45, 0, 0, 20})
	s.divert(&link{}, batch, 7)
	if batch[0].Len() != 0 || batch[1].Len() == 0 || batch[2].Len() == 0 || len(s.control) != 1 {
		t.Errorf("left %d, %d and %d octets, and told %d things", batch[0].Len(), batch[1].Len(), batch[2].Len(), len(s.control))
	}
	if m := <-s.control; !m.dhcp || string(m.data) != string(answer(7)) {
		t.Errorf("told %+v", m)
	}
	if n := testing.AllocsPerRun(100, func() { s.divert(&link{}, batch, 7) }); n != 0 {
		t.Errorf("%v allocations for packets that are no answers", n)
	}
}
