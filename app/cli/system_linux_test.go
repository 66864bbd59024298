package cli

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/culvert-vpn/culvert/engine/gateway"
	"github.com/vishvananda/netns"
)

// asProgram makes the test binary behave as culvert.
const asProgram = "CULVERT_TEST_AS_PROGRAM"

func TestMain(m *testing.M) {
	if os.Getenv(asProgram) == "" {
		// Whoever started this may have SIGHUP ignored, as nohup does; the programs
		// that it starts are to begin with the usual.
		signal.Notify(make(chan os.Signal, 1), syscall.SIGHUP)
		os.Exit(m.Run())
	}
	os.Exit(Main())
}

// world is two networks: the gateway 198.51.100.1 and the client 198.51.100.3,
// whose default route is the gateway's machine.
type world struct{ gateway, client network }

// network is a network namespace that a sleeping process holds: it has no name,
// so that tests need no mounts, and a container or a chroot will do.
type network int

func newNetwork(t *testing.T) network {
	t.Helper()
	holder := exec.Command("unshare", "--net", "sleep", "infinity")
	holder.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	runtime.LockOSThread() // Pdeathsig is about the thread that started it
	err := holder.Start()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		holder.Process.Kill()
		holder.Wait() // killed: its status says nothing
		runtime.UnlockOSThread()
	})
	n := network(holder.Process.Pid)
	own, err := os.Readlink("/proc/self/ns/net")
	if err != nil {
		t.Fatal(err)
	}
	for start := time.Now(); ; runtime.Gosched() {
		if now, err := os.Readlink(n.path()); err == nil && now != own {
			return n
		}
		if time.Since(start) > 10*time.Second {
			t.Fatal("unshare made no network namespace")
		}
	}
}

func (n network) path() string { return fmt.Sprintf("/proc/%d/ns/net", int(n)) }

// command runs a program in the network.
func (n network) command(name string, args ...string) *exec.Cmd {
	return exec.Command("nsenter", append([]string{"--net=" + n.path(), name}, args...)...)
}

// ip runs ip in the network.
func (n network) ip(t *testing.T, args string) string {
	t.Helper()
	out, err := n.command("ip", strings.Fields(args)...).CombinedOutput()
	if err != nil {
		t.Fatalf("ip %s: %v: %s", args, err, out)
	}
	return string(out)
}

func newWorld(t *testing.T) world {
	t.Helper()
	if os.Getuid() != 0 {
		t.Fatal("this test makes network namespaces and a TUN: run it as root")
	}
	w := world{newNetwork(t), newNetwork(t)}
	w.gateway.ip(t, fmt.Sprintf("link add g0 type veth peer name c0 netns %d", int(w.client)))
	for n, links := range map[network][]string{
		w.gateway: {"addr add 198.51.100.1/24 dev g0", "link set g0 up"},
		w.client:  {"addr add 198.51.100.3/24 dev c0", "link set c0 up", "route add default via 198.51.100.1"},
	} {
		n.ip(t, "link set lo up")
		for _, l := range links {
			n.ip(t, l)
		}
	}
	return w
}

// routes is what must be the same before and after.
func (w world) routes(t *testing.T) string {
	t.Helper()
	n := w.client
	return n.ip(t, "rule") + n.ip(t, "-4 route show table all") + n.ip(t, "-6 route show table main") + n.ip(t, "-o link show")
}

// program is culvert at work.
type program struct {
	cmd   *exec.Cmd
	out   io.Closer
	lines *bufio.Scanner
	seen  []string
}

func start(t *testing.T, in network, stdin string, args ...string) *program {
	t.Helper()
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	return startProgram(t, exe, in, stdin, args...)
}

// built is the program without the race detector, which takes memory of its own.
func built(t *testing.T) string {
	t.Helper()
	exe := filepath.Join(t.TempDir(), "culvert")
	build := exec.Command("go", "build", "-o", exe, "github.com/culvert-vpn/culvert/app/cmd/culvert")
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("go build: %v: %s", err, out)
	}
	return exe
}

