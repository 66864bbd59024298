package ike

import (
	"fmt"
	"net/netip"
	"slices"
	"testing"
	"time"

	"github.com/culvert-vpn/culvert/engine/isakmp"
	"github.com/culvert-vpn/culvert/engine/suite"
)

func TestHandshake(t *testing.T) {
	a, b := pair()
	l := newLink(t, 1, a, b)
	begin := l.now
	l.connect(time.Second)
	l.sameKeys()
	if got := l.now.Sub(begin); got != 90*time.Millisecond {
		t.Errorf("connected after %v, want nine one-way delays of 10 ms", got)
	}
	up := l.a.phase1[0]
	if up.Suite != a.Phase1[0] || !up.Encapsulated || up.Rekey || up.ByPeer || up.NAT != (NAT{}) || up.PeerID.Addr() != addrB.Addr() {
		t.Errorf("Phase1Up of the initiator = %+v", up)
	}
	if up := l.b.phase1[0]; up.NAT != (NAT{Remote: true}) || !up.ByPeer || up.PeerID.Addr() != addrA.Addr() {
		t.Errorf("Phase1Up of the responder = %+v, want a NAT in front of the initiator, who pretends so", up)
	}
	ca, cb := l.a.up[l.a.use], l.b.up[l.b.use]
	if ca.LocalPort != 40000 || ca.PeerPort != 1701 || cb.LocalPort != 1701 || cb.PeerPort != 40000 {
		t.Errorf("inner ports = %d/%d and %d/%d, want 40000/1701 and back", ca.LocalPort, ca.PeerPort, cb.LocalPort, cb.PeerPort)
	}
	if ca.PeerNATOA != addrB.Addr() || cb.PeerNATOA != addrA.Addr() {
		t.Errorf("original addresses = %v and %v, want %v and %v", ca.PeerNATOA, cb.PeerNATOA, addrB.Addr(), addrA.Addr())
	}
	if n := count[InitialContact](l.b); n != 1 {
		t.Errorf("the responder heard INITIAL-CONTACT %d times, want once", n)
	}
	if len(l.a.drops)+len(l.b.drops) != 0 {
		t.Errorf("drops: %v, %v", l.a.drops, l.b.drops)
	}
}

// count is the number of events of a type.
func count[E Event](s *side) (n int) {
	for _, e := range s.events {
		if _, ok := e.(E); ok {
			n++
		}
	}
	return n
}

func TestEverySuite(t *testing.T) {
	ciphers := []string{"des", "3des", "aes128", "aes192", "aes256"}
	hashes := []string{"md5", "sha1", "sha256", "sha384", "sha512"}
	groups := []string{"modp768", "modp1024", "modp1536", "modp2048", "modp3072", "modp4096", "ecp256", "ecp384", "ecp521"}
	check := func(p1, p2 string, pfs suite.Group) {
		t.Run(fmt.Sprintf("%s/%s/%v", p1, p2, pfs), func(t *testing.T) {
			a, b := pair()
			a.Phase1, a.Phase2, a.PFS = suite.MustPhase1(p1), suite.MustPhase2(p2), pfs
			b.Phase1, b.Phase2 = a.Phase1, a.Phase2
			l := newLink(t, 3, a, b)
			l.connect(time.Second)
			l.sameKeys()
			if got := l.a.up[l.a.use].Suite; got != a.Phase2[0] {
				t.Errorf("phase 2 suite = %v, want %v", got, a.Phase2[0])
			}
		})
	}
	for _, c := range ciphers {
		for _, h := range hashes {
			check(c+"-"+h+"-ecp256", "aes128-sha1", 0)
		}
	}
	for _, g := range groups {
		check("aes256-sha256-"+g, "aes128-sha1", 0)
		group, err := suite.ParseGroup(g)
		if err != nil {
			t.Fatal(err)
		}
		check("aes256-sha256-ecp256", "aes128gcm16", group)
	}
	for _, p2 := range []string{"des-md5", "3des-sha1", "aes192-sha384", "aes256-sha512", "aes128-sha256_96", "aes256gcm16", "aes192gcm16"} {
		check("aes256-sha256-ecp256", p2, 0)
	}
}

