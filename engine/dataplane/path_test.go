package dataplane

import (
	"bytes"
	"crypto/rand"
	"encoding/binary"
	"net/netip"
	"testing"
	"time"

	"github.com/culvert-vpn/culvert/engine/esp"
	"github.com/culvert-vpn/culvert/engine/packet"
	"github.com/culvert-vpn/culvert/engine/suite"
)

// pair makes the two ends of a path; change alters both before use.
func pair(t testing.TB, encapsulation Encapsulation, change func(p *Path)) (client, gateway *Path) {
	t.Helper()
	client = &Path{Encapsulation: encapsulation, Network: true, Network6: true, MTU: 1400, Counters: new(Counters),
		Local: netip.MustParseAddrPort("192.0.2.1:50000"), Remote: netip.MustParseAddrPort("192.0.2.2:1701"),
		LocalTunnel: 1, LocalSession: 2, PeerTunnel: 3, PeerSession: 4}
	gateway = &Path{Encapsulation: encapsulation, Network: true, Network6: true, MTU: 1400, Counters: new(Counters),
		Local: client.Remote, Remote: client.Local, LocalTunnel: 3, LocalSession: 4, PeerTunnel: 1, PeerSession: 2}
	if encapsulation != Plain {
		s := suite.MustPhase2("aes128-sha1")[0]
		client.Out, gateway.In = sa(t, s, 0x1001)
		gateway.Out, client.In = sa(t, s, 0x2002)
	}
	if change != nil {
		change(client)
		change(gateway)
	}
	return client, gateway
}

func sa(t testing.TB, s suite.Phase2, spi uint32) (*esp.Outbound, []*esp.Inbound) {
	t.Helper()
	key := make([]byte, esp.KeymatLen(s))
	if _, err := rand.Read(key); err != nil {
		t.Fatal(err)
	}
	out, err := esp.NewOutbound(s, spi, key, rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	in, err := esp.NewInbound(s, spi, key)
	if err != nil {
		t.Fatal(err)
	}
	return out, []*esp.Inbound{in}
}

func ipPacket(n int) []byte {
	p := make([]byte, n)
	p[0] = 0x45
	for i := 20; i < n; i++ {
		p[i] = byte(i)
	}
	return p
}

func noControl(t testing.TB) func([]byte, uint16) {
	return func(msg []byte, _ uint16) { t.Errorf("%x went to control", msg) }
}

func TestSealOpen(t *testing.T) {
	now := time.Unix(1, 0)
	for _, tt := range []struct {
		name          string
		encapsulation Encapsulation
		change        func(*Path)
	}{
		{"UDP", UDP, nil},
		{"ESP", ESP, nil},
		{"plain", Plain, nil},
		{"compressed PPP header", UDP, func(p *Path) { p.ACFC, p.PFC = true, true }},
		{"sequenced", UDP, func(p *Path) { p.Sequencing = true }},
		{"IPv6 outside", UDP, func(p *Path) {
			p.Local = netip.AddrPortFrom(netip.MustParseAddr("2001:db8::1"), p.Local.Port())
			p.Remote = netip.AddrPortFrom(netip.MustParseAddr("2001:db8::1"), p.Remote.Port())
		}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			client, gateway := pair(t, tt.encapsulation, tt.change)
			want := [][]byte{ipPacket(20), ipPacket(1400), append([]byte{0x60}, ipPacket(99)...), ipPacket(577)}
			batch := packet.NewBatch(len(want))
			for i := range batch {
				batch[i].Set(want[i])
			}
			if err := client.Seal(now, batch); err != nil {
				t.Fatal(err)
			}
			gateway.Open(now, batch, noControl(t))
			for i := range batch {
				if got := batch[i].Bytes(); !bytes.Equal(got, want[i]) {
					t.Errorf("packet %d came out as %d octets %x, want %d octets", i, len(got), got, len(want[i]))
				}
			}
			if got := gateway.Counters.RxBytes.Load(); got != client.Counters.TxBytes.Load() || got != 20+1400+100+577 {
				t.Errorf("%d octets counted in, %d out, want %d", got, client.Counters.TxBytes.Load(), 20+1400+100+577)
			}
		})
	}
}

