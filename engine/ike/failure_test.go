package ike

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/culvert-vpn/culvert/engine/isakmp"
	"github.com/culvert-vpn/culvert/engine/secret"
	"github.com/culvert-vpn/culvert/engine/suite"
)

// failure runs until the initiator is down.
func (l *link) failure(limit time.Duration, want Reason) *Error {
	l.t.Helper()
	begin := l.now
	l.start()
	if !l.run(limit, func() bool { return l.a.down != nil }) {
		l.t.Fatalf("no verdict within %v: %s", limit, l.a)
	}
	if l.a.reason() != want {
		l.t.Fatalf("after %v: %s, want %v", l.now.Sub(begin), l.a, want)
	}
	if !l.a.conn.Deadline().IsZero() {
		l.t.Error("a deadline after Down")
	}
	var err *Error
	if !errors.As(l.a.down.Err, &err) || !strings.HasPrefix(err.Error(), fmt.Sprintf("ike: phase %d: %v", err.Phase, want)) {
		l.t.Errorf("error %q", l.a.down.Err)
	}
	return err
}

func dropAll(_ *side, _ Packet) []Packet { return nil }

func TestNoAnswer(t *testing.T) {
	a, b := pair()
	l := newLink(t, 1, a, b)
	l.filter = dropAll
	begin := l.now
	l.failure(20*time.Second, NoAnswer)
	if got := l.now.Sub(begin); got < 14*time.Second || got > 16*time.Second {
		t.Errorf("gave up after %v, want about 15 s", got)
	}
	if n := len(l.sizes); n != 6 {
		t.Errorf("%d messages, want MM1 at 0, 0.5, 1.5, 3.5, 7.5 and 11.5 s", n)
	}
}

func TestSilenceAfterMM2(t *testing.T) {
	a, b := pair()
	l := newLink(t, 1, a, b)
	l.filter = func(dst *side, p Packet) []Packet {
		if h, _ := isakmp.ParseHeader(p.Data); dst == l.b && h.NextPayload == isakmp.PayloadKeyExchange {
			return nil
		}
		return []Packet{p}
	}
	l.failure(12*time.Second, NoAnswer)
}

func TestNotIKE(t *testing.T) {
	a, b := pair()
	l := newLink(t, 1, a, b)
	l.filter = func(dst *side, p Packet) []Packet {
		if dst == l.b {
			l.carry(l.b, Datagram{To: addrA, Port: Port500, Data: []byte("HTTP/1.1 400 Bad Request\r\n\r\nno VPN here")})
		} else {
			return []Packet{p}
		}
		return nil
	}
	l.failure(4*time.Second, NotIKE)
}

func TestNoProposal(t *testing.T) {
	a, b := pair()
	b.Phase1 = suite.MustPhase1("3des-md5-modp1024")
	t.Run("said properly", func(t *testing.T) {
		err := newLink(t, 1, a, b).failure(3*time.Second, NoProposal)
		if err.Notify != isakmp.NoProposalChosen || err.Offered != "aes256-sha256-ecp256" {
			t.Errorf("error = %+v, want the notification and what was offered", err)
		}
	})
	t.Run("as SoftEther says it", func(t *testing.T) {
		l := newLink(t, 1, a, b)
		l.filter = func(dst *side, p Packet) []Packet {
			if dst == l.a {
				m, err := isakmp.Parse(p.Data)
				if err != nil {
					t.Fatal(err)
				}
				m.Initiator, m.Responder = isakmp.Cookie{0xde, 0xad}, isakmp.Cookie{}
				p.Data = m.Append(nil)
			}
			return []Packet{p}
		}
		l.failure(3*time.Second, NoProposal)
	})
	t.Run("the responder's view", func(t *testing.T) {
		l := newLink(t, 1, a, b)
		l.failure(3*time.Second, NoProposal)
		if !l.run(time.Minute, func() bool { return l.b.down != nil }) || l.b.reason() != NoProposal || l.b.down.Err.(*Error).Offered == "" {
			t.Errorf("b = %s, want it to end with NoProposal", l.b)
		}
	})
	t.Run("forged, and then a real answer", func(t *testing.T) {
		a, b := pair()
		l := newLink(t, 1, a, b)
		n := isakmp.Notification{DOI: 1, Protocol: isakmp.ProtocolISAKMP, Type: isakmp.NoProposalChosen}
		m := isakmp.Message{Header: isakmp.Header{Version: isakmp.Version1, Exchange: isakmp.ExchangeInformational, Initiator: isakmp.Cookie{1}, MessageID: 1},
			Payloads: []isakmp.Payload{{Type: isakmp.PayloadNotification, Body: n.Append(nil)}}}
		l.start()
		l.do(l.a, func(c *Conn, now time.Time, out *Output) { c.Handle(now, Packet{addrB, Port500, m.Append(nil)}, out) })
		l.delay = time.Second // the real answer is later than the verdict would be
		if !l.run(15*time.Second, l.connected) {
			t.Errorf("a forged notification killed the connection: %s", l.a)
		}
	})
}

