package cli

import (
	"context"
	"fmt"
	"net/netip"
	"reflect"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/culvert-vpn/culvert/app/api"
	"github.com/culvert-vpn/culvert/app/netplan"
	"github.com/culvert-vpn/culvert/app/profile"
	"github.com/culvert-vpn/culvert/engine"
	"github.com/culvert-vpn/culvert/engine/dataplane"
	"github.com/culvert-vpn/culvert/engine/dhcp"
	"github.com/culvert-vpn/culvert/engine/slaac"
	"github.com/culvert-vpn/culvert/platform/route"
)

// later is what a gateway tells once it is connected.
type later struct {
	pushed dhcp.Options
	six    slaac.Network // as far as the profile takes it
}

// routed is a device that can be given other routes while it is at work.
type routed interface {
	// learn sets the routes once more, with what the gateway has told since, and
	// says which of those that it pushed are not taken. When it fails, the routes
	// are as before.
	learn(l later) (ignored []netip.Prefix, err error)
}

// askForMore has the engine ask the gateway for routes and IPv6, where the profile
// wants it. The answers wait until it is told that the connection is up.
func (d *directRun) askForMore(cfg *engine.Config) {
	if d.profile.Routing.FromGateway {
		pushes := make(chan dhcp.Options, 1) // there is one answer at most
		d.pushes = pushes
		cfg.Learned = func(_ time.Time, o dhcp.Options) {
			select {
			case pushes <- o:
			default:
			}
		}
	}
	if cfg.Stack.PPP.IPv6 {
		sixes := make(chan slaac.Network, 1) // the newest replaces what waits
		d.sixes = sixes
		cfg.Learned6 = func(_ time.Time, n slaac.Network) {
			select {
			case <-sixes:
			default:
			}
			sixes <- n
		}
	}
}

// learned sets what the gateway pushes, and tells of it.
func (d *directRun) learned(o dhcp.Options) {
	if o.Empty() {
		return
	}
	more := d.later
	more.pushed = o
	d.setLater(more, "the routes that the gateway pushes cannot be set")
}

// learned6 sets what the gateway carries of IPv6, and tells of it.
func (d *directRun) learned6(n slaac.Network) {
	if !d.profile.TakesIPv6(n.Default) {
		n = slaac.Network{}
	}
	if !d.profile.Routing.FromGateway {
		n.Routes = nil
	}
	more := d.later
	if more.six = n; !reflect.DeepEqual(more, d.later) {
		d.setLater(more, "the gateway's IPv6 cannot be used")
	}
}

// setLater sets the routes with what was told since, and tells of all of it.
func (d *directRun) setLater(more later, problem string) {
	d.making.Lock()
	device := d.device
	d.making.Unlock()
	if device == nil {
		return
	}
	if r, ok := device.Device.(routed); ok {
		ignored, err := r.learn(more)
		if err != nil {
			d.log("warn", fmt.Sprintf("%s: %v", problem, err))
			return
		}
		if len(ignored) > 0 {
			d.log("info", "of the pushed routes these are not taken: "+inRow(ignored))
		}
	}
	d.later = more
	d.mu.Lock()
	n, name := d.network, d.name
	d.mu.Unlock()
	d.state(api.StateEvent{State: api.Connected, Address: n.Local, Address6: more.six.Address, Peer: n.Peer, DNS: n.DNS, MTU: n.MTU, Suite: n.Suite, Interface: name, Server: d.server.String(),
		Routes: more.routes(), Search: slices.Concat(more.pushed.Search, more.six.Search)})
}

// routes are those that the gateway has told of.
func (l later) routes() []netip.Prefix { return slices.Concat(l.pushed.Routes, l.six.Routes) }

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
	text := ""
	if len(s) > 0 {
		text = "The gateway pushes " + strings.Join(s, ", and ") + "."
	}
	switch {
	case e.Address6.IsValid():
		return strings.TrimSpace(fmt.Sprintf("IPv6 goes through the tunnel, too: address %v. %s", e.Address6, text))
	case text == "":
		return "IPv6 does not go through the tunnel any more."
	}
	return text
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

// learn implements routed.
func (t *tunnel) learn(l later) ([]netip.Prefix, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.closed {
		return nil, nil
	}
	c := t.connection
	c.Pushed, c.Local6 = l.routes(), l.six.Address
	if m := l.six.MTU; m != 0 {
		c.MTU = min(c.MTU, m)
	}
	var err error
	if c.OnLink, err = route.OnLink(c.Interface); err != nil {
		return nil, err
	}
	_, ignored := netplan.Pushed(t.profile, c)
	return ignored, t.routes.Set(context.Background(), netplan.Routes(t.profile, c))
}
