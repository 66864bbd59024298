package supervisor

import (
	"fmt"
	"time"

	"github.com/culvert-vpn/culvert/app/api"
	"github.com/culvert-vpn/culvert/engine/failure"
)

// Ours: how often the counters are looked at while somebody wants an idle
// connection to end. A connection ends so much too late at most, counted from its
// last packet: a tenth of the time, and a minute.
const (
	idleLooks = 10
	idleMost  = time.Minute
)

// idleLook is the time between two looks.
func idleLook(limit time.Duration) time.Duration { return min(limit/idleLooks, idleMost) }

// watchIdle begins to look whether the connection is idle, if the profile says
// for how long it may be.
func (m *Machine) watchIdle(now time.Time) {
	m.idleAt = time.Time{}
	if limit := m.profile.Reconnect.IdleDisconnect.Std(); limit > 0 && m.state == api.Connected {
		m.quietSince, m.idleAt = now, now.Add(idleLook(limit))
	}
}

// traffic ends a connection through which nothing goes. What keeps it alive, and
// its keys fresh, is not counted.
func (m *Machine) traffic(now time.Time, in Traffic) {
	if !m.at(in.Attempt) || m.state != api.Connected {
		return
	}
	limit := m.profile.Reconnect.IdleDisconnect.Std()
	if limit <= 0 {
		return
	}
	if in.Packets != m.packets {
		m.packets, m.quietSince = in.Packets, now
	}
	quiet := now.Sub(m.quietSince)
	if quiet < limit {
		m.idleAt = now.Add(min(idleLook(limit), limit-quiet))
		return
	}
	m.tellFailure(&failure.Failure{Stage: failure.Connected, Code: api.ConnectionIdle,
		Evidence: []string{fmt.Sprintf("nothing was sent or received for %v (reconnect.idle_disconnect)", limit)}})
	m.wish, m.repeat = m.closed(), false
	m.setState(now, api.Disconnecting)
	m.stop(now, true, thenRest)
}
