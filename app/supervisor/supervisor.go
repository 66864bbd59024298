// Package supervisor is the connection machine of the helper: it decides when an
// engine runs, when the network is the tunnel's, what the firewall lets out, and
// what becomes of a failure. It does nothing itself: requests, results and the
// time go in, effects come out.
//
//	                 Connect                     Applied
//	Disconnected ---------------> Connecting ---------------> Connected
//	  ^      ^                     |  ^    \                   |     ^
//	  |      | failed,             |  |     Waiting            |     |
//	  |      | no kill switch      |  |    /  for a person     |     |
//	  |      +---------------------+  |   /                    |     |
//	  |                            |  Connect                  |     |
//	  |         failed, kill switch v  |                  lost |     | Applied
//	  |                           Blocked <---------------+    |     |
//	  |                            |        not retried    \   v     |
//	  +----- Disconnecting <-------+-- Disconnect -- Reconnecting ---+
//
// A try that a person asked for and that fails is told, and not repeated: the
// person is there. What was connected, or is wanted since the helper began, is
// tried again and again, unless Judge says that it is of no use or does harm.
//
// The firewall, the remembered wish and the secrets follow from the state in one
// place, settle: no transition can forget them.
//
// One profile is connected at a time; a second Connect is refused with a
// BusyError. Two tunnels would need rules for whose routes, name servers and
// kill switch win, which nobody could see in a state with one address.
package supervisor

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net/netip"
	"time"

	"github.com/culvert-vpn/culvert/app/api"
	"github.com/culvert-vpn/culvert/app/profile"
	"github.com/culvert-vpn/culvert/engine/failure"
)

// Ours.
const (
	// The wait before a try: doubled at each one, and 20 % more or less, so that
	// the clients of a gateway do not all come back at once.
	backoffFirst = time.Second
	backoffMost  = time.Minute
	// A gateway that is silent since the connection was lost is most likely
	// starting: for so long it is asked every few seconds.
	restartTime = 2 * time.Minute
	restartMost = 4 * time.Second
	// A connection that lasted so long starts from the first wait again. Shorter
	// ones may be two computers that throw each other out.
	lasting = 30 * time.Second

	// A network that is away for less and comes back the same is not worth a new
	// connection: Wi-Fi does that between access points.
	flapGrace = 5 * time.Second
	// More changes of the network than that without a connection that lasted are
	// not a person who walks about.
	maxFlaps = 5

	// The engine's own orderly end takes four seconds at most.
	stopWait = 5 * time.Second
	// Who does not wake within this never slept: logind lets a computer awake
	// for five seconds at most after it said so.
	sleepLimit = 30 * time.Second
	// How long the other secrets are kept while a person looks for the one that
	// was wrong.
	askTime = 10 * time.Minute
	// The firewall is not asked more often for what it has refused.
	firewallPause = 10 * time.Second
)

// ErrOver is a machine that has ended.
var ErrOver = errors.New("supervisor: has ended")

// ErrNotAsked is an answer to no question.
var ErrNotAsked = errors.New("supervisor: nothing is asked for")

// BusyError refuses a Connect because another profile is connected, or about to be.
type BusyError struct{ Profile api.ProfileName }

// Error names the profile in the way.
func (e *BusyError) Error() string {
	return fmt.Sprintf("supervisor: %q is connected: disconnect it first", e.Profile.Name)
}

// Config is what New needs.
type Config struct {
	// Rand is for the jitter of the waits; nil, or one that fails, is none.
	Rand io.Reader
}

// engineState is what the engine does.
type engineState uint8

const (
	idle     engineState = iota
	running              // from StartEngine on
	stopping             // from StopEngine on, until Down
)

// sequel is what follows when a stopping engine is down.
type sequel uint8

const (
	thenJudge sequel = iota // what the failure asks for
	thenRest                // nothing: a person wants it so
	thenTry                 // the next try
)

