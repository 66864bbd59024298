package supervisor

import (
	"net/netip"
	"reflect"
	"slices"
	"time"

	"github.com/culvert-vpn/culvert/app/api"
	"github.com/culvert-vpn/culvert/app/profile"
	"github.com/culvert-vpn/culvert/engine/failure"
)

// start takes up what an earlier process of the helper was told to do.
func (m *Machine) start(now time.Time, in Start) {
	m.since = now
	m.do(ClearNetwork{})
	m.persisted = in.Wish
	w := in.Wish
	if w == nil {
		return
	}
	m.wish, m.profile = true, w.Profile
	m.held = w.KillSwitch && (w.Profile == nil || !w.Profile.Routing.KillSwitch)
	m.secrets = in.Secrets
	switch p := w.Profile; {
	case p == nil:
		m.fail(now, api.ProfileInvalid, "the profile that was connected cannot be read again")
	case p.Reconnect.OnStart || p.Reconnect.OnDrop && !w.Orderly:
		m.resume = !m.secrets
		m.goOn(now)
	default:
		m.rest(now)
	}
}

// goOn takes up what was wanted before the helper began, and does not leave it.
// Without the secrets it is asked for them, for as long as that takes: who has
// them may not have logged in yet.
func (m *Machine) goOn(now time.Time) {
	m.repeat, m.lostAt, m.waits, m.spent = true, now, 0, false
	m.setState(now, api.Reconnecting)
	m.try(now)
}

func (m *Machine) connect(now time.Time, p *profile.Profile) error {
	switch {
	case m.leaving:
		return ErrOver
	case !m.resting() && m.state != api.Disconnecting && p.ID != m.profile.ID:
		return &BusyError{m.name()}
	}
	m.awake()
	switch {
	case m.resting():
		m.begin(now, p)
	case m.state == api.Disconnecting:
		m.next, m.secrets = p, true
	default:
		m.secrets, m.waits, m.spent = true, 0, false
		m.coded = m.coded && m.engine != idle
		if m.profileChanged(now, ProfileChanged{p.ID, p}); m.engine == idle && m.trying() {
			m.try(now)
		}
	}
	m.request()
	return nil
}

// request is what every request of a person's has in common: what the firewall
// refused is tried again, and the state is told whether it changes or not.
func (m *Machine) request() { m.refused, m.force = SetFirewall{}, true }

// awake is what a person proves who asks for something.
func (m *Machine) awake() { m.asleep, m.wakeAt = false, time.Time{} }

// adopt makes p the profile. What says the same is the same.
func (m *Machine) adopt(p *profile.Profile) {
	if !reflect.DeepEqual(m.profile, p) {
		m.profile = p
	}
}

// begin is a person's own try.
func (m *Machine) begin(now time.Time, p *profile.Profile) {
	if m.state == api.Blocked {
		// What is closed for one profile does not open for another one, until
		// that is up.
		m.held = m.held || m.profile == nil || m.profile.ID != p.ID
	}
	if m.profile == nil || m.profile.ID != p.ID || !slices.Equal(m.profile.Servers, p.Servers) {
		m.hints, m.stages, m.server = Hints{}, nil, netip.Addr{}
	}
	m.adopt(p)
	m.wish, m.secrets, m.resume = true, true, false
	m.first, m.repeat = true, false
	m.count, m.waits, m.flaps, m.lostAt = 0, 0, 0, time.Time{}
	m.failure, m.ask, m.askUntil, m.spent, m.coded = nil, nil, time.Time{}, false, false
	m.setState(now, api.Connecting)
	m.try(now)
}