func startProgram(t *testing.T, exe string, in network, stdin string, args ...string) *program {
	t.Helper()
	p := &program{cmd: in.command(exe, args...)}
	p.cmd.Env = append(os.Environ(), asProgram+"=1")
	p.cmd.Stdin = strings.NewReader(stdin)
	out, err := p.cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	p.cmd.Stderr, p.out = p.cmd.Stdout, out
	p.lines = bufio.NewScanner(out)
	if err := p.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	timeout := time.AfterFunc(40*time.Second, func() { _ = p.cmd.Process.Kill() })
	t.Cleanup(func() {
		timeout.Stop()
		_ = p.cmd.Process.Kill()
	})
	return p
}

// until reads lines up to one that has s.
func (p *program) until(t *testing.T, s string) string {
	t.Helper()
	for p.lines.Scan() {
		p.seen = append(p.seen, p.lines.Text())
		if strings.Contains(p.lines.Text(), s) {
			return p.lines.Text()
		}
	}
	t.Fatalf("no %q in\n%s", s, strings.Join(p.seen, "\n"))
	return ""
}

// end waits for the exit status.
func (p *program) end(t *testing.T) int {
	t.Helper()
	for p.lines.Scan() {
		p.seen = append(p.seen, p.lines.Text())
	}
	var exit *exec.ExitError
	if err := p.cmd.Wait(); err != nil && !errors.As(err, &exit) {
		t.Fatal(err)
	}
	return p.cmd.ProcessState.ExitCode()
}

func (p *program) signal(t *testing.T, s os.Signal) {
	t.Helper()
	if err := p.cmd.Process.Signal(s); err != nil {
		t.Fatal(err)
	}
}

func (p *program) stop(t *testing.T) int {
	t.Helper()
	p.signal(t, syscall.SIGTERM)
	return p.end(t)
}

const gatewayFile = `listen = "198.51.100.1"
psk = "lab psk"
esp = true
[users]
"CORP\\alice" = "correct horse"
`

const (
	profileText = "servers = [\"198.51.100.1\"]\nuser = \"alice\"\ndomain = \"CORP\"\n"
	secretsText = "psk = \"lab psk\"\npassword = \"correct horse\"\n"
)

// inside opens a connection to the service inside the tunnel, from the client's
// network.
func (w world) inside(t *testing.T) net.Conn {
	t.Helper()
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	before, err := netns.Get()
	if err != nil {
		t.Fatal(err)
	}
	defer before.Close()
	ns, err := netns.GetFromPath(w.client.path())
	if err != nil {
		t.Fatal(err)
	}
	defer ns.Close()
	if err := netns.Set(ns); err != nil {
		t.Fatal(err)
	}
	conn, err := net.DialTimeout("tcp4", "10.99.0.1:80", 10*time.Second)
	if err := errors.Join(err, netns.Set(before)); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	if err := conn.SetDeadline(time.Now().Add(25 * time.Second)); err != nil {
		t.Fatal(err)
	}
	return conn
}

