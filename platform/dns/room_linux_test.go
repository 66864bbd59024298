package dns

import (
	"context"
	"errors"
	"io"
	"net/netip"
	"os"
	"strings"
	"sync"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/culvert-vpn/culvert/platform/testroom"
)

// The systems that rooms are made of. The two resolvconf programs exclude each
// other and systemd-resolved.
var (
	system = &testroom.Tree{Name: "dns-main", Options: []string{"--variant=minbase", "--include=dbus-daemon,systemd-resolved,network-manager,dnsmasq-base,libnss-resolve"}}

	resolvconfs = map[string]*testroom.Tree{
		"openresolv": {Name: "dns-openresolv", Options: []string{"--variant=extract", "--include=openresolv"}},
		"resolvconf": {Name: "dns-resolvconf", Options: []string{"--variant=extract", "--include=resolvconf"}},
	}
)

var (
	must       = testroom.Must
	eventually = testroom.Eventually
)

// room is a system of its own with the network
//
//	eth0 192.0.2.10 ----------- 192.0.2.53  the server outside
//	culvert0 10.99.0.10 ------- 10.99.0.1   the server inside, over a real TUN
//
// where the test is, too.
type room struct {
	*testroom.Room
	t    *testing.T
	opts Options
}

// Who answered is seen from the address: both servers know www.example.
const (
	wwwOutside = "203.0.113.1"
	wwwInside  = "203.0.113.99"
	filesIn    = "10.20.0.7"
	outside    = "192.0.2.53"
)

var inside = netip.MustParseAddr("10.99.0.1")

func full() Config {
	return Config{Interface: "culvert0", Servers: []netip.Addr{inside}, Search: []string{"corp.example"}}
}

func some() Config {
	return Config{Interface: "culvert0", Servers: []netip.Addr{inside}, Domains: []string{"corp.example"}}
}

func newRoom(t *testing.T) *room {
	t.Helper()
	r := &room{Room: testroom.New(t, testroom.Options{Tree: system}), t: t}
	r.opts = Options{Root: r.Dir}
	r.Write("/etc/nsswitch.conf", "hosts: files dns\n")
	must(t, os.Remove(r.Path(confPath)))
	r.network()
	return r
}

func (r *room) read(path string) string {
	r.t.Helper()
	text, err := os.ReadFile(followed(r.Dir, path))
	must(r.t, err)
	return string(text)
}

// network makes the cable, the tunnel and the servers.
func (r *room) network() {
	far := testroom.NewNetwork(r.t)
	testroom.Cable(far, "router0", r.Network, "eth0")
	farTun := openTUN(r.t, far, "far0")
	far.IP("link set router0 up", "addr add 192.0.2.53/24 dev router0",
		"addr add 10.99.0.1/32 dev far0", "link set far0 up", "route add 10.99.0.10/32 dev far0")
	r.serve(far, "10.99.0.1", "--address=/www.example/"+wwwInside, "--address=/files.corp.example/"+filesIn)
	r.serve(far, outside, "--address=/www.example/"+wwwOutside, "--local=/corp.example/")

	r.Enter()
	nearTun := openTUN(r.t, r.Network, "culvert0")
	r.IP("addr add 10.99.0.10/32 dev culvert0", "link set culvert0 up", "route add 10.99.0.1/32 dev culvert0",
		"link set eth0 up", "addr add 192.0.2.10/24 dev eth0")

	var pumps sync.WaitGroup
	pumps.Go(func() { pump(nearTun, farTun) })
	pumps.Go(func() { pump(farTun, nearTun) })
	r.t.Cleanup(func() {
		nearTun.Close()
		farTun.Close()
		pumps.Wait()
	})
}

// pump moves packets until a side is closed.
func pump(to io.Writer, from io.Reader) {
	b := make([]byte, 2048)
	for {
		n, err := from.Read(b)
		if err != nil {
			return
		}
		if _, err := to.Write(b[:n]); err != nil && errors.Is(err, os.ErrClosed) {
			return
		}
	}
}

func openTUN(t *testing.T, n *testroom.Network, name string) *os.File {
	t.Helper()
	var fd int
	n.Do(func() {
		var err error
		fd, err = unix.Open("/dev/net/tun", unix.O_RDWR|unix.O_CLOEXEC|unix.O_NONBLOCK, 0)
		must(t, err)
		ifr, err := unix.NewIfreq(name)
		must(t, err)
		ifr.SetUint16(unix.IFF_TUN | unix.IFF_NO_PI)
		must(t, unix.IoctlIfreq(fd, unix.TUNSETIFF, ifr))
	})
	return os.NewFile(uintptr(fd), name)
}

// serve starts a DNS server.
func (r *room) serve(n *testroom.Network, address string, zone ...string) {
	r.t.Helper()
	args := []string{"--keep-in-foreground", "--conf-file=/dev/null", "--no-resolv", "--no-hosts", "--bind-interfaces", "--except-interface=lo",
		"--listen-address=" + address, "--user=root", "--group=root", "--log-facility=-", "--log-queries"}
	n.Launch(r.Command("/usr/sbin/dnsmasq", append(args, zone...)...)).Says("dnsmasq[", "started,")
}

// startBus starts the system's D-Bus.
func (r *room) startBus() {
	r.t.Helper()
	r.Start("/usr/bin/dbus-daemon", "--system", "--nofork", "--nopidfile", "--nosyslog", "--print-address=1").Says("unix:path=")
}

// awaitName waits for a service on the bus.
func (r *room) awaitName(name string) {
	r.t.Helper()
	eventually(r.t, name, func() bool {
		ok := false
		ctx, cancel := r.opts.bound(context.Background())
		defer cancel()
		must(r.t, onBus(ctx, r.opts, func(b bus) (err error) {
			ok, err = b.running(ctx, name)
			return err
		}))
		return ok
	})
}

// startResolved starts systemd-resolved as its unit does. There is no /proc in
// the room, from which it would take the host's name for LLMNR.
func (r *room) startResolved(settings ...string) *testroom.Process {
	r.t.Helper()
	r.Write("/etc/systemd/resolved.conf", "[Resolve]\nLLMNR=no\nMulticastDNS=no\nDNSSEC=no\n"+strings.Join(settings, "\n")+"\n")
	must(r.t, os.MkdirAll(r.Path("/run/systemd/resolve"), 0o755))
	r.Run("chown", "systemd-resolve:", "/run/systemd/resolve")
	p := r.Start("/lib/systemd/systemd-resolved")
	r.awaitName(resolveManager.name)
	return p
}

// answer is the address that programs of the room get for a name, by libc.
func (r *room) answer(name string) string {
	out, err := r.Try("getent", "ahostsv4", name)
	if f := strings.Fields(out); err == nil && len(f) != 0 {
		return f[0]
	}
	return "none"
}

// lookup checks what names are.
func (r *room) lookup(when string, want map[string]string) {
	r.t.Helper()
	for name, address := range want {
		if got := r.answer(name); got != address {
			r.t.Errorf("%s: %s is %s, want %s", when, name, got, address)
		}
	}
}

// What the resolver says in each state; "files" is found by the search list.
var (
	asBefore = map[string]string{"www.example": wwwOutside, "files.corp.example": "none", "files": "none"}
	asFull   = map[string]string{"www.example": wwwInside, "files.corp.example": filesIn, "files": filesIn}
	asSplit  = map[string]string{"www.example": wwwOutside, "files.corp.example": filesIn, "files": "none"}
)
