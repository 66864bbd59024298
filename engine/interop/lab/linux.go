//go:build linux

package lab

import (
	"fmt"
	"io/fs"
	"net/netip"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/culvert-vpn/culvert/engine/suite"
)

// What every gateway of the bed expects of a client.
const (
	User     = "alice"
	Password = "correct horse"
	PSK      = "lab-psk"
)

// The addresses of every bed; see scripts/net.
var (
	Server      = netip.MustParseAddr("198.51.100.1") // the gateway
	stockDirect = netip.MustParseAddr("198.51.100.2")
	stockNATed  = netip.MustParseAddr("192.168.77.4")
)

// Daemon is the IKE daemon of a Linux gateway.
type Daemon string

// The daemons.
const (
	StrongSwan Daemon = "strongswan" // 5.9.8 of Debian 12
	Libreswan  Daemon = "libreswan"  // 4.10 of Debian 12
)

// LinuxOptions is how a Linux gateway is set up.
type LinuxOptions struct {
	Daemon Daemon
	// Auth is what pppd demands, in pppd's names: mschap-v2, chap, pap, eap. With
	// several it asks for EAP first, then for CHAP. None: mschap-v2.
	Auth []string
	// IKE and ESP are what it accepts, by the suites' names. None: all that
	// the daemon has and an L2TP client may want.
	IKE, ESP []string
	// IKERekey and ESPRekey are when the gateway starts to rekey. Zero: never,
	// which leaves it to the client.
	IKERekey, ESPRekey time.Duration
}

var (
	allIKE = strings.Fields(`aes256-sha256-modp2048 aes256-sha1-modp2048 aes128-sha256-modp2048 aes128-sha1-modp2048
		aes256-sha1-modp1536 aes128-sha1-modp1536 aes256-sha1-modp1024 aes128-sha1-modp1024
		3des-sha1-modp2048 3des-sha1-modp1536 3des-sha1-modp1024`)
	allESP = strings.Fields("aes256gcm16 aes128gcm16 aes256-sha256 aes256-sha1 aes128-sha256 aes128-sha1 3des-sha1")
)

// Linux is a gateway with a Linux kernel's ESP and PPP, xl2tpd, pppd and an IKE
// daemon, in a guest of its own.
type Linux struct {
	Gateway
	options LinuxOptions
	tree    string
}

// StartLinux boots a Linux gateway, which lives until the end of the test.
func StartLinux(tb testing.TB, o LinuxOptions) *Linux {
	tb.Helper()
	b := newBed(tb)
	g := &Linux{options: o, tree: b.script(tb, "rootfs", string(o.Daemon))}
	// What it said while it made the tree comes first.
	g.tree = g.tree[strings.LastIndexByte(g.tree, '\n')+1:]
	g.Gateway = newGateway(b, netip.MustParseAddr("10.99.0.1"))
	g.logs = g.daemonLogs
	g.left = func(tb testing.TB) string { return g.Run(tb, "bash /mnt/left") }
	b.script(tb, "net", "guest")
	g.lay(tb)
	g.Boot(tb)
	return g
}

// Boot starts the gateway's guest, after a Crash.
func (g *Linux) Boot(tb testing.TB) {
	tb.Helper()
	g.bed.script(tb, "guest", "gateway", g.tree, "inet", "tap-gw", Server.String()+"/24", "198.51.100.254")
}

// Crash ends the gateway's guest as a power cut does: nobody is told.
func (g *Linux) Crash(tb testing.TB) {
	tb.Helper()
	g.bed.script(tb, "end", "-9", "gateway")
}

// Configure sets the running gateway up for a test: in an instant, without a
// boot. When the test fails, it shows what the gateway logged meanwhile.
func (g *Linux) Configure(tb testing.TB, o LinuxOptions) {
	tb.Helper()
	if o.Daemon != "" && o.Daemon != g.options.Daemon {
		tb.Fatalf("a gateway with %s cannot turn into one with %s", g.options.Daemon, o.Daemon)
	}
	o.Daemon = g.options.Daemon
	g.options = o
	g.Watch(tb)
	g.lay(tb)
	// What a failed test left would fail the next one too.
	g.Run(tb, `[ -z "$(bash /mnt/left)" ] || bash /mnt/forget; bash /mnt/configure && bash /mnt/reload`)
}

