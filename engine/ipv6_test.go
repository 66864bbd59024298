package engine

import (
	"fmt"
	"net/netip"
	"testing"
	"time"

	"github.com/culvert-vpn/culvert/engine/gateway"
	"github.com/culvert-vpn/culvert/engine/packet"
	"github.com/culvert-vpn/culvert/engine/slaac"
	"github.com/culvert-vpn/culvert/engine/stack"
)

// six makes a gateway with IPv6 for its clients.
func six(c *gateway.Config) {
	c.Plain = true
	c.Pool6 = netip.MustParsePrefix("2001:db8:99::/56")
	c.Search = []string{"Corp.example."}
}

// ask6 has a client ask for IPv6, and tells what it learns.
func ask6(b *bed) <-chan slaac.Network {
	learned := make(chan slaac.Network, 16)
	b.cfg.Stack.PPP.IPv6 = true
	b.cfg.Learned6 = func(_ time.Time, n slaac.Network) { learned <- n }
	return learned
}

func next6(t *testing.T, learned <-chan slaac.Network) slaac.Network {
	t.Helper()
	select {
	case n := <-learned:
		return n
	case <-time.After(20 * time.Second):
		t.Fatal("nothing was learned")
		return slaac.Network{}
	}
}

// TestIPv6 learns an address from a gateway that has some.
func TestIPv6(t *testing.T) {
	for _, ipsec := range []bool{true, false} {
		t.Run(fmt.Sprint("IPsec ", ipsec), func(t *testing.T) {
			b := newBed(t, six)
			learned := ask6(b)
			b.cfg.Stack.IPsec = ipsec
			b.cfg.Stack.PPP.InterfaceID = [8]byte{0, 1, 2, 3, 4, 5, 6, 7}
			s := connected(t, b)
			want := "{Address:2001:db8:99:1:1:203:405:607 Default:true MTU:1400 DNS:[2001:db8:99::1] Search:[corp.example] Routes:[2001:db8:99:1::/64]}"
			if got := fmt.Sprintf("%+v", next6(t, learned)); got != want {
				t.Errorf("learned %s, want %s", got, want)
			}
			if n := b.device.got.Load(); n != 0 {
				t.Errorf("the device got %d packets", n)
			}
			s.Close()
		})
	}
}

// TestNoIPv6: a gateway without IPv6 costs nothing, and one that is not asked, or
// whose link is too small for it, is as one without.
func TestNoIPv6(t *testing.T) {
	for name, change := range map[string]func(b *bed){
		"of the gateway":   func(*bed) {},
		"not asked for":    func(b *bed) { b.cfg.Stack.PPP.IPv6 = false },
		"too small a link": func(b *bed) { b.cfg.Stack.MRU = 1200 },
	} {
		t.Run(name, func(t *testing.T) {
			with := six
			if name == "of the gateway" {
				with = func(*gateway.Config) {}
			}
			b := newBed(t, with)
			ask6(b)
			change(b)
			b.cfg.Learned6 = func(_ time.Time, n slaac.Network) { t.Errorf("learned %+v", n) }
			s := connected(t, b)
			s.Close()
		})
	}
}

// TestWithdrawn forgets IPv6 when the gateway ends IPV6CP.
func TestWithdrawn(t *testing.T) {
	b := newBed(t, six)
	learned := ask6(b)
	s := connected(t, b)
	if n := next6(t, learned); !n.Default {
		t.Errorf("learned %+v", n)
	}
	l := &loop{Session: s, network: &stack.Network{MTU: 1400}, sixKnown: true, six: slaac.New(slaac.Config{})}
	l.network6(nil)
	if n := next6(t, learned); n.Address.IsValid() || l.six != nil {
		t.Errorf("learned %+v at the end", n)
	}
}

// TestDivert6 takes what is of the link out of a batch, either way, uncounted, and
// nothing else.
func TestDivert6(t *testing.T) {
	s := &Session{control: make(chan message, controlQueue), conn: stack.New(stack.Config{})}
	packets := func() []*packet.Buffer {
		batch := packet.NewBatch(3)
		link := append([]byte{0x60, 0, 0, 0, 0, 0, 58, 255, 0xfe, 0x80}, make([]byte, 40)...)
		far := append([]byte{0x60, 0, 0, 0, 0, 0, 58, 255, 0x20, 1}, make([]byte, 40)...)
		for i, ip := range [][]byte{link, far, {0x45, 0, 0, 20}} {
			batch[i].Set(ip)
		}
		return batch
	}
	s.conn.Counters().RxPackets.Store(3)
	s.conn.Counters().RxBytes.Store(104)
	batch := packets()
	s.divert6(&link{}, batch)
	if batch[0].Len() != 0 || batch[1].Len() == 0 || batch[2].Len() == 0 || len(s.control) != 1 {
		t.Errorf("left %d, %d and %d octets, and told %d things", batch[0].Len(), batch[1].Len(), batch[2].Len(), len(s.control))
	}
	if m := <-s.control; !m.link6 || len(m.data) != 50 {
		t.Errorf("told %+v", m)
	}
	if p, n := s.conn.Counters().RxPackets.Load(), s.conn.Counters().RxBytes.Load(); p != 2 || n != 54 {
		t.Errorf("%d packets and %d octets are counted", p, n)
	}
	batch = packets()
	keepLink6(batch)
	if batch[0].Len() != 0 || batch[1].Len() == 0 || batch[2].Len() == 0 {
		t.Errorf("kept %d, %d and %d octets", batch[0].Len(), batch[1].Len(), batch[2].Len())
	}
	batch[0].Set([]byte{0x45, 0, 0, 20})
	if n := testing.AllocsPerRun(100, func() { s.divert6(&link{}, batch); keepLink6(batch) }); n != 0 {
		t.Errorf("%v allocations for packets that are not of the link", n)
	}
}
