package linux

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/culvert-vpn/culvert/app/api"
	"github.com/culvert-vpn/culvert/app/client"
)

const socket = "/run/culvert/culvertd.sock"

// profileOf is a profile with further lines.
func profileOf(lines string) string {
	return "version = 1\nid = \"6f1c0000-0000-4000-8000-000000000001\"\nname = \"Office\"\nservers = [\"198.51.100.1\"]\nuser = \"alice\"\n" + lines
}

const killSwitch = "[routing]\nkill_switch = true\n"

// makeTarget runs make install or make uninstall into a directory.
func makeTarget(t *testing.T, target, programs, dest, prefix string, more ...string) {
	t.Helper()
	cmd := exec.Command("make", append([]string{"--no-print-directory", target, "DESTDIR=" + dest, "prefix=" + prefix, "builddir=" + programs}, more...)...)
	cmd.Dir = "../.."
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("make %s: %v\n%s", target, err, out)
	}
}

// TestService installs the helper as make install does, boots, and uses it as
// people and administrators do.
func TestService(t *testing.T) {
	t.Parallel()
	began := time.Now()
	r := newRoom(t)
	t.Logf("booted in %.1f s", time.Since(began).Seconds())
	startGateway(t, r.Network)
	for _, part := range []struct {
		name string
		test func(r *room)
	}{
		{"activation", activation}, {"who may", whoMay}, {"connected", connected}, {"raw ESP and standard ports", rawESP},
		{"restart", restart}, {"crash", crash}, {"hang", hang}, {"before the network", beforeNetwork},
		{"a file for a resolver", resolverFile}, {"resolvconf", resolvconf}, {"end", end},
	} {
		began := time.Now()
		if !t.Run(part.name, func(t *testing.T) { part.test(&room{r.In(t), t}) }) {
			return // what follows builds on it
		}
		t.Logf("%s: %.1f s", part.name, time.Since(began).Seconds())
	}
}

// activation: the first who asks starts the service, which says that it is ready.
func activation(r *room) {
	r.Run("systemctl", "start", "culvertd.socket")
	if got := r.property("ActiveState"); got != "inactive" {
		r.t.Errorf("before anybody asks the service is %s", got)
	}
	if got, want := r.Sh("stat -c '%a %U %G' "+socket), "666 root culvert\n"; got != want {
		r.t.Errorf("the socket is %q, want %q", got, want)
	}
	if s := r.state(); s.State != api.Disconnected {
		r.t.Errorf("state %+v", s)
	}
	if got := r.property("ActiveState"); got != "active" {
		r.t.Errorf("the service is %s", got)
	}
	r.Run("systemctl", "enable", "culvertd.service")
	for _, unit := range []string{"culvertd.service", "culvertd.socket", "culvertd-hold.service"} {
		if got := r.Run("systemctl", "is-enabled", unit); got != "enabled\n" {
			r.t.Errorf("%s is %q", unit, got)
		}
	}
	r.t.Logf("resident: %.1f MB idle", r.resident())
	status := r.status()
	for name, want := range map[string]string{"NoNewPrivs": "1", "Seccomp": "2", "CapBnd": "0000000000003400"} {
		if status[name] != want {
			r.t.Errorf("%s is %s, want %s", name, status[name], want)
		}
	}
}

// whoMay: the group, whom polkit lets, and nobody else.
func whoMay(r *room) {
	for _, c := range []struct{ who, user, status string }{
		{"a member of the group", "alice", "200"},
		{"somebody else", "bob", "401"},
		{"whom a rule of polkit's names", "carol", "200"},
	} {
		if got := r.ask(c.user); got != c.status {
			r.t.Errorf("%s: %s, want %s", c.who, got, c.status)
		}
	}
	ask := []string{"curl", "-s", "-o", "/dev/null", "-w", "%{http_code}", "--unix-socket", socket, "http://helper/v1/state"}
	// At the screen, in a session of logind's that is active.
	run := []string{"--quiet", "--wait", "--pipe", "--uid=dora", "-p", "PAMName=screen"}
	if got := r.Run("systemd-run", append(append(run, "-E", "XDG_SEAT=seat0"), ask...)...); got != "200" {
		r.t.Errorf("who sits at the screen: %s, want 200", got)
	}
	if got := r.Run("systemd-run", append(run, ask...)...); got != "401" {
		r.t.Errorf("the same user, from elsewhere: %s, want 401", got)
	}
}

