package slaac

import (
	"bytes"
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/culvert-vpn/culvert/engine/enginetest"
)

var (
	epoch  = time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)
	ourID  = [8]byte{0, 1, 2, 3, 4, 5, 6, 7}
	peerID = [8]byte{0, 0, 0, 0, 0, 0, 0, 1}
	ours   = linkLocal(ourID)
	theirs = linkLocal(peerID)
	office = netip.MustParsePrefix("2001:db8:99:1::/64")
	other  = netip.MustParsePrefix("2001:db8:99:2::/64")
)

// bench is a Conn with its time, and what it said since it was last asked.
type bench struct {
	t   *testing.T
	c   *Conn
	now time.Time
	out Output
}

func newBench(t *testing.T) *bench {
	b := &bench{t: t, c: New(Config{LocalID: ourID, PeerID: peerID, MTU: 1400, Rand: strings.NewReader(strings.Repeat("xid", 100))}), now: epoch}
	b.c.Start(b.now, &b.out)
	return b
}

// did compares what was said, and forgets it.
func (b *bench) did(want string) {
	b.t.Helper()
	var s []string
	for _, ip := range b.out.Packets {
		p, err := parsePacket(ip)
		switch {
		case err != nil:
			s = append(s, err.Error())
		case p.proto == protoUDP:
			s = append(s, fmt.Sprint("dhcp ", p.payload[udpHeader]))
		default:
			s = append(s, fmt.Sprintf("icmp %d to %v", p.payload[0], p.to))
		}
	}
	for _, e := range b.out.Events {
		switch e := e.(type) {
		case Learned:
			n := e.Network
			text := fmt.Sprint("learned ", n.Address)
			if !n.Default {
				text += " without a way on"
			}
			for _, x := range []struct {
				what string
				list string
			}{{"routes", fmt.Sprint(n.Routes)}, {"dns", fmt.Sprint(n.DNS)}, {"search", fmt.Sprint(n.Search)}} {
				if x.list != "[]" {
					text += " " + x.what + " " + x.list
				}
			}
			if n.MTU > 0 {
				text += fmt.Sprint(" mtu ", n.MTU)
			}
			if !n.Address.IsValid() {
				text = "learned nothing"
			}
			s = append(s, text)
		case Drop:
			s = append(s, "drop")
		}
	}
	if got := strings.Join(s, " · "); got != want {
		b.t.Fatalf("after %v:\n%q, want\n%q", b.now.Sub(epoch), got, want)
	}
	b.out.Reset()
}

// after lets time pass, every deadline in its turn.
func (b *bench) after(d time.Duration) *bench {
	b.t.Helper()
	end := b.now.Add(d)
	for n := 0; ; n++ {
		at := b.c.Deadline()
		if at.IsZero() || at.After(end) {
			b.now = end
			return b
		}
		if n > 1000 {
			b.t.Fatal("deadlines without an end")
		}
		b.now = at
		b.c.Advance(b.now, &b.out)
	}
}

func (b *bench) hears(ip []byte) *bench {
	b.c.Handle(b.now, ip, &b.out)
	return b
}

// usual is what a gateway advertises.
func usual() advertisement {
	return advertisement{hopLimit: 64, lifetime: 30 * time.Minute, prefixes: []prefix{{office, true, true, time.Hour, time.Hour / 2}}}
}

// says is an advertisement of the gateway's, changed before it is packed.
func says(change ...func(a *advertisement)) []byte {
	a := usual()
	for _, f := range change {
		f(&a)
	}
	return icmp(theirs, allNodes, typeAdvertisement, a.append(nil))
}

const address = "2001:db8:99:1:1:203:405:607"

// The solicitation, octet by octet (RFC 4861, 4.1): no link-layer address.
func TestSolicitation(t *testing.T) {
	b := newBench(t)
	want := "60000000" + "0008" + "3aff" + "fe800000000000000001020304050607" + "ff020000000000000000000000000002" + "85007127" + "00000000"
	if got := fmt.Sprintf("%x", b.out.Packets[0]); got != want {
		t.Errorf("%s, want\n%s", got, want)
	}
}

