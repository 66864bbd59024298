package dhcp

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/insomniacslk/dhcp/dhcpv4"

	"github.com/culvert-vpn/culvert/engine/enginetest"
)

var epoch = time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)

// offer is a gateway with something to say.
var offer = &Server{Address: peer, MTU: 1400, Options: Options{
	Routes: []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8"), netip.MustParsePrefix("192.168.20.0/24")},
	DNS:    []netip.Addr{peer}, Search: []string{"corp.example", "example.com"}}}

// bench is a Conn with its time, and what it said since it was last asked.
type bench struct {
	t   *testing.T
	c   *Conn
	now time.Time
	out Output
}

func newBench(t *testing.T, change func(*Config)) *bench {
	cfg := Config{Local: client, Peer: peer, MTU: 1400, Rand: strings.NewReader("\x00\x00\x00\x00\x12\x34\x56\x78")}
	if change != nil {
		change(&cfg)
	}
	b := &bench{t: t, c: New(cfg), now: epoch}
	b.c.Start(b.now, &b.out)
	return b
}

// did compares what was said, and forgets it.
func (b *bench) did(want string) {
	b.t.Helper()
	var s []string
	for range b.out.Packets {
		s = append(s, "ask")
	}
	for _, e := range b.out.Events {
		switch e := e.(type) {
		case Learned:
			s = append(s, fmt.Sprintf("learned %v of %v", e.Options.Routes, e.Options.Server))
		case Drop:
			s = append(s, "drop")
		case Down:
			s = append(s, fmt.Sprint("down ", e.Err))
		}
	}
	if got := strings.Join(s, " · "); got != want {
		b.t.Fatalf("after %v: %q, want %q", b.now.Sub(epoch), got, want)
	}
	b.out.Reset()
}

// after lets time pass, every deadline in its turn.
func (b *bench) after(d time.Duration) {
	b.t.Helper()
	end := b.now.Add(d)
	for n := 0; ; n++ {
		at := b.c.Deadline()
		if at.IsZero() || at.After(end) {
			b.now = end
			return
		}
		if n > 100 {
			b.t.Fatal("deadlines without an end")
		}
		b.now = at
		b.c.Advance(b.now, &b.out)
	}
}

// answer is an answer of the offer, changed before it is packed.
func answer(from netip.Addr, change func(m *dhcpv4.DHCPv4)) []byte {
	m := &dhcpv4.DHCPv4{OpCode: dhcpv4.OpcodeBootReply, HWType: 1, ClientHWAddr: make(net.HardwareAddr, 6), ClientIPAddr: client.AsSlice(),
		TransactionID: dhcpv4.TransactionID{0x12, 0x34, 0x56, 0x78},
		Options: dhcpv4.OptionsFromList(dhcpv4.OptMessageType(dhcpv4.MessageTypeAck),
			dhcpv4.OptGeneric(dhcpv4.OptionClasslessStaticRoute, []byte{8, 10, 10, 99, 0, 1}))}
	if change != nil {
		change(m)
	}
	return datagram{netip.AddrPortFrom(from, portServer), netip.AddrPortFrom(client, portClient), m.ToBytes()}.packet()
}

// The question, octet by octet where it counts (RFC 2131, table 5).
func TestInform(t *testing.T) {
	b := newBench(t, nil)
	if b.c.XID() != 0x12345678 {
		t.Errorf("XID = %#x", b.c.XID())
	}
	ip := b.out.Packets[0]
	d, ok := parseDatagram(ip)
	if !ok || !Asks(ip) || d.from.String() != "10.99.0.10:68" || d.to.String() != "255.255.255.255:67" || len(ip) > 576 {
		t.Fatalf("%d octets: %+v", len(ip), d)
	}
	p := d.payload
	for _, f := range []struct {
		name      string
		got, want []byte
	}{
		{"op, htype, hlen, hops", p[:4], []byte{1, 1, 6, 0}}, {"xid", p[4:8], []byte{0x12, 0x34, 0x56, 0x78}},
		{"secs, flags", p[8:12], make([]byte, 4)}, {"ciaddr", p[12:16], []byte{10, 99, 0, 10}}, {"yiaddr, siaddr, giaddr", p[16:28], make([]byte, 12)},
		{"chaddr", p[28:44], append([]byte{2, 0, 10, 99, 0, 10}, make([]byte, 10)...)}, {"sname, file", p[44:236], make([]byte, 192)},
		{"cookie and options", p[236:], append([]byte{99, 130, 83, 99, 53, 1, 8, 55, 5, 6, 15, 119, 121, 249, 57, 2, 1372 >> 8, 1372 & 0xff, 255}, make([]byte, len(p)-255)...)},
	} {
		if !bytes.Equal(f.got, f.want) {
			t.Errorf("%s = %x, want %x", f.name, f.got, f.want)
		}
	}
	if len(p) < 300 {
		t.Errorf("%d octets: some relays drop what is shorter than BOOTP", len(p))
	}
	b.out.Reset()
	b.after(5 * time.Second)
	d, _ = parseDatagram(b.out.Packets[2])
	if xid, secs := binary.BigEndian.Uint32(d.payload[xidAt:]), binary.BigEndian.Uint16(d.payload[8:]); xid != 0x12345678 || secs != 3 {
		t.Errorf("the fourth question has xid %#x after %d s", xid, secs)
	}
}