// connected: all that the helper does to a machine passes the sandbox.
func connected(r *room) {
	r.connect(profileOf(killSwitch))
	for _, c := range []struct{ what, command, want string }{
		{"the interface", "ip -br addr show culvert0", "10.99.0."},
		{"the routes", "ip route get 203.0.113.7", "dev culvert0"},
		{"the way to the gateway", "ip route get 198.51.100.1 mark 0xc5", "dev eth0"},
		{"the kill switch", "nft list table inet culvert", "policy drop"},
		{"the resolver", "resolvectl dns culvert0", "10.99.0.1"},
		{"all names", "resolvectl domain culvert0", "~."},
		{"IPv6 where new interfaces have none", "cat /proc/sys/net/ipv6/conf/culvert0/disable_ipv6", "0"},
	} {
		if got := r.Sh(c.command); !strings.Contains(got, c.want) {
			r.t.Errorf("%s: %q is not in\n%s", c.what, c.want, got)
		}
	}
	r.bigBuffers()
	r.download()
	r.t.Logf("resident: %.1f MB connected", r.resident())
	// Nobody sees the secrets or may change what others trust.
	pid := r.property("MainPID")
	inside := "nsenter -t " + pid + " -m -r -w " // its own root: never one outside of the room
	r.Sh(inside + "sh -c 'touch /etc/.resolv.conf.culvert && rm /etc/.resolv.conf.culvert'")
	for what, command := range map[string]string{
		"its state for others":  "setpriv --reuid=bob --regid=bob --clear-groups ls /var/lib/culvert",
		"units of systemd":      inside + "touch /etc/systemd/system/probe.service",
		"programs":              inside + "touch /usr/bin/probe",
		"the kernel's settings": inside + "test -w /proc/sys/kernel/panic",
	} {
		if out, err := r.Try("sh", "-c", command); err == nil {
			r.t.Errorf("%s can be had:\n%s", what, out)
		}
	}
	if files := r.Sh("ls -A /var/lib/culvert; cat /var/lib/culvert/*"); strings.Contains(files, "correct horse") || strings.Contains(files, "lab psk") {
		r.t.Error("there are secrets in /var/lib/culvert")
	}
}

func rawESP(r *room) {
	r.disconnect()
	if out, err := r.Try("nft", "list", "table", "inet", "culvert"); err == nil {
		r.t.Errorf("the kill switch outlives the wish to disconnect:\n%s", out)
	}
	r.connect(profileOf("[ipsec]\nencapsulation = \"esp\"\nsource_ports = \"standard\"\n"))
	r.download()
	r.disconnect()
}

// restart: the kill switch stays closed throughout, and the rest is put back.
func restart(r *room) {
	r.connect(profileOf(killSwitch))
	r.watchTable(func() { r.Run("systemctl", "restart", "culvertd") })
	r.closed()
}

// crash: the next helper undoes what it finds, and takes the kill switch over.
func crash(r *room) {
	r.connect(profileOf(killSwitch))
	before := r.property("MainPID")
	r.watchTable(func() {
		r.Run("systemctl", "kill", "-s", "KILL", "culvertd")
		r.again(before)
	})
	r.closed()
	if got := r.property("NRestarts"); got != "1" {
		r.t.Errorf("%s restarts, want 1", got)
	}
}

