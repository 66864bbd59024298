package supervisor

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"net/netip"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/culvert-vpn/culvert/app/api"
	"github.com/culvert-vpn/culvert/app/profile"
	"github.com/culvert-vpn/culvert/engine/failure"
)

// world is a helper as the machine may assume it: it executes the effects, and
// knows of itself what must never be.
type world struct {
	t     *testing.T
	r     *rand.Rand
	m     *Machine
	now   time.Time
	log   []string
	codes []api.Code

	engine  engineState
	attempt uint64 // the highest that was started
	isUp    bool
	applied bool
	secrets bool
	fw      SetFirewall
	fwWas   SetFirewall
	fwSet   bool           // in this call
	address netip.Addr     // inside, of this engine
	learned []netip.Prefix // pushed by the gateway of this engine, and not refused
	excused bool           // the firewall has failed: what it lets out is not the machine's doing
	wish    *Wish
	over    bool
	told    *api.Status

	// What people want, counted apart from the machine.
	want    *profile.Profile
	queued  *profile.Profile
	closing bool // disconnected, but the engine is not down yet
	leaving bool // shut down
	online  bool
	asleep  bool
}

func (w *world) fatal(format string, args ...any) {
	w.t.Helper()
	if len(w.log) > 40 {
		w.log = w.log[len(w.log)-40:]
	}
	w.t.Fatalf("%s\nafter\n  %s", fmt.Sprintf(format, args...), strings.Join(w.log, "\n  "))
}

// mustBeClosed says whether anything may leave the computer in clear.
func (w *world) mustBeClosed() bool {
	return !w.excused && w.want != nil && w.want.Routing.KillSwitch
}

func (w *world) note(format string, args ...any) {
	w.log = append(w.log, w.now.Sub(epoch).String()+" "+fmt.Sprintf(format, args...))
}

// input gives one input to the machine and executes what it says.
func (w *world) input(in Input) {
	w.t.Helper()
	w.note("%T%+v", in, in)
	var out Output
	err := w.m.Handle(w.now, in, &out)
	w.expect(in, err)
	if err != nil && len(out.Effects) > 0 {
		w.fatal("refused with %v, and said %d effects", err, len(out.Effects))
	}
	w.execute(out)
}

// expect follows what was asked for, and checks what is refused.
func (w *world) expect(in Input, err error) {
	w.t.Helper()
	if w.over {
		if !errors.Is(err, ErrOver) {
			w.fatal("%T after the end: %v", in, err)
		}
		return
	}
	var busy *BusyError
	switch in := in.(type) {
	case Connect:
		w.asleep = w.asleep && err != nil // a person is there
		switch {
		case errors.As(err, &busy):
			if w.want == nil || w.want.ID == in.Profile.ID || busy.Profile.ID != w.want.ID {
				w.fatal("refused with %v, and wanted is %v", err, w.want)
			}
		case err != nil:
		case w.closing:
			w.queued, w.secrets = in.Profile, true
		default:
			w.want, w.secrets = in.Profile, true
		}
	case Answer:
		if err == nil {
			w.secrets, w.asleep = true, false
			if w.want == nil {
				w.want = w.m.profile
			}
		}
	case Disconnect:
		if err != nil {
			w.fatal("Disconnect was refused: %v", err)
		}
		if w.queued = nil; w.engine == idle {
			w.want = nil
		} else {
			w.closing = true
		}
	case ProfileChanged:
		if in.Profile != nil && w.want != nil && w.want.ID == in.ID && !w.closing && !w.leaving {
			w.want = in.Profile
		}
		if in.Profile != nil && w.queued != nil && w.queued.ID == in.ID {
			w.queued = in.Profile
		}
	case Traffic:
		// It was idle: as if somebody had disconnected, but for the kill switch.
		w.closing = w.closing || w.m.state == api.Disconnecting && !w.leaving
	case FirewallFailed:
		w.excused = true
		if w.m.state == api.Disconnecting {
			w.closing = true
		}
		if w.m.next == nil {
			w.queued = nil
		}
	case Route:
		w.online = in.Online
	case Sleep:
		w.asleep = true
	case Wake:
		w.asleep = false
	case Down:
		if w.engine == idle && w.closing {
			w.want, w.queued, w.closing = w.queued, nil, false
		}
	case Shutdown:
		w.leaving, w.queued = true, nil
		if w.want != nil && !w.want.Routing.KillSwitch {
			w.want = nil
		}
	default:
		if err != nil {
			w.fatal("%T was refused: %v", in, err)
		}
	}
}