// Run is the output of a bash script on the gateway, which has to succeed.
func (g *Linux) Run(tb testing.TB, text string) string {
	tb.Helper()
	out, ok := (&Host{g.bed, "inet"}).inGuest(tb, Server, text)
	if !ok {
		tb.Fatalf("on the gateway: %s\n%s", text, out)
	}
	return out
}

// daemonLogs takes what the daemons logged since the last call.
func (g *Linux) daemonLogs(tb testing.TB) string {
	out, _ := (&Host{g.bed, "inet"}).inGuest(tb, Server, `
		cd /var/log
		for f in ike.log xl2tpd.log pppd.log; do
			[ -e $f ] || continue
			echo "--- $f"; tail -c +$(($(cat /run/seen.$f 2>/dev/null || echo 0) + 1)) $f | tail -n 150
			stat -c %s $f >/run/seen.$f
		done`)
	return out
}

// lay writes the gateway's configuration into its directory.
func (g *Linux) lay(tb testing.TB) {
	tb.Helper()
	o := g.options
	if len(o.Auth) == 0 {
		o.Auth = []string{"mschap-v2"}
	}
	if len(o.IKE) == 0 {
		o.IKE = allIKE
	}
	if len(o.ESP) == 0 {
		o.ESP = allESP
	}
	values := map[string]string{"REQUIRE": "require-" + strings.Join(o.Auth, "\nrequire-")}
	switch o.Daemon {
	case StrongSwan:
		values["IKE"], values["ESP"] = strings.Join(o.IKE, ","), strings.Join(o.ESP, ",")
		values["IKE_REKEY"], values["ESP_REKEY"] = seconds(o.IKERekey), seconds(o.ESPRekey)
	case Libreswan:
		values["IKE"], values["ESP"] = libreswanIKE(tb, o.IKE), libreswanESP(tb, o.ESP)
		// It starts rekeymargin before the end of a life.
		values["REKEY"], values["MARGIN"], values["IKE_LIFE"], values["ESP_LIFE"] = "no", "9m", "8h", "1h"
		if o.IKERekey > 0 || o.ESPRekey > 0 {
			const margin = 5 * time.Second
			values["REKEY"], values["MARGIN"] = "yes", seconds(margin)
			if o.IKERekey > 0 {
				values["IKE_LIFE"] = seconds(o.IKERekey + margin)
			}
			if o.ESPRekey > 0 {
				values["ESP_LIFE"] = seconds(o.ESPRekey + margin)
			}
		}
	default:
		tb.Fatalf("no such daemon: %q", o.Daemon)
	}
	g.bed.lay(tb, "gateway", values, "guest", "gateway", string(o.Daemon))
}

func seconds(d time.Duration) string { return strconv.Itoa(int(d/time.Second)) + "s" }

// libreswanIKE writes suites as ipsec.conf does. Libreswan has no MODP1024 left.
func libreswanIKE(tb testing.TB, names []string) string {
	var out []string
	for _, n := range names {
		s, err := suite.ParsePhase1(n)
		if err != nil {
			tb.Fatal(err)
		}
		if s.Group != suite.MODP1024 {
			out = append(out, strings.ReplaceAll(n, "sha256", "sha2_256"))
		}
	}
	return strings.Join(out, ",")
}

func libreswanESP(tb testing.TB, names []string) string {
	var out []string
	for _, n := range names {
		s, err := suite.ParsePhase2(n)
		if err != nil {
			tb.Fatal(err)
		}
		if s.Cipher == suite.AESGCM16 {
			n = "aes_gcm" + strconv.Itoa(s.KeyBits)
		}
		out = append(out, strings.ReplaceAll(n, "sha256", "sha2_256"))
	}
	return strings.Join(out, ",")
}

