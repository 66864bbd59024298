package cli

import (
	"context"
	"net"
	"net/netip"
	"slices"
	"strings"
	"testing"

	"github.com/culvert-vpn/culvert/app/dial"
	"github.com/culvert-vpn/culvert/app/profile"
	"github.com/culvert-vpn/culvert/engine"
	"github.com/culvert-vpn/culvert/engine/dataplane"
	"github.com/culvert-vpn/culvert/engine/gateway"
	"github.com/culvert-vpn/culvert/engine/packet"
	"github.com/culvert-vpn/culvert/engine/secret"
	"github.com/culvert-vpn/culvert/engine/stack"
)

// tokenMachine connects with a gateway in this process that asks for a code, for
// real, but for its device.
type tokenMachine struct {
	fakeMachine
	gateway *gateway.Gateway
}

// until calls a function when a word is written to it.
type until struct {
	strings.Builder
	word string
	then func()
}

func (u *until) Write(b []byte) (int, error) {
	if strings.Contains(string(b), u.word) {
		u.then()
	}
	return u.Builder.Write(b)
}

func (m *tokenMachine) connect(ctx context.Context, cfg engine.Config) (dial.Session, error) {
	cfg.IKEPort, cfg.NATTPort, cfg.Network = m.gateway.Addr(stack.Port500).Port(), m.gateway.Addr(stack.Port4500).Port(), dial.Sockets{}
	return dial.Connect(ctx, cfg)
}

func (m *tokenMachine) device(*profile.Profile, netip.Addr, stack.Network) (dataplane.Device, string, error) {
	return &stillDevice{done: make(chan struct{})}, "culvert0", nil
}

// stillDevice has nothing to send.
type stillDevice struct{ done chan struct{} }

func (d *stillDevice) Read([]*packet.Buffer) (int, error) { <-d.done; return 0, net.ErrClosed }
func (d *stillDevice) Write([]*packet.Buffer) error       { return nil }
func (d *stillDevice) Close() error {
	select {
	case <-d.done:
	default:
		close(d.done)
	}
	return nil
}

// up --direct at a gateway that asks for a code.
func TestDirectCode(t *testing.T) {
	loopback := netip.MustParseAddr("127.0.0.1")
	g, err := gateway.Start(gateway.Config{Listen: loopback, AnyPort: true, PSK: secret.Secret("k"), Network: dial.Sockets{},
		Users: map[string]secret.Secret{"alice": secret.Secret("p")}, Codes: map[string]gateway.Code{"alice": {Fixed: secret.Secret("424242")}},
		CodePrompt: "Token code:\x1b[2J", Address: netip.MustParseAddr("10.99.0.1"), Pool: netip.MustParsePrefix("10.99.0.0/24")})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { g.Close() })
	file := write(t, "p.toml", "name = \"Office\"\nservers = [\"127.0.0.1\"]\nuser = \"alice\"\n", 0o644)
	const secrets = "psk = \"k\"\npassword = \"p\"\n"
	for _, c := range []struct {
		name    string
		secrets string
		person  *person
		status  int
		asked   []string
		want    string // of what is printed
	}{
		{"typed", secrets, &person{answers: []string{"424242"}}, 0, []string{"[One-time code for “Office”: ]"}, "… The gateway asks “Token code: [2J”, for 90 s.\n"},
		{"typed wrong", secrets, &person{answers: []string{"000000"}}, 3, []string{"[One-time code for “Office”: ]"}, "ppp.bad-credentials"},
		{"of the secrets", secrets + "otp = \"424242\"\n", nil, 0, nil, "Connected to"},
		{"wrong in the secrets", secrets + "otp = \"000000\"\n", &person{}, 3, nil, "ppp.bad-credentials"},
		{"nobody there", secrets, nil, 3, nil, "secret.missing"},
		{"not given", secrets, &person{}, 3, []string{"[One-time code for “Office”: ]"}, "Stopped before it was connected"},
	} {
		t.Run(c.name, func(t *testing.T) {
			ctx, cancel := context.WithCancel(t.Context())
			defer cancel()
			m := &tokenMachine{gateway: g}
			a := &around{machine: m}
			if c.person != nil {
				a.terminal = c.person
			}
			stdout := until{word: "Connected to", then: cancel}
			var stderr strings.Builder
			status := runCommand(ctx, nil, []string{"up", "--direct", "--secrets", "-", file}, Streams{strings.NewReader(c.secrets), &stdout, &stderr}, a)
			said := stdout.String() + stderr.String()
			if status != c.status || !strings.Contains(said, c.want) {
				t.Errorf("status %d\n%s\nwant %d and %q", status, said, c.status, c.want)
			}
			if c.person != nil && !slices.Equal(c.person.asked, c.asked) {
				t.Errorf("asked %q, want %q", c.person.asked, c.asked)
			}
		})
	}
}
