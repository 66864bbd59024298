package linux

import (
	"github.com/culvert-vpn/culvert/platform/testroom"
	"os"
	"path/filepath"
	"testing"
)

const gatewayFile = `listen = "198.51.100.1"
psk = "lab psk"
esp = true
[users]
alice = "correct horse"
`

// startGateway serves a network, which it puts on a cable, until the end of the
// test.
func startGateway(t *testing.T, served *testroom.Network) {
	t.Helper()
	config := filepath.Join(t.TempDir(), "gateway.toml")
	must(t, os.WriteFile(config, []byte(gatewayFile), 0o600))
	n := testroom.NewNetwork(t)
	testroom.Cable(n, "g0", served, "eth0")
	n.IP("addr add 198.51.100.1/24 dev g0", "link set g0 up")
	served.IP("addr add 198.51.100.3/24 dev eth0", "link set eth0 up", "route add default via 198.51.100.1")
	served.AwaitUp("eth0")
	n.Start(filepath.Join(programs, "culvert"), "gateway", "--config", config).Says("Inside:")
}
