//go:build linux

package lab

import (
	"net/netip"
	"strings"
	"testing"
)

// SoftEther is a SoftEther VPN Server 5.01.9674, of Debian 12.
type SoftEther struct {
	Gateway
	listen string
}

// SoftEtherOptions is how it is set up.
type SoftEtherOptions struct {
	// Bound binds it to its address. Otherwise it is as installed: no raw ESP,
	// and the address 0.0.0.0 in its identity and its NAT detection.
	Bound bool
}

// StartSoftEther starts a SoftEther, which lives until the end of the test.
func StartSoftEther(tb testing.TB, o SoftEtherOptions) *SoftEther {
	tb.Helper()
	b := newBed(tb)
	g := &SoftEther{Gateway: newGateway(b, netip.MustParseAddr("203.0.113.1")), listen: "0.0.0.0"}
	if o.Bound {
		g.listen = Server.String()
	}
	g.logs = func(testing.TB) string { return "" } // it tells all on its output
	g.left = func(tb testing.TB) string { return b.script(tb, "softether-left") }
	b.script(tb, "net", "namespace")
	g.Boot(tb)
	return g
}

// Boot starts the server, after a Crash.
func (g *SoftEther) Boot(tb testing.TB) {
	tb.Helper()
	g.bed.script(tb, "softether", g.listen)
}

// Crash ends the server as a power cut does: nobody is told.
func (g *SoftEther) Crash(tb testing.TB) {
	tb.Helper()
	g.bed.script(tb, "end", "-9", "softether")
}

// Push has its DHCP server push these routes, as NETWORK/MASK/ROUTER.
func (g *SoftEther) Push(tb testing.TB, routes ...string) {
	tb.Helper()
	g.bed.script(tb, "softether-push", strings.Join(routes, ","))
}

// Sessions is how many clients the server says it has.
func (g *SoftEther) Sessions(tb testing.TB) int {
	tb.Helper()
	return len(strings.Fields(g.left(tb)))
}