// execute carries the effects out, in order, and checks after each.
func (w *world) execute(out Output) {
	w.t.Helper()
	w.fwSet = false
	for i, e := range out.Effects {
		if text := show(e); text != "" {
			w.note("    %s", text)
		}
		if w.over {
			w.fatal("%T after the end", e)
		}
		switch e := e.(type) {
		case StartEngine:
			switch {
			case w.engine != idle:
				w.fatal("two engines at once")
			case e.Attempt <= w.attempt:
				w.fatal("attempt %d after %d", e.Attempt, w.attempt)
			case !w.secrets:
				w.fatal("an engine without secrets")
			case w.want == nil && !w.excused || !w.online || w.asleep:
				w.fatal("an engine, and nobody wants it: wanted %v, online %t, asleep %t", w.want, w.online, w.asleep)
			case w.mustBeClosed() && !w.fw.protects():
				w.fatal("an engine before the firewall is closed")
			}
			w.engine, w.attempt, w.isUp, w.learned = running, e.Attempt, false, nil
		case FindWay:
			if w.engine != idle || w.online || w.asleep {
				w.fatal("a way is looked for: engine %d, online %t, asleep %t", w.engine, w.online, w.asleep)
			}
		case StopEngine:
			if w.engine == idle || e.Attempt != w.attempt || w.applied || w.engine == stopping && e.Orderly {
				w.fatal("stop %+v: engine %d #%d, network %t", e, w.engine, w.attempt, w.applied)
			}
			w.engine = stopping
		case AnswerEngine:
			if w.engine != running || e.Attempt != w.attempt || !w.secrets {
				w.fatal("an answer to nobody")
			}
		case ApplyNetwork:
			if w.engine != running || e.Attempt != w.attempt || !w.isUp {
				w.fatal("a network without an engine that is up")
			}
			if got := e.Network.Routes; got != nil && (!e.Profile.Routing.FromGateway || !reflect.DeepEqual(got, w.learned)) {
				w.fatal("routes %v, pushed were %v, wanted %t", got, w.learned, e.Profile.Routing.FromGateway)
			}
			w.applied = true
		case CountTraffic:
			if w.engine != running || e.Attempt != w.attempt || !w.applied {
				w.fatal("packets are counted of engine %d #%d, network %t", w.engine, w.attempt, w.applied)
			}
		case ClearNetwork:
			w.applied = false
		case SetFirewall:
			if w.fwSet || e.State == Tunnel && (!w.applied || e.Interface == "" || !e.Address.IsValid()) || e.State == Closed && !e.KillSwitch || e.State == Open && e != (SetFirewall{State: Open}) {
				w.fatal("firewall %+v: once more %t, network %t", e, w.fwSet, w.applied)
			}
			w.fwWas, w.fw, w.fwSet = w.fw, e, true
		case ForgetSecrets:
			if e.Only == nil {
				w.secrets = false
			}
		case Persist:
			if reflect.DeepEqual(w.wish, e.Wish) {
				w.fatal("the wish was persisted twice")
			}
			w.wish = e.Wish
			if i != 0 {
				w.fatal("the wish is remembered after something else")
			}
		case Tell:
			if s, ok := e.Event.(api.Status); ok {
				w.told = &s
			}
		case Finished:
			if w.over = true; w.engine != idle || w.applied || w.secrets {
				w.fatal("finished with engine %d, network %t, secrets %t", w.engine, w.applied, w.secrets)
			}
		}
		if _, first := e.(Persist); !first && w.mustBeClosed() && !w.fw.protects() && w.engine != idle {
			w.fatal("open after %s", show(e))
		}
	}
	w.settled()
}