func TestSmallLink(t *testing.T) {
	b := newBench(t, func(c *Config) { c.MTU = 576 })
	if d, _ := parseDatagram(b.out.Packets[0]); !bytes.Contains(d.payload, []byte{57, 2, 576 >> 8, 576 & 0xff}) || len(b.out.Packets[0]) > 576 {
		t.Errorf("%d octets for a link of 576: %x", len(b.out.Packets[0]), d.payload)
	}
}

func TestSilence(t *testing.T) {
	b := newBench(t, nil)
	b.did("ask")
	for _, wait := range []time.Duration{500, 1000, 2000, 4000} {
		b.after(wait*time.Millisecond - 1)
		b.did("")
		b.after(1)
		b.did("ask")
	}
	b.after(8*time.Second - 1)
	b.did("")
	b.after(1)
	b.did("down dhcp: no answer")
	b.after(time.Hour)
	b.c.Handle(b.now, answer(peer, nil), &b.out)
	if b.did(""); b.c.XID() != 0 || !b.c.Deadline().IsZero() {
		t.Errorf("after the end: XID %#x, deadline %v", b.c.XID(), b.c.Deadline())
	}
}

func TestAnswer(t *testing.T) {
	b := newBench(t, nil)
	b.c.Handle(b.now, answer(peer, nil), &b.out)
	b.did("ask · learned [10.0.0.0/8] of 10.99.0.1")
	b.after(lingering - 1)
	b.c.Handle(b.now, answer(peer, nil), &b.out) // to a repetition
	if b.did(""); b.c.XID() == 0 {
		t.Error("what comes late is not ours any more")
	}
	b.after(1)
	b.did("down <nil>")
}

// The gateway's own answer goes before those of others in its network.
func TestPrecedence(t *testing.T) {
	other, third := netip.MustParseAddr("10.99.0.66"), netip.MustParseAddr("10.99.0.67")
	own := func(m *dhcpv4.DHCPv4) { m.UpdateOption(dhcpv4.OptServerIdentifier(peer.AsSlice())) }
	b := newBench(t, nil)
	b.c.Handle(b.now, answer(other, nil), &b.out)
	b.did("ask")
	b.after(precedence - 1)
	b.c.Handle(b.now, answer(third, nil), &b.out)
	b.did("")
	b.c.Handle(b.now, answer(peer, nil), &b.out)
	b.did("learned [10.0.0.0/8] of 10.99.0.1")

	b = newBench(t, nil) // by a relay
	b.c.Handle(b.now, answer(other, nil), &b.out)
	b.after(precedence)
	b.did("ask · learned [10.0.0.0/8] of 10.99.0.66")

	b = newBench(t, nil)
	b.c.Handle(b.now, answer(other, own), &b.out)
	b.did("ask · learned [10.0.0.0/8] of 10.99.0.66")

	b = newBench(t, func(c *Config) { c.Peer = netip.Addr{} })
	b.c.Handle(b.now, answer(other, nil), &b.out)
	b.did("ask · learned [10.0.0.0/8] of 10.99.0.66")
}

