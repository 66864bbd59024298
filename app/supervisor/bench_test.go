package supervisor

import (
	"errors"
	"fmt"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/culvert-vpn/culvert/app/api"
	"github.com/culvert-vpn/culvert/app/profile"
	"github.com/culvert-vpn/culvert/engine/failure"
)

var (
	epoch  = time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)
	server = netip.MustParseAddr("198.51.100.1")
)

const (
	officeID = "00000000-0000-4000-8000-000000000001"
	homeID   = "00000000-0000-4000-8000-000000000002"
)

func network(last byte) api.Network {
	return api.Network{Address: netip.AddrFrom4([4]byte{10, 99, 0, last}), Peer: netip.MustParseAddr("10.99.0.1"), MTU: 1400, Suite: "aes128gcm16",
		Interface: "culvert0", Server: server.String()}
}

// pushed is what a gateway pushes: nothing for 0.
func pushed(attempt uint64, n byte) Learned {
	l := Learned{Attempt: attempt}
	if n > 0 {
		l.Routes = []netip.Prefix{netip.PrefixFrom(netip.AddrFrom4([4]byte{10, n, 0, 0}), 16)}
		l.DNS, l.Search = []netip.Addr{netip.AddrFrom4([4]byte{10, n, 0, 1})}, []string{"corp.example"}
	}
	return l
}

// office is the profile of most tests, changed by the words of how: ks, nodrop,
// onstart, ask, nopush, idle.
func office(how ...string) *profile.Profile { return named(officeID, "Office", how...) }
func home(how ...string) *profile.Profile   { return named(homeID, "Home", how...) }

func named(id, name string, how ...string) *profile.Profile {
	p := profile.Default()
	p.ID, p.Name, p.Servers, p.User = id, name, []string{"vpn.example.com"}, "alice"
	for _, h := range how {
		switch h {
		case "ks":
			p.Routing.KillSwitch = true
		case "nodrop":
			p.Reconnect.OnDrop = false
		case "idle":
			p.Reconnect.IdleDisconnect = profile.Duration(10 * time.Minute)
		case "onstart":
			p.Reconnect.OnStart = true
		case "ask":
			p.AskPassword = true
		case "nopush":
			p.Routing.FromGateway = false
		case "split":
			p.Routing.Mode = "split"
		default:
			panic("no such word: " + h)
		}
	}
	return p
}

// bench is a machine with its time, and what it said last.
type bench struct {
	t   *testing.T
	m   *Machine
	now time.Time
	out Output
	err error
}

func newBench(t *testing.T) *bench {
	return &bench{t: t, m: New(Config{}), now: epoch}
}

// in gives inputs, and keeps what came of the last one.
func (b *bench) in(inputs ...Input) *bench {
	b.t.Helper()
	for _, in := range inputs {
		b.out.Reset()
		b.err = b.m.Handle(b.now, in, &b.out)
	}
	return b
}

// after lets time pass, every deadline in its turn, and keeps all that came of it.
func (b *bench) after(d time.Duration) *bench {
	b.t.Helper()
	b.out.Reset()
	end := b.now.Add(d)
	for n := 0; ; n++ {
		at := b.m.Deadline()
		if at.IsZero() || at.After(end) {
			b.now = end
			return b
		}
		if n > 1000 {
			b.t.Fatalf("deadlines without an end: %v at %v", at, b.now)
		}
		if at.After(b.now) {
			b.now = at
		}
		b.m.Advance(b.now, &b.out)
	}
}

// attempt is the number of the engine at work.
func (b *bench) attempt() uint64 { return b.m.attempt }

// connected brings a profile up.
func (b *bench) connected(p *profile.Profile) *bench {
	b.t.Helper()
	b.in(Start{}, Route{true, "wlan0"}, Connect{p}).online()
	return b
}

// online brings the engine at work up.
func (b *bench) online() *bench {
	b.t.Helper()
	n := b.attempt()
	b.in(Server{n, server, ""}, Stage{Attempt: n, Stage: failure.Phase1}, Stage{Attempt: n, Stage: failure.Phase1, Done: true},
		Stage{Attempt: n, Stage: failure.Authenticate}, Up{n, network(10)}, Applied{n})
	b.state(api.Connected)
	return b
}

// down ends the engine at work.
func (b *bench) down(code failure.Code) *bench {
	b.t.Helper()
	var f *failure.Failure
	if code != "" {
		f = &failure.Failure{Stage: failure.Connected, Code: code, Evidence: []string{"seen"}}
	}
	return b.in(Down{b.attempt(), f})
}

