package supervisor

import (
	"net/netip"
	"time"

	"github.com/culvert-vpn/culvert/app/api"
	"github.com/culvert-vpn/culvert/app/profile"
	"github.com/culvert-vpn/culvert/engine/failure"
)

// Input is something that happened.
type Input interface{ input() }

// Start is the helper's start, and the first input. What an earlier process left
// is put right: the network cleared, the firewall as the wish wants it. So the
// helper must not open the firewall before.
type Start struct {
	Wish    *Wish // as it was persisted last; nil: nothing was wanted
	Secrets bool  // the helper has the secrets of its profile
}

// Wish is what has to outlive the helper: that a connection is wanted.
type Wish struct {
	Profile    *profile.Profile // nil: it could not be read again
	KillSwitch bool             // the network has to stay closed
	Orderly    bool             // the helper ended in order, not by a crash
}

// Connect is a person's request. The secrets that came with it replace those that
// are held once Handle returns nil, before the effects are executed. For the
// profile that is connecting already it means: now, not later. The machine keeps
// the profile, which nobody changes any more.
type Connect struct{ Profile *profile.Profile }

// Disconnect is a person's request, and always granted: it also opens a network
// that the kill switch keeps closed.
type Disconnect struct{}

// Answer says that what Status.Ask names has been given. The helper adds it to
// the secrets that are held once Handle returns nil, before the effects are
// executed.
type Answer struct{}

// ProfileChanged says that a profile was saved, or removed. What concerns routes,
// name servers, kill switch and reconnecting takes effect at once, all else at the
// next try; what is connected stays so.
type ProfileChanged struct {
	ID      string
	Profile *profile.Profile // nil: removed
}

// Shutdown says that the helper ends: after Finished, or at once if it must.
// A kill switch stays closed, and what is to be connected at the start is
// remembered.
type Shutdown struct{}

// Server says that an attempt is about to use this address of the gateway: the
// effects make the firewall let it out.
type Server struct {
	Attempt uint64
	Address netip.Addr
	Way     string // how packets leave for it, where that is not by a default route; else ""
}

// Stage is the start or the end of a stage.
type Stage struct {
	Attempt uint64
	Stage   api.Stage
	Done    bool
	Detail  map[string]string // what was agreed; when done
}

// Waiting says that the gateway waits for a person for so long. No time left means
// that it waits no more.
type Waiting struct {
	Attempt uint64
	Left    time.Duration
	// Ask is what to give to the gateway with Answer; "": the person approves
	// elsewhere, on a phone.
	Ask api.SecretName
	// Prompt is how the gateway asks for that, in its own words.
	Prompt string
}

// Coded says that the gateway asked for a code and was given the one that came with
// the request.
type Coded struct{ Attempt uint64 }

// Up says that the gateway has given a network, at first or another one. The
// tunnel's interface is there.
type Up struct {
	Attempt uint64
	Network api.Network
}

// Learned says what the gateway pushed since Up. Nothing waits for it, and most
// gateways push nothing.
type Learned struct {
	Attempt uint64
	Routes  []netip.Prefix // behind the gateway; a default route may be among them
	DNS     []netip.Addr   // name servers, in place of those of Up; none: these stay
	Search  []string       // names to append to short ones
}

// Learned6 says what the gateway carries of IPv6, whenever that changes since Up.
type Learned6 struct {
	Attempt uint64
	ID      [8]byte        // the interface identifier that it was agreed on
	Address netip.Addr     // ours; not valid: nothing any more
	Default bool           // the gateway leads on from there
	MTU     int            // octets; 0: that of Up
	Routes  []netip.Prefix // as those of Learned, and beside them
	DNS     []netip.Addr   // behind those of IPv4
	Search  []string
}

// Applied says that ApplyNetwork is done.
type Applied struct{ Attempt uint64 }

// ApplyFailed says that ApplyNetwork failed, and what was before is left.
type ApplyFailed struct {
	Attempt uint64
	Failure *failure.Failure
}

// Down says that the engine of an attempt has ended, all of it. It follows every
// StartEngine once.
type Down struct {
	Attempt uint64
	Failure *failure.Failure // nil: it was stopped
}

// Traffic says how many packets have gone through the tunnel so far, both ways.
type Traffic struct {
	Attempt uint64
	Packets uint64
}

// FirewallFailed says that the last SetFirewall failed, and what was before is
// left. It is the next input after it.
type FirewallFailed struct{ Failure *failure.Failure }

// Route is how packets leave for the gateway at present: by a default route or,
// where there is none, by a route to what Gateway says. The tunnel's own routes do
// not count. Giving the same again changes nothing.
type Route struct {
	Online bool // there is a way
	// Way stands for it: what sockets depend on, the interface and our address.
	Way string
}

// Sleep says that the computer is about to sleep. It should not before the engine
// is down, or five seconds have passed.
type Sleep struct{}

// Wake says that the computer woke up.
type Wake struct{}

func (Start) input()          {}
func (Connect) input()        {}
func (Disconnect) input()     {}
func (Answer) input()         {}
func (ProfileChanged) input() {}
func (Shutdown) input()       {}
func (Server) input()         {}
func (Stage) input()          {}
func (Waiting) input()        {}
func (Coded) input()          {}
func (Up) input()             {}
func (Learned) input()        {}
func (Learned6) input()       {}
func (Applied) input()        {}
func (ApplyFailed) input()    {}
func (Down) input()           {}
func (Traffic) input()        {}
func (FirewallFailed) input() {}
func (Route) input()          {}
func (Sleep) input()          {}
func (Wake) input()           {}