// What is no answer changes nothing, and the question stays open.
func TestForeign(t *testing.T) {
	type option = func(m *dhcpv4.DHCPv4)
	edit := func(f func(ip []byte)) []byte {
		ip := answer(peer, nil)
		f(ip)
		return ip
	}
	nak := func(t dhcpv4.MessageType) option {
		return func(m *dhcpv4.DHCPv4) { m.UpdateOption(dhcpv4.OptMessageType(t)) }
	}
	for name, ip := range map[string][]byte{
		"nothing": nil, "an octet": {0x45}, "IPv6": edit(func(b []byte) { b[0] = 0x60 }),
		"another xid":           answer(peer, func(m *dhcpv4.DHCPv4) { m.TransactionID[0]++ }),
		"a question":            answer(peer, func(m *dhcpv4.DHCPv4) { m.OpCode = dhcpv4.OpcodeBootRequest }),
		"another client's":      answer(peer, func(m *dhcpv4.DHCPv4) { m.ClientIPAddr = net.IP{10, 99, 0, 11} }),
		"no kind of message":    answer(peer, func(m *dhcpv4.DHCPv4) { m.Options = dhcpv4.Options{} }),
		"NAK":                   answer(peer, nak(dhcpv4.MessageTypeNak)),
		"OFFER":                 answer(peer, nak(dhcpv4.MessageTypeOffer)),
		"in our own name":       answer(client, nil),
		"from loopback":         answer(netip.MustParseAddr("127.0.0.1"), nil),
		"from nobody":           answer(netip.IPv4Unspecified(), nil),
		"from everybody":        answer(broadcast, nil),
		"from a group":          answer(netip.MustParseAddr("224.0.0.1"), nil),
		"to another":            edit(func(b []byte) { b[19]++ }),
		"from another port":     edit(func(b []byte) { b[21]++ }),
		"to another port":       edit(func(b []byte) { b[23]++ }),
		"a fragment":            edit(func(b []byte) { b[6] = 0x20 }),
		"without the cookie":    edit(func(b []byte) { b[overhead+headerLen]++ }),
		"an option without end": edit(func(b []byte) { b[overhead+headerLen+5] = 255 }),
		"longer than any link":  append(answer(peer, nil), make([]byte, maxDatagram)...),
		"cut off":               answer(peer, nil)[:overhead+headerLen-1],
	} {
		t.Run(name, func(t *testing.T) {
			b := newBench(t, nil)
			b.did("ask")
			b.c.Handle(b.now, ip, &b.out)
			b.did("drop")
			b.c.Handle(b.now, answer(peer, func(m *dhcpv4.DHCPv4) { m.ClientIPAddr = net.IPv4zero }), &b.out) // some leave it out
			b.did("learned [10.0.0.0/8] of 10.99.0.1")
		})
	}
}

// A connection does without what needs randomness that there is not.
func TestNoRandomness(t *testing.T) {
	newBench(t, func(c *Config) { c.Rand = strings.NewReader("") }).did("down EOF")
}

func TestServer(t *testing.T) {
	ask := func() []byte { return newBench(t, nil).out.Packets[0] }
	b := newBench(t, nil)
	ack := offer.Answer(b.out.Packets[0], client)
	b.c.Handle(b.now, ack, &b.out)
	o := b.out.Events[0].(Learned).Options
	o.Server = netip.Addr{}
	if got, want := fmt.Sprintf("%+v", o), fmt.Sprintf("%+v", offer.Options); got != want {
		t.Errorf("learned %s, want %s", got, want)
	}
	// Both numbers of the option, for clients that know one of them.
	d, _ := parseDatagram(ack)
	m, err := parseMessage(d.payload)
	if err != nil || !bytes.Equal(m.Options.Get(optionMicrosoft), []byte{8, 10, 10, 99, 0, 1, 24, 192, 168, 20, 10, 99, 0, 1}) ||
		!bytes.Equal(m.Options.Get(optionMicrosoft), m.Options.Get(dhcpv4.OptionClasslessStaticRoute)) || d.to.String() != "10.99.0.10:68" ||
		!m.YourIPAddr.IsUnspecified() || m.Options.Has(dhcpv4.OptionIPAddressLeaseTime) {
		t.Errorf("%v: %v", err, m)
	}
	edit := func(at int, v byte) []byte { ip := ask(); ip[at] = v; return ip }
	for name, ip := range map[string][]byte{
		"in another's name": edit(15, 11), "to another": edit(16, 9), "of another": edit(overhead+15, 11), "a DISCOVER": edit(overhead+headerLen+6, 1),
		"an answer": edit(overhead, 2), "to another port": edit(23, 68), "cut off": ask()[:200], "no cookie": edit(overhead+headerLen, 0),
	} {
		if got := offer.Answer(ip, client); got != nil {
			t.Errorf("%s is answered with %x", name, got)
		}
	}
	// A client that wants one thing gets that.
	ip := ask()
	copy(ip[overhead+headerLen+7:], "\x37\x01\xf9\xff")
	d, _ = parseDatagram(offer.Answer(ip, client))
	if m, err = parseMessage(d.payload); err != nil || len(m.Options) != 3 || !m.Options.Has(optionMicrosoft) {
		t.Errorf("%v, %v, want message type, server and 249", m.Options, err)
	}
}