// Three solicitations, four seconds apart, and then whoever has something to say
// says it unasked.
func TestSilence(t *testing.T) {
	b := newBench(t)
	b.did("icmp 133 to ff02::2")
	for range maxSolicitations - 1 {
		b.after(solicitEvery - 1).did("")
		b.after(1).did("icmp 133 to ff02::2")
	}
	b.after(24 * time.Hour).did("")
	if !b.c.Deadline().IsZero() {
		t.Errorf("deadline %v", b.c.Deadline())
	}
	b.hears(says()).did("learned " + address + " routes [2001:db8:99:1::/64]")
}

func TestAdvertised(t *testing.T) {
	six := netip.MustParsePrefix("fd00:6::/48")
	for _, c := range []struct {
		name   string
		change func(a *advertisement)
		want   string
	}{
		{"as usual", func(*advertisement) {}, "learned " + address + " routes [2001:db8:99:1::/64]"},
		{"not on the link", func(a *advertisement) { a.prefixes[0].onLink = false }, "learned " + address},
		{"not for addresses", func(a *advertisement) { a.prefixes[0].autonomous = false }, ""},
		{"no router by default", func(a *advertisement) { a.lifetime = 0 }, "learned " + address + " without a way on routes [2001:db8:99:1::/64]"},
		{"of another length", func(a *advertisement) { a.prefixes[0].Prefix = netip.MustParsePrefix("2001:db8::/56") }, ""},
		{"without a lifetime", func(a *advertisement) { a.prefixes[0].valid, a.prefixes[0].preferred = 0, 0 }, ""},
		{"preferred for longer than valid", func(a *advertisement) { a.prefixes[0].preferred = 2 * time.Hour }, ""},
		{"link-local", func(a *advertisement) { a.prefixes[0].Prefix = netip.MustParsePrefix("fe80::/64") }, ""},
		{"a group", func(a *advertisement) { a.prefixes[0].Prefix = netip.MustParsePrefix("ff02::/64") }, ""},
		{"nobody", func(a *advertisement) { a.prefixes[0].Prefix = netip.MustParsePrefix("::/64") }, ""},
		{"unique local", func(a *advertisement) { a.prefixes[0].Prefix = netip.MustParsePrefix("fd00:1::/64") }, "learned fd00:1::1:203:405:607 routes [fd00:1::/64]"},
		{"MTU", func(a *advertisement) { a.mtu = 1300 }, "learned " + address + " routes [2001:db8:99:1::/64] mtu 1300"},
		{"MTU beyond the link's", func(a *advertisement) { a.mtu = 1500 }, "learned " + address + " routes [2001:db8:99:1::/64]"},
		{"MTU below IPv6's", func(a *advertisement) { a.mtu = 1200 }, "learned " + address + " routes [2001:db8:99:1::/64]"},
		{"two prefixes", func(a *advertisement) { a.prefixes = append(a.prefixes, prefix{other, false, true, forever, forever}) },
			"learned " + address + " routes [2001:db8:99:1::/64]"},
		{"the second preferred", func(a *advertisement) {
			a.prefixes[0].preferred = 0
			a.prefixes = append(a.prefixes, prefix{other, false, true, forever, forever})
		}, "learned 2001:db8:99:2:1:203:405:607 routes [2001:db8:99:1::/64]"},
		{"none preferred", func(a *advertisement) { a.prefixes[0].preferred = 0 }, "learned " + address + " routes [2001:db8:99:1::/64]"},
		{"routes", func(a *advertisement) {
			a.routes = []lasting[netip.Prefix]{{six, time.Hour}, {netip.MustParsePrefix("fe80::/64"), time.Hour}, {six, time.Hour}}
		}, "learned " + address + " routes [2001:db8:99:1::/64 fd00:6::/48]"},
		{"name servers", func(a *advertisement) {
			a.servers = []lasting[netip.Addr]{{netip.MustParseAddr("2001:db8::53"), time.Hour}, {netip.MustParseAddr("fe80::53"), time.Hour}, {netip.MustParseAddr("::1"), time.Hour}}
			a.search = []lasting[string]{{"corp.example", time.Hour}, {"a b", time.Hour}, {"EXAMPLE", time.Hour}}
		}, "learned " + address + " routes [2001:db8:99:1::/64] dns [2001:db8::53] search [corp.example example]"},
	} {
		t.Run(c.name, func(t *testing.T) {
			b := newBench(t)
			b.did("icmp 133 to ff02::2")
			b.hears(says(c.change)).did(c.want)
			b.after(2 * pause).hears(says(c.change)).did("") // the same again
		})
	}
}