func TestWrongKey(t *testing.T) {
	a, b := pair()
	b.PSK = secret.Secret("another")
	isNotify := func(p Packet) bool { return exchange(p) == isakmp.ExchangeInformational }
	// silent is a gateway that does not complain.
	silent := func(l *link) func(*side, Packet) []Packet {
		return func(dst *side, p Packet) []Packet {
			if dst == l.a && isNotify(p) {
				return nil
			}
			return []Packet{p}
		}
	}
	t.Run("said in clear", func(t *testing.T) {
		l := newLink(t, 1, a, b)
		begin := l.now
		err := l.failure(5*time.Second, PSKMismatch)
		if got := l.now.Sub(begin); got > 4*time.Second || err.Notify != isakmp.AuthenticationFailed {
			t.Errorf("%v after %v, want the notification within 4 s", err, got)
		}
		if !l.run(time.Minute, func() bool { return l.b.down != nil }) || l.b.reason() != PSKMismatch {
			t.Errorf("b = %s, want PSKMismatch too", l.b)
		}
	})
	t.Run("MM4 repeated from port 4500, as SoftEther does", func(t *testing.T) {
		l := newLink(t, 1, a, b)
		var mm4 []byte
		drop := silent(l)
		l.filter = func(dst *side, p Packet) []Packet {
			if h, err := isakmp.ParseHeader(p.Data); err == nil && dst == l.a && h.NextPayload == isakmp.PayloadKeyExchange {
				mm4 = clone(p.Data)
			}
			if dst == l.b && p.Port == Port4500 && mm4 != nil {
				l.carry(l.b, Datagram{To: l.nat4500, Port: Port4500, Data: append(make([]byte, 4), mm4...)})
			}
			return drop(dst, p)
		}
		begin := l.now
		l.failure(5*time.Second, PSKMismatch)
		if got := l.now.Sub(begin); got > 4*time.Second {
			t.Errorf("verdict after %v, want about 3 s", got)
		}
	})
	t.Run("an answer under another key", func(t *testing.T) {
		l := newLink(t, 1, a, b)
		l.filter = func(dst *side, p Packet) []Packet {
			if dst == l.a && isNotify(p) {
				m, err := isakmp.Parse(p.Data[markerLen:])
				if err != nil {
					t.Fatal(err)
				}
				m.Flags, m.NextPayload, m.Encrypted, m.Payloads = isakmp.FlagEncryption, isakmp.PayloadHash, make([]byte, 64), nil
				p.Data = append(make([]byte, 4), m.Append(nil)...)
			}
			return []Packet{p}
		}
		l.failure(4*time.Second, PSKMismatch)
	})
	t.Run("total silence, but port 4500 answers a new MM1", func(t *testing.T) {
		l := newLink(t, 1, a, b)
		l.filter = silent(l)
		begin := l.now
		l.failure(12*time.Second, PSKMismatch)
		if got := l.now.Sub(begin); got > 9*time.Second {
			t.Errorf("verdict after %v, want 3 s after the probe at 5 s", got)
		}
	})
	t.Run("without NAT-T", func(t *testing.T) {
		a := a
		a.Encapsulation = EncapESP
		l := newLink(t, 1, a, b)
		l.filter = silent(l)
		l.failure(12*time.Second, PSKMismatch)
	})
}

func TestPort4500Blocked(t *testing.T) {
	a, b := pair()
	l := newLink(t, 1, a, b)
	l.filter = func(_ *side, p Packet) []Packet {
		if p.Port == Port4500 {
			return nil
		}
		return []Packet{p}
	}
	begin := l.now
	l.failure(13*time.Second, Port4500Blocked)
	if got := l.now.Sub(begin); got > 12*time.Second {
		t.Errorf("verdict after %v, want at most 12 s", got)
	}
}

