package supervisor

import (
	"net/netip"

	"github.com/culvert-vpn/culvert/app/api"
	"github.com/culvert-vpn/culvert/app/profile"
)

// Output is what a call has to say. The effects are executed in their order,
// before the next input.
type Output struct{ Effects []Effect }

// Reset empties the output and keeps its memory.
func (o *Output) Reset() { o.Effects = o.Effects[:0] }

// Effect is something to do.
type Effect interface{ effect() }

// StartEngine starts a connection. There is no other engine. It is given copies
// of the secrets: those that are held may be forgotten while it runs. Its results
// are Server, Stage, Waiting, Up and, in any case and last, Down.
type StartEngine struct {
	Attempt uint64
	Profile *profile.Profile
	Hints   Hints
}

// Hints is what an earlier connection of the profile teaches the next one.
type Hints struct {
	Server  netip.Addr // the address that worked: to be tried first, without a look-up
	Address netip.Addr // ours inside: to be asked for, unless the profile asks for one
	// InterfaceID is what IPv6 went by: to be asked for. Zero: nothing.
	InterfaceID [8]byte
	MRU         int // octets at most; 0: as the profile says
}

// FindWay asks how packets leave for the gateway, now that one is wanted and none
// is known. Route follows.
type FindWay struct{}

// StopEngine ends the engine; Down follows.
type StopEngine struct {
	Attempt uint64
	// Orderly takes leave of the gateway. Otherwise the network is gone, or time
	// is short: what can be sent at once is, and nothing is waited for.
	Orderly bool
}

// AnswerEngine gives the engine what it asked for.
type AnswerEngine struct {
	Attempt uint64
	Secret  api.SecretName
}

// ApplyNetwork makes the system use the tunnel: its address, routes and name
// servers, whatever was applied before. Applied or ApplyFailed follows. It comes
// again with what the gateway pushes later, and without that if it failed.
type ApplyNetwork struct {
	Attempt uint64
	Profile *profile.Profile
	Network api.Network
}

// CountTraffic asks for the counters of the tunnel. Traffic follows.
type CountTraffic struct{ Attempt uint64 }

// ClearNetwork takes back whatever ApplyNetwork did.
type ClearNetwork struct{}

// Firewall is what may leave this computer.
type Firewall uint8

// The states of the firewall.
const (
	Open   Firewall = iota + 1 // everything: no rule of ours
	Tunnel                     // everything through the tunnel; beside it what the profile says
	Closed                     // only what makes a connection, and what the profile excepts
)

// String is the state's name in logs.
func (f Firewall) String() string {
	switch f {
	case Open:
		return "open"
	case Tunnel:
		return "tunnel"
	case Closed:
		return "closed"
	}
	return "unknown"
}

// SetFirewall is what the firewall has to be, at once and as a whole.
// FirewallFailed follows if it cannot be.
type SetFirewall struct {
	State Firewall

	// What follows is zero when State is Open.

	// KillSwitch lets nothing out beside the tunnel. It is set with Closed;
	// without it Tunnel keeps in what would leak: IPv6, and questions to other
	// name servers.
	KillSwitch bool
	Profile    *profile.Profile // its exceptions; nil: none
	Server     netip.Addr       // of the gateway; not valid: not known yet
	Interface  string           // the tunnel's; "": there is none
	Address    netip.Addr       // ours inside the tunnel
	Address6   netip.Addr       // ours by IPv6; not valid: none goes through the tunnel
}

// strength orders what a firewall keeps in.
func (s SetFirewall) strength() int {
	switch {
	case s.State == Closed:
		return 3
	case s.State == Tunnel && s.KillSwitch:
		return 2
	case s.State == Tunnel:
		return 1
	}
	return 0
}

// protects says that nothing leaves beside a tunnel.
func (s SetFirewall) protects() bool { return s.strength() >= 2 }

// ForgetSecrets overwrites secrets that are held: those of Only, or all.
type ForgetSecrets struct{ Only []api.SecretName }

// Persist writes the wish down; nil: nothing is wanted.
type Persist struct{ Wish *Wish }

// Tell is an event for whoever listens: api.StageEvent, api.FailureEvent, or
// api.Status after a change of anything but its Stages.
type Tell struct{ Event api.Event }

// Finished is the last effect: the helper may exit.
type Finished struct{}

func (StartEngine) effect()   {}
func (FindWay) effect()       {}
func (StopEngine) effect()    {}
func (AnswerEngine) effect()  {}
func (ApplyNetwork) effect()  {}
func (CountTraffic) effect()  {}
func (ClearNetwork) effect()  {}
func (SetFirewall) effect()   {}
func (ForgetSecrets) effect() {}
func (Persist) effect()       {}
func (Tell) effect()          {}
func (Finished) effect()      {}