// hang: a helper that does nothing any more is started again by the watchdog.
func hang(r *room) {
	if got := r.property("WatchdogUSec"); got != "2min" {
		r.t.Errorf("the watchdog waits %s", got)
	}
	r.Sh(`mkdir -p /run/systemd/system/culvertd.service.d
		printf '[Service]\nWatchdogSec=4\nTimeoutAbortSec=2\n' >/run/systemd/system/culvertd.service.d/quick.conf
		systemctl daemon-reload; systemctl restart culvertd`)
	before := r.property("MainPID")
	r.Sh("kill -STOP " + before)
	r.again(before)
	if log := r.Run("journalctl", "--no-pager", "-u", "culvertd"); !strings.Contains(log, "Watchdog timeout") {
		r.t.Errorf("systemd says nothing of the watchdog:\n%s", log)
	}
	// One that works is left alone: longer than the watchdog waits.
	before = r.property("MainPID")
	<-time.After(6 * time.Second)
	if now := r.property("MainPID"); now != before {
		r.t.Error("a helper that has nothing to do was killed by the watchdog")
	}
	r.Sh("rm -r /run/systemd/system/culvertd.service.d; systemctl daemon-reload; systemctl restart culvertd")
	r.closed()
}

// beforeNetwork: after a power cut the kill switch is closed before the network
// is there.
func beforeNetwork(r *room) {
	r.Run("systemctl", "kill", "-s", "KILL", "culvertd")
	r.Run("systemctl", "stop", "culvertd.service", "culvertd.socket")
	r.Run("nft", "delete", "table", "inet", "culvert")
	if out, err := r.Try("systemctl", "start", "culvertd-hold"); err == nil {
		r.t.Errorf("a person may start what writes the helper's journal:\n%s", out)
	}
	r.Run("systemd-run", "--quiet", "--wait", "-p", "Wants=culvertd-hold.service", "-p", "After=culvertd-hold.service", "nft", "list", "table", "inet", "culvert")
	if got := r.Run("systemctl", "show", "--value", "-p", "Result", "culvertd-hold"); got != "success\n" {
		r.t.Errorf("the unit ends with %s", got)
	}
	r.watchTable(func() { r.Run("systemctl", "start", "culvertd") })
	r.closed()
	r.disconnect()
}

// resolverFile: where nobody keeps /etc/resolv.conf, it is replaced, and is the
// very same file again after a crash and after an end in order.
func resolverFile(r *room) {
	r.Run("systemctl", "stop", "systemd-resolved")
	r.Run("systemctl", "mask", "--runtime", "systemd-resolved")
	r.Sh("rm /etc/resolv.conf; echo nameserver 192.0.2.53 >/etc/resolv.conf")
	file := func() string { return r.Sh("stat -c '%i %a %U' /etc/resolv.conf; cat /etc/resolv.conf") }
	was := file()
	r.connect(profileOf(""))
	if now := file(); !strings.Contains(now, "nameserver 10.99.0.1") || !strings.Contains(now, " 644 root") {
		r.t.Errorf("connected:\n%s", now)
	}
	r.disconnect()
	if now := file(); now != was {
		r.t.Errorf("disconnected:\n%swant\n%s", now, was)
	}
	r.connect(profileOf(""))
	before := r.property("MainPID")
	r.Run("systemctl", "kill", "-s", "KILL", "culvertd")
	r.again(before)
	if now := file(); now != was {
		r.t.Errorf("after a crash:\n%swant\n%s", now, was)
	}
	r.disconnect()
}

// resolvconf: the program runs inside of the sandbox, and all may read what it
// makes.
func resolvconf(r *room) {
	r.Sh(`rm -f /sbin/resolvconf /etc/resolv.conf
		tar -C /opt/resolvconf -cf - . | tar -x --keep-directory-symlink -C /
		mkdir -p /run/resolvconf/interface; ln -sfn /run/resolvconf /etc/resolvconf/run; : >/run/resolvconf/enable-updates
		ln -s ../run/resolvconf/resolv.conf /etc/resolv.conf; echo nameserver 192.0.2.53 | resolvconf -a eth0.inet
		systemctl restart culvertd`)
	r.connect(profileOf(""))
	asBob := func() string { return r.Sh("setpriv --reuid=bob --regid=bob --clear-groups cat /etc/resolv.conf") }
	if now := asBob(); !strings.Contains(now, "nameserver 10.99.0.1") {
		r.t.Errorf("connected:\n%s", now)
	}
	r.disconnect()
	if now := asBob(); strings.Contains(now, "10.99.0.1") || !strings.Contains(now, "nameserver 192.0.2.53") {
		r.t.Errorf("disconnected:\n%s", now)
	}
}