// What is no advertisement of a router on the link changes nothing (RFC 4861,
// 6.1.2).
func TestForeign(t *testing.T) {
	edit := func(at int, v byte) []byte { ip := says(); ip[at] = v; return ip }
	from := func(a netip.Addr) []byte { u := usual(); return icmp(a, allNodes, typeAdvertisement, u.append(nil)) }
	body := func(b []byte) []byte { return icmp(theirs, allNodes, typeAdvertisement, b) }
	u := usual()
	whole := u.append(nil)
	hops := packet{theirs, allNodes, 254, protoICMPv6, append([]byte{typeAdvertisement, 0, 0, 0}, whole...)}
	code := packet{theirs, allNodes, 255, protoICMPv6, append([]byte{typeAdvertisement, 1, 0, 0}, whole...)}
	for name, ip := range map[string][]byte{
		"nothing": nil, "IPv4": edit(0, 0x45), "behind an extension header": edit(6, 60), "a wrong checksum": edit(43, 0x55), "cut off": says()[:60],
		"longer than it is": edit(5, 0xff), "passed on by a router": hops.append(nil, 2), "another code": code.append(nil, 2),
		"from a global address": from(netip.MustParseAddr("2001:db8::1")), "from nobody": from(netip.IPv6Unspecified()), "from ourselves": from(ours),
		"to another": icmp(theirs, linkLocal([8]byte{9}), typeAdvertisement, whole), "to a router": icmp(theirs, allRouters, typeAdvertisement, whole),
		"no options' room": body(whole[:11]), "an option without a length": body(append(slices.Clone(whole), 1, 0, 0, 0, 0, 0, 0, 0)),
		"an option beyond the end": body(append(slices.Clone(whole), 1, 2, 0, 0, 0, 0, 0, 0)), "half an option": body(append(slices.Clone(whole), 1)),
		"a redirect": icmp(theirs, ours, typeRedirect, make([]byte, 36)), "a solicitation": icmp(theirs, allRouters, typeSolicit, make([]byte, 4)),
		"a neighbour's": icmp(theirs, ours, typeNeighbourAdv, make([]byte, 20)), "UDP": packet{theirs, ours, 64, protoUDP, make([]byte, 8)}.append(nil, 6),
		"longer than any link": append(says(), make([]byte, maxPacket)...), "an echo": packet{theirs, ours, 255, protoICMPv6, []byte{128, 0, 0, 0, 0, 0, 0, 0}}.append(nil, 2),
	} {
		t.Run(name, func(t *testing.T) {
			b := newBench(t)
			b.did("icmp 133 to ff02::2")
			b.hears(ip).did("drop")
			b.hears(says()).did("learned " + address + " routes [2001:db8:99:1::/64]")
		})
	}
}

// Everything lasts for its lifetime and goes; another advertisement lets it live on.
func TestLifetimes(t *testing.T) {
	b := newBench(t).hears(says(func(a *advertisement) {
		a.servers = []lasting[netip.Addr]{{netip.MustParseAddr("2001:db8::53"), time.Minute}}
	}))
	b.did("icmp 133 to ff02::2 · learned " + address + " routes [2001:db8:99:1::/64] dns [2001:db8::53]")
	b.after(time.Minute - 1).did("")
	b.after(1).did("learned " + address + " routes [2001:db8:99:1::/64]")
	b.after(28 * time.Minute).hears(says()).did("") // of 30 of the router
	b.after(30*time.Minute - 1).did("")
	b.after(1).did("learned " + address + " without a way on routes [2001:db8:99:1::/64]")
	b.after(time.Minute).hears(says()).did("learned " + address + " routes [2001:db8:99:1::/64]")
	b.after(time.Minute).hears(says(func(a *advertisement) { a.lifetime = 0 })).did("learned " + address + " without a way on routes [2001:db8:99:1::/64]")
	b.after(time.Hour - 1).did("")
	b.after(1).did("learned nothing")
	b.after(24 * time.Hour).did("")
	if !b.c.Deadline().IsZero() {
		t.Errorf("deadline %v with nothing left", b.c.Deadline())
	}
}