// Machine is the connection machine. Its methods are for one goroutine. They take
// the time with its monotonic reading, if it has one.
type Machine struct {
	cfg   Config
	state api.State
	since time.Time

	// What is wanted.
	profile *profile.Profile // nil: there was none yet
	wish    bool             // it is to be connected
	first   bool             // a person's own try, which is not repeated
	repeat  bool             // a failure is followed by another try, where Judge allows it
	next    *profile.Profile // to connect once the engine is down
	held    bool             // the network stays closed although profile does not ask for it
	resume  bool             // what was wanted before the helper began waits for its secrets
	leaving bool             // the helper ends
	over    bool

	// The try at work.
	engine  engineState
	attempt uint64 // its number, never used again
	then    sequel
	up      bool      // the engine has a network
	applied bool      // ApplyNetwork without ClearNetwork
	upAt    time.Time // Connected since; zero: this try was not
	spent   bool      // the password has been sent
	coded   bool      // the gateway asks for a code at each login
	left    bool      // what it asked for was not given
	way     string    // the way to the gateway when it started
	stages  []api.StageStatus
	offered api.Network // as the engine said it
	learned *Learned    // what the gateway pushed since; nil: nothing, or it cannot be applied
	network api.Network // all of it, as far as the profile takes it
	packets uint64      // through the tunnel, at the last look
	server  netip.Addr  // being tried, connected, or the last that was
	chosen  bool        // it is the one of this try

	// IPv6, which comes later if at all.
	six      *Learned6  // what the gateway carries; nil: nothing, or it cannot be applied
	applied6 netip.Addr // of network, once it is applied

	// What came of it.
	count   int       // tries since the connection was wanted or lost
	waits   int       // exponent of the next wait
	lostAt  time.Time // of a connection that lasted
	flaps   int
	hints   Hints
	failure *api.FailureEvent
	pending *failure.Failure // of an engine that is being stopped for it
	ask     []api.SecretName
	prompt  string // with ask, in Waiting

	// Around it.
	online bool
	route  string // the way to the gateway now; "": not known
	asleep bool

	// Deadlines; zero: none.
	retryAt, stopAt, graceAt, wakeAt, askUntil, firewallAt, idleAt time.Time
	waitUntil                                                      time.Time // the engine's own
	quietSince                                                     time.Time // nothing has gone through the tunnel

	// What was told.
	persisted   *Wish
	secrets     bool // the helper holds some
	firewall    SetFirewall
	firewallWas SetFirewall
	refused     SetFirewall // what the firewall could not be made
	told        api.Status

	effects []Effect
	tells   []api.Event
	force   bool // Status is told even if it is the same
}

// New prepares a machine. Its first input is Start.
func New(cfg Config) *Machine {
	return &Machine{cfg: cfg, state: api.Disconnected, online: true, told: api.Status{State: api.Disconnected}}
}

// Handle takes one input. An error refuses a request, and nothing has changed:
// ErrOver, ErrNotAsked, *BusyError. A result of an attempt that is not at work
// any more changes nothing.
func (m *Machine) Handle(now time.Time, in Input, out *Output) error {
	if m.over {
		return ErrOver
	}
	if err := m.handle(now, in); err != nil {
		return err
	}
	m.settle(now, out)
	return nil
}

func (m *Machine) handle(now time.Time, in Input) error {
	switch in := in.(type) {
	case Start:
		m.start(now, in)
	case Connect:
		return m.connect(now, in.Profile)
	case Disconnect:
		m.disconnect(now)
	case Answer:
		return m.answer(now)
	case ProfileChanged:
		m.profileChanged(now, in)
	case Shutdown:
		m.shutdown(now)
	case Server:
		if m.at(in.Attempt) {
			m.use(in)
		}
	case Stage:
		m.stage(now, in)
	case Waiting:
		m.waiting(now, in)
	case Coded:
		m.coded = m.coded || m.at(in.Attempt)
	case Up:
		m.networkUp(now, in)
	case Learned:
		m.learn(in)
	case Learned6:
		m.learn6(in)
	case Applied:
		m.networkApplied(now, in)
	case ApplyFailed:
		m.applyFailed(now, in)
	case Down:
		m.down(now, in)
	case Traffic:
		m.traffic(now, in)
	case FirewallFailed:
		m.firewallFailed(now, in)
	case Route:
		m.routed(now, in)
	case Sleep:
		m.sleep(now)
	case Wake:
		m.wake(now)
	}
	return nil
}

