package cli

import (
	"errors"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/culvert-vpn/culvert/app/profile"
	"github.com/culvert-vpn/culvert/engine"
	"github.com/culvert-vpn/culvert/engine/dataplane"
	"github.com/culvert-vpn/culvert/engine/dhcp"
	"github.com/culvert-vpn/culvert/engine/failure"
	"github.com/culvert-vpn/culvert/engine/stack"
)

// pushMachine is a fakeMachine whose device takes routes.
type pushMachine struct {
	fakeMachine
	routed routedDevice
}

type routedDevice struct {
	fakeDevice
	pushes chan []netip.Prefix
	fails  error
}

func (d *routedDevice) learn(l later) ([]netip.Prefix, error) {
	routes := l.routes()
	d.pushes <- routes
	return slices.DeleteFunc(slices.Clone(routes), func(p netip.Prefix) bool { return p.Bits() > 0 }), d.fails
}

func (m *pushMachine) device(*profile.Profile, netip.Addr, stack.Network) (dataplane.Device, string, error) {
	return &m.routed, "culvert0", nil
}

// TestPushed sets the routes that come once it is connected, and tells of them
// after that.
func TestPushed(t *testing.T) {
	o := dhcp.Options{Routes: []netip.Prefix{netip.MustParsePrefix("10.20.0.0/16"), netip.MustParsePrefix("0.0.0.0/0")}, Search: []string{"corp.example"}}
	for _, c := range []struct {
		name  string
		fails error
		json  bool
		want  string
	}{
		{"in words", nil, false, "The gateway pushes routes to 10.20.0.0/16, 0.0.0.0/0, and the search domains corp.example.\n"},
		{"as JSON", nil, true, `"interface":"culvert0","server":"198.51.100.1","routes":["10.20.0.0/16","0.0.0.0/0"],"search":["corp.example"]}`},
		{"not the default route", nil, false, "of the pushed routes these are not taken: 0.0.0.0/0\n"},
		{"refused", errors.New("no room"), false, "the routes that the gateway pushes cannot be set: no room\n"},
	} {
		t.Run(c.name, func(t *testing.T) {
			m := &pushMachine{routed: routedDevice{pushes: make(chan []netip.Prefix), fails: c.fails}}
			m.then = func(s *fakeSession) {
				m.configs[0].Learned(time.Now(), o)
				if got := <-m.routed.pushes; !slices.Equal(got, o.Routes) {
					t.Errorf("pushed %v", got)
				}
				s.end(fail(failure.Connected, failure.GatewayClosed))
			}
			p := profile.Default()
			p.Servers = []string{"198.51.100.1"}
			var stdout, stderr strings.Builder
			d := &directRun{machine: m, profile: p, secrets: &profile.Secrets{}, events: newStream(newPrinter(Streams{Out: &stdout, Err: &stderr}, c.json))}
			if status := d.run(t.Context()); status != exitLost {
				t.Errorf("status %d", status)
			}
			d.events.end()
			connected := strings.Index(stdout.String(), map[bool]string{false: "Connected to", true: `"state":"connected"`}[c.json])
			if at := strings.Index(stdout.String(), c.want); at < 0 || connected < 0 || at < connected {
				t.Errorf("no %q behind the connection in\n%s", c.want, &stdout)
			}
		})
	}
}

func TestNotAsked(t *testing.T) {
	p := profile.Default()
	p.Routing.FromGateway = false
	var cfg engine.Config
	(&directRun{profile: p}).askForMore(&cfg)
	if cfg.Learned != nil {
		t.Error("the gateway is asked, and the profile does not want it")
	}
}