// settled is what holds between two inputs.
func (w *world) settled() {
	w.t.Helper()
	st := w.m.Status(w.now)
	deadline := w.m.Deadline()
	if w.applied && w.engine != running {
		w.fatal("the network is applied without an engine")
	}
	if w.mustBeClosed() && !w.fw.protects() {
		w.fatal("the network is open")
	}
	if w.told != nil && !reflect.DeepEqual(outline(*w.told), outline(st)) {
		w.fatal("told %+v, is %+v", *w.told, st)
	}
	if w.over {
		if !deadline.IsZero() {
			w.fatal("a deadline after the end")
		}
		return
	}
	switch st.State {
	case api.Disconnected, api.Blocked:
		if w.engine != idle || w.secrets && len(st.Ask) == 0 || !st.NextAttempt.IsZero() || st.Attempt != 0 {
			w.fatal("%s with engine %d, secrets %t, %+v", st.State, w.engine, w.secrets, st)
		}
		if !w.excused {
			if st.State == api.Disconnected && (w.fw.State != Open || w.wish != nil && !w.m.resume) {
				w.fatal("disconnected, but the firewall is %v and the wish %+v", w.fw.State, w.wish)
			}
			if st.State == api.Blocked && (w.fw.State != Closed || w.wish == nil || !w.wish.KillSwitch) {
				w.fatal("blocked, but the firewall is %v and the wish %+v", w.fw.State, w.wish)
			}
		}
		if st.State == api.Disconnected {
			w.want = nil
		}
	case api.Connected:
		routes := w.learned
		if !w.m.profile.Routing.FromGateway {
			routes = nil
		}
		if !reflect.DeepEqual(st.Routes, routes) {
			w.fatal("connected with the routes %v, want %v", st.Routes, routes)
		}
		if w.engine != running || !w.applied || !st.Address.IsValid() || !w.excused && (w.fw.State != Tunnel || w.fw.KillSwitch != w.mustBeClosed()) {
			w.fatal("connected with engine %d, network %t, firewall %+v, %+v", w.engine, w.applied, w.fw, st)
		}
	case api.Disconnecting:
		if w.engine != stopping || w.secrets && w.queued == nil {
			w.fatal("disconnecting with engine %d, secrets %t", w.engine, w.secrets)
		}
	case api.Waiting:
		if w.engine != running {
			w.fatal("waiting without an engine")
		}
	case api.Connecting, api.Reconnecting:
		// It goes on by itself, or for a reason that ends.
		if w.engine == idle && st.NextAttempt.IsZero() && !st.Offline {
			w.fatal("%s for ever: %+v", st.State, st)
		}
		if w.wish == nil || w.engine == idle && !w.secrets && !w.excused {
			w.fatal("%s with the wish %+v, secrets %t", st.State, w.wish, w.secrets)
		}
		if d := st.NextAttempt.Sub(w.now); !st.NextAttempt.IsZero() && (d > backoffMost || w.engine != idle) {
			w.fatal("the next try in %v with engine %d", d, w.engine)
		}
	}
}

// profiles are what people choose from; each time it is read anew.
func (w *world) profile() *profile.Profile {
	var how []string
	for _, h := range []string{"nodrop", "onstart", "split", "ask", "nopush", "idle"} {
		if w.r.IntN(4) == 0 {
			how = append(how, h)
		}
	}
	if w.r.IntN(2) == 0 {
		how = append(how, "ks")
	}
	if w.r.IntN(4) == 0 {
		return home(how...)
	}
	return office(how...)
}