// RFC 4862, 5.5.3: nobody makes an address with a future die within two hours.
func TestTwoHours(t *testing.T) {
	life := func(d time.Duration) []byte {
		return says(func(a *advertisement) {
			a.lifetime = 2 * time.Hour
			a.prefixes[0] = prefix{office, false, true, d, min(d, time.Minute)}
		})
	}
	b := newBench(t).hears(life(10 * time.Hour))
	b.did("icmp 133 to ff02::2 · learned " + address)
	b.hears(life(0))
	b.after(time.Hour).did("")
	b.hears(life(0)).hears(life(time.Minute)) // less than two hours are left: it is ignored
	b.after(time.Hour - 1).did("")
	b.after(1).did("learned nothing")
	b.hears(life(time.Hour)).after(pause).did("learned " + address)
	b.hears(life(2 * time.Hour)).after(2*time.Hour - 1).did("")
	b.after(1).did("learned nothing")
}

// An address stays as long as it is preferred, whatever comes beside it.
func TestAddressStays(t *testing.T) {
	b := newBench(t).hears(says()).after(pause)
	b.out.Reset()
	second := func(a *advertisement) {
		a.prefixes = []prefix{{other, false, true, time.Hour, time.Hour}, a.prefixes[0]}
	}
	b.hears(says(second)).after(pause).did("")
	b.hears(says(func(a *advertisement) { second(a); a.prefixes[1].preferred = 0 })).did("learned 2001:db8:99:2:1:203:405:607 routes [2001:db8:99:1::/64]")
}

// However fast a gateway changes its mind, what is told comes once a second.
func TestPause(t *testing.T) {
	b := newBench(t)
	told := 0
	for i := range 1000 {
		b.hears(says(func(a *advertisement) { a.lifetime = time.Duration(i%2) * time.Minute }))
		b.after(10 * time.Millisecond)
		for _, e := range b.out.Events {
			if _, ok := e.(Learned); ok {
				told++
			}
		}
		b.out.Reset()
	}
	if told < 2 || told > 11 {
		t.Errorf("told %d times in ten seconds", told)
	}
}

// Who asks whether we are there is told so (RFC 4861, 7.2.4); and nobody else.
func TestNeighbour(t *testing.T) {
	b := newBench(t).hears(says())
	b.out.Reset()
	target := func(a netip.Addr) []byte { return append(make([]byte, 4), a.AsSlice()...) }
	global := netip.MustParseAddr(address)
	b.hears(icmp(theirs, ours, typeNeighbour, target(ours))).did("icmp 136 to fe80::1")
	b.hears(icmp(theirs, netip.MustParseAddr("ff02::1:ff05:607"), typeNeighbour, target(global)))
	p, _ := parsePacket(b.out.Packets[0])
	if got, want := fmt.Sprintf("%x", p.payload[4:]), "60000000"+"20010db8009900010001020304050607"; got != want || p.hops != 255 || !p.neighbourly() || p.from != global {
		t.Errorf("answer %s from %v, want %s", got, p.from, want)
	}
	b.did("icmp 136 to fe80::1")
	b.hears(icmp(netip.IPv6Unspecified(), netip.MustParseAddr("ff02::1:ff05:607"), typeNeighbour, target(global)))
	if p, _ := parsePacket(b.out.Packets[0]); p.payload[4] != flagOverride {
		t.Errorf("flags %#x to who wants our address, want override alone", p.payload[4])
	}
	b.did("icmp 136 to ff02::1")
	b.hears(icmp(theirs, ours, typeNeighbour, target(theirs))).did("drop")
	b.hears(icmp(theirs, ours, typeNeighbour, append(target(ours), 1, 0))).did("drop")
	b.hears(icmp(allNodes, ours, typeNeighbour, target(ours))).did("drop")
	b.hears(icmp(theirs, ours, typeNeighbour, target(ours)[:19])).did("drop")
}

