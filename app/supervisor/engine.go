package supervisor

import (
	"net/netip"
	"reflect"
	"slices"
	"time"

	"github.com/culvert-vpn/culvert/app/api"
	"github.com/culvert-vpn/culvert/app/diagnosis"
	"github.com/culvert-vpn/culvert/app/profile"
	"github.com/culvert-vpn/culvert/engine/failure"
)

// smallMRU comes through where larger packets do not (RFC 8200, 5).
const smallMRU = 1280

// try starts an engine, while there is none, unless something has to come first:
// a person with a secret, a network.
func (m *Machine) try(now time.Time) {
	m.retryAt = time.Time{}
	switch {
	case m.lacksSecrets(now):
		return // answer comes back here
	case m.asleep:
		return // and wake
	case !m.online:
		m.do(FindWay{})
		return // and routed
	}
	m.attempt++
	m.count++
	m.engine, m.then, m.way = running, thenJudge, m.route
	m.up, m.upAt, m.stages, m.left = false, time.Time{}, nil, false
	if m.chosen = m.hints.Server.IsValid(); m.chosen {
		m.server = m.hints.Server
	}
	m.do(StartEngine{m.attempt, m.profile, m.hints})
}

// lacksSecrets says that a person has to give something before the next try, and
// asks for it.
func (m *Machine) lacksSecrets(now time.Time) bool {
	switch {
	case !m.secrets:
		m.fail(now, api.SecretMissing, "the helper keeps no secrets over its end")
	case m.profile.AskPassword && m.spent:
		// A password that is asked for each time is not kept, nor worth anything
		// where it was a code.
		m.askFor(now, []api.SecretName{api.Password})
		m.rest(now)
	case m.coded:
		m.askFor(now, []api.SecretName{api.OTP})
		m.rest(now)
	default:
		return false
	}
	return true
}

// stop ends the engine; what follows is done when it is down.
func (m *Machine) stop(now time.Time, orderly bool, then sequel) {
	m.clear()
	m.engine, m.then = stopping, then
	m.graceAt, m.idleAt = time.Time{}, time.Time{}
	if m.stopAt = (time.Time{}); orderly {
		m.stopAt = now.Add(stopWait)
	}
	m.do(StopEngine{m.attempt, orderly})
}

// clear gives the network back.
func (m *Machine) clear() {
	if m.applied {
		m.do(ClearNetwork{})
	}
	m.applied, m.up, m.applied6 = false, false, netip.Addr{}
}

func (m *Machine) stage(now time.Time, in Stage) {
	if !m.at(in.Attempt) {
		return
	}
	if m.state == api.Waiting && in.Stage != failure.Authenticate || in.Done {
		m.waitOver(now)
	}
	if in.Stage == failure.Authenticate {
		m.spent = true
	}
	e := api.StageEvent{Stage: in.Stage, State: api.Started}
	if in.Done {
		began := now
		if n := slices.IndexFunc(m.stages, func(s api.StageStatus) bool { return s.Stage == in.Stage }); n >= 0 {
			if m.stages[n].State == api.Done {
				return // as networkApplied has said
			}
			began = m.stages[n].Started
		}
		ms := now.Sub(began).Milliseconds()
		e.State, e.MS, e.Detail = api.Done, &ms, in.Detail
	}
	heard := api.Status{Stages: m.stages}
	heard.Hear(now, e)
	m.stages = heard.Stages
	m.tell(e)
}

func (m *Machine) waiting(now time.Time, in Waiting) {
	switch {
	case !m.at(in.Attempt) || m.up:
		return
	case in.Left <= 0:
		m.waitOver(now)
		return
	}
	m.setState(now, api.Waiting)
	m.waitUntil, m.force = now.Add(in.Left), true
	if m.ask, m.prompt = nil, ""; in.Ask != "" {
		m.ask, m.prompt = []api.SecretName{in.Ask}, in.Prompt
		m.coded = m.coded || in.Ask == api.OTP
	}
}