func TestPeerSequences(t *testing.T) {
	client, gateway := pair(t, Plain, nil)
	gateway.Sequencing = true
	b := packet.NewBatch(1)
	b[0].Set(ipPacket(40))
	if err := gateway.Seal(time.Time{}, b); err != nil {
		t.Fatal(err)
	}
	client.Open(time.Time{}, b, noControl(t))
	b[0].Set(ipPacket(40))
	if err := client.Seal(time.Time{}, b); err != nil {
		t.Fatal(err)
	}
	if flags := binary.BigEndian.Uint16(b[0].Bytes()); flags&l2tpDataS == 0 {
		t.Errorf("the peer numbers its data, flags of ours = %04x, want the S bit", flags)
	}
}

func TestControl(t *testing.T) {
	client, gateway := pair(t, UDP, nil)
	lcp := []byte{0xff, 0x03, 0xc0, 0x21, 9, 1, 0, 8, 0, 0, 0, 0}
	sccrq := []byte{0xc8, 0x02, 0, 12, 0, 0, 0, 0, 0, 0, 0, 0}
	for _, tt := range []struct {
		name  string
		data  []byte
		frame bool
		want  []byte
	}{
		{"control message", sccrq, false, sccrq},
		{"PPP frame", lcp, true, append([]byte{0x40, 0x02, 0, 20, 0, 3, 0, 4}, lcp...)},
	} {
		b := packet.NewBatch(1)
		b[0].Set(tt.data)
		if err := client.SealControl(time.Time{}, b, tt.frame); err != nil {
			t.Fatal(err)
		}
		var got []byte
		var from uint16
		gateway.Open(time.Time{}, b, func(msg []byte, port uint16) { got, from = bytes.Clone(msg), port })
		if !bytes.Equal(got, tt.want) || from != 50000 {
			t.Errorf("%s: control got %x from %d, want %x from 50000", tt.name, got, from, tt.want)
		}
		if b[0].Len() != 0 {
			t.Errorf("%s: also went to the device", tt.name)
		}
	}
}

func TestDrops(t *testing.T) {
	for _, tt := range []struct {
		name    string
		change  func(client, gateway *Path)
		spoil   func(b []byte)
		counter func(c *Counters) uint64
	}{
		{"another session", func(c, g *Path) { c.PeerSession = 9 }, nil, func(c *Counters) uint64 { return c.DropNoSession.Load() }},
		{"another tunnel", func(c, g *Path) { c.PeerTunnel = 9 }, nil, func(c *Counters) uint64 { return c.DropNoSession.Load() }},
		{"before the network is up", func(c, g *Path) { g.Network = false }, nil, func(c *Counters) uint64 { return c.DropNoSession.Load() }},
		{"another inner port", func(c, g *Path) { c.Remote = netip.AddrPortFrom(c.Remote.Addr(), 7) }, nil, func(c *Counters) uint64 { return c.DropMalformed.Load() }},
		{"unknown SPI", nil, func(b []byte) { b[0] ^= 1 }, func(c *Counters) uint64 { return c.DropUnknownSPI.Load() }},
	} {
		client, gateway := pair(t, UDP, nil)
		if tt.change != nil {
			tt.change(client, gateway)
		}
		b := packet.NewBatch(1)
		b[0].Set(ipPacket(60))
		if err := client.Seal(time.Time{}, b); err != nil {
			t.Fatal(err)
		}
		if tt.spoil != nil {
			tt.spoil(b[0].Bytes())
		}
		gateway.Open(time.Time{}, b, noControl(t))
		if got := tt.counter(gateway.Counters); got != 1 || b[0].Len() != 0 {
			t.Errorf("%s: counted %d drops and left %d octets, want 1 and 0", tt.name, got, b[0].Len())
		}
	}
}

