package gateway

import (
	"crypto/rand"
	"net/netip"
	"testing"
	"time"

	"github.com/culvert-vpn/culvert/engine/dataplane"
	"github.com/culvert-vpn/culvert/engine/ike"
	"github.com/culvert-vpn/culvert/engine/isakmp"
	"github.com/culvert-vpn/culvert/engine/l2tp"
	"github.com/culvert-vpn/culvert/engine/packet"
	"github.com/culvert-vpn/culvert/engine/secret"
	"github.com/culvert-vpn/culvert/engine/stack"
)

type noSocket struct{}

func (noSocket) ReadBatch([][]byte, []int, []int, []netip.AddrPort) (int, error) { return 0, nil }
func (noSocket) WriteBatch([][]byte, []netip.AddrPort) error                     { return nil }
func (noSocket) Close() error                                                    { return nil }

// still is the control goroutine's state of a gateway that does not run.
func still(t testing.TB) *loop {
	t.Helper()
	cfg := Config{Listen: loopback, PSK: secret.Secret("lab-psk"), Address: netip.MustParseAddr("10.99.0.1"), Pool: netip.MustParsePrefix("10.99.0.0/24")}
	if err := cfg.complete(); err != nil {
		t.Fatal(err)
	}
	g := &Gateway{cfg: cfg, links: map[stack.Via]*link{}, control: make(chan message, controlQueue), strangers: make(chan message, strangerQueue)}
	for _, via := range []stack.Via{stack.Port500, stack.Port4500, stack.Port1701} {
		g.links[via] = &link{via, noSocket{}, netip.AddrPortFrom(loopback, 500), dataplane.NewWriter(noSocket{}, false)}
	}
	g.table.Store(&table{})
	return &loop{registry: newRegistry(g), buf: packet.New(packet.ControlSize)}
}

func (l *loop) stranger(at netip.AddrPort) *client {
	c := l.add(time.Now(), at, true)
	l.call(c, c.conn.Start)
	return c
}

func endpoint(i int) netip.AddrPort {
	return netip.AddrPortFrom(netip.AddrFrom4([4]byte{198, 18, byte(i >> 8), byte(i)}), 500)
}

func (l *loop) has(c *client) bool { _, ok := l.clients[c]; return ok }

// Whoever knew the group's key could stay for the life of an ISAKMP SA without
// a login, as often as it liked.
func TestMustLogIn(t *testing.T) {
	l := still(t)
	guest, user, lost := l.stranger(endpoint(1)), l.stranger(endpoint(2)), l.stranger(endpoint(3))
	for _, c := range []*client{guest, user, lost} {
		c.known = true
	}
	now := time.Now()
	l.event(now, user, stack.NetworkUp{})
	l.event(now, lost, stack.NetworkUp{})
	l.event(now.Add(time.Hour), lost, stack.NetworkDown{})
	if d := l.due(guest); d.After(guest.born.Add(loginTime)) || d.IsZero() {
		t.Errorf("the guest is looked at at %v, want %v after %v", d, loginTime, guest.born)
	}
	l.advance(now.Add(loginTime - time.Second))
	if !l.has(guest) {
		t.Error("the guest was sent away too early")
	}
	l.advance(now.Add(loginTime + time.Second))
	if l.has(guest) || !l.has(user) || !l.has(lost) {
		t.Errorf("guest %v, user %v, one that has lost its network %v; want the guest alone to be gone", l.has(guest), l.has(user), l.has(lost))
	}
	l.advance(now.Add(time.Hour + loginTime + time.Second))
	if l.has(lost) || !l.has(user) {
		t.Errorf("one that has lost its network %v, user %v; want the user alone", l.has(lost), l.has(user))
	}
	for i := range 2 * maxGuests {
		l.stranger(endpoint(i)).known = true
	}
	if n := len(l.clients); n > maxGuests+2 || !l.has(user) {
		t.Errorf("%d clients that have not logged in, user %v", n, l.has(user))
	}
}

// A client that makes its packets look as if they came from another's endpoint,
// and says INITIAL-CONTACT, ended the other's connection.
func TestContactInAnothersName(t *testing.T) {
	l := still(t)
	victim := l.stranger(endpoint(1))
	l.event(time.Now(), victim, stack.NetworkUp{})
	victim.address = l.assign(victim, "alice")
	attacker := l.stranger(endpoint(2))
	l.event(time.Now(), attacker, stack.PeerMoved{To: endpoint(1)})
	l.event(time.Now(), attacker, stack.Trace{Part: "ike", Event: ike.InitialContact{}})
	if a := l.assign(attacker, "mallory"); !l.has(victim) || a == victim.address {
		t.Fatalf("mallory took alice's place: victim there %v, address %v", l.has(victim), a)
	}
	elsewhere := l.stranger(endpoint(3))
	elsewhere.contact = true
	if l.assign(elsewhere, "alice"); !l.has(victim) {
		t.Error("alice at another place ended her first connection")
	}
	again := l.stranger(endpoint(1))
	again.contact = true
	if l.assign(again, "alice"); l.has(victim) {
		t.Error("what alice left behind at the same place is still there")
	}
}

