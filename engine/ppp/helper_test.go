package ppp

import (
	"bytes"
	"encoding/hex"
	"errors"
	"fmt"
	"math/rand"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/culvert-vpn/culvert/engine/secret"
)

var epoch = time.Date(2026, 11, 1, 12, 0, 0, 0, time.UTC)

func unhex(t testing.TB, s string) []byte {
	t.Helper()
	b, err := hex.DecodeString(strings.ReplaceAll(s, " ", ""))
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func addr(s string) netip.Addr { return netip.MustParseAddr(s) }

func clientConfig(seed int64, methods ...AuthMethod) Config {
	return Config{Rand: rand.New(rand.NewSource(seed)), Auth: methods, User: "alice", Password: secret.Secret("correct horse"), AskNBNS: true}
}

func serverConfig(seed int64, methods ...AuthMethod) Config {
	return Config{Server: true, Rand: rand.New(rand.NewSource(seed)), Auth: methods, Name: "gateway",
		Lookup: func(user string) (secret.Secret, bool) {
			p, ok := map[string]string{"alice": "correct horse", `CORP\alice`: "correct horse", "jürgen": "Schlüssel"}[user]
			return secret.Secret(p), ok
		},
		Local: addr("10.99.0.1"), Peer: addr("10.99.0.10"),
		DNS: [2]netip.Addr{addr("10.99.0.53"), addr("10.99.0.54")}, NBNS: [2]netip.Addr{addr("10.99.0.55")}}
}

// script plays the peer of one machine, packet by packet.
type script struct {
	t      testing.TB
	c      *Conn
	now    time.Time
	frames [][]byte
	events []Event
	out    Output
}

func newScript(t testing.TB, cfg Config) *script {
	s := &script{t: t, c: New(cfg), now: epoch}
	s.c.Start(s.now, &s.out)
	s.collect()
	return s
}

func (s *script) collect() {
	s.frames = append(s.frames, s.out.Frames...)
	s.events = append(s.events, s.out.Events...)
	s.out.Reset()
}

// pass lets time go by, firing what is due.
func (s *script) pass(d time.Duration) {
	end := s.now.Add(d)
	for n := 0; ; n++ {
		at := s.c.Deadline()
		if at.IsZero() || at.After(end) {
			break
		}
		if n > 10000 {
			s.t.Fatalf("the machine is busy for ever at %v", s.now.Sub(epoch))
		}
		if at.After(s.now) {
			s.now = at
		}
		s.c.Advance(s.now, &s.out)
		s.collect()
	}
	s.now = end
}

// recv gives the machine a control packet.
func (s *script) recv(protocol uint16, code, id uint8, data ...byte) {
	s.frame(newFrame(protocol, packet{code, id, data}))
}

func (s *script) recvHex(protocol uint16, code, id uint8, data string) {
	s.t.Helper()
	s.recv(protocol, code, id, unhex(s.t, data)...)
}

func (s *script) frame(b []byte) {
	s.c.Handle(s.now, b, &s.out)
	s.collect()
}

// next is the next control packet the machine has sent.
func (s *script) next() (uint16, packet) {
	s.t.Helper()
	if len(s.frames) == 0 {
		s.t.Fatalf("nothing was sent; events %+v", s.events)
	}
	f := s.frames[0]
	s.frames = s.frames[1:]
	if !bytes.HasPrefix(f, []byte{0xff, 0x03}) {
		s.t.Fatalf("a frame without address and control: %x", f)
	}
	protocol, info, ok := SplitFrame(f)
	if !ok {
		s.t.Fatalf("no PPP frame: %x", f)
	}
	p, err := parsePacket(info)
	if err != nil {
		s.t.Fatalf("parsePacket(%x): %v", info, err)
	}
	return protocol, p
}

// expect takes the next packet and checks its protocol and code.
func (s *script) expect(protocol uint16, code uint8) packet {
	s.t.Helper()
	got, p := s.next()
	if got != protocol || p.code != code {
		s.t.Fatalf("sent %04x code %d id %d %x, want %04x code %d", got, p.code, p.id, p.data, protocol, code)
	}
	return p
}

// expectHex checks the data, too.
func (s *script) expectHex(protocol uint16, code, id uint8, data string) {
	s.t.Helper()
	p := s.expect(protocol, code)
	if want := unhex(s.t, data); p.id != id || !bytes.Equal(p.data, want) {
		s.t.Fatalf("sent %04x code %d id %d %x, want id %d %x", protocol, code, p.id, p.data, id, want)
	}
}

func (s *script) quiet() {
	s.t.Helper()
	if len(s.frames) > 0 {
		s.t.Fatalf("sent %x, want nothing", s.frames[0])
	}
}

// has finds the last event of a kind.
func has[E Event](s *script) (E, bool) {
	for i := len(s.events) - 1; i >= 0; i-- {
		if e, ok := s.events[i].(E); ok {
			return e, true
		}
	}
	var zero E
	return zero, false
}

func must[E Event](s *script) E {
	s.t.Helper()
	e, ok := has[E](s)
	if !ok {
		s.t.Fatalf("no %T among %+v", e, s.events)
	}
	return e
}

// down is the error the machine ended with.
func (s *script) down(want Reason) *Error {
	s.t.Helper()
	d := must[Down](s)
	var e *Error
	if !errors.As(d.Err, &e) || e.Reason != want {
		s.t.Fatalf("Down with %v, want %v", d.Err, want)
	}
	if _, ok := s.events[len(s.events)-1].(Down); !ok {
		s.t.Fatalf("%+v comes after Down", s.events[len(s.events)-1])
	}
	return e
}

func (s *script) dropped(want DropReason) {
	s.t.Helper()
	if d := must[Drop](s); d.Reason != want {
		s.t.Fatalf("dropped for %v, want %v", d.Reason, want)
	}
}

// ack acknowledges the machine's next Configure-Request.
func (s *script) ack(protocol uint16) packet {
	s.t.Helper()
	p := s.expect(protocol, configureRequest)
	s.recv(protocol, configureAck, p.id, p.data...)
	return p
}

// link opens LCP; options are those of the peer's request.
func (s *script) link(options string) {
	s.t.Helper()
	s.ack(protocolLCP)
	s.recvHex(protocolLCP, configureRequest, 1, options)
	s.expectHex(protocolLCP, configureAck, 1, options)
	must[LinkUp](s)
}

// Demands of the peer.
const (
	askPAP      = "0304c023"
	askMD5      = "0305c22305"
	askMSCHAP   = "0305c22380"
	askMSCHAPv2 = "0305c22381"
	askEAP      = "0304c227"
)

// network is a link without authentication, its IPCP request being out.
func network(t testing.TB, cfg Config) *script {
	t.Helper()
	s := newScript(t, cfg)
	s.link("")
	return s
}

// up is a client's link with its address.
func up(t testing.TB, cfg Config) *script {
	t.Helper()
	s := network(t, cfg)
	s.reject(protocolIPCP, "8106000000008206000000008306000000008406000000 00")
	p := s.expect(protocolIPCP, configureRequest)
	s.recvHex(protocolIPCP, configureNak, p.id, "03060a63000a")
	s.recvHex(protocolIPCP, configureRequest, 7, "03060a630001")
	s.ack(protocolIPCP)
	s.expectHex(protocolIPCP, configureAck, 7, "03060a630001")
	must[NetworkUp](s)
	return s
}

func (s *script) reject(protocol uint16, options string) {
	s.t.Helper()
	p := s.expect(protocol, configureRequest)
	s.recvHex(protocol, configureReject, p.id, options)
}

func TestStringsAreNames(t *testing.T) {
	for _, tt := range []struct{ got, want string }{
		{Opened.String(), "Opened"}, {State(77).String(), "unknown"}, {onRCRGood.String(), "RCR+"}, {onRXR.String(), "RXR"},
		{PhaseNetwork.String(), "Network"}, {DropMagic.String(), "magic"}, {DropReason(0).String(), "unknown"},
		{MSCHAPv2.String(), "MS-CHAPv2"}, {AuthMethod(0).String(), "unknown"}, {PeerDead.String(), "peer does not answer echoes"},
		{(&Error{Reason: BadCredentials, Code: 691, Text: "no", Detail: "x"}).Error(), `ppp: bad credentials (E=691); x; peer says "no"`},
		{fmt.Sprint(&Error{Reason: NoAnswer}), "ppp: no answer"},
	} {
		if tt.got != tt.want {
			t.Errorf("got %q, want %q", tt.got, tt.want)
		}
	}
}

// count is how many events of a kind there were.
func count[E Event](s *script) (n int) {
	for _, e := range s.events {
		if _, ok := e.(E); ok {
			n++
		}
	}
	return n
}