// lay writes the files of those folders of conf into a guest's directory, with
// every @NAME@ in them replaced.
func (b *bed) lay(tb testing.TB, guest string, values map[string]string, folders ...string) {
	tb.Helper()
	pairs := []string{"@USER@", User, "@PASSWORD@", Password, "@PSK@", PSK, "@SERVER@", Server.String()}
	for name, value := range values {
		pairs = append(pairs, "@"+name+"@", value)
	}
	replace := strings.NewReplacer(pairs...)
	to := filepath.Join(b.dir, guest)
	for _, folder := range folders {
		from := filepath.Join(source(), "conf", folder)
		err := filepath.WalkDir(from, func(path string, d fs.DirEntry, err error) error {
			if err != nil || d.IsDir() {
				return err
			}
			text, err := os.ReadFile(path)
			if err != nil {
				return err
			}
			rel, err := filepath.Rel(from, path)
			if err != nil {
				return err
			}
			target := filepath.Join(to, rel)
			if err := os.MkdirAll(filepath.Dir(target), 0o755); err != nil {
				return err
			}
			return os.WriteFile(target, []byte(replace.Replace(string(text))), 0o644)
		})
		if err != nil {
			tb.Fatal(err)
		}
	}
	inside := filepath.Join(to, "inside")
	if err := os.Link(filepath.Join(b.dir, "inside"), inside); err != nil && !os.IsExist(err) {
		tb.Fatal(err)
	}
}

// Stock is the stock Linux client (strongSwan, xl2tpd, pppd, the kernel's ESP
// and PPP) in a guest of its own: the peer to compare with.
type Stock struct {
	bed     *bed
	net     string
	address netip.Addr
}

// StockOptions is where the stock client is and what it offers.
type StockOptions struct {
	NAT      bool
	IKE, ESP string // aes256-sha256-modp2048 and aes128-sha1 when empty
	EAP      bool   // takes EAP, too
}

// StartStock boots a stock client next to the gateway.
func (g *Gateway) StartStock(tb testing.TB, o StockOptions) *Stock {
	tb.Helper()
	if o.IKE == "" {
		o.IKE = "aes256-sha256-modp2048"
	}
	if o.ESP == "" {
		o.ESP = "aes128-sha1"
	}
	b := g.bed
	out := b.script(tb, "rootfs", string(StrongSwan))
	tree := out[strings.LastIndexByte(out, '\n')+1:]
	refuse := "refuse-eap"
	if o.EAP {
		refuse = ""
	}
	b.lay(tb, "client", map[string]string{"IKE": o.IKE, "ESP": o.ESP, "REFUSE": refuse}, "guest", "strongswan", "client")
	s := &Stock{b, "inet", stockDirect}
	router := "198.51.100.254"
	if o.NAT {
		s.net, s.address, router = "nat", stockNATed, "192.168.77.1"
	}
	b.script(tb, "guest", "client", tree, s.net, "tap-cl", s.address.String()+"/24", router)
	tb.Cleanup(func() {
		if tb.Failed() {
			out, _ := (&Host{b, s.net}).inGuest(tb, s.address, "cd /var/log; tail -n 60 ike.log xl2tpd.log pppd.log")
			tb.Logf("the stock client:\n%s", out)
		}
		b.script(tb, "end", "client")
	})
	return s
}

// Run is the output of a bash script on the client, which has to succeed.
func (s *Stock) Run(tb testing.TB, text string) string {
	tb.Helper()
	out, ok := (&Host{s.bed, s.net}).inGuest(tb, s.address, text)
	if !ok {
		tb.Fatalf("on the stock client: %s\n%s", text, out)
	}
	return out
}

// Connect connects and routes the address through the tunnel.
func (s *Stock) Connect(tb testing.TB, to netip.Addr) {
	tb.Helper()
	tb.Log(strings.TrimSpace(s.Run(tb, fmt.Sprintf("bash /mnt/connect && ip route replace %s dev ppp0", to))))
}

// Disconnect ends the connection in order.
func (s *Stock) Disconnect(tb testing.TB) {
	tb.Helper()
	s.Run(tb, "bash /mnt/disconnect")
}

// Transfers moves n bytes each way between the client and the host inside.
func (s *Stock) Transfers(tb testing.TB, g *Gateway, n int64) {
	tb.Helper()
	for _, direction := range []string{"get", "put"} {
		check(tb, direction, n, []byte(s.Run(tb, fmt.Sprintf("/mnt/inside %s %s %d 120", direction, g.insideURL(), n))))
	}
}
