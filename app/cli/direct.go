package cli

import (
	"context"
	"net/netip"
	"sync"
	"time"

	"github.com/culvert-vpn/culvert/app/api"
	"github.com/culvert-vpn/culvert/app/dial"
	"github.com/culvert-vpn/culvert/app/profile"
	"github.com/culvert-vpn/culvert/engine"
	"github.com/culvert-vpn/culvert/engine/dataplane"
	"github.com/culvert-vpn/culvert/engine/dhcp"
	"github.com/culvert-vpn/culvert/engine/esp"
	"github.com/culvert-vpn/culvert/engine/failure"
	"github.com/culvert-vpn/culvert/engine/slaac"
	"github.com/culvert-vpn/culvert/engine/stack"
	"github.com/culvert-vpn/culvert/engine/suite"
)

// machine is what a connection does to the system: faked in tests.
type machine interface {
	// prepare checks that the network may be changed, and takes away what an
	// earlier process left.
	prepare() error
	lookup(ctx context.Context, host string) ([]netip.Addr, error)
	connect(ctx context.Context, cfg engine.Config) (dial.Session, error)
	// device makes the interface and its routes; closing it undoes both.
	device(p *profile.Profile, server netip.Addr, n stack.Network) (dataplane.Device, string, error)
}

// directRun is one use of up --direct.
type directRun struct {
	machine machine
	profile *profile.Profile
	secrets *profile.Secrets
	events  *stream
	hurry   <-chan struct{} // closed: there is no time to tell the gateway

	started map[failure.Stage]time.Time // of the control goroutine, and before it runs
	server  netip.Addr                  // the one being tried, then the one that is connected
	pushes  chan dhcp.Options           // what the gateway says later; nil: it is not asked
	codes   codes                       // what the gateway asks a person
	sixes   chan slaac.Network          // what it carries of IPv6, the newest; nil: it is not asked
	later   later                       // of both, what was told; of run

	mu      sync.Mutex // guards what follows, which other goroutines set
	network stack.Network
	name    string // of the interface
	restore error  // what closing the device said

	making sync.Mutex // guards what follows, and is held while Device is at work
	device *restoring // nil: not yet
	over   bool       // no device is to be made any more
}

func (d *directRun) connectAny(ctx context.Context) (dial.Session, error) {
	dialer := dial.Dialer{Profile: d.profile, Secrets: d.secrets, Lookup: d.machine.lookup, Connect: d.machine.connect,
		Trying: d.trying, Device: d.makeDevice, Events: d.stack, Change: d.askForMore, Ask: d.asked}
	return dialer.Dial(ctx)
}

func (d *directRun) trying(server netip.Addr) {
	if d.server.IsValid() {
		d.log("info", "no luck there; trying "+server.String())
	}
	d.server = server
	d.started = map[failure.Stage]time.Time{}
}

func (d *directRun) makeDevice(_ context.Context, server netip.Addr, n stack.Network) (dataplane.Device, error) {
	d.making.Lock()
	defer d.making.Unlock()
	if d.over {
		return nil, context.Canceled
	}
	dev, name, err := d.machine.device(d.profile, server, n)
	if err != nil {
		return nil, err
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	d.network, d.name = n, name
	d.device = &restoring{Device: dev, d: d}
	return d.device, nil
}

// stack turns an event of the engine into one of the stream. It is called by
// the engine's control goroutine and does not block.
func (d *directRun) stack(now time.Time, e stack.Event) {
	switch e := e.(type) {
	case stack.StageStarted:
		if e.Stage == failure.Resolve {
			d.started = map[failure.Stage]time.Time{}
		}
		if first := e.Stage == failure.Phase1 || !d.profile.IPsec.Enabled && e.Stage == failure.Tunnel; first && !d.started[e.Stage].IsZero() {
			d.events.offer(now, api.LogEvent{Level: "info", Message: "once more, in another way"})
		}
		d.started[e.Stage] = now
		d.events.offer(now, api.StageEvent{Stage: e.Stage, State: api.Started})
	case stack.StageDone:
		out := api.StageEvent{Stage: e.Stage, State: api.Done, Detail: e.DetailMap()}
		if t, ok := d.started[e.Stage]; ok {
			ms := now.Sub(t).Milliseconds()
			out.MS = &ms
		}
		if e.Stage == failure.Routes {
			d.mu.Lock()
			if d.name != "" {
				out.Detail["interface"] = d.name
			}
			d.mu.Unlock()
		}
		d.events.offer(now, out)
	case stack.Waiting:
		d.events.offer(now, api.StateEvent{State: api.Waiting, SecondsLeft: int((e.Left + time.Second - 1) / time.Second)})
	}
}

// connected tells what was agreed on.
func (d *directRun) connected() {
	d.mu.Lock()
	n, name := d.network, d.name
	d.mu.Unlock()
	d.state(api.StateEvent{State: api.Connected, Address: n.Local, Peer: n.Peer, DNS: n.DNS, MTU: n.MTU, Suite: n.Suite, Interface: name, Server: d.server.String()})
	if s, err := suite.ParsePhase2(n.Suite); err == nil && !esp.Fast(s) {
		d.log("warn", n.Suite+" is slow: it is computed packet by packet; AES with SHA-1 or SHA-256, or AES-GCM, is ten times as fast and more")
	}
	if len(n.DNS) > 0 && d.profile.DNS.Mode == "auto" {
		d.log("warn", "the gateway offers name servers, which --direct does not set: names are looked up as before")
	}
}
