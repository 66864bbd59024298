package stack

import (
	"bytes"
	"encoding/binary"
	"net/netip"
	"testing"
	"time"

	"github.com/culvert-vpn/culvert/engine/enginetest"
	"github.com/culvert-vpn/culvert/engine/failure"
	"github.com/culvert-vpn/culvert/engine/ike"
	"github.com/culvert-vpn/culvert/engine/ppp"
	"github.com/culvert-vpn/culvert/engine/secret"
	"github.com/culvert-vpn/culvert/engine/suite"
)

func ipPacket(id uint32, n int) []byte {
	p := make([]byte, n)
	p[0] = 0x45
	binary.BigEndian.PutUint32(p[20:], id)
	return p
}

func TestConnect(t *testing.T) {
	line := enginetest.Conditions{Delay: 10 * time.Millisecond}
	for _, tt := range []struct {
		name string
		cfg  worldConfig
	}{
		{"direct", worldConfig{conditions: line}},
		{"behind a NAT", worldConfig{conditions: line, nat: true}},
		{"raw ESP", worldConfig{conditions: line, change: func(c, g *Config) { c.IKE.Encapsulation = ike.EncapESP }}},
		{"plain L2TP", worldConfig{conditions: line, change: func(c, g *Config) {
			c.IPsec, g.IPsec = false, false
			c.Remote = netip.AddrPortFrom(c.Remote.Addr(), 1701)
			g.Remote = netip.AddrPortFrom(clientAddr, 40502)
		}}},
		{"GCM", worldConfig{conditions: line, change: func(c, g *Config) {
			c.IKE.Phase2 = suite.DefaultPhase2()
			g.IKE.Phase2 = suite.MustPhase2("aes256gcm16")
		}}},
		{"tunnel secret and hidden AVPs", worldConfig{conditions: line, change: func(c, g *Config) {
			c.L2TP.Secret, g.L2TP.Secret = secret.Secret("tunnel"), secret.Secret("tunnel")
			c.L2TP.HideAVPs, g.L2TP.HideAVPs = true, true
		}}},
		{"PAP", worldConfig{conditions: line, change: func(c, g *Config) {
			c.PPP.Auth, g.PPP.Auth = []ppp.AuthMethod{ppp.PAP}, []ppp.AuthMethod{ppp.PAP}
		}}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			w := newWorld(tt.cfg)
			w.connect(t, 5*time.Second)
			if n := w.client.network; n.Local != innerClient || n.Peer != innerServer || len(n.DNS) != 1 || n.MTU != 1400 {
				t.Errorf("network = %+v, want %v, %v, one DNS server and an MTU of 1400", n, innerClient, innerServer)
			}
			want := []failure.Stage{failure.Phase1, failure.Phase2, failure.Tunnel, failure.Session, failure.Link, failure.Authenticate, failure.Network}
			if tt.name == "plain L2TP" {
				want = want[2:]
			}
			if got := w.client.stages; !equalStages(got, want) {
				t.Errorf("stages = %v, want %v", got, want)
			}
			ip := ipPacket(7, 1400)
			if !w.client.send(ip) {
				t.Fatal("the client has no way to send")
			}
			w.sim.RunUntil(func() bool { return len(w.gateway.data) > 0 }, w.sim.Now().Add(time.Second))
			if len(w.gateway.data) != 1 || !bytes.Equal(w.gateway.data[0], ip) {
				t.Errorf("the gateway got %d packets, want the one that was sent", len(w.gateway.data))
			}
			w.disconnect(t)
		})
	}
}

func equalStages(a, b []failure.Stage) bool {
	if len(a) != len(b) {
		return false
	}
	for i := range a {
		if a[i] != b[i] {
			return false
		}
	}
	return true
}

// TestBadLinks connects a thousand times over links that lose, repeat and
// reorder a fifth of what they carry.
func TestBadLinks(t *testing.T) {
	var longest time.Duration
	for seed := range uint64(1000) {
		w := newWorld(worldConfig{seed: seed, nat: seed%2 == 0, conditions: enginetest.Conditions{
			Loss: 0.2, Duplicate: 0.2, Reorder: 0.2, Delay: 20 * time.Millisecond, Jitter: 20 * time.Millisecond}})
		start := w.sim.Now()
		w.connect(t, 90*time.Second)
		longest = max(longest, w.sim.Now().Sub(start))
		w.client.call(w.client.conn.Close)
		if !w.sim.RunUntil(func() bool { return w.client.down != nil }, w.sim.Now().Add(5*time.Second)) || w.client.down.Failure != nil {
			t.Fatalf("seed %d: no orderly end: %+v", seed, w.client.down)
		}
	}
	t.Logf("the longest of 1000 connects took %v of virtual time", longest)
}

