package supervisor

import (
	"reflect"
	"time"

	"github.com/culvert-vpn/culvert/app/api"
	"github.com/culvert-vpn/culvert/engine/failure"
)

// settle is the end of every call: it derives from the state what has to be true
// of the wish, the firewall and the secrets, and puts the effects in the order in
// which a crash in between does the least harm:
//
//	remember the wish       before anything that depends on it
//	close the firewall      before the network changes
//	engine and network
//	open the firewall       after it has changed
//	forget secrets, tell, finish
func (m *Machine) settle(now time.Time, out *Output) {
	if w := m.wanted(); !reflect.DeepEqual(w, m.persisted) {
		m.persisted = w
		out.Effects = append(out.Effects, Persist{w})
	}
	fw, change := m.wantedFirewall()
	if change && closes(m.firewall, fw) {
		out.Effects = append(out.Effects, fw)
	}
	out.Effects = append(out.Effects, m.effects...)
	if change {
		if !closes(m.firewall, fw) {
			out.Effects = append(out.Effects, fw)
		}
		m.firewallWas, m.firewall = m.firewall, fw
	}
	if m.secrets && !m.needsSecrets() {
		m.secrets = false
		out.Effects = append(out.Effects, ForgetSecrets{})
	}
	for _, e := range m.tells {
		out.Effects = append(out.Effects, Tell{e})
	}
	if s := m.Status(now); m.force || !reflect.DeepEqual(outline(s), outline(m.told)) {
		m.told = s
		out.Effects = append(out.Effects, Tell{s})
	}
	if m.over {
		out.Effects = append(out.Effects, Finished{})
	}
	m.effects, m.tells, m.force = nil, nil, false
}

// outline is what of a Status is told when it changes: its stages have events of
// their own, and seconds go by for everybody.
func outline(s api.Status) api.Status {
	s.Stages, s.SecondsLeft = nil, 0
	return s
}

// wanted is the wish to remember.
func (m *Machine) wanted() *Wish {
	if !m.wish {
		return nil
	}
	return &Wish{Profile: m.profile, KillSwitch: m.closed(), Orderly: m.leaving}
}

// closed says that nothing may leave but through the tunnel.
func (m *Machine) closed() bool {
	return m.held || m.wish && m.profile != nil && m.profile.Routing.KillSwitch
}

// wantedFirewall is what the firewall has to be, and whether to say so.
func (m *Machine) wantedFirewall() (SetFirewall, bool) {
	fw := SetFirewall{State: Open}
	if up := m.state == api.Connected && m.applied; up || m.closed() {
		fw = SetFirewall{State: Closed, KillSwitch: m.closed(), Profile: m.profile, Server: m.server}
		if up {
			fw.State, fw.Interface, fw.Address = Tunnel, m.network.Interface, m.network.Address
			if m.network.Address6 == m.applied6 { // before it is, IPv6 would go around the tunnel
				fw.Address6 = m.applied6
			}
		}
	}
	return fw, fw != m.firewall && fw != m.refused
}

// closes says that a change lets less out than before, or something else.
func closes(from, to SetFirewall) bool { return to.State != Open && to.strength() >= from.strength() }

// needsSecrets says that an engine may still be started with them.
func (m *Machine) needsSecrets() bool {
	switch {
	case m.next != nil || len(m.ask) > 0:
		return true
	case m.state == api.Connected:
		return m.repeat
	}
	return m.trying()
}

// firewallFailed falls back on what was before. That is safe but for a network
// that stays open: then there is no connection either.
func (m *Machine) firewallFailed(now time.Time, in FirewallFailed) {
	f := in.Failure
	if f == nil {
		f = &failure.Failure{Code: failure.OSFirewall, Evidence: []string{"the firewall gave no reason"}}
	}
	m.refused, m.firewall = m.firewall, m.firewallWas
	if m.refused.protects() {
		m.firewallAt = now.Add(firewallPause)
	}
	was := m.firewall
	switch {
	case m.refused.State == Closed && was.State != 0 && !was.protects():
		m.unprotected(now, f)
	case m.refused.State == Tunnel && was.State == Closed && m.engine == running:
		// A connection that cannot use its tunnel is none.
		m.pending = f
		m.setState(now, m.base())
		m.stop(now, true, thenJudge)
	default: // what protects is tried again
		m.tellFailure(f)
		if was.protects() && m.state == api.Disconnected {
			m.setState(now, api.Blocked) // not wanted, but so it is
		}
	}
}

// unprotected ends a connection whose kill switch cannot be had, and says so,
// rather than block what it cannot block.
func (m *Machine) unprotected(now time.Time, f *failure.Failure) {
	m.wish, m.held, m.next, m.repeat, m.resume = false, false, nil, false, false
	m.retryAt, m.ask, m.askUntil = time.Time{}, nil, time.Time{}
	m.tellFailure(f)
	switch m.engine {
	case idle:
		m.rest(now)
	case running:
		m.setState(now, api.Disconnecting)
		m.stop(now, true, thenRest)
	case stopping:
		m.then = thenRest
		m.setState(now, api.Disconnecting)
	}
}