// get fetches n octets through the tunnel.
func (w world) get(t *testing.T, n int) int64 {
	t.Helper()
	conn := w.inside(t)
	fmt.Fprintf(conn, "GET /bytes?n=%d HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n", n)
	resp, err := http.ReadResponse(bufio.NewReader(conn), nil)
	if err != nil {
		t.Fatal(err)
	}
	got, err := io.Copy(io.Discard, resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return got
}

// post sends n octets through the tunnel; the other end has to get them all.
func (w world) post(t *testing.T, n int64) {
	t.Helper()
	conn := w.inside(t)
	fmt.Fprintf(conn, "POST /digest HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Length: %d\r\n\r\n", n)
	if _, err := io.Copy(conn, gateway.NewSource(n)); err != nil {
		t.Fatal(err)
	}
	resp, err := http.ReadResponse(bufio.NewReader(conn), nil)
	if err != nil {
		t.Fatal(err)
	}
	said, err := io.ReadAll(resp.Body)
	if err != nil || !strings.HasSuffix(strings.TrimSpace(string(said)), fmt.Sprintf(" %d", n)) {
		t.Errorf("the gateway says %q, %v, want %d octets", said, err, n)
	}
}

// up --direct with everything real but the network between: TUN, routes, both
// programs, both ways of ESP; and all of it gone again.
func TestSystemUpDirect(t *testing.T) {
	w := newWorld(t)
	gw := start(t, w.gateway, "", "gateway", "--config", write(t, "gateway.toml", gatewayFile, 0o600))
	gw.until(t, "Inside:")
	before := w.routes(t)
	for _, c := range []struct{ name, extra, suite, route string }{
		{"full", "", "aes128gcm16", "default dev culvert0 table 51701"},
		{"split over raw ESP", "[ipsec]\nencapsulation = \"esp\"\nphase2 = [\"aes256-sha1\"]\n[routing]\nmode = \"split\"\ninclude = [\"10.0.0.0/8\"]\n", "aes256-sha1", "10.0.0.0/8 dev culvert0"},
	} {
		t.Run(c.name, func(t *testing.T) {
			p := start(t, w.client, secretsText, "up", "--direct", "--json", "--secrets", "-", write(t, "p.toml", profileText+c.extra, 0o644))
			var e struct{ Address, Peer, Suite, Interface, Server string }
			if err := json.Unmarshal([]byte(p.until(t, `"state":"connected"`)), &e); err != nil {
				t.Fatal(err)
			}
			if e.Peer != "10.99.0.1" || e.Suite != c.suite || e.Interface != "culvert0" || e.Server != "198.51.100.1" {
				t.Errorf("connected: %+v, want suite %s", e, c.suite)
			}
			if r := w.routes(t); !strings.Contains(r, c.route) {
				t.Errorf("routes while connected:\n%s", r)
			}
			if r := w.client.ip(t, "route get 198.51.100.1"); !strings.Contains(r, "dev c0") {
				t.Errorf("the way to the gateway: %s", r)
			}
			if got := w.get(t, 2_000_000); got != 2_000_000 {
				t.Errorf("%d octets came through the tunnel, want 2000000", got)
			}
			if status := p.stop(t); status != 0 {
				t.Errorf("status %d after SIGTERM, want 0:\n%s", status, strings.Join(p.seen, "\n"))
			}
			if after := w.routes(t); after != before {
				t.Errorf("routes afterwards:\n%s\nwant\n%s", after, before)
			}
		})
	}

	t.Run("refused", func(t *testing.T) {
		p := start(t, w.client, "psk = \"lab psk\"\npassword = \"wrong\"\n", "up", "--direct", "--secrets", "-", write(t, "p.toml", profileText, 0o644))
		if status, said := p.end(t), strings.Join(p.seen, "\n"); status != 3 || !strings.Contains(said, "ppp.bad-credentials (in Windows: error 691)") {
			t.Errorf("status %d, want 3 and the reason:\n%s", status, said)
		}
		if after := w.routes(t); after != before {
			t.Errorf("routes afterwards:\n%s\nwant\n%s", after, before)
		}
	})

	t.Run("lost", func(t *testing.T) {
		p := start(t, w.client, secretsText, "up", "--direct", "--json", "--secrets", "-", write(t, "p.toml", profileText, 0o644))
		p.until(t, `"state":"connected"`)
		if status := gw.stop(t); status != 0 {
			t.Errorf("gateway: status %d, want 0:\n%s", status, strings.Join(gw.seen, "\n"))
		}
		if status, said := p.end(t), strings.Join(p.seen, "\n"); status != 5 || !strings.Contains(said, `"type":"failure","stage":"connected","code":"gateway.closed"`) {
			t.Errorf("status %d, want 5 and the reason:\n%s", status, said)
		}
		if after := w.routes(t); after != before {
			t.Errorf("routes afterwards:\n%s\nwant\n%s", after, before)
		}
	})
	if said := strings.Join(gw.seen, "\n"); !strings.Contains(said, `CORP\alice has 10.99.0.`) {
		t.Errorf("the gateway did not tell who came:\n%s", said)
	}
}

// A gateway whose inside is the machine: the kernel's TCP at both ends, bursts
// and all, with every kind of suite; and its network as before once it is gone.
func TestSystemInsideTUN(t *testing.T) {
	w := newWorld(t)
	state := func() string { return w.gateway.ip(t, "-4 route show table all") + w.gateway.ip(t, "-o link show") }
	before := state()
	gw := start(t, w.gateway, "", "gateway", "--config", write(t, "gateway.toml", "inside = \"tun\"\n"+gatewayFile, 0o600))
	gw.until(t, "Inside:")
	for _, name := range []string{"aes128gcm16", "aes128-sha1", "aes256-sha256", "3des-sha1"} {
		t.Run(name, func(t *testing.T) {
			p := start(t, w.client, secretsText, "up", "--direct", "--secrets", "-",
				write(t, "p.toml", profileText+"[ipsec]\nphase2 = [\""+name+"\"]\n", 0o644))
			p.until(t, "Connected to")
			const n = 8 << 20
			if got := w.get(t, n); got != n {
				t.Errorf("%d octets came through the tunnel, want %d", got, n)
			}
			w.post(t, n)
			if status := p.stop(t); status != 0 {
				t.Errorf("status %d after SIGTERM, want 0:\n%s", status, strings.Join(p.seen, "\n"))
			}
		})
	}
	if status := gw.stop(t); status != 0 {
		t.Errorf("gateway: status %d, want 0:\n%s", status, strings.Join(gw.seen, "\n"))
	}
	if after := state(); after != before {
		t.Errorf("the gateway's network afterwards:\n%s\nwant\n%s", after, before)
	}
}

// A process that is killed leaves routes behind; the next one clears them.
func TestSystemKilled(t *testing.T) {
	w := newWorld(t)
	gw := start(t, w.gateway, "", "gateway", "--config", write(t, "gateway.toml", gatewayFile, 0o600))
	gw.until(t, "Inside:")
	before := w.routes(t)
	file := write(t, "p.toml", profileText, 0o644)
	p := start(t, w.client, secretsText, "up", "--direct", "--json", "--secrets", "-", file)
	p.until(t, `"state":"connected"`)
	if err := p.cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	p.end(t)
	if w.routes(t) == before {
		t.Error("nothing was left behind: this test tests nothing")
	}
	p = start(t, w.client, secretsText, "up", "--direct", "--json", "--secrets", "-", file)
	p.until(t, `"state":"connected"`)
	if status := p.stop(t); status != 0 {
		t.Errorf("status %d, want 0", status)
	}
	if after := w.routes(t); after != before {
		t.Errorf("routes afterwards:\n%s\nwant\n%s", after, before)
	}
}

// However the wish to stop comes, the routes go back.
func TestSystemStops(t *testing.T) {
	w := newWorld(t)
	gw := start(t, w.gateway, "", "gateway", "--config", write(t, "gateway.toml", gatewayFile, 0o600))
	gw.until(t, "Inside:")
	before := w.routes(t)
	up := func(t *testing.T, text string, flags ...string) *program {
		return start(t, w.client, secretsText, append([]string{"up", "--direct", "--secrets", "-", write(t, "p.toml", text, 0o644)}, flags...)...)
	}
	check := func(t *testing.T, p *program, want int) {
		t.Helper()
		if status := p.end(t); status != want {
			t.Errorf("status %d, want %d:\n%s", status, want, strings.Join(p.seen, "\n"))
		}
		if after := w.routes(t); after != before {
			t.Errorf("routes afterwards:\n%s\nwant\n%s", after, before)
		}
	}

	t.Run("while connecting", func(t *testing.T) {
		p := up(t, strings.ReplaceAll(profileText, "198.51.100.1", "198.51.100.77")) // nobody is there
		p.until(t, "Find server")
		p.signal(t, os.Interrupt)
		p.until(t, "Stopped before it was connected")
		check(t, p, 3)
		if n := len(p.seen); n != 2 {
			t.Errorf("%d lines, want 2:\n%s", n, strings.Join(p.seen, "\n"))
		}
	})
	t.Run("the terminal goes away", func(t *testing.T) {
		p := up(t, profileText)
		p.until(t, "Connected to")
		p.signal(t, syscall.SIGHUP)
		check(t, p, 0)
	})
	t.Run("nobody reads any more", func(t *testing.T) {
		p := up(t, profileText, "--json")
		p.until(t, `"state":"connected"`)
		p.out.Close()
		p.signal(t, syscall.SIGTERM)
		check(t, p, 0)
	})
	t.Run("twice, and the gateway is deaf", func(t *testing.T) {
		p := up(t, profileText)
		p.until(t, "Connected to")
		gw.signal(t, syscall.SIGSTOP)
		defer gw.signal(t, syscall.SIGCONT)
		p.signal(t, os.Interrupt)
		p.until(t, "Disconnecting.")
		asked := time.Now()
		p.signal(t, os.Interrupt)
		check(t, p, 0)
		// In order it takes four seconds to give up.
		if took := time.Since(asked); took > 2*time.Second {
			t.Errorf("it took %v, want no time", took)
		}
	})
}
