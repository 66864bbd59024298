package e2e

import (
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/culvert-vpn/culvert/platform/testroom"
)

var (
	must       = testroom.Must
	eventually = testroom.Eventually
)

// room is a machine with the helper on it: the helper has a root directory of its
// own, and the desktop sees the machine's files: fonts, OpenGL. Of the helper it
// sees the socket. See newRoom for its network.
type room struct {
	*testroom.Room
	t      *testing.T
	home   string // the person's
	socket string
}

// start starts a program of a person's.
func start(n *testroom.Network, environ []string, name string, args ...string) *testroom.Process {
	cmd := n.Command(name, args...)
	cmd.Env = append([]string{"PATH=/usr/sbin:/usr/bin:/sbin:/bin"}, environ...) // with a language
	return n.Launch(cmd)
}

// build makes a program.
func build(t *testing.T, cgo bool, dir, name string) string {
	t.Helper()
	args := []string{"build", "-buildvcs=false", "-o", dir + "/"} // one version, whatever is committed meanwhile
	enabled := "CGO_ENABLED=0"
	if cgo { // as make desktop does, so that its C is compiled once
		enabled = "CGO_ENABLED=1"
		args = append(args, "-tags", "migrated_fynedo no_emoji")
	}
	cmd := exec.Command("go", append(args, "github.com/culvert-vpn/culvert/app/cmd/"+name)...)
	cmd.Env = append(cmd.Environ(), enabled)
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("go build %s: %v\n%s", name, err, out)
	}
	return filepath.Join(dir, name)
}