// disconnect wins at any moment. A closed network opens when the engine is down:
// until then it is still the one or the other connection.
func (m *Machine) disconnect(now time.Time) {
	m.held = m.closed() && m.engine != idle
	m.wish, m.next, m.repeat, m.resume = false, nil, false, false
	m.failure, m.pending, m.ask, m.askUntil, m.stages = nil, nil, nil, time.Time{}, nil
	m.retryAt, m.graceAt = time.Time{}, time.Time{}
	// The address goes back to the gateway. SoftEther would take one that is asked
	// for as the client's own, and its DHCP server answers the session that had it.
	m.hints.Address = netip.Addr{}
	m.then = thenRest
	m.request()
	switch m.engine {
	case idle:
		m.rest(now)
	case running:
		m.setState(now, api.Disconnecting)
		m.stop(now, true, thenRest)
	case stopping:
		m.setState(now, api.Disconnecting)
	}
}

func (m *Machine) answer(now time.Time) error {
	switch {
	case len(m.ask) == 0 || m.leaving:
		return ErrNotAsked
	case m.state == api.Waiting:
		m.do(AnswerEngine{m.attempt, m.ask[0]})
		m.secrets = true
		m.waitOver(now)
	case m.resume:
		m.awake()
		m.secrets, m.resume, m.failure, m.ask = true, false, nil, nil
		m.goOn(now)
	default:
		m.awake()
		m.begin(now, m.profile)
	}
	m.request()
	return nil
}

func (m *Machine) profileChanged(now time.Time, in ProfileChanged) {
	if m.next != nil && m.next.ID == in.ID && in.Profile != nil {
		m.next = in.Profile
	}
	if m.profile == nil || m.profile.ID != in.ID || m.state == api.Disconnecting {
		return
	}
	if in.Profile == nil {
		// It may come back: removing can be undone. What is up stays up.
		if m.repeat = false; m.resume {
			m.resume, m.ask, m.askUntil = false, nil, time.Time{}
			m.rest(now)
		}
		if m.engine == idle && m.trying() {
			m.fail(now, api.ProfileInvalid, "the profile was removed")
		}
		return
	}
	m.request()
	old := m.profile
	if m.adopt(in.Profile); old == m.profile {
		return
	}
	if !reflect.DeepEqual(old.Servers, in.Profile.Servers) {
		m.hints, m.server = Hints{}, netip.Addr{}
	}
	switch {
	case m.state == api.Blocked || m.resume:
		m.rest(now) // the kill switch may be off now, or on
	case m.engine == running && m.up:
		if m.state == api.Connected {
			m.repeat = in.Profile.Reconnect.OnDrop
			if old.Reconnect.IdleDisconnect != in.Profile.Reconnect.IdleDisconnect {
				m.watchIdle(now)
			}
		}
		if !reflect.DeepEqual(old.Routing, in.Profile.Routing) || !reflect.DeepEqual(old.DNS, in.Profile.DNS) {
			if !m.combine() {
				m.do(ApplyNetwork{m.attempt, m.profile, m.network})
			}
		}
	case m.engine == idle && m.trying():
		m.try(now) // a person may just have mended it
	}
}

func (m *Machine) shutdown(now time.Time) {
	m.leaving = true
	m.wish = m.wish && (m.closed() || m.profile != nil && m.profile.Reconnect.OnStart)
	m.request()
	m.next, m.ask, m.askUntil = nil, nil, time.Time{}
	m.retryAt, m.graceAt = time.Time{}, time.Time{}
	m.then = thenRest
	switch m.engine {
	case idle:
		m.rest(now)
	case running:
		m.setState(now, api.Disconnecting)
		m.stop(now, true, thenRest)
	case stopping:
		m.setState(now, api.Disconnecting)
	}
}

// rest ends all trying: there is no engine.
func (m *Machine) rest(now time.Time) {
	m.first, m.repeat = false, false
	m.count, m.retryAt = 0, time.Time{}
	m.over = m.leaving
	switch {
	case m.closed():
		m.setState(now, api.Blocked)
	default:
		m.wish = m.wish && (m.leaving || m.resume) // to be connected at the next start
		m.setState(now, api.Disconnected)
	}
}

// fail ends all trying for a reason of this side's.
func (m *Machine) fail(now time.Time, code api.Code, evidence string) {
	m.failed(now, &failure.Failure{Code: code, Evidence: []string{evidence}})
}