func TestSealRefusesWhatDoesNotFit(t *testing.T) {
	client, _ := pair(t, UDP, nil)
	b := packet.NewBatch(2)
	b[0].Set(ipPacket(1401))
	if err := client.Seal(time.Time{}, b); err != nil {
		t.Fatal(err)
	}
	if b[0].Len() != 0 || b[1].Len() != 0 {
		t.Errorf("an oversized and an empty packet left %d and %d octets, want 0 and 0", b[0].Len(), b[1].Len())
	}
}

func TestNoAllocation(t *testing.T) {
	client, gateway := pair(t, UDP, nil)
	batch := packet.NewBatch(32)
	ip := ipPacket(1400)
	control := noControl(t)
	if n := testing.AllocsPerRun(100, func() {
		for _, b := range batch {
			b.Reset()
			b.Set(ip)
		}
		if err := client.Seal(time.Time{}, batch); err != nil {
			t.Fatal(err)
		}
		gateway.Open(time.Time{}, batch, control)
	}); n != 0 {
		t.Errorf("a batch through both ends allocates %v times, want 0", n)
	}
	if got := gateway.Counters.RxPackets.Load(); got < 32*100 {
		t.Fatalf("only %d packets arrived", got)
	}
}

func FuzzOpen(f *testing.F) {
	client, _ := pair(f, Plain, nil)
	b := packet.NewBatch(1)
	b[0].Set(ipPacket(60))
	if err := client.Seal(time.Time{}, b); err != nil {
		f.Fatal(err)
	}
	f.Add(bytes.Clone(b[0].Bytes()), false)
	f.Add([]byte{0xc8, 2, 0, 12, 0, 0, 0, 0, 0, 0, 0, 0}, true)
	f.Fuzz(func(t *testing.T, data []byte, inner bool) {
		_, gateway := pair(t, Plain, nil)
		b := packet.NewBatch(1)
		if !b[0].Set(data) {
			return
		}
		if inner {
			gateway.Encapsulation = UDP
			gateway.unwrapUDP(b[0])
			return
		}
		gateway.Open(time.Time{}, b, func([]byte, uint16) {})
		if n := b[0].Len(); n > len(data) {
			t.Errorf("%d octets came out of %d", n, len(data))
		}
	})
}

// A path of IPsec whose outbound SA is gone, as between a Delete and the next
// Quick Mode, let IP packets out in clear.
func TestNoSANothingInClear(t *testing.T) {
	for _, e := range []Encapsulation{UDP, ESP} {
		client, _ := pair(t, e, func(p *Path) { p.Out = nil })
		for name, seal := range map[string]func([]*packet.Buffer) error{
			"Seal":        func(b []*packet.Buffer) error { return client.Seal(time.Unix(1, 0), b) },
			"SealControl": func(b []*packet.Buffer) error { return client.SealControl(time.Unix(1, 0), b, true) },
		} {
			batch := packet.NewBatch(2)
			for _, b := range batch {
				b.Set(ipPacket(100))
			}
			if err := seal(batch); err != nil {
				t.Errorf("%v: %s gives %v", e, name, err)
			}
			for _, b := range batch {
				if b.Len() > 0 {
					t.Errorf("%v: %s without an SA leaves %x to be sent", e, name, b.Bytes())
				}
			}
		}
		if got := client.Counters.DropNoSA.Load(); got != 4 {
			t.Errorf("%v: %d packets counted as dropped, want 4", e, got)
		}
	}
}

// TestEarly knows packets of an SA whose keys are on their way from others.
func TestEarly(t *testing.T) {
	client, gateway := pair(t, UDP, nil)
	gateway.Out, _ = sa(t, suite.MustPhase2("aes128-sha1")[0], 0x3003)
	batch := packet.NewBatch(2)
	batch[1].Set(ipPacket(100))
	if err := gateway.Seal(time.Unix(1, 0), batch); err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		expecting []uint32
		want      uint32
	}{{nil, 0}, {[]uint32{0x4004}, 0}, {[]uint32{0x2002}, 0}, {[]uint32{0x4004, 0x3003}, 0x3003}} {
		client.Expecting = tt.expecting
		if got := client.Early(batch); got != tt.want {
			t.Errorf("Early, expecting %x: %#x, want %#x", tt.expecting, got, tt.want)
		}
	}
}
