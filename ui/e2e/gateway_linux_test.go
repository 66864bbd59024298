package e2e

import (
	"bufio"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/culvert-vpn/culvert/engine/interop/lab"
	"github.com/culvert-vpn/culvert/platform/testroom"
)

// newRoom makes a room on a host of a gateway's test bed: "direct" has a cable to
// the gateway, "nated1" and "nated2" are behind one NAT.
func newRoom(t *testing.T, g *lab.SoftEther, host string) *room {
	t.Helper()
	r := &room{Room: testroom.New(t, testroom.Options{Network: network(t, g, host)}), t: t, home: t.TempDir()}
	r.Write("/etc/resolv.conf", "nameserver 198.51.100.1\n")
	r.socket = r.Path("/run/culvert/culvertd.sock")
	return r
}

// bedPath is where the scripts of a test bed keep something.
func bedPath(t *testing.T, g *lab.SoftEther, name string) string {
	t.Helper()
	for _, v := range g.Direct.Command("true").Env {
		if dir, ok := strings.CutPrefix(v, "BED="); ok {
			return filepath.Join(dir, name)
		}
	}
	t.Fatal("the bed does not say where it is")
	return ""
}

// pidOf is the id of a process of the bed.
func pidOf(t *testing.T, g *lab.SoftEther, name string) int {
	t.Helper()
	text, err := os.ReadFile(bedPath(t, g, "pids/"+name))
	must(t, err)
	pid := 0
	if _, err := fmt.Fscan(bufio.NewReader(strings.NewReader(string(text))), &pid); err != nil {
		t.Fatalf("the bed's %s: %q: %v", name, text, err)
	}
	return pid
}

// network is one of the bed.
func network(t *testing.T, g *lab.SoftEther, name string) *testroom.Network {
	t.Helper()
	return testroom.NetworkOf(t, pidOf(t, g, "net-"+name))
}

// hold has the gateway stand still, as a busy one does, until release.
func hold(t *testing.T, g *lab.SoftEther) (release func()) {
	t.Helper()
	pid := pidOf(t, g, "softether")
	must(t, syscall.Kill(pid, syscall.SIGSTOP))
	held := true
	release = func() {
		if held {
			held = false
			if err := syscall.Kill(pid, syscall.SIGCONT); err != nil {
				t.Error(err)
			}
		}
	}
	t.Cleanup(release)
	return release
}