func TestChoice(t *testing.T) {
	a, b := pair()
	a.Phase1, a.Phase2 = suite.DefaultPhase1(), suite.DefaultPhase2()
	b.Phase1 = suite.MustPhase1("3des-sha1-modp1024", "aes128-sha1-ecp256")
	b.Phase2 = suite.MustPhase2("3des-sha1", "aes128-sha256_96")
	l := newLink(t, 1, a, b)
	l.connect(time.Second)
	if got := l.a.phase1[0].Suite.String(); got != "aes128-sha1-ecp256" {
		t.Errorf("phase 1 = %s, want the first of the initiator's that the responder has", got)
	}
	if got := l.b.up[l.b.use].Suite.String(); got != "aes128-sha256_96" {
		t.Errorf("the responder's phase 2 = %s, want its own variant", got)
	}
	if got := l.a.up[l.a.use].Suite.String(); got != "aes128-sha256" {
		t.Errorf("the initiator's phase 2 = %s, want what it offered", got)
	}
}

// A first message beyond 1200 octets is lost on some paths.
func TestFirstMessageIsShort(t *testing.T) {
	a, b := pair()
	a.Phase1, a.Phase1Lifetime = suite.DefaultPhase1(), 24*time.Hour
	l := newLink(t, 1, a, b)
	l.start()
	if len(l.sizes) != 1 || l.sizes[0] >= 1200 {
		t.Errorf("MM1 with the default suites has %v octets, want under 1200", l.sizes)
	}
}

// downgrade is a filter that leaves of NAT-T only a version in what b hears.
func downgrade(l *link, version nattVersion) func(*side, Packet) []Packet {
	return func(dst *side, p Packet) []Packet {
		m, err := isakmp.Parse(p.Data)
		if err != nil || dst != l.b || !m.Responder.IsZero() {
			return []Packet{p}
		}
		m.Payloads = slices.DeleteFunc(m.Payloads, func(p isakmp.Payload) bool {
			return slices.ContainsFunc(vendorIDs, func(v vendorID) bool {
				return v.natt != nattNone && v.natt != version && string(v.id) == string(p.Body)
			})
		})
		p.Data = m.Append(nil)
		return []Packet{p}
	}
}

func TestNATTVersions(t *testing.T) {
	for _, tt := range []struct {
		name    string
		version nattVersion
		encap   bool
	}{
		{"RFC 3947", nattRFC, true}, {"draft 03", nattDraft03, true}, {"draft 02", nattDraft02, true}, {"draft 02 with newline", nattDraft02n, true},
		{"draft 00", nattDraft00, true}, {"none", nattNone, false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			a, b := pair()
			l := newLink(t, 1, a, b)
			rewrite := downgrade(l, tt.version)
			seen := map[isakmp.PayloadType]int{}
			l.filter = func(dst *side, p Packet) []Packet {
				if m, err := isakmp.Parse(p.Data); err == nil && m.Flags == 0 {
					for _, p := range m.Payloads {
						seen[p.Type]++
					}
				}
				return rewrite(dst, p)
			}
			l.connect(time.Second)
			l.sameKeys()
			if got := l.a.up[l.a.use].Encapsulated; got != tt.encap {
				t.Errorf("encapsulated = %v, want %v", got, tt.encap)
			}
			want := map[isakmp.PayloadType]int{isakmp.PayloadNATD: 0, isakmp.PayloadNATDDraft: 0}
			switch {
			case tt.version == nattRFC:
				want[isakmp.PayloadNATD] = 4
			case tt.version != nattNone:
				want[isakmp.PayloadNATDDraft] = 4
			}
			for kind, n := range want {
				if seen[kind] != n {
					t.Errorf("%d payloads %v in MM3 and MM4, want %d", seen[kind], kind, n)
				}
			}
		})
	}
}

