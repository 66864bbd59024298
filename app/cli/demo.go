package cli

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/netip"
	"strings"
	"time"

	"github.com/culvert-vpn/culvert/app/api"
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
	// defaultBytes takes a few seconds each way on a slow machine.
	defaultBytes = 128 << 20
	maxBytes     = 1 << 40
	demoUser     = "demo"
)

var (
	demoListen = netip.MustParseAddr("127.0.0.1")
	demoInner  = netip.MustParseAddr("10.99.0.1")
	demoPool   = netip.MustParsePrefix("10.99.0.0/24")
)

var demoCommand = &command{
	name: "demo", args: "[--bytes N] [--json]", short: "a gateway and a client in this process, and data through the tunnel between them",
	long: "It needs no privilege, no server and no network, and touches nothing outside of it: the tunnel goes over\n" +
		"127.0.0.1 and ends in TCP/IP stacks of this process. N octets go each way and are verified.\n" +
		"--json prints every event as one JSON object a line, a summary last.",
	run: func(ctx context.Context, c *call) int {
		var n int64
		var asJSON bool
		f := c.flags()
		f.Int64Var(&n, "bytes", defaultBytes, "")
		f.BoolVar(&asJSON, "json", false, "")
		if !c.parse(f) {
			return exitUsage
		}
		if n < 1 || n > maxBytes {
			c.usage(fmt.Sprintf("--bytes %d is out of range; allowed: 1 to %d", n, int64(maxBytes)))
			return exitUsage
		}
		return demo(ctx, c, n, asJSON)
	},
}

func demo(ctx context.Context, c *call, n int64, asJSON bool) int {
	var p printer = newHumanPrinter(c.Streams)
	if asJSON {
		p = jsonPrinter{c.Out}
	}
	m, err := newDemoMachine()
	if err != nil {
		fmt.Fprintf(c.Err, "culvert demo: %v\n", err)
		return exitInternal
	}
	defer m.gateway.Close()
	d := &directRun{machine: m, profile: demoProfile(), secrets: m.secrets, events: newStream(p)}
	defer d.events.end()
	d.log("info", fmt.Sprintf("a gateway on %v and a client, both in this process", m.gateway.Addr(stack.Port500)))

	start := time.Now()
	d.state(api.StateEvent{State: api.Connecting})
	s, err := d.connectAny(ctx)
	if errors.Is(err, context.Canceled) {
		d.state(api.StateEvent{State: api.Disconnected})
		return exitNotConnected
	}
	if err != nil {
		return d.failed(err, exitNotConnected)
	}
	d.connected()
	sum := api.SummaryEvent{SetupMS: time.Since(start).Milliseconds(), Bytes: uint64(n), Suite: d.network.Suite}
	err = m.transfer(ctx, s, n, &sum)
	d.state(api.StateEvent{State: api.Disconnecting})
	s.Close()
	d.state(api.StateEvent{State: api.Disconnected})
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
		Listen: demoListen, AnyPort: true, Network: sockets{}, HTTP: true,
		PSK: m.secrets.PSK.Clone(), Users: map[string]secret.Secret{demoUser: m.secrets.Password.Clone()},
		Address: demoInner, Pool: demoPool,
	})
	return m, err
}

func (*demoMachine) prepare() error { return nil }

func (*demoMachine) lookup(context.Context, string) ([]netip.Addr, error) {
	return []netip.Addr{demoListen}, nil
}

func (m *demoMachine) connect(ctx context.Context, cfg engine.Config) (session, error) {
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

// transfer moves n octets each way and verifies them. It ends with the session.
func (m *demoMachine) transfer(ctx context.Context, s session, n int64, sum *api.SummaryEvent) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	go func() { // ends with the cancel above
		select {
		case <-s.Ended():
			cancel()
		case <-ctx.Done():
		}
	}()
	client := &http.Client{Transport: &http.Transport{DialContext: m.inner.DialContext}}
	defer client.CloseIdleConnections()
	down, err := timed(n, func() error { return download(ctx, client, n) })
	if err != nil {
		return fmt.Errorf("download: %w", err)
	}
	up, err := timed(n, func() error { return upload(ctx, client, n) })
	if err != nil {
		return fmt.Errorf("upload: %w", err)
	}
	sum.DownBitsPerSec, sum.UpBitsPerSec, sum.Verified = down, up, true
	return nil
}

// timed is the bits a second at which f moves n octets.
func timed(n int64, f func() error) (uint64, error) {
	start := time.Now()
	err := f()
	return uint64(float64(n) * 8 / max(time.Since(start).Seconds(), 1e-9)), err
}

// errChanged is data that did not arrive as it was sent.
var errChanged = errors.New("the data did not arrive as it was sent")

func download(ctx context.Context, client *http.Client, n int64) error {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, fmt.Sprintf("http://%v/bytes?n=%d", demoInner, n), nil)
	if err != nil {
		return err
	}
	resp, err := client.Do(req)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	h := sha256.New()
	got, err := io.Copy(h, resp.Body)
	if err != nil {
		return err
	}
	if want := resp.Trailer.Get(gateway.Digest); resp.StatusCode != http.StatusOK || got != n || want != hex.EncodeToString(h.Sum(nil)) {
		return fmt.Errorf("%w: %d of %d octets, status %d", errChanged, got, n, resp.StatusCode)
	}
	return nil
}

func upload(ctx context.Context, client *http.Client, n int64) error {
	h := sha256.New()
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, fmt.Sprintf("http://%v/digest", demoInner), io.TeeReader(gateway.NewSource(n), h))
	if err != nil {
		return err
	}
	req.ContentLength = n
	resp, err := client.Do(req)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	answer, err := io.ReadAll(io.LimitReader(resp.Body, 1000))
	if err != nil {
		return err
	}
	if want := fmt.Sprintf("%x %d", h.Sum(nil), n); resp.StatusCode != http.StatusOK || strings.TrimSpace(string(answer)) != want {
		return fmt.Errorf("%w: the gateway says %q, status %d", errChanged, answer, resp.StatusCode)
	}
	return nil
}