// TestRoundTrips holds the budget of a link with 100 ms of round trip.
func TestRoundTrips(t *testing.T) {
	const rtt = 100 * time.Millisecond
	w := newWorld(worldConfig{conditions: enginetest.Conditions{Delay: rtt / 2}})
	start := w.sim.Now()
	w.connect(t, 5*time.Second)
	took := w.client.stageTime[failure.Network].Sub(start)
	t.Logf("start to address: %v, %.1f round trips", took, float64(took)/float64(rtt))
	for _, s := range w.client.stages {
		t.Logf("  %-12v at %v", s, w.client.stageTime[s].Sub(start))
	}
	if took > 11*rtt+settleTime {
		t.Errorf("start to address took %v, want at most 11 round trips of %v and the wait of %v", took, rtt, settleTime)
	}
}

// TestRekeyLosesNothing rekeys both phases many times under traffic both ways
// on a link that loses nothing: not one packet may be missing or out of order.
func TestRekeyLosesNothing(t *testing.T) {
	for _, tt := range []struct {
		name   string
		change func(c, g *Config)
	}{
		{"by the client", func(c, g *Config) {
			c.IKE.Phase1Lifetime, c.IKE.Phase2Lifetime = time.Minute, 20*time.Second
		}},
		{"by the gateway", func(c, g *Config) {
			g.IKE.Phase1Lifetime, g.IKE.Phase2Lifetime = time.Minute, 20*time.Second
		}},
		{"by both", func(c, g *Config) {
			c.IKE.Phase1Lifetime, c.IKE.Phase2Lifetime = time.Minute, 20*time.Second
			g.IKE.Phase1Lifetime, g.IKE.Phase2Lifetime = time.Minute, 20*time.Second
		}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			w := newWorld(worldConfig{seed: 3, nat: true, change: tt.change, conditions: enginetest.Conditions{Delay: 15 * time.Millisecond}})
			w.connect(t, 5*time.Second)
			spis := map[uint32]bool{}
			var sent uint32
			for until := w.sim.Now().Add(5 * time.Minute); w.sim.Now().Before(until); {
				w.sim.Run(w.sim.Now().Add(5 * time.Millisecond))
				if !w.client.send(ipPacket(sent, 100)) || !w.gateway.send(ipPacket(sent, 100)) {
					t.Fatalf("no way to send after %d packets: client %+v", sent, w.client.down)
				}
				sent++
				spis[w.client.conn.current] = true
			}
			w.sim.Run(w.sim.Now().Add(time.Second))
			for _, n := range []*node{w.client, w.gateway} {
				if got := uint32(len(n.data)); got != sent {
					t.Errorf("%v got %d packets of %d", n.addr, got, sent)
				}
			}
			t.Logf("%d packets each way over %d pairs of SAs", sent, len(spis))
			if len(spis) < 14 {
				t.Errorf("%d pairs of SAs in 5 minutes, want at least 14", len(spis))
			}
		})
	}
}

func TestFailures(t *testing.T) {
	for _, tt := range []struct {
		name   string
		change func(c, g *Config)
		spoil  func(w *world)
		code   failure.Code
		stage  failure.Stage
		within time.Duration
	}{
		{"nobody there", nil, func(w *world) { w.link.ToB.Conditions.Loss = 1 }, failure.IKENoAnswer, failure.Phase1, 30 * time.Second},
		{"wrong key", func(c, g *Config) { c.IKE.PSK = secret.Secret("wrong") }, nil, failure.IKEPSKMismatch, failure.Phase1, 30 * time.Second},
		{"port 4500 blocked", nil, func(w *world) {
			w.link.ToB.Filter = func(_ time.Time, d enginetest.Datagram) (enginetest.Datagram, bool) { return d, d.To.Port() != 4500 }
		}, failure.IKEPort4500Blocked, failure.Phase1, 30 * time.Second},
		{"no phase 1 suite in common", func(c, g *Config) { g.IKE.Phase1 = suite.MustPhase1("aes256-sha512-modp4096") }, nil, failure.IKENoProposal, failure.Phase1, 10 * time.Second},
		{"no phase 2 suite in common", func(c, g *Config) { g.IKE.Phase2 = suite.MustPhase2("aes256-sha512") }, nil, failure.IPsecNoProposal, failure.Phase2, 10 * time.Second},
		{"wrong password", func(c, g *Config) { c.PPP.Password = secret.Secret("wrong") }, nil, failure.PPPBadCredentials, failure.Authenticate, 10 * time.Second},
		{"no method in common", func(c, g *Config) { g.PPP.Auth = []ppp.AuthMethod{ppp.PAP} }, nil, failure.PPPAuthMethodRefused, failure.Authenticate, 20 * time.Second},
		{"wrong tunnel secret", func(c, g *Config) {
			c.L2TP.Secret, g.L2TP.Secret = secret.Secret("a"), secret.Secret("b")
		}, nil, failure.L2TPAuthFailed, failure.Tunnel, 20 * time.Second},
	} {
		t.Run(tt.name, func(t *testing.T) {
			w := newWorld(worldConfig{change: tt.change, conditions: enginetest.Conditions{Delay: 5 * time.Millisecond}})
			if tt.spoil != nil {
				tt.spoil(w)
			}
			start := w.sim.Now()
			w.client.call(w.client.conn.Start)
			if !w.sim.RunUntil(func() bool { return w.client.down != nil }, start.Add(tt.within)) {
				t.Fatalf("still at %v after %v", w.client.conn.stage, tt.within)
			}
			f := w.client.down.Failure
			if f == nil || f.Code != tt.code || f.Stage != tt.stage {
				t.Fatalf("failure = %v, want %v at %v", f, tt.code, tt.stage)
			}
			t.Logf("%v after %v", f, w.sim.Now().Sub(start))
		})
	}
}

