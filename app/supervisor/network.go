package supervisor

import (
	"fmt"
	"net/netip"
	"time"

	"github.com/culvert-vpn/culvert/app/api"
	"github.com/culvert-vpn/culvert/engine/failure"
)

// routed takes in how the gateway is reached now. The sockets of an engine are
// bound to the way they were opened on: on another one it is dead, whether it has
// noticed or not.
func (m *Machine) routed(now time.Time, in Route) {
	was, before := m.online, m.route
	m.online = in.Online
	if in.Online {
		m.route = in.Way
	}
	if !m.trying() && m.state != api.Connected {
		return
	}
	switch m.engine {
	case idle:
		if !m.online {
			m.retryAt = time.Time{}
		} else if !was || before != m.route {
			m.try(now)
		}
	case running:
		if m.way == "" && before == "" {
			m.way = m.route // it was not known when the engine started
		}
		switch {
		case !m.online && m.state == api.Connected:
			if m.graceAt.IsZero() {
				m.graceAt = now.Add(flapGrace)
			}
		case !m.online:
			m.restart(now, false, "the network is gone")
		case m.way != m.route:
			m.restart(now, false, fmt.Sprintf("the way to the gateway was %q and is %q", m.way, m.route))
		default:
			m.graceAt = time.Time{}
		}
	}
}

// use makes an address of the gateway the one that is tried. Its sockets are about
// to be opened.
func (m *Machine) use(in Server) {
	m.server, m.chosen = in.Address, true
	if in.Way != "" {
		m.way, m.route = in.Way, in.Way
	}
}

// Gateway is where a way has to lead to, for Route: the address in use or, between
// tries, all that are known. names says that there are others, behind host names.
func (m *Machine) Gateway() (known []netip.Addr, names bool) {
	switch {
	case m.profile == nil:
		return nil, false
	case m.engine != idle && m.chosen:
		return []netip.Addr{m.server}, false
	case m.hints.Server.IsValid():
		known = append(known, m.hints.Server)
	}
	for _, s := range m.profile.Servers {
		if a, err := netip.ParseAddr(s); err == nil {
			known = append(known, a)
		} else {
			names = !m.hints.Server.IsValid()
		}
	}
	return known, names
}

// sleep takes leave of the gateway: some hold a session for minutes, and let the
// same user in only after that.
func (m *Machine) sleep(now time.Time) {
	if m.asleep {
		return
	}
	m.asleep, m.retryAt, m.wakeAt = true, time.Time{}, now.Add(sleepLimit)
	if m.engine == running {
		m.restart(now, m.online, "the computer goes to sleep")
	}
}

// wake makes a new connection at once: what is from before the sleep is dead or
// soon will be.
func (m *Machine) wake(now time.Time) {
	m.awake()
	m.waits, m.flaps, m.lostAt = 0, 0, now // the network may take a while
	switch m.engine {
	case idle:
		if m.trying() {
			m.try(now)
		}
	case running:
		m.restart(now, false, "the computer has slept")
	case stopping:
		if !m.stopAt.IsZero() && m.then != thenRest {
			m.stopAt = time.Time{}
			m.do(StopEngine{Attempt: m.attempt})
		}
	}
}

// restart ends an engine whose network is not what it was, and has the next one
// follow at once. It is nobody's failure, so it does not count.
func (m *Machine) restart(now time.Time, orderly bool, why string) {
	if m.engine != running {
		return
	}
	f := &failure.Failure{Stage: m.reached(), Code: failure.NetworkChanged, Evidence: []string{why}}
	if m.state != api.Connected {
		m.count--
		m.flaps++
		m.setState(now, m.base())
		m.ask = nil
		m.stop(now, orderly, m.calmed(f))
		return
	}
	m.lasted(now)
	m.flaps++
	m.setState(now, api.Reconnecting)
	then := m.calmed(f)
	if !m.repeat {
		then, m.pending = thenJudge, f
	}
	if m.pending == nil {
		m.tellFailure(f)
	}
	m.stop(now, orderly, then)
}

// calmed is what follows a change of the network: the next try at once, unless
// the network changes without an end.
func (m *Machine) calmed(f *failure.Failure) sequel {
	if m.flaps <= maxFlaps {
		return thenTry
	}
	m.pending = f
	return thenJudge
}
