package doctor

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/culvert-vpn/culvert/app/api"
	"github.com/culvert-vpn/culvert/app/client"
	"github.com/culvert-vpn/culvert/app/dial"
	"github.com/culvert-vpn/culvert/app/profile"
	"github.com/culvert-vpn/culvert/engine/gateway"
	"github.com/culvert-vpn/culvert/engine/secret"
	"github.com/culvert-vpn/culvert/engine/stack"
	"github.com/culvert-vpn/culvert/engine/suite"
)

// fakeHelper answers as the test says.
type fakeHelper struct {
	version string
	err     error
	state   api.Status
}

func (h fakeHelper) Version(context.Context) (string, error)   { return h.version, h.err }
func (h fakeHelper) State(context.Context) (api.Status, error) { return h.state, h.err }

func dialUDP(ctx context.Context, to netip.AddrPort) (net.Conn, error) {
	var d net.Dialer
	return d.DialContext(ctx, "udp", to.String())
}

// look runs everything and gives a line a check.
func look(t *testing.T, cfg Config) string {
	t.Helper()
	if cfg.Helper == nil {
		cfg.Helper, cfg.Version = fakeHelper{version: "1"}, "1"
	}
	if cfg.Machine == nil {
		cfg.Machine = func(context.Context, bool) []Check { return nil }
	}
	cfg.Dial, cfg.Pause = dialUDP, 50*time.Millisecond
	var b strings.Builder
	Run(t.Context(), cfg, func(c Check) {
		fmt.Fprintf(&b, "%s %v %s| %s| %s| %s\n", c.Part, c.Verdict, c.Code, c.Found, c.Advice, strings.Join(c.Evidence, "; "))
	})
	return b.String()
}

func TestService(t *testing.T) {
	refused := &client.Error{Code: api.HelperNotAllowed, Message: "no"}
	for _, c := range []struct {
		name   string
		h      fakeHelper
		member bool
		want   string
	}{
		{"the same", fakeHelper{version: "1"}, false, "service good | The helper runs, and is of the same version| | 1\n"},
		{"another version", fakeHelper{version: "2"}, false, "service note | The helper is of another version: it is 2, and this program is 1| Restart the helper"},
		{"not there", fakeHelper{err: &client.Error{Code: api.HelperNotRunning, Message: "gone"}}, false, "service bad helper.not-running| The helper is not running| "},
		{"not allowed", fakeHelper{err: refused}, false, "service bad helper.not-allowed| You may not use the helper| "},
		{"allowed from the next session on", fakeHelper{err: refused}, true, "service bad helper.not-allowed| You are in the group culvert, but signed in before you were| Sign out"},
		{"closed", fakeHelper{version: "1", state: api.Status{State: api.Blocked}}, false, "service note | The kill switch keeps the network closed| Open it: culvert down.| \n"},
		{"connected", fakeHelper{version: "1", state: api.Status{State: api.Connected, Profile: api.ProfileName{Name: "Office"}}}, false, "service good | “Office” is connected| | \n"},
	} {
		got := look(t, Config{Helper: c.h, Version: "1", Member: func() bool { return c.member }})
		if !strings.Contains(got, c.want) {
			t.Errorf("%s:\n%swant\n%s", c.name, got, c.want)
		}
	}
}

