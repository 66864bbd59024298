package cli

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"net/netip"
	"strconv"
	"time"

	"github.com/culvert-vpn/culvert/app/api"
	"github.com/culvert-vpn/culvert/app/dial"
	"github.com/culvert-vpn/culvert/app/profile"
	"github.com/culvert-vpn/culvert/engine"
	"github.com/culvert-vpn/culvert/engine/dataplane"
	"github.com/culvert-vpn/culvert/engine/gateway"
	"github.com/culvert-vpn/culvert/engine/netstack"
	"github.com/culvert-vpn/culvert/engine/secret"
	"github.com/culvert-vpn/culvert/engine/stack"
)

// Ours.
const (
	maxBytes = 1 << 40
	demoUser = "demo"
	// gatewayGrace is what its orderly end takes with nothing left open.
	gatewayGrace = 200 * time.Millisecond
)

var (
	demoListen = netip.MustParseAddr("127.0.0.1")
	demoInner  = netip.MustParseAddr("10.99.0.1")
	demoPool   = netip.MustParsePrefix("10.99.0.0/24")
)

var demoCommand = &command{
	name: "demo", args: "[--bytes N] [--json]", short: "a gateway and a client in this process, and data through the tunnel between them",
	long: "It needs no privilege, no server and no network, and touches nothing outside of it: the tunnel goes over\n" +
		"127.0.0.1 and ends in TCP/IP stacks of this process. Data goes each way for the better part of a second, or\n" +
		"exactly N octets each way, and is verified. --json prints every event as one JSON object a line, a summary last.",
	options: []option{{"bytes", "N", "how many octets to move each way"}, jsonOption},
	run: func(ctx context.Context, c *call) int {
		if !c.parse() {
			return exitUsage
		}
		var n int64
		if s, ok := c.given["bytes"]; ok {
			var err error
			if n, err = strconv.ParseInt(s, 10, 64); err != nil || n < 1 || n > maxBytes {
				c.usage(fmt.Sprintf("invalid value %q for flag -bytes: allowed: 1 to %d", s, int64(maxBytes)))
				return exitUsage
			}
		}
		return demo(ctx, c, n, c.on("json"))
	},
}

// demo moves n octets each way, or with 0 as many as take a moment.
func demo(ctx context.Context, c *call, n int64, asJSON bool) int {
	m, err := newDemoMachine()
	if err != nil {
		fmt.Fprintf(c.Err, "culvert demo: %v\n", err)
		return exitInternal
	}
	defer m.close()
	d := &directRun{machine: m, profile: demoProfile(), secrets: m.secrets, events: newStream(newPrinter(c.Streams, asJSON)), hurry: c.hurry}
	defer d.events.end()
	d.log("info", fmt.Sprintf("a gateway on %v and a client, both in this process", m.gateway.Addr(stack.Port500)))

	start := time.Now()
	d.state(api.StateEvent{State: api.Connecting})
	s, err := d.connecting(ctx)
	if errors.Is(err, context.Canceled) || errors.Is(err, errHurry) {
		d.state(api.StateEvent{State: api.Disconnected})
		return exitNotConnected
	}
	if err != nil {
		return d.failed(err, exitNotConnected)
	}
	d.connected()
	sum := api.SummaryEvent{SetupMS: time.Since(start).Milliseconds(), Suite: d.network.Suite}
	err = m.transfer(ctx, s, n, &sum)
	d.state(api.StateEvent{State: api.Disconnecting})
	hurry := d.close(s)
	d.state(api.StateEvent{State: api.Disconnected})
	if ctx.Err() != nil || hurry != nil {
		return exitDone // as asked
	}
	if err != nil {
		if lost := s.Wait(); lost != nil {
			return d.failed(lost, exitLost)
		}
		d.log("error", err.Error())
		return exitInternal
	}
	d.events.send(time.Now(), sum)
	return exitDone
}

// demoProfile is what a person would write, but that names are looked up as
// before: nothing is to be touched.
func demoProfile() *profile.Profile {
	p := profile.Default()
	p.Servers, p.User = []string{demoListen.String()}, demoUser
	p.DNS.Mode = "off"
	return p
}

// demoMachine is a machine whose network is this process alone.
type demoMachine struct {
	gateway *gateway.Gateway
	secrets *profile.Secrets
	inner   *netstack.Stack // the client's end of the tunnel
}

func newDemoMachine() (*demoMachine, error) {
	m := &demoMachine{secrets: &profile.Secrets{PSK: []byte(rand.Text()), Password: []byte(rand.Text())}}
	var err error
	m.gateway, err = gateway.Start(gateway.Config{
		Listen: demoListen, AnyPort: true, Network: dial.Sockets{}, HTTP: true,
		PSK: m.secrets.PSK.Clone(), Users: map[string]secret.Secret{demoUser: m.secrets.Password.Clone()},
		Address: demoInner, Pool: demoPool,
	})
	return m, err
}

// close ends the gateway. It waits up to a second for requests that were given
// up half-way, which nobody at the terminal needs to.
func (m *demoMachine) close() {
	closed := make(chan struct{})
	go func() {
		m.gateway.Close()
		close(closed)
	}()
	select {
	case <-closed:
	case <-time.After(gatewayGrace):
	}
}

func (*demoMachine) prepare() error { return nil }

func (*demoMachine) lookup(context.Context, string) ([]netip.Addr, error) {
	return []netip.Addr{demoListen}, nil
}

func (m *demoMachine) connect(ctx context.Context, cfg engine.Config) (dial.Session, error) {
	cfg.IKEPort, cfg.NATTPort = m.gateway.Addr(stack.Port500).Port(), m.gateway.Addr(stack.Port4500).Port()
	return system{}.connect(ctx, cfg)
}

// device is a TCP/IP stack in place of a TUN.
func (m *demoMachine) device(_ *profile.Profile, _ netip.Addr, n stack.Network) (dataplane.Device, string, error) {
	s, err := netstack.New(netstack.Config{Address: n.Local, MTU: n.MTU})
	if err != nil {
		return nil, "", err
	}
	m.inner = s
	return s, "", nil
}