// step is one thing that happens, now or after a while.
func (w *world) step(firewallFails bool) {
	w.t.Helper()
	if firewallFails && w.fwSet && w.r.IntN(20) == 0 {
		// The next input after it.
		w.fw = w.fwWas
		w.input(FirewallFailed{&failure.Failure{Code: failure.OSFirewall}})
		return
	}
	w.pass()
	n := w.attempt
	if w.r.IntN(6) == 0 {
		n = w.r.Uint64N(w.attempt + 2) // somebody is late, or wrong
	}
	mine := n == w.attempt && w.engine == running
	switch w.r.IntN(24) {
	case 0, 1:
		w.input(Connect{w.profile()})
	case 2:
		if w.r.IntN(3) == 0 {
			w.input(Disconnect{})
		}
	case 3:
		w.input(Answer{})
	case 4:
		p := w.profile()
		if w.r.IntN(4) == 0 {
			w.input(ProfileChanged{p.ID, nil})
		} else {
			w.input(ProfileChanged{p.ID, p})
		}
	case 5:
		w.input(Route{true, fmt.Sprint("way ", w.r.IntN(3))})
	case 6:
		w.input(Route{Online: false})
	case 7:
		if w.r.IntN(2) == 0 {
			w.input(Sleep{})
		}
	case 8:
		w.input(Wake{})
	case 9:
		w.input(Waiting{n, time.Duration(w.r.IntN(90)) * time.Second, []api.SecretName{"", api.OTP}[w.r.IntN(2)], ""})
	case 10:
		w.input(Stage{n, failure.Resolve + failure.Stage(w.r.IntN(9)), w.r.IntN(2) == 0, nil})
	case 11:
		w.input(Server{n, server, ""})
	case 12, 13, 14:
		up := Up{n, network(byte(10 + w.r.IntN(2)))}
		if mine && (!w.isUp || up.Network.Address != w.address) {
			w.isUp, w.address, w.learned = true, up.Network.Address, nil // another network pushes anew
		}
		w.input(up)
	case 15, 16, 17:
		if !mine || w.applied {
			w.input(Applied{n})
		}
	case 22, 23:
		l := pushed(n, byte(w.r.IntN(3)))
		if mine && w.isUp {
			w.learned = l.Routes
		}
		w.input(l)
	case 18:
		if mine {
			w.learned = nil
		}
		w.input(ApplyFailed{n, &failure.Failure{Stage: failure.Routes, Code: failure.OSRoutes}})
	case 19, 20:
		var f *failure.Failure
		if w.r.IntN(4) != 0 {
			f = &failure.Failure{Stage: failure.Connected, Code: w.codes[w.r.IntN(len(w.codes))]}
		}
		if n == w.attempt {
			w.engine = idle
		}
		w.input(Down{n, f})
	case 21:
		w.input(Traffic{n, uint64(w.r.IntN(3))})
		if w.r.IntN(60) == 0 {
			w.input(Shutdown{})
		}
	}
}

// pass lets some time go by, with every deadline in it.
func (w *world) pass() {
	w.t.Helper()
	end := w.now.Add([]time.Duration{0, 0, time.Millisecond, time.Second, 10 * time.Second, time.Minute, time.Hour}[w.r.IntN(7)])
	for n := 0; ; n++ {
		at := w.m.Deadline()
		if at.IsZero() || at.After(end) {
			break
		}
		if n > 100 {
			w.fatal("deadlines without an end")
		}
		if at.After(w.now) {
			w.now = at
		}
		w.note("time")
		if !w.m.wakeAt.IsZero() && !w.m.wakeAt.After(w.now) {
			w.asleep = false // nobody sleeps that long and counts the seconds
		}
		var out Output
		w.m.Advance(w.now, &out)
		w.execute(out)
	}
	w.now = end
}

// TestAnyOrder lets anything happen in any order, thousands of things a helper's
// life, and many lives: a wish that one leaves is the next one's.
func TestAnyOrder(t *testing.T) {
	all := allCodes(t)
	lives, seen := 150, map[api.State]int{}
	var wish *Wish
	for life := range lives {
		r := rand.New(rand.NewPCG(7, uint64(life)))
		w := &world{t: t, r: r, m: New(Config{}), now: epoch, codes: all, online: true, wish: wish}
		w.secrets = wish != nil && r.IntN(2) == 0
		if wish != nil {
			if w.want = wish.Profile; wish.KillSwitch && (w.want == nil || !w.want.Routing.KillSwitch) {
				w.excused = true // closed for another profile: the world has no memory of that
			}
		}
		w.input(Start{Wish: wish, Secrets: w.secrets})
		for range 2000 {
			w.step(life%2 == 1)
			seen[w.m.state]++
			if w.over {
				break
			}
		}
		if w.over { // and nothing comes after it
			for range 20 {
				w.input(Connect{office()})
				w.input(Down{w.attempt, nil})
			}
		}
		wish = w.wish
		if r.IntN(4) == 0 {
			wish = nil
		}
	}
	for _, s := range []api.State{api.Disconnected, api.Connecting, api.Waiting, api.Connected, api.Reconnecting, api.Disconnecting, api.Blocked} {
		if seen[s] < lives {
			t.Errorf("%s was seen %d times in %v: the test does not reach it", s, seen[s], seen)
		}
	}
}