func TestPhase2Failures(t *testing.T) {
	t.Run("no proposal", func(t *testing.T) {
		a, b := pair()
		b.Phase2 = suite.MustPhase2("aes256gcm16")
		l := newLink(t, 1, a, b)
		err := l.failure(time.Second, Phase2NoProposal)
		if l.run(time.Second, func() bool { return len(l.b.conn.sas) == 0 }); len(l.b.conn.sas) != 0 {
			t.Error("the responder was not told that the ISAKMP SA is of no use")
		}
		if err.Phase != 2 || !err.Authenticated || err.Offered != "aes128-sha1" {
			t.Errorf("error = %+v, want phase 2, the peer's authenticated word and the offer", err)
		}
	})
	t.Run("PFS demanded", func(t *testing.T) {
		a, b := pair()
		b.PFS = suite.ECP256
		newLink(t, 1, a, b).failure(time.Second, Phase2NoProposal)
		a.PFS = suite.ECP256
		newLink(t, 1, a, b).connect(time.Second)
	})
	t.Run("no answer", func(t *testing.T) {
		a, b := pair()
		l := newLink(t, 1, a, b)
		l.filter = func(_ *side, p Packet) []Packet {
			if exchange(p) == isakmp.ExchangeQuickMode {
				return nil
			}
			return []Packet{p}
		}
		l.failure(20*time.Second, Phase2NoAnswer)
	})
	t.Run("hint in clear only", func(t *testing.T) {
		a, b := pair()
		l := newLink(t, 1, a, b)
		l.filter = func(dst *side, p Packet) []Packet {
			if exchange(p) == isakmp.ExchangeQuickMode {
				if dst == l.b {
					l.notifyInClear(isakmp.NoProposalChosen)
				}
				return nil
			}
			return []Packet{p}
		}
		if err := l.failure(20*time.Second, Phase2NoProposal); err.Authenticated {
			t.Errorf("error = %+v, want it not to claim authenticity", err)
		}
	})
}

// notifyInClear sends a an unauthenticated notification with the right cookies.
func (l *link) notifyInClear(t isakmp.NotifyType) {
	n := isakmp.Notification{DOI: 1, Protocol: isakmp.ProtocolISAKMP, Type: t}
	cky := l.a.conn.Cookies()[0]
	m := isakmp.Message{Header: isakmp.Header{Version: isakmp.Version1, Exchange: isakmp.ExchangeInformational, MessageID: l.rng.Uint32(),
		Initiator: cky.Initiator, Responder: cky.Responder}, Payloads: []isakmp.Payload{{Type: isakmp.PayloadNotification, Body: n.Append(nil)}}}
	l.carry(l.b, Datagram{To: l.nat4500, Port: Port4500, Data: append(make([]byte, 4), m.Append(nil)...)})
}

// zeros is a source of randomness that is none.
type zeros struct{}

func (zeros) Read(b []byte) (int, error) { clear(b); return len(b), nil }

type broken struct{}

func (broken) Read([]byte) (int, error) { return 0, errors.New("out of order") }

func TestBadConfig(t *testing.T) {
	a, _ := pair()
	for name, change := range map[string]func(*Config){
		"no suites":     func(c *Config) { c.Phase1 = nil },
		"no role":       func(c *Config) { c.Role = 0 },
		"no randomness": func(c *Config) { c.Rand = nil },
		"broken source": func(c *Config) { c.Rand = broken{} },
	} {
		cfg := a
		cfg.Rand = newStream(1)
		change(&cfg)
		c := New(cfg)
		var out Output
		c.Start(time.Unix(1, 0), &out)
		if n := len(out.Events); n != 1 || out.Events[0].(Down).Err.(*Error).Reason != Internal {
			t.Errorf("%s: events = %+v, want Down with Internal", name, out.Events)
		}
	}
}

// A source that repeats itself must not make a machine look for a fresh number forever.
func TestZeroRandomness(t *testing.T) {
	a, b := pair()
	l := newLink(t, 1, a, b)
	l.connect(time.Second)
	l.a.conn.cfg.Rand = zeros{}
	l.do(l.a, func(c *Conn, now time.Time, out *Output) { c.RekeyChild(now, out) })
	if l.a.reason() != Internal {
		t.Errorf("a = %s, want Internal", l.a)
	}
}