// startGateway is a gateway on loopback that knows some suites.
func startGateway(t *testing.T, phase1 ...string) (ike, natt uint16) {
	t.Helper()
	g, err := gateway.Start(gateway.Config{
		Listen: netip.MustParseAddr("127.0.0.1"), AnyPort: true, Network: dial.Sockets{}, PSK: secret.Secret("a key"), Phase1: suite.MustPhase1(phase1...),
		Users: map[string]secret.Secret{"alice": secret.Secret("a password")}, Address: netip.MustParseAddr("10.99.0.1"), Pool: netip.MustParsePrefix("10.99.0.0/24"),
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { g.Close() })
	return g.Addr(stack.Port500).Port(), g.Addr(stack.Port4500).Port()
}

// listen is a socket on loopback that says the same to everybody; "": nothing.
func listen(t *testing.T, say string) uint16 {
	t.Helper()
	c, err := net.ListenUDP("udp", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		buf := make([]byte, 2048)
		for {
			_, from, err := c.ReadFrom(buf)
			if err != nil {
				return
			}
			if say != "" {
				_, _ = c.WriteTo([]byte(say), from)
			}
		}
	}()
	t.Cleanup(func() {
		c.Close()
		<-done
	})
	return uint16(c.LocalAddr().(*net.UDPAddr).Port) //nolint:gosec // a port
}

func testProfile(t *testing.T, more string) *profile.Profile {
	t.Helper()
	p, err := profile.Parse("p", []byte("servers = [\"gw.example\"]\nuser = \"alice\"\n"+more))
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func TestPath(t *testing.T) {
	ike, natt := startGateway(t, "aes256-sha256-modp2048")
	old, oldNATT := startGateway(t, "3des-sha1-modp1024")
	silent, http := listen(t, ""), listen(t, "HTTP/1.1 400 Bad Request\r\n\r\n")
	closed := func() uint16 {
		c, err := net.ListenUDP("udp", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		return uint16(c.LocalAddr().(*net.UDPAddr).Port) //nolint:gosec // a port
	}()
	const name = "name good | gw.example is found: 2001:db8::1, 127.0.0.1| | \n"
	for _, c := range []struct {
		name      string
		ike, natt uint16
		profile   string
		want      []string
	}{
		{"all is well", ike, natt, "", []string{"gateway good | A gateway answers at 127.0.0.1 on UDP port 500| | \n",
			"gateway good | The gateway answers at 127.0.0.1 on UDP port 4500, too| | \n", "encryption good | The encryption matches: the gateway chose aes256-sha256-modp2048| | \n"}},
		{"outdated", old, oldNATT, "", []string{"encryption note | The encryption matches, but is outdated: the gateway chose 3des-sha1-modp1024| Ask"}},
		{"other encryption", old, oldNATT, "[ipsec]\nphase1 = [\"aes256-sha256-modp2048\"]\n", []string{"gateway good ",
			"encryption bad ike.no-proposal| The gateway wants another kind of encryption| Choose", "offered aes256-sha256-modp2048; the gateway says NO-PROPOSAL-CHOSEN\n"}},
		{"4500 is blocked", ike, silent, "", []string{"gateway good ", "gateway note | There is no answer at 127.0.0.1 on UDP port 4500| Some gateways", "encryption good "}},
		{"4500 is closed", ike, closed, "", []string{"gateway note | There is no answer at 127.0.0.1 on UDP port 4500|", "connection refused\n"}},
		{"nobody", silent, silent, "", []string{"gateway bad ike.no-answer| No VPN server answered|", "UDP port 500: no answer to 4 messages\n", "gateway note | There is no answer at 127.0.0.1 on UDP port 4500 either| | \n"}},
		{"refused", closed, closed, "", []string{"gateway bad ike.unreachable| No VPN server can be reached at this address|", "connection refused\n", "UDP port 4500 either: ", "connection refused"}},
		{"something else", http, silent, "", []string{"gateway bad ike.not-ike| This computer is not a VPN server of this kind|"}},
		{"only 4500", silent, natt, "", []string{"gateway bad ike.no-answer|", "gateway good | The gateway answers at 127.0.0.1 on UDP port 4500, too|", "encryption good "}},
		{"no IPsec", ike, natt, "ipsec.enabled = false\n", []string{"encryption note | The profile has ipsec.enabled = false"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			got := look(t, Config{Profile: testProfile(t, c.profile), IKEPort: c.ike, NATTPort: c.natt,
				Lookup: func(context.Context, string) ([]netip.Addr, error) {
					return []netip.Addr{netip.MustParseAddr("2001:db8::1"), netip.MustParseAddr("127.0.0.1")}, nil
				}})
			for _, w := range append(c.want, name) {
				if !strings.Contains(got, w) {
					t.Errorf("no %q in\n%s", w, got)
				}
			}
		})
	}
}

func TestNames(t *testing.T) {
	for _, c := range []struct {
		err  error
		want string
	}{
		{&net.DNSError{Err: "no such host", IsNotFound: true}, "name bad dns.not-found| The server name was not found|"},
		{errors.New("timeout"), "name bad dns.no-answer| The server name could not be looked up|"},
		{nil, "name bad dns.not-found|"},
	} {
		got := look(t, Config{Profile: testProfile(t, ""), Lookup: func(context.Context, string) ([]netip.Addr, error) { return nil, c.err }})
		if !strings.Contains(got, c.want) || strings.Contains(got, "gateway") {
			t.Errorf("%v:\n%swant %q and no more", c.err, got, c.want)
		}
	}
}

// What is called off asks no further.
func TestCalledOff(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cfg := Config{Helper: fakeHelper{version: "1"}, Version: "1", Profile: testProfile(t, ""), Dial: dialUDP, IKEPort: listen(t, ""), NATTPort: listen(t, ""), Pause: time.Hour,
		Machine: func(context.Context, bool) []Check { return nil },
		Lookup: func(context.Context, string) ([]netip.Addr, error) {
			return []netip.Addr{netip.MustParseAddr("127.0.0.1")}, nil
		}}
	n := 0
	Run(ctx, cfg, func(c Check) {
		n++
		if c.Part == Name {
			cancel()
		}
	})
	if n != 2 {
		t.Errorf("%d checks, want 2", n)
	}
}