func TestServerCheck(t *testing.T) {
	many := func(n int) (p []netip.Prefix) {
		for i := range n {
			p = append(p, netip.PrefixFrom(netip.AddrFrom4([4]byte{10, byte(i >> 8), byte(i), 0}), 24))
		}
		return p
	}
	for _, c := range []struct {
		name string
		o    Options
		want error
	}{
		{"nothing", Options{}, nil}, {"as many as fit", Options{Routes: many(60)}, nil}, {"more than fit", Options{Routes: many(80)}, ErrTooMuch},
		{"everything", Options{Routes: []netip.Prefix{netip.MustParsePrefix("0.0.0.0/0")}}, nil},
		{"loopback", Options{Routes: []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")}}, ErrUnfit},
		{"IPv6", Options{Routes: []netip.Prefix{netip.MustParsePrefix("2001:db8::/32")}}, ErrUnfit},
		{"host bits", Options{Routes: []netip.Prefix{netip.MustParsePrefix("10.1.0.0/8")}}, ErrUnfit},
		{"a name", Options{Search: []string{"a b"}}, ErrUnfit},
		{"names", Options{Search: strings.Fields(strings.Repeat("example.com ", MaxSearch+1))}, ErrTooMuch},
	} {
		s := &Server{Address: peer, Options: c.o, MTU: 1400}
		if err := s.Check(); !errors.Is(err, c.want) || c.want == nil && err != nil {
			t.Errorf("%s: Check = %v, want %v", c.name, err, c.want)
		}
	}
}

// TestBadLinks asks over links that lose, repeat and reorder: whatever they do,
// the question ends, what is learned is learned once, and nearly all learn.
func TestBadLinks(t *testing.T) {
	const links = 2000
	learned := 0
	for seed := range uint64(links) {
		sim := enginetest.New(seed)
		bad := enginetest.Conditions{Loss: float64(seed%5) / 10, Duplicate: 0.2, Reorder: 0.2, Delay: 80 * time.Millisecond, Jitter: 300 * time.Millisecond, MTU: 1400}
		c := New(Config{Local: client, Peer: peer, MTU: 1400, Rand: sim.Rand()})
		var up *enginetest.Pipe[enginetest.Frame]
		var timer *enginetest.Timer
		times, ended := 0, 0
		var out Output
		step := func(f func(out *Output)) {
			out.Reset()
			f(&out)
			for _, p := range out.Packets {
				up.Send(p)
			}
			for _, e := range out.Events {
				switch e := e.(type) {
				case Learned:
					times++
				case Down:
					ended++
				case Drop:
					t.Fatalf("link %d: %v", seed, e.Reason)
				}
			}
			timer.Set(c.Deadline())
		}
		timer = sim.Timer(func(now time.Time) { step(func(out *Output) { c.Advance(now, out) }) })
		back := enginetest.NewPipe(sim, bad, func(now time.Time, f enginetest.Frame) {
			if x := c.XID(); x == 0 || !Answers(f, x) {
				return
			}
			step(func(out *Output) { c.Handle(now, f, out) })
		})
		up = enginetest.NewPipe(sim, bad, func(_ time.Time, f enginetest.Frame) { back.Send(offer.Answer(f, client)) })
		step(func(out *Output) { c.Start(sim.Now(), out) })
		sim.Run(sim.Now().Add(time.Minute))
		if ended != 1 || times > 1 {
			t.Fatalf("link %d: ended %d times, learned %d times", seed, ended, times)
		}
		learned += times
	}
	if learned < links*97/100 {
		t.Errorf("%d of %d learned", learned, links)
	}
	t.Logf("%d of %d learned", learned, links)
}

// FuzzHandle takes any packet for an answer, and any for a question.
func FuzzHandle(f *testing.F) {
	f.Add(answer(peer, nil))
	f.Add(offer.Answer(datagram{netip.AddrPortFrom(client, 68), netip.AddrPortFrom(broadcast, 67), message(typeACK + end)}.packet(), client))
	var out Output
	c := New(Config{Local: client, MTU: 1400, Rand: strings.NewReader("\x12\x34\x56\x78")})
	c.Start(epoch, &out)
	f.Add(out.Packets[0])
	f.Fuzz(func(t *testing.T, ip []byte) {
		offer.Answer(ip, client)
		var out Output
		c := New(Config{Local: client, Peer: peer, MTU: 1400, Rand: strings.NewReader("\x12\x34\x56\x78")})
		c.Start(epoch, &out)
		c.Handle(epoch, ip, &out)
		c.Advance(epoch.Add(time.Second), &out)
		n := 0
		for _, e := range out.Events {
			if _, ok := e.(Learned); ok {
				n++
			}
		}
		if n > 1 || c.Deadline().IsZero() {
			t.Fatalf("%d answers, deadline %v", n, c.Deadline())
		}
	})
}