// Many routers, prefixes and servers take no more room than a few.
func TestBounds(t *testing.T) {
	b := newBench(t)
	for i := range 1000 {
		a := usual()
		id := [8]byte{0, byte(i >> 8), byte(i), 1}
		a.prefixes[0].Prefix = netip.PrefixFrom(netip.AddrFrom16([16]byte{0x20, 1, 13, 0xb8, byte(i >> 8), byte(i)}), 64)
		a.routes = []lasting[netip.Prefix]{{netip.PrefixFrom(a.prefixes[0].Addr(), 60), forever}}
		a.servers = []lasting[netip.Addr]{{a.prefixes[0].Addr().Next(), forever}}
		a.search = []lasting[string]{{fmt.Sprintf("n%d.example", i), forever}}
		b.hears(icmp(linkLocal(id), allNodes, typeAdvertisement, a.append(nil)))
	}
	b.out.Reset()
	b.after(pause)
	n := b.out.Events[0].(Learned).Network
	if len(b.c.routers) != maxRouters || len(b.c.prefixes) != maxPrefixes || len(n.Routes) > maxRoutes || len(n.DNS) != maxServers || len(n.Search) != maxSearch {
		t.Errorf("%d routers, %d prefixes, %d routes, %d servers, %d names", len(b.c.routers), len(b.c.prefixes), len(n.Routes), len(n.DNS), len(n.Search))
	}
}

func TestLink(t *testing.T) {
	make6 := func(from, to string, next byte, payload ...byte) []byte {
		return packet{netip.MustParseAddr(from), netip.MustParseAddr(to), 64, next, append(payload, make([]byte, 8)...)}.append(nil, 2)
	}
	for _, c := range []struct {
		name string
		ip   []byte
		want bool
	}{
		{"nothing", nil, false}, {"IPv4", append([]byte{0x45}, make([]byte, 60)...), false}, {"short", says()[:39], false},
		{"an advertisement", says(), true}, {"one behind an extension header", make6("fe80::1", "ff02::1", 60), true},
		{"a neighbour's by a global address", make6("2001:db8::1", address, protoICMPv6, typeNeighbour), true},
		{"a listener's report", make6("fe80::1", "ff02::16", 0), true}, {"a solicitation from nobody", make6("::", "ff02::2", protoICMPv6, typeSolicit), true},
		{"to a link-local address", make6("2001:db8::1", "fe80::1", protoUDP), true},
		{"an echo", make6("2001:db8::1", address, protoICMPv6, 128), false}, {"too big", make6("2001:db8::1", address, protoICMPv6, 2), false},
		{"TCP", make6("2001:db8::1", address, 6), false}, {"a group of the site", make6("2001:db8::1", "ff05::2", protoUDP), false},
	} {
		if got := Link(c.ip); got != c.want {
			t.Errorf("%s: Link = %t, want %t", c.name, got, c.want)
		}
		if n := testing.AllocsPerRun(10, func() { Link(c.ip) }); n != 0 {
			t.Errorf("%s: %v allocations", c.name, n)
		}
	}
}

func TestRouter(t *testing.T) {
	r := &Router{LocalID: peerID, PeerID: ourID, Prefix: office, Address: netip.MustParseAddr("2001:db8:99::1"), MTU: 1400,
		DNS: []netip.Addr{netip.MustParseAddr("2001:db8:99::1")}, Search: []string{"corp.example", "example.com"}}
	if err := r.Check(); err != nil {
		t.Fatal(err)
	}
	b := newBench(t)
	ask := b.out.Packets[0]
	b.out.Reset()
	b.hears(r.Answer(ask)).did("learned " + address + " routes [2001:db8:99:1::/64] dns [2001:db8:99::1] search [corp.example example.com] mtu 1400")
	target := func(a netip.Addr) []byte { return append(make([]byte, 4), a.AsSlice()...) }
	for _, a := range []netip.Addr{theirs, r.Address} {
		p, err := parsePacket(r.Answer(icmp(ours, a, typeNeighbour, target(a))))
		if err != nil || p.to != ours || p.payload[4] != flagRouter|flagSolicited|flagOverride {
			t.Errorf("asked for %v: %v, %+v", a, err, p)
		}
	}
	for name, ip := range map[string][]byte{
		"nothing": nil, "to another": icmp(ours, allNodes, typeSolicit, make([]byte, 4)), "cut off": icmp(ours, allRouters, typeSolicit, make([]byte, 3)),
		"a bad option": icmp(ours, allRouters, typeSolicit, []byte{0, 0, 0, 0, 1, 0}), "for another": icmp(ours, theirs, typeNeighbour, target(ours)),
		"an advertisement": says(), "passed on": packet{ours, allRouters, 64, protoICMPv6, []byte{typeSolicit, 0, 0, 0, 0, 0, 0, 0}}.append(nil, 2),
	} {
		if got := r.Answer(ip); got != nil {
			t.Errorf("%s is answered with %x", name, got)
		}
	}
	for name, change := range map[string]func(r *Router){
		"a longer prefix": func(r *Router) { r.Prefix = netip.MustParsePrefix("2001:db8::/65") }, "no prefix for hosts": func(r *Router) { r.Prefix = netip.MustParsePrefix("fe80::/64") },
		"a small MTU": func(r *Router) { r.MTU = 1279 }, "a name": func(r *Router) { r.Search = []string{"a b"} }, "a server": func(r *Router) { r.DNS = []netip.Addr{netip.MustParseAddr("::1")} },
	} {
		bad := *r
		change(&bad)
		if bad.Check() == nil {
			t.Errorf("%s: Check has nothing against it", name)
		}
	}
}