// A flood of first messages pushed out the clients in the middle of theirs.
func TestHalfOpenFlood(t *testing.T) {
	l := still(t)
	l.cfg.Phase1 = l.cfg.Phase1[:1]
	honest := l.stranger(netip.MustParseAddrPort("192.0.2.1:500"))
	honest.proven = true
	for i := range 3000 {
		l.stranger(endpoint(i))
	}
	if !l.has(honest) || len(l.clients) > maxHalfOpen+1 {
		t.Errorf("honest client there %v, %d clients, want at most %d", l.has(honest), len(l.clients), maxHalfOpen+1)
	}
	l = still(t)
	other := l.stranger(endpoint(1))
	for range 3000 {
		l.stranger(netip.AddrPortFrom(loopback, 500))
	}
	if !l.has(other) || len(l.clients) > maxHalfOpenAt+1 {
		t.Errorf("client elsewhere there %v, %d clients, want at most %d", l.has(other), len(l.clients), maxHalfOpenAt+1)
	}
}

// TestProven: a client is where it says to be when it has sent our cookie back.
func TestProven(t *testing.T) {
	l := still(t)
	c := l.stranger(endpoint(1))
	mine, ours := isakmp.Cookie{1}, isakmp.Cookie{2}
	c.cookies = []ike.CookiePair{{Initiator: mine, Responder: ours}}
	l.byCookie[mine] = c
	for _, tt := range []struct {
		responder isakmp.Cookie
		want      bool
	}{{isakmp.Cookie{}, false}, {isakmp.Cookie{3}, false}, {ours, true}} {
		h := isakmp.Header{Initiator: mine, Responder: tt.responder, Version: isakmp.Version1, Exchange: isakmp.ExchangeIdentityProtection}
		if got := l.forIKE(time.Now(), message{via: stack.Port500, peer: endpoint(1), data: h.Append(nil)}); got != c || c.proven != tt.want {
			t.Errorf("cookie %v: client %v, proven %v, want %v", tt.responder, got == c, c.proven, tt.want)
		}
	}
}

// One client, or anybody outside, filled the queue of all.
func TestShareOfTheQueue(t *testing.T) {
	l := still(t)
	greedy, modest := l.stranger(endpoint(1)), l.stranger(endpoint(2))
	for range 2 * controlQueue {
		l.tellOf(greedy, message{data: []byte{1}})
		l.tell(message{via: stack.Port500, data: []byte{1}})
	}
	l.tell(message{via: stack.Port500, data: make([]byte, maxMessage+1)})
	before := l.Dropped.Load()
	l.tellOf(modest, message{data: []byte{1}})
	if got := len(l.control); got != maxQueued+1 || l.Dropped.Load() != before {
		t.Errorf("%d messages wait, want %d of the greedy one and one of the modest one", got, maxQueued)
	}
	for len(l.control)+len(l.strangers) > 0 {
		l.drain()
	}
	if greedy.queued.Load() != 0 || modest.queued.Load() != 0 {
		t.Errorf("%d and %d are counted as waiting, want none", greedy.queued.Load(), modest.queued.Load())
	}
}

// An IPv6 packet with the client's own IPv4 address in the right place went through.
func TestSpeaks(t *testing.T) {
	c, a := &client{}, netip.MustParseAddr("10.99.0.2").As4()
	tab := &table{byAddr: map[netip.Addr]*client{netip.AddrFrom4(a): c}}
	v4 := append(append(make([]byte, 12), a[:]...), 10, 99, 0, 1)
	v4[0] = 0x45
	v6 := append(append([]byte(nil), v4...), make([]byte, 40)...)
	v6[0] = 0x60
	for name, tt := range map[string]struct {
		ip   []byte
		want bool
	}{"own": {v4, true}, "IPv6": {v6, false}, "short": {v4[:19], false}, "another's": {append([]byte{0x45}, make([]byte, 30)...), false}} {
		if got := tab.speaks(c, tt.ip); got != tt.want {
			t.Errorf("%s: speaks = %v, want %v", name, got, tt.want)
		}
	}
}

// A repeated SCCRQ that overtook the table made a second client of the first.
func TestPlainTwice(t *testing.T) {
	l := still(t)
	first := l.add(time.Now(), endpoint(1), false)
	var out l2tp.Output
	l2tp.New(l2tp.Config{Role: l2tp.LAC, Rand: rand.Reader}).Start(time.Now(), &out)
	sccrq := out.Packets[0]
	if got := l.forPlain(time.Now(), message{via: stack.Port1701, peer: endpoint(1), data: sccrq}); got != first {
		t.Errorf("the same peer is %v, want the client %v", got, first)
	}
	if got := l.forPlain(time.Now(), message{via: stack.Port1701, peer: endpoint(2), data: sccrq}); got == first || got == nil {
		t.Errorf("another peer is %v", got)
	}
}

// A client with raw ESP, which stays on port 500, became another one when it
// renewed its ISAKMP SA.
func TestRenewalOnPort500(t *testing.T) {
	for _, tt := range []struct {
		via   stack.Via
		encap dataplane.Encapsulation
		same  bool
	}{
		{stack.Port4500, dataplane.UDP, true},
		{stack.Port500, dataplane.UDP, false},
		{stack.Port500, dataplane.ESP, true},
	} {
		l := still(t)
		c := l.stranger(endpoint(1))
		c.known, c.up = true, true
		c.path.Store(&dataplane.Path{Encapsulation: tt.encap})
		h := isakmp.Header{Initiator: isakmp.Cookie{9}, Version: isakmp.Version1, Exchange: isakmp.ExchangeIdentityProtection}
		data := h.Append(nil)
		if tt.via == stack.Port4500 {
			data = append(make([]byte, 4), data...)
		}
		if got := l.forIKE(time.Now(), message{via: tt.via, peer: endpoint(1), data: data}); (got == c) != tt.same {
			t.Errorf("%v, %v: the same client %v, want %v", tt.via, tt.encap, got == c, tt.same)
		}
	}
}