// Advance does what is due.
func (m *Machine) Advance(now time.Time, out *Output) {
	if m.over {
		return
	}
	if due(&m.stopAt, now) && m.engine == stopping {
		m.do(StopEngine{Attempt: m.attempt})
	}
	if due(&m.idleAt, now) && m.state == api.Connected {
		m.do(CountTraffic{m.attempt})
	}
	if due(&m.graceAt, now) && m.state == api.Connected {
		m.restart(now, false, "there has been no network for "+flapGrace.String())
	}
	if due(&m.wakeAt, now) {
		m.wake(now)
	}
	if due(&m.askUntil, now) {
		m.ask = nil
	}
	if due(&m.firewallAt, now) {
		m.refused = SetFirewall{}
	}
	if due(&m.retryAt, now) && m.trying() && m.engine == idle {
		m.try(now)
	}
	m.settle(now, out)
}

// due clears a deadline that has passed, and says so.
func due(at *time.Time, now time.Time) bool {
	if at.IsZero() || now.Before(*at) {
		return false
	}
	*at = time.Time{}
	return true
}

// Deadline is when Advance is to be called; zero: an input comes first.
func (m *Machine) Deadline() time.Time {
	var first time.Time
	if m.over {
		return first
	}
	for _, t := range []time.Time{m.retryAt, m.stopAt, m.graceAt, m.wakeAt, m.askUntil, m.firewallAt, m.idleAt} {
		if !t.IsZero() && (first.IsZero() || t.Before(first)) {
			first = t
		}
	}
	return first
}

// at says that an input is of the attempt at work, and not of an earlier one or
// of one that is being stopped.
func (m *Machine) at(attempt uint64) bool { return m.engine == running && attempt == m.attempt }

// trying says that a connection is wanted and not there yet.
func (m *Machine) trying() bool {
	return m.state == api.Connecting || m.state == api.Waiting || m.state == api.Reconnecting
}

// resting says that nothing happens by itself.
func (m *Machine) resting() bool { return m.state == api.Disconnected || m.state == api.Blocked }

// base is the state of a try that waits for nobody.
func (m *Machine) base() api.State {
	if m.first {
		return api.Connecting
	}
	return api.Reconnecting
}

func (m *Machine) setState(now time.Time, s api.State) {
	if s != m.state {
		m.state, m.since = s, now
	}
}

func (m *Machine) do(e Effect)      { m.effects = append(m.effects, e) }
func (m *Machine) tell(e api.Event) { m.tells = append(m.tells, e) }
func (m *Machine) name() api.ProfileName {
	if m.profile == nil {
		return api.ProfileName{}
	}
	return nameOf(m.profile)
}

func nameOf(p *profile.Profile) api.ProfileName { return api.ProfileName{ID: p.ID, Name: p.Name} }

// jittered is d, 20 % more or less, and never more than the longest wait.
func (m *Machine) jittered(d time.Duration) time.Duration {
	var b [2]byte
	if m.cfg.Rand != nil {
		if _, err := io.ReadFull(m.cfg.Rand, b[:]); err == nil {
			d += d * time.Duration(int(binary.BigEndian.Uint16(b[:]))-1<<15) / (5 << 15)
		}
	}
	return min(d, backoffMost)
}

// Status is the whole state at a moment.
func (m *Machine) Status(now time.Time) api.Status {
	s := api.Status{State: m.state, Since: m.since, Profile: m.name(), Failure: m.failure}
	s.Stages = append(s.Stages, m.stages...)
	s.Ask = append(s.Ask, m.ask...)
	if m.trying() {
		s.Attempt, s.NextAttempt = m.count, m.retryAt
		s.Offline = m.engine == idle && (!m.online || m.asleep)
	}
	if m.state == api.Connected {
		s.Network = m.network
		s.DNS, s.Search = m.profile.Resolvers(m.network.DNS, m.network.Search)
	}
	until := m.askUntil
	if m.state == api.Waiting {
		until, s.Prompt = m.waitUntil, m.prompt
	}
	if left := until.Sub(now); !until.IsZero() && left > 0 {
		s.SecondsLeft = int((left + time.Second - 1) / time.Second)
	}
	return s
}