// TestBadLinks looks for a router over links that lose, repeat and reorder: nearly
// all find it, and whatever happens, deadlines end and what is told is right.
func TestBadLinks(t *testing.T) {
	const links = 2000
	learned, life := 0, 30*time.Minute
	for seed := range uint64(links) {
		sim := enginetest.New(seed)
		bad := enginetest.Conditions{Loss: float64(seed%5) / 10, Duplicate: 0.2, Reorder: 0.2, Delay: 80 * time.Millisecond, Jitter: 300 * time.Millisecond, MTU: 1400}
		c := New(Config{LocalID: ourID, PeerID: peerID, MTU: 1400, Rand: sim.Rand()})
		var up *enginetest.Pipe[enginetest.Frame]
		var timer *enginetest.Timer
		var last Network
		var out Output
		steps := 0
		step := func(f func(out *Output)) {
			if steps++; steps > 1000 {
				t.Fatalf("link %d does not come to rest", seed)
			}
			out.Reset()
			f(&out)
			for _, p := range out.Packets {
				up.Send(p)
			}
			for _, e := range out.Events {
				switch e := e.(type) {
				case Learned:
					last = e.Network
				case Drop:
					t.Fatalf("link %d: %v", seed, e.Reason)
				}
			}
			timer.Set(c.Deadline())
		}
		timer = sim.Timer(func(now time.Time) { step(func(out *Output) { c.Advance(now, out) }) })
		back := enginetest.NewPipe(sim, bad, func(now time.Time, f enginetest.Frame) {
			step(func(out *Output) { c.Handle(now, bytes.Clone(f), out) })
		})
		up = enginetest.NewPipe(sim, bad, func(_ time.Time, f enginetest.Frame) {
			back.Send(says(func(a *advertisement) { a.lifetime = life }))
		})
		step(func(out *Output) { c.Start(sim.Now(), out) })
		sim.Run(sim.Now().Add(20 * time.Second))
		if last.Address.IsValid() {
			if last.Address.String() != address || !last.Default {
				t.Fatalf("link %d: learned %+v", seed, last)
			}
			learned++
		}
		sim.Run(sim.Now().Add(2 * time.Hour))
		if last.Address.IsValid() {
			t.Fatalf("link %d: two hours later %+v is left", seed, last)
		}
	}
	if learned < links*90/100 {
		t.Errorf("%d of %d learned", learned, links)
	}
	t.Logf("%d of %d learned", learned, links)
}

// FuzzHandle takes any packets for those of a link, at either end.
func FuzzHandle(f *testing.F) {
	f.Add(says(), says(func(a *advertisement) { a.managed = true; a.prefixes = nil }))
	f.Add(icmp(theirs, ours, typeNeighbour, append(make([]byte, 4), ours.AsSlice()...)), leaseOf(msgReply, [3]byte{'x', 'i', 'd'}, nil))
	r := &Router{LocalID: peerID, PeerID: ourID, Prefix: office, MTU: 1400}
	f.Add(r.Advertisement(), newBench(&testing.T{}).out.Packets[0])
	f.Fuzz(func(t *testing.T, one, two []byte) {
		r.Answer(one)
		b := newBench(t)
		b.hears(one).hears(two)
		b.after(24 * time.Hour)
		for _, ip := range b.out.Packets {
			if p, err := parsePacket(ip); err != nil || p.sum(p.payload) != 0xffff {
				t.Fatalf("said %x: %v", ip, err)
			}
		}
		for _, e := range b.out.Events {
			if l, ok := e.(Learned); ok && l.Network.Address.IsValid() && !isServer(l.Network.Address) {
				t.Fatalf("learned %+v", l.Network)
			}
		}
	})
}
