package linux

import (
	"fmt"
	"os"
	"os/exec"
	"testing"

	"github.com/culvert-vpn/culvert/platform/testroom"
)

// room is a Linux system of its own, booted by its own systemd, in which the
// helper is installed:
//
//	gateway's network                        the room's
//	g0 198.51.100.1 ----------------------- eth0 198.51.100.3
type room struct {
	*testroom.Room
	t *testing.T
}

// system is what the room is made of, with Debian's resolvconf, which excludes
// systemd-resolved, beside it in /opt.
var system = &testroom.Tree{Name: "systemd", Options: []string{"--variant=minbase",
	"--include=systemd,systemd-resolved,dbus,polkitd,libpam-systemd,curl,nftables,iproute2",
	`--customize-hook=cd "$1"/opt && apt-get download -qq resolvconf && dpkg-deb -x resolvconf_*.deb resolvconf && rm resolvconf_*.deb`}}

// What is on top of the installed system.
var roomFiles = map[string]string{
	"/usr/lib/sysusers.d/people.conf": "u alice -\nm alice culvert\nu bob -\nu carol -\nu dora -\n",
	// A rule of an administrator.
	"/etc/polkit-1/rules.d/50-carol.rules": `polkit.addRule(function(action, subject) {
		if (action.id == "io.github.culvert.connect" && subject.user == "carol") return polkit.Result.YES;
	});`,
	"/etc/pam.d/screen": "account required pam_permit.so\nsession required pam_systemd.so\n",
}

var (
	must       = testroom.Must
	eventually = testroom.Eventually
)

const patience = testroom.Patience

// programs is a directory with culvert and culvertd as they are shipped: without
// the race detector.
var programs string

func TestMain(m *testing.M) { testroom.Main(m, build) }

func build(dir string) error {
	programs = dir
	cmd := exec.Command("go", "build", "-trimpath", "-o", dir+"/", "./app/cmd/culvert", "./app/cmd/culvertd")
	cmd.Dir = "../.."
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("go build: %w\n%s", err, out)
	}
	return nil
}

// newRoom installs the helper as make install does, and boots.
func newRoom(t *testing.T) *room {
	t.Helper()
	dest := testroom.Scratch(t)
	makeTarget(t, "install", programs, dest, "/usr")
	return &room{testroom.Boot(t, testroom.BootOptions{Tree: system, Layers: []string{dest}, Files: roomFiles}), t}
}

// text is what a program says, and how it ends if that is not well.
func (r *room) text(args ...string) string {
	out, err := r.Try(args[0], args[1:]...)
	if err != nil {
		out += err.Error()
	}
	return out
}