// waitOver ends Waiting: the gateway has gone on.
func (m *Machine) waitOver(now time.Time) {
	if m.state == api.Waiting {
		m.ask, m.prompt = nil, ""
		m.setState(now, m.base())
	}
}

func (m *Machine) networkUp(now time.Time, in Up) {
	if !m.at(in.Attempt) || m.up && reflect.DeepEqual(in.Network, m.offered) {
		return
	}
	m.waitOver(now)
	m.up, m.applied = true, true
	m.offered, m.learned, m.six, m.network = in.Network, nil, nil, in.Network
	m.do(ApplyNetwork{m.attempt, m.profile, m.network})
}

// learn applies the network once more, with what the gateway pushed.
func (m *Machine) learn(in Learned) {
	if m.at(in.Attempt) && m.up {
		m.learned = &in
		m.combine()
	}
}

// learn6 is the same with what it carries of IPv6.
func (m *Machine) learn6(in Learned6) {
	if m.at(in.Attempt) && m.up {
		m.six = &in
		m.combine()
	}
}

// beside is more behind a list, each once; the list is not changed.
func beside[T comparable](list, more []T) []T {
	out := slices.Clip(list)
	for _, x := range more {
		if !slices.Contains(out, x) {
			out = append(out, x)
		}
	}
	return out
}

// combine makes the network what was offered and learned, and applies it if it
// was another one. Windows, too, prefers the name servers of the second answer.
func (m *Machine) combine() (changed bool) {
	n := m.offered
	if l := m.learned; l != nil && m.profile.Routing.FromGateway {
		n.Routes, n.Search = l.Routes, l.Search
		if len(l.DNS) > 0 {
			n.DNS = l.DNS
		}
	}
	if l := m.six; l != nil && l.Address.IsValid() && m.profile.TakesIPv6(l.Default) {
		n.Address6 = l.Address
		if l.MTU != 0 {
			n.MTU = min(n.MTU, l.MTU)
		}
		n.DNS, n.Search = beside(n.DNS, l.DNS), beside(n.Search, l.Search)
		if m.profile.Routing.FromGateway {
			n.Routes = beside(n.Routes, l.Routes)
		}
	}
	if reflect.DeepEqual(n, m.network) {
		return false
	}
	m.network = n
	m.do(ApplyNetwork{m.attempt, m.profile, n})
	return true
}

func (m *Machine) networkApplied(now time.Time, in Applied) {
	if !m.at(in.Attempt) || !m.up {
		return
	}
	m.hints.Server, m.hints.Address = m.server, m.network.Address
	if m.applied6 = m.network.Address6; m.applied6.IsValid() && m.six != nil {
		m.hints.InterfaceID = m.six.ID
	}
	if m.state == api.Connected {
		return // it was applied once more
	}
	// The engine is through with this stage when there is an interface.
	m.stage(now, Stage{Attempt: m.attempt, Stage: failure.Routes, Done: true, Detail: map[string]string{"interface": m.network.Interface}})
	m.upAt = now
	m.first, m.held, m.count = false, false, 0
	m.repeat = m.profile.Reconnect.OnDrop
	m.failure = nil
	m.setState(now, api.Connected)
	m.packets = 0
	m.watchIdle(now)
	if m.profile.AskPassword && m.secrets {
		m.do(ForgetSecrets{Only: []api.SecretName{api.Password}})
	}
}

// applyFailed takes the engine down, which is of no use without the network. It
// does without IPv6, and then without what the gateway pushed, first.
func (m *Machine) applyFailed(now time.Time, in ApplyFailed) {
	if !m.at(in.Attempt) || !m.applied {
		return
	}
	if m.six != nil {
		if m.six = nil; m.combine() {
			m.tellFailure(in.Failure)
			return
		}
	}
	if m.learned != nil {
		if m.learned = nil; m.combine() {
			m.tellFailure(in.Failure)
			return
		}
	}
	m.setState(now, m.base())
	m.pending = in.Failure
	m.stop(now, true, thenJudge)
}

