package cli

import (
	"context"
	"fmt"
	"net/netip"
	"strings"
	"sync"
	"time"

	"github.com/culvert-vpn/culvert/app/api"
	"github.com/culvert-vpn/culvert/app/netplan"
	"github.com/culvert-vpn/culvert/app/profile"
	"github.com/culvert-vpn/culvert/engine"
	"github.com/culvert-vpn/culvert/engine/dataplane"
	"github.com/culvert-vpn/culvert/engine/dhcp"
	"github.com/culvert-vpn/culvert/platform/route"
)

// routed is a device that can be given other routes while it is at work.
type routed interface {
	// push adds the routes that the gateway pushed, and says which of them are
	// not taken. When it fails, the routes are as before.
	push(routes []netip.Prefix) (ignored []netip.Prefix, err error)
}

// askForRoutes has the engine ask the gateway, where the profile wants it. The
// answer waits until it is told that the connection is up.
func (d *directRun) askForRoutes(cfg *engine.Config) {
	if !d.profile.Routing.FromGateway {
		return
	}
	pushes := make(chan dhcp.Options, 1) // there is one answer at most
	d.pushes = pushes
	cfg.Learned = func(_ time.Time, o dhcp.Options) {
		select {
		case pushes <- o:
		default:
		}
	}
}

// learned sets what the gateway pushes, and tells of it.
func (d *directRun) learned(o dhcp.Options) {
	d.making.Lock()
	device := d.device
	d.making.Unlock()
	if o.Empty() || device == nil {
		return
	}
	if r, ok := device.Device.(routed); ok && len(o.Routes) > 0 {
		ignored, err := r.push(o.Routes)
		if err != nil {
			d.log("warn", fmt.Sprintf("the routes that the gateway pushes cannot be set: %v", err))
			return
		}
		if len(ignored) > 0 {
			d.log("info", "of the pushed routes these are not taken: "+inRow(ignored))
		}
	}
	d.mu.Lock()
	n, name := d.network, d.name
	d.mu.Unlock()
	d.state(api.StateEvent{State: api.Connected, Address: n.Local, Peer: n.Peer, DNS: n.DNS, MTU: n.MTU, Suite: n.Suite, Interface: name, Server: d.server.String(),
		Routes: o.Routes, Search: o.Search})
}

// inRow is things, one behind the other.
func inRow[T fmt.Stringer](things []T) string {
	var s []string
	for _, t := range things {
		s = append(s, t.String())
	}
	return strings.Join(s, ", ")
}

// pushed is what a person is told of it.
func pushed(e api.StateEvent) string {
	var s []string
	if len(e.Routes) > 0 {
		s = append(s, "routes to "+inRow(e.Routes))
	}
	if len(e.Search) > 0 {
		s = append(s, "the search domains "+strings.Join(e.Search, ", "))
	}
	return "The gateway pushes " + strings.Join(s, ", and ") + "."
}

// tunnel is the device together with its routes.
type tunnel struct {
	dataplane.Device
	routes     *route.Manager
	profile    *profile.Profile
	connection netplan.Connection

	mu     sync.Mutex // guards what follows, and is held while routes change
	closed bool
}

// push implements routed.
func (t *tunnel) push(routes []netip.Prefix) ([]netip.Prefix, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.closed {
		return nil, nil
	}
	c := t.connection
	c.Pushed = routes
	var err error
	if c.OnLink, err = route.OnLink(c.Interface); err != nil {
		return nil, err
	}
	_, ignored := netplan.Pushed(t.profile, c)
	return ignored, t.routes.Set(context.Background(), netplan.Routes(t.profile, c))
}