func (b *bench) state(want api.State) *bench {
	b.t.Helper()
	if got := b.m.Status(b.now).State; got != want {
		b.t.Fatalf("state %s, want %s; said %s", got, want, b.said())
	}
	return b
}

// did compares the effects of the last input, without what was told.
func (b *bench) did(want ...string) *bench {
	b.t.Helper()
	if got := b.said(); got != strings.Join(want, " · ") {
		b.t.Fatalf("did\n  %s\nwant\n  %s", got, strings.Join(want, " · "))
	}
	return b
}

func (b *bench) said() string {
	var s []string
	for _, e := range b.out.Effects {
		if text := show(e); text != "" {
			s = append(s, text)
		}
	}
	return strings.Join(s, " · ")
}

func (b *bench) failure(want api.Code) *bench {
	b.t.Helper()
	var got api.Code
	if f := b.m.Status(b.now).Failure; f != nil {
		got = f.Code
	}
	if got != want {
		b.t.Fatalf("failure %q, want %q", got, want)
	}
	return b
}

func (b *bench) asks(want ...api.SecretName) *bench {
	b.t.Helper()
	if got := b.m.Status(b.now).Ask; fmt.Sprint(got) != fmt.Sprint(want) {
		b.t.Fatalf("asks %v, want %v", got, want)
	}
	return b
}

// show is an effect in a line; "" for what is told and is no news.
func show(e Effect) string {
	switch e := e.(type) {
	case StartEngine:
		s := fmt.Sprintf("start #%d %s", e.Attempt, e.Profile.Name)
		if e.Hints.Server.IsValid() {
			s += " at " + e.Hints.Server.String()
		}
		if e.Hints.Address.IsValid() {
			s += " as " + e.Hints.Address.String()
		}
		if e.Hints.InterfaceID != ([8]byte{}) {
			s += fmt.Sprintf(" and %x", e.Hints.InterfaceID)
		}
		if e.Hints.MRU != 0 {
			s += fmt.Sprintf(" mru %d", e.Hints.MRU)
		}
		return s
	case FindWay:
		return "find a way"
	case StopEngine:
		if e.Orderly {
			return fmt.Sprintf("stop #%d in order", e.Attempt)
		}
		return fmt.Sprintf("stop #%d at once", e.Attempt)
	case AnswerEngine:
		return fmt.Sprintf("answer #%d %s", e.Attempt, e.Secret)
	case ApplyNetwork:
		s := fmt.Sprintf("apply #%d %v", e.Attempt, e.Network.Address)
		if e.Network.Address6.IsValid() {
			s += fmt.Sprint(" and ", e.Network.Address6)
		}
		if len(e.Network.Routes) > 0 {
			s += fmt.Sprint(" with ", e.Network.Routes)
		}
		return s
	case CountTraffic:
		return fmt.Sprintf("count #%d", e.Attempt)
	case ClearNetwork:
		return "clear"
	case SetFirewall:
		s := "firewall " + e.State.String()
		if e.State == Tunnel && e.KillSwitch {
			s += " only"
		}
		if e.Server.IsValid() {
			s += " for " + e.Server.String()
		}
		if e.Address6.IsValid() {
			s += " with IPv6"
		}
		if e.Interface != "" {
			s += " by " + e.Interface
		}
		return s
	case ForgetSecrets:
		if e.Only != nil {
			return fmt.Sprintf("forget %v", e.Only)
		}
		return "forget all"
	case Persist:
		switch w := e.Wish; {
		case w == nil:
			return "wish nothing"
		case w.Profile == nil:
			return fmt.Sprintf("wish ? ks=%t orderly=%t", w.KillSwitch, w.Orderly)
		default:
			return fmt.Sprintf("wish %s ks=%t orderly=%t", w.Profile.Name, w.KillSwitch, w.Orderly)
		}
	case Tell:
		if f, ok := e.Event.(api.FailureEvent); ok {
			return "tell " + string(f.Code)
		}
		return ""
	case Finished:
		return "finished"
	}
	panic(fmt.Sprintf("no such effect: %T", e))
}

func errText(err error) string {
	var busy *BusyError
	switch {
	case errors.As(err, &busy):
		return "refused: busy with " + busy.Profile.Name
	case errors.Is(err, ErrNotAsked):
		return "refused: nothing is asked"
	case errors.Is(err, ErrOver):
		return "refused: over"
	case err != nil:
		return "refused: " + err.Error()
	}
	return ""
}