// down is the end of an engine.
func (m *Machine) down(now time.Time, in Down) {
	if m.engine == idle || in.Attempt != m.attempt {
		return
	}
	m.left = m.state == api.Waiting && len(m.ask) > 0
	m.waitOver(now)
	m.clear()
	m.engine, m.stopAt, m.graceAt, m.idleAt = idle, time.Time{}, time.Time{}, time.Time{}
	f, then := in.Failure, m.then
	if m.pending != nil {
		f, m.pending = m.pending, nil
	}
	switch {
	case then == thenRest:
		m.held = m.held && m.wish
		if m.rest(now); m.next != nil {
			p := m.next
			m.next = nil
			m.begin(now, p)
		}
	case then == thenTry:
		m.try(now)
	default:
		if f == nil {
			f = &failure.Failure{Stage: m.reached(), Code: failure.PathDead, Evidence: []string{"the engine ended without a reason"}}
		}
		m.failed(now, f)
	}
}

// reached is the stage that a try has come to.
func (m *Machine) reached() api.Stage {
	switch {
	case !m.upAt.IsZero():
		return failure.Connected
	case len(m.stages) > 0:
		return m.stages[len(m.stages)-1].Stage
	}
	return failure.Resolve
}

// failed decides what becomes of a failure; there is no engine.
func (m *Machine) failed(now time.Time, f *failure.Failure) {
	v := Judge(f.Code)
	m.tellFailure(f)
	switch f.Code {
	case failure.PathMTU:
		m.hints.MRU = smallMRU
	case failure.PPPNoAddress:
		m.hints.Address = netip.Addr{} // any other will do
	}
	lost := m.lasted(now)
	m.upAt = time.Time{}
	switch {
	case m.coded && f.Code == failure.PPPBadCredentials:
		m.rest(now) // another code comes with another question, which a person has to want
	case m.left && m.repeat && f.Code == failure.PPPApprovalTimeout:
		m.askFor(now, []api.SecretName{api.OTP}) // nobody was there
		m.rest(now)
	case v.Do == Ask && m.profile != nil:
		names := []api.SecretName{v.Ask}
		if v.Ask == "" {
			names = (&profile.Secrets{}).Missing(m.profile)
		}
		m.askFor(now, names)
		m.rest(now)
	case v.Do == Retry && m.repeat:
		m.setState(now, api.Reconnecting)
		if v.Soon && lost {
			m.try(now)
		} else if !m.lacksSecrets(now) {
			m.retryAt = m.after(now, v.Soon)
		}
	default:
		m.rest(now)
	}
}

// lasted says that a connection was up for long enough to begin anew with the
// waits, and does so.
func (m *Machine) lasted(now time.Time) bool {
	if m.upAt.IsZero() || now.Sub(m.upAt) < lasting {
		return false
	}
	m.waits, m.flaps, m.lostAt = 0, 0, now
	return true
}

// after is when the next try is due. Being without a network does not count.
func (m *Machine) after(now time.Time, soon bool) time.Time {
	if !m.online || m.asleep {
		return time.Time{}
	}
	wait := min(backoffFirst<<min(m.waits, 6), backoffMost)
	if soon && !m.lostAt.IsZero() && now.Sub(m.lostAt) < restartTime && wait >= restartMost {
		wait = restartMost
	} else {
		m.waits++
	}
	return now.Add(m.jittered(wait))
}

// askFor lets a person answer for a while; the wrong ones are not kept.
func (m *Machine) askFor(now time.Time, names []api.SecretName) {
	m.ask, m.askUntil, m.force = names, now.Add(askTime), true
	if m.resume {
		m.askUntil = time.Time{}
	}
	if m.secrets {
		m.do(ForgetSecrets{Only: names})
	}
}

func (m *Machine) tellFailure(f *failure.Failure) {
	e := diagnosis.Event(f)
	if e.Evidence == nil {
		e.Evidence = []string{}
	}
	m.failure = &e
	m.tell(e)
}