func TestEncapsulation(t *testing.T) {
	t.Run("raw ESP by choice", func(t *testing.T) {
		a, b := pair()
		a.Encapsulation = EncapESP
		l := newLink(t, 1, a, b)
		l.connect(time.Second)
		l.sameKeys()
		if l.a.up[l.a.use].Encapsulated {
			t.Error("encapsulated in spite of EncapESP")
		}
	})
	t.Run("UDP demanded and missing", func(t *testing.T) {
		a, b := pair()
		a.Encapsulation, b.Encapsulation = EncapUDP, EncapESP
		l := newLink(t, 1, a, b)
		l.start()
		if !l.run(5*time.Second, func() bool { return l.a.down != nil }) || l.a.reason() != NATTMissing {
			t.Errorf("a = %v, want NATTMissing", l.a)
		}
	})
	t.Run("UDP demanded and there", func(t *testing.T) {
		a, b := pair()
		a.Encapsulation = EncapUDP
		l := newLink(t, 1, a, b)
		l.connect(time.Second)
		l.sameKeys()
	})
	t.Run("behind a real NAT", func(t *testing.T) {
		a, b := pair()
		l := newLink(t, 1, a, b)
		l.natAddr, l.nat4500 = netip.MustParseAddrPort("203.0.113.9:1024"), netip.MustParseAddrPort("203.0.113.9:1025")
		l.connect(time.Second)
		l.sameKeys()
		if got := l.a.phase1[0].NAT; got != (NAT{Local: true}) {
			t.Errorf("the initiator found NAT %v, want local", got)
		}
	})
}

func TestIPv6(t *testing.T) {
	a, b := pair()
	a.Local, b.Local = netip.MustParseAddrPort("[2001:db8::10]:500"), netip.MustParseAddrPort("[2001:db8::1]:500")
	l := newLink(t, 1, a, b)
	l.connect(time.Second)
	if got := l.a.phase1[0].PeerID; got.Type != isakmp.IDIPv6Addr {
		t.Errorf("peer's ID = %v, want an IPv6 address", got)
	}
}

func TestRemoteID(t *testing.T) {
	want := isakmp.AddrIdentification(addrB.Addr(), 0, 0)
	a, b := pair()
	a.RemoteID = &want
	newLink(t, 1, a, b).connect(time.Second)

	want = isakmp.Identification{Type: isakmp.IDFQDN, Data: []byte("gw.example")}
	l := newLink(t, 1, a, b)
	l.start()
	if !l.run(time.Second, func() bool { return l.a.down != nil }) || l.a.reason() != IdentityRejected {
		t.Errorf("a = %v, want IdentityRejected", l.a)
	}

	a.RemoteID, b.RemoteID = nil, &want
	l = newLink(t, 1, a, b)
	l.start()
	if !l.run(5*time.Second, func() bool { return l.a.down != nil }) || l.a.reason() != IdentityRejected {
		t.Errorf("a = %v, want IdentityRejected by the responder", l.a)
	}
}

func TestLifetimes(t *testing.T) {
	a, b := pair()
	b.Phase2Lifetime = 10 * time.Minute
	l := newLink(t, 1, a, b)
	l.connect(time.Second)
	if got := l.a.up[l.a.use].Lifetime; got != 10*time.Minute {
		t.Errorf("the initiator's lifetime = %v, want the responder's 10m by RESPONDER-LIFETIME", got)
	}
	a.Phase2Lifetime = 5 * time.Minute
	l = newLink(t, 1, a, b)
	l.connect(time.Second)
	if got := l.b.up[l.b.use].Lifetime; got != 5*time.Minute {
		t.Errorf("the responder's lifetime = %v, want the initiator's 5m", got)
	}
}

// SoftEther leaves leading zeros out of its public value, and hashes it as it
// sends it.
func TestShortPublicValue(t *testing.T) {
	for seed := range uint64(3000) {
		a, b := pair()
		a.Phase1 = suite.MustPhase1("aes128-sha1-modp768")
		b.Phase1 = a.Phase1
		l := newLink(t, seed, a, b)
		short := false
		l.filter = func(dst *side, p Packet) []Packet {
			m, err := isakmp.Parse(p.Data)
			if err != nil || dst != l.a || len(m.Payloads) == 0 || m.Payloads[0].Type != isakmp.PayloadKeyExchange || m.Payloads[0].Body[0] != 0 {
				return []Packet{p}
			}
			short = true
			sa := l.b.conn.sas[0]
			sa.gxr = sa.gxr[1:]
			if !l.b.conn.derive(sa, sa.gxi) {
				t.Fatal("derive")
			}
			m.Payloads[0].Body = sa.gxr
			p.Data = m.Append(nil)
			return []Packet{p}
		}
		l.connect(time.Second)
		if short {
			l.sameKeys()
			return
		}
	}
	t.Fatal("no public value began with a zero")
}

