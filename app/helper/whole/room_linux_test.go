package whole

import (
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/culvert-vpn/culvert/platform/testroom"
)

// room is a machine with the helper on it, and all that is outside of it:
//
//	client, a root directory of its own        world
//	  eth0  192.0.2.10   2001:db8::10  -------  out0  192.0.2.1  2001:db8::1
//	                                            lo    198.51.100.1  the gateway
//	                                                  203.0.113.9, 2001:db8:9::9  a server
//	                                                  203.0.113.53  a resolver
type room struct {
	*testroom.Room
	t        *testing.T
	world    *testroom.Network
	servers  *testroom.Network // where the servers are; of ours, the world
	captured string            // the world's interface towards the client
	environ  []string          // of the helper, beyond the usual
}

// Addresses of the room.
var (
	gatewayAddr  = netip.MustParseAddr("198.51.100.1")
	server4      = netip.MustParseAddrPort("203.0.113.9:9999")
	server6      = netip.MustParseAddrPort("[2001:db8:9::9]:9999")
	resolverAddr = netip.MustParseAddrPort("203.0.113.53:53")
)

const resolvConf = "# as the machine had it\nnameserver 203.0.113.53\nsearch home.example\n"

var (
	must       = testroom.Must
	eventually = testroom.Eventually
)

// newRoom makes a room, which lives until the end of the test.
func newRoom(t *testing.T) *room {
	t.Helper()
	world := testroom.NewNetwork(t)
	r := &room{Room: clientRoom(t, testroom.NewNetwork(t)), t: t, world: world, servers: world, captured: "out0"}
	testroom.Cable(r.Network, "eth0", r.world, "out0")
	r.world.IP("addr add 192.0.2.1/24 dev out0", "addr add 192.168.77.1/24 dev out0", "addr add 2001:db8::1/64 dev out0 nodad", "link set out0 up",
		"addr add 198.51.100.1/32 dev lo", "addr add 203.0.113.9/32 dev lo", "addr add 203.0.113.53/32 dev lo", "addr add 2001:db8:9::9/128 dev lo")
	r.IP("addr add 192.0.2.10/24 dev eth0", "addr add 2001:db8::10/64 dev eth0 nodad", "link set eth0 up",
		"route add default via 192.0.2.1", "-6 route add default via 2001:db8::1",
		// Of others: it has to stay.
		"route add 100.64.0.0/10 via 192.0.2.1", "rule add priority 1000 to 100.100.0.0/16 lookup main")
	nft := r.Network.Command("nft", "-f", "-")
	nft.Stdin = strings.NewReader("table inet filter {\n chain input { type filter hook input priority 0; policy accept; tcp dport 23 drop; }\n}\n")
	if out, err := r.Finish(nft); err != nil {
		t.Fatalf("nft: %v\n%s", err, out)
	}
	r.awaitSettled()
	return r
}

// clientRoom is the client's root, with the helper in it.
func clientRoom(t *testing.T, n *testroom.Network) *testroom.Room {
	t.Helper()
	r := testroom.New(t, testroom.Options{Network: n})
	r.Write("/etc/resolv.conf", resolvConf)
	must(t, os.Link(culvertd, r.Path("/usr/sbin/culvertd")))
	return r
}

// awaitSettled waits until the kernel has done what it does by itself with a new
// interface, so that what is compared later does not change for that reason.
func (r *room) awaitSettled() {
	r.t.Helper()
	last := ""
	eventually(r.t, "the interface eth0", func() bool {
		now := r.state()
		same := now == last && strings.Contains(now, "local fe80::") && strings.Contains(now, "local 2001:db8::10 ") && !strings.Contains(now, "linkdown") && !strings.Contains(now, "tentative")
		last = now
		return same
	})
}

// The parts of a client's state.
var stateCommands = []string{
	"ip -4 route show table all", "ip -6 route show table all", "ip -4 rule", "ip -6 rule", "ip -oneline address", "nft list ruleset",
}

// parts is all that the helper may change on the client, by what showed it.
func (r *room) parts() map[string]string {
	r.t.Helper()
	parts := map[string]string{"/etc": r.etc()}
	for _, c := range stateCommands {
		words := strings.Fields(c)
		parts[c] = r.Network.Run(words[0], words[1:]...)
	}
	return parts
}

// etc is what is in /etc, and resolv.conf's text.
func (r *room) etc() string {
	r.t.Helper()
	entries, err := os.ReadDir(r.Path("/etc"))
	must(r.t, err)
	var b strings.Builder
	for _, e := range entries {
		info, err := e.Info()
		must(r.t, err)
		text, err := os.ReadFile(filepath.Join(r.Path("/etc"), e.Name()))
		must(r.t, err)
		fmt.Fprintf(&b, "%s %v %v\n%s", e.Name(), info.Mode(), info.ModTime(), text)
	}
	return b.String()
}

// textOf is parts in one, in order, without those left out.
func textOf(parts map[string]string, without ...string) string {
	var b strings.Builder
	for _, name := range append([]string{"/etc"}, stateCommands...) {
		if !slices.Contains(without, name) {
			fmt.Fprintf(&b, "# %s\n%s", name, parts[name])
		}
	}
	return b.String()
}

// state is all that the helper may change on the client. Two texts are equal when
// nothing has changed.
func (r *room) state() string { r.t.Helper(); return textOf(r.parts()) }

// same fails the test unless two states are equal; it shows the lines that differ.
func same(t *testing.T, when, got, want string) {
	t.Helper()
	if got != want {
		t.Errorf("%s: the machine is not as before:\n%s", when, difference(got, want))
	}
}

// difference is the lines that only one of two texts has.
func difference(got, want string) string {
	count := map[string]int{}
	for line := range strings.Lines(want) {
		count[line]++
	}
	var b strings.Builder
	for line := range strings.Lines(got) {
		if count[line]--; count[line] < 0 {
			b.WriteString("+ " + line)
		}
	}
	for line := range strings.Lines(want) {
		if count[line] > 0 {
			count[line]--
			b.WriteString("- " + line)
		}
	}
	if b.Len() == 0 {
		return "the same lines in another order:\n" + got
	}
	return b.String()
}