// end: stopped while connected, it takes leave and leaves nothing.
func end(r *room) {
	before := r.Sh("ip rule; ip route show table all; ip -o link | cut -d@ -f1")
	r.connect(profileOf(""))
	began := time.Now()
	r.Run("systemctl", "stop", "culvertd.service", "culvertd.socket")
	r.t.Logf("stopped in %.2f s", time.Since(began).Seconds())
	if result, state := r.property("Result"), r.property("ActiveState"); result != "success" || state != "inactive" {
		r.t.Errorf("the service is %s: %s", state, result)
	}
	if after := r.Sh("ip rule; ip route show table all; ip -o link | cut -d@ -f1"); after != before {
		r.t.Errorf("left behind:\n%swant\n%s", after, before)
	}
	if out := r.Sh("nft list tables; ls /run/culvert"); out != "" {
		r.t.Errorf("left behind: %s", out)
	}
	// Where no helper follows, its owner can still open the kill switch.
	r.Run("systemctl", "start", "culvertd.socket")
	r.connect(profileOf(killSwitch))
	r.Run("systemctl", "stop", "culvertd.service", "culvertd.socket")
	if out := r.Run("nft", "list", "tables"); out != "table inet culvert\n" {
		r.t.Errorf("stopped with the kill switch closed, the tables are %q", out)
	}
	for range 2 { // the second time there is nothing to do
		if out := r.Run("culvertd", "--restore"); out != "" {
			r.t.Errorf("culvertd --restore says %s", out)
		}
		if out := r.Sh("nft list tables; find /var/lib/culvert -name wish.json"); out != "" {
			r.t.Errorf("after culvertd --restore there is %s", out)
		}
	}
}

// client is one of root's.
func (r *room) client() *client.Client { return client.New(r.Path(socket)) }

func (r *room) state() api.Status {
	r.t.Helper()
	s, err := r.client().State(r.t.Context())
	must(r.t, err)
	return s
}

// ask has a user ask for the state and gives the status of HTTP.
func (r *room) ask(user string) string {
	return r.Run("setpriv", "--reuid="+user, "--regid="+user, "--init-groups",
		"curl", "-s", "-o", "/dev/null", "-w", "%{http_code}", "--unix-socket", socket, "http://helper/v1/state")
}

// connect connects as a member of the group does.
func (r *room) connect(profile string) {
	r.t.Helper()
	body, err := json.Marshal(map[string]any{"profile": profile, "secrets": map[string]string{"psk": "lab psk", "password": "correct horse"}})
	must(r.t, err)
	cmd := r.Command("setpriv", "--reuid=alice", "--regid=alice", "--init-groups",
		"curl", "-sS", "--fail-with-body", "--unix-socket", socket, "--data-binary", "@-", "http://helper/v1/connect")
	cmd.Stdin = strings.NewReader(string(body))
	if out, err := r.Finish(cmd); err != nil {
		r.t.Fatalf("connect: %v: %s", err, out)
	}
	r.await(api.Connected)
}

func (r *room) disconnect() {
	r.t.Helper()
	must(r.t, r.client().Disconnect(r.t.Context()))
	r.await(api.Disconnected)
}