// The messages that are too long go in fragments, either way.
func TestFragments(t *testing.T) {
	a, b := pair()
	for range 5 {
		a.Phase2 = append(a.Phase2, suite.DefaultPhase2()...)
	}
	b.Phase2 = suite.MustPhase2("3des-md5")
	l := newLink(t, 1, a, b)
	l.jitter = 30 * time.Millisecond
	fragments := 0
	l.filter = func(_ *side, p Packet) []Packet {
		if len(p.Data) > 1204 {
			t.Errorf("a datagram of %d octets", len(p.Data))
		}
		if h, err := isakmp.ParseHeader(p.Data[markerLen:]); p.Port == Port4500 && err == nil && h.NextPayload == isakmp.PayloadFragmentation {
			fragments++
		}
		return []Packet{p}
	}
	l.connect(time.Second)
	l.sameKeys()
	if fragments < 2 {
		t.Errorf("%d fragments, want some", fragments)
	}
}

func TestLossyLink(t *testing.T) {
	for seed := range uint64(150) {
		a, b := pair()
		if seed%3 == 0 {
			a.PFS = suite.ECP256
		}
		l := newLink(t, seed, a, b)
		l.loss, l.dup, l.jitter = 0.15, 0.15, 150*time.Millisecond
		l.start()
		if !l.run(30*time.Second, l.connected) {
			t.Fatalf("seed %d: not connected: %s\n%s", seed, l.a, l.b)
		}
		l.run(5*time.Second, nil)
		l.sameKeys()
		if len(l.a.phase1) != 1 || len(l.b.phase1) != 1 || len(l.a.up) != 1 || len(l.b.up) != 1 {
			t.Fatalf("seed %d: want one SA of each kind: %s\n%s", seed, l.a, l.b)
		}
	}
}

// The responder's DH costs something only once its cookie came back.
func TestHalfOpenIsCheap(t *testing.T) {
	a, b := pair()
	l := newLink(t, 1, a, b)
	l.do(l.b, func(c *Conn, now time.Time, out *Output) { c.Start(now, out) })
	flood := func() {
		for i := range 50 {
			a.Rand = newStream(uint64(100 + i))
			x := New(a)
			var out Output
			x.Start(l.now, &out)
			l.do(l.b, func(c *Conn, now time.Time, o *Output) {
				c.Handle(now, Packet{addrA, Port500, out.Datagrams[0].Data}, o)
			})
		}
	}
	flood()
	if n := len(l.b.conn.sas); n != maxHalfOpen {
		t.Errorf("%d half-open exchanges, want %d", n, maxHalfOpen)
	}
	for _, sa := range l.b.conn.sas {
		if sa.dh != nil || sa.keys != nil {
			t.Error("a key was computed for an MM1")
		}
	}
	if l.b.drops[DropLimit] == 0 {
		t.Errorf("drops = %v, want DropLimit", l.b.drops)
	}
	l.queue = nil
	l.run(2*time.Second, nil)
	l.do(l.a, func(c *Conn, now time.Time, out *Output) { c.Start(now, out) })
	if !l.run(time.Second, l.connected) {
		t.Errorf("a flood of MM1 keeps the peer out: %s\n%s", l.a, l.b)
	}
}

func TestCookies(t *testing.T) {
	a, b := pair()
	l := newLink(t, 1, a, b)
	l.connect(time.Second)
	ca, cb := l.a.conn.Cookies(), l.b.conn.Cookies()
	if len(ca) != 1 || !slices.Equal(ca, cb) || ca[0].Responder.IsZero() {
		t.Errorf("Cookies() = %v and %v, want the same pair", ca, cb)
	}
}