// TestGatewayGone cuts the line of a connection: DPD or the echo must notice.
func TestGatewayGone(t *testing.T) {
	w := newWorld(worldConfig{conditions: enginetest.Conditions{Delay: 5 * time.Millisecond},
		change: func(c, g *Config) { c.IKE.DPDInterval = 10 * time.Second }})
	w.connect(t, 5*time.Second)
	w.link.ToA.Conditions.Loss, w.link.ToB.Conditions.Loss = 1, 1
	start := w.sim.Now()
	if !w.sim.RunUntil(func() bool { return w.client.down != nil }, start.Add(time.Minute)) {
		t.Fatal("a minute after the line was cut the client does not know")
	}
	if f := w.client.down.Failure; f == nil || f.Code != failure.PathDead || f.Stage != failure.Connected {
		t.Fatalf("failure = %v, want %v", f, failure.PathDead)
	}
	t.Logf("noticed after %v", w.sim.Now().Sub(start))
}

// TestChildForgotten has the gateway lose the child but not the ISAKMP SA, which
// answers dead peer detection: the client comes to want another child.
func TestChildForgotten(t *testing.T) {
	w := newWorld(worldConfig{conditions: enginetest.Conditions{Delay: 5 * time.Millisecond},
		change: func(c, g *Config) { c.IKE.DPDInterval = 10 * time.Second }})
	w.connect(t, 5*time.Second)
	lost := w.client.conn.sending()
	filter := func(_ time.Time, d enginetest.Datagram) (enginetest.Datagram, bool) {
		spi := binary.BigEndian.Uint32(d.Data)
		return d, spi != lost.In && spi != lost.Out
	}
	w.link.ToA.Filter, w.link.ToB.Filter = filter, filter
	start := w.sim.Now()
	for len(w.gateway.data) == 0 && w.sim.Now().Sub(start) < 2*time.Minute {
		w.client.send(ipPacket(1, 100))
		w.sim.Run(w.sim.Now().Add(100 * time.Millisecond))
	}
	took := w.sim.Now().Sub(start)
	t.Logf("data flows again after %v", took)
	if took > 40*time.Second || w.client.down != nil {
		t.Errorf("no data after %v, want it within 40 s: client down: %v", took, w.client.down)
	}
}

// TestAbort ends a connection at each moment of its life at once, and the gateway
// hears of it.
func TestAbort(t *testing.T) {
	for wait := time.Duration(0); wait < 400*time.Millisecond; wait += 5 * time.Millisecond {
		w := newWorld(worldConfig{conditions: enginetest.Conditions{Delay: 5 * time.Millisecond}})
		w.client.call(w.client.conn.Start)
		w.sim.Run(w.sim.Now().Add(wait))
		up := w.gateway.network != nil
		if wait/(5*time.Millisecond)%2 == 1 {
			w.client.call(w.client.conn.Close)
		}
		w.client.call(w.client.conn.Abort)
		if w.client.down == nil || w.client.down.Failure != nil || w.client.conn.Path() != nil || !w.client.conn.Deadline().IsZero() {
			t.Fatalf("after %v: down %+v, want the end at once", wait, w.client.down)
		}
		w.client.call(w.client.conn.Abort)
		w.sim.Run(w.sim.Now().Add(time.Second))
		if up && w.gateway.network != nil {
			t.Errorf("after %v: the gateway still has the connection", wait)
		}
	}
}