// await waits for a state.
func (r *room) await(want api.State) {
	r.t.Helper()
	ctx, cancel := context.WithTimeout(r.t.Context(), patience)
	defer cancel()
	var last api.Event
	got := false
	err := r.client().Watch(ctx, func(_ time.Time, e api.Event) bool {
		if s, ok := e.(api.Status); ok {
			last, got = s, s.State == want
		}
		return !got
	})
	if !got {
		r.t.Fatalf("not %s: %v; %+v", want, err, last)
	}
}

// closed: there is nothing but the kill switch, and the wish.
func (r *room) closed() {
	r.t.Helper()
	r.await(api.Blocked)
	if out := r.Sh("nft list table inet culvert"); !strings.Contains(out, "policy drop") || strings.Contains(out, "culvert0") {
		r.t.Errorf("the kill switch is\n%s", out)
	}
	if out := r.Sh("ip rule; ip -o link"); strings.Contains(out, "culvert0") || strings.Contains(out, "517") {
		r.t.Errorf("left behind:\n%s", out)
	}
}

// again waits for another process than the one before.
func (r *room) again(before string) {
	r.t.Helper()
	eventually(r.t, "another helper", func() bool {
		return r.property("MainPID") != before && r.property("SubState") == "running"
	})
}

// watchTable does something, meanwhile the table of the kill switch has to stay.
func (r *room) watchTable(do func()) {
	r.t.Helper()
	monitor := r.Start("nft", "monitor", "destroy", "tables")
	seen := func(name string) {
		eventually(r.t, "the monitor of tables", func() bool {
			r.Sh("nft add table inet " + name + "; nft delete table inet " + name)
			return strings.Contains(monitor.Said(), name)
		})
	}
	seen("before")
	do()
	if _, err := r.Try("nft", "list", "table", "inet", "culvert"); err != nil {
		r.t.Error("the table of the kill switch is gone")
	}
	seen("after")
	monitor.Kill()
	if said := monitor.Said(); strings.Contains(said, "culvert") {
		r.t.Errorf("the table of the kill switch was taken away: %s", said)
	}
}

// download fetches through the tunnel.
func (r *room) download() {
	r.t.Helper()
	const size = 1 << 20
	if got := r.Run("curl", "-sS", "-m", "20", "-o", "/dev/null", "-w", "%{size_download}", fmt.Sprintf("http://10.99.0.1/bytes?n=%d", size)); got != strconv.Itoa(size) {
		r.t.Errorf("%s octets came through the tunnel, want %d", got, size)
	}
}

// bigBuffers: the kernel gives sockets of the helper more room than others get
// (SO_RCVBUFFORCE), of which it shows the double.
func (r *room) bigBuffers() {
	r.t.Helper()
	text, err := os.ReadFile("/proc/sys/net/core/rmem_max")
	must(r.t, err)
	most, err := strconv.Atoi(strings.TrimSpace(string(text)))
	must(r.t, err)
	out := r.Run("ss", "-uamn", "dst", "198.51.100.1")
	_, rest, _ := strings.Cut(out, ",rb")
	digits, _, _ := strings.Cut(rest, ",")
	if n, err := strconv.Atoi(digits); err != nil || n <= 2*most {
		r.t.Errorf("the socket has room for %d octets (%v), and anybody's for %d:\n%s", n, err, 2*most, out)
	}
}

// property is what systemctl knows of the service.
func (r *room) property(name string) string {
	r.t.Helper()
	return strings.TrimSpace(r.Run("systemctl", "show", "--value", "-p", name, "culvertd.service"))
}

// status is /proc/PID/status of the helper.
func (r *room) status() map[string]string {
	r.t.Helper()
	out := map[string]string{}
	for line := range strings.Lines(r.Run("cat", "/proc/"+r.property("MainPID")+"/status")) {
		name, value, _ := strings.Cut(line, ":")
		out[name] = strings.TrimSpace(value)
	}
	return out
}

// resident is the helper's memory in MB.
func (r *room) resident() float64 {
	r.t.Helper()
	var kB float64
	_, err := fmt.Sscanf(r.status()["VmRSS"], "%f kB", &kB)
	must(r.t, err)
	return kB / 1024
}