// strongSwan refuses after MM5 under the new keys: that is authenticated, and final.
func TestRefusedUnderTheNewKeys(t *testing.T) {
	a, b := pair()
	l := newLink(t, 1, a, b)
	l.filter = func(dst *side, p Packet) []Packet {
		if kindOf(l, dst, p) != 6 {
			return []Packet{p}
		}
		sa := *l.a.conn.sas[0] // the keys of both ends are the same
		n := isakmp.Notification{DOI: 1, Protocol: isakmp.ProtocolISAKMP, Type: isakmp.InvalidIDInformation}
		msg, _ := sa.sealHashed(isakmp.ExchangeInformational, 77, sa.keys.messageIV(sa.iv, 77), nil, []isakmp.Payload{{Type: isakmp.PayloadNotification, Body: n.Append(nil)}})
		p.Data = append(make([]byte, markerLen), msg...)
		return []Packet{p}
	}
	if err := l.failure(200*time.Millisecond, IdentityRejected); !err.Authenticated || err.Notify != isakmp.InvalidIDInformation {
		t.Errorf("error = %+v, want the peer's authenticated word", err)
	}
}

// A responder takes no other protocol than UDP into the SA.
func TestSelectorsRejected(t *testing.T) {
	a, b := pair()
	l := newLink(t, 1, a, b)
	l.start()
	if !l.run(time.Second, func() bool { return len(l.b.phase1) == 1 }) {
		t.Fatal(l.b)
	}
	c := l.b.conn
	for name, tt := range map[string]struct {
		ids  []isakmp.Identification
		want bool
	}{
		"UDP":        {[]isakmp.Identification{{Type: isakmp.IDIPv4Addr, Protocol: 17, Port: 5, Data: make([]byte, 4)}, {Type: isakmp.IDIPv4Addr, Protocol: 17, Port: 6, Data: make([]byte, 4)}}, true},
		"anything":   {[]isakmp.Identification{{Type: isakmp.IDIPv4Addr, Data: make([]byte, 4)}, {Type: isakmp.IDIPv4Addr, Data: make([]byte, 4)}}, true},
		"TCP":        {[]isakmp.Identification{{Type: isakmp.IDIPv4Addr, Protocol: 6, Data: make([]byte, 4)}, {Type: isakmp.IDIPv4Addr, Data: make([]byte, 4)}}, false},
		"one of two": {[]isakmp.Identification{{Type: isakmp.IDIPv4Addr, Data: make([]byte, 4)}}, false},
		"none":       {nil, true},
	} {
		var payloads []isakmp.Payload
		for _, id := range tt.ids {
			payloads = append(payloads, isakmp.Payload{Type: isakmp.PayloadID, Body: id.Append(nil)})
		}
		if got := c.acceptIDs(&quick{to: addrA}, readIDs(payloads), payloads); got != tt.want {
			t.Errorf("%s: acceptIDs = %v, want %v", name, got, tt.want)
		}
	}
	l = newLink(t, 1, a, b)
	l.filter = func(dst *side, p Packet) []Packet {
		if dst == l.a && exchange(p) == isakmp.ExchangeQuickMode {
			l.do(l.b, func(c *Conn, now time.Time, out *Output) {
				spi := c.children[0].Out
				offer := isakmp.SA{Proposals: []isakmp.Proposal{{SPI: []byte{byte(spi >> 24), byte(spi >> 16), byte(spi >> 8), byte(spi)}}}}
				c.refuse(now, c.newest(), offer, isakmp.InvalidIDInformation, out)
			})
			return nil
		}
		return []Packet{p}
	}
	l.failure(time.Second, SelectorsRejected)
}

func TestNames(t *testing.T) {
	for _, tt := range []struct{ got, want string }{
		{Initiator.String(), "initiator"}, {Responder.String(), "responder"}, {Role(0).String(), "no role"},
		{Port500.String(), "500"}, {Port4500.String(), "4500"},
		{NAT{}.String(), "none"}, {NAT{Local: true}.String(), "local"}, {NAT{Remote: true}.String(), "remote"}, {NAT{true, true}.String(), "both"},
		{DropReplay.String(), "replay"}, {DropReason(200).String(), "unknown"}, {PSKMismatch.String(), "pre-shared key mismatch"}, {Reason(200).String(), "reason(200)"},
		{(&Error{Phase: 1, Reason: NoProposal, Offered: "x y", Notify: isakmp.NoProposalChosen, Detail: "d"}).Error(),
			"ike: phase 1: no proposal chosen; offered x y; peer sent NO-PROPOSAL-CHOSEN; d"},
	} {
		if tt.got != tt.want {
			t.Errorf("String() = %q, want %q", tt.got, tt.want)
		}
	}
	out := Output{Datagrams: make([]Datagram, 3), Events: make([]Event, 2)}
	out.Reset()
	if len(out.Datagrams)+len(out.Events) != 0 || cap(out.Datagrams) != 3 {
		t.Errorf("Reset leaves %+v", out)
	}
}
