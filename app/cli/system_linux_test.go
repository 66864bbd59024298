package cli

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/culvert-vpn/culvert/engine/gateway"
	"github.com/culvert-vpn/culvert/platform/testroom"
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
type world struct{ gateway, client *testroom.Network }

func newWorld(t *testing.T) world {
	t.Helper()
	w := world{testroom.NewNetwork(t), testroom.NewNetwork(t)}
	testroom.Cable(w.gateway, "g0", w.client, "c0")
	w.gateway.IP("addr add 198.51.100.1/24 dev g0", "link set g0 up")
	w.client.IP("addr add 198.51.100.3/24 dev c0", "link set c0 up", "route add default via 198.51.100.1")
	w.gateway.AwaitUp("g0")
	w.client.AwaitUp("c0")
	return w
}

// routes is what must be the same before and after.
func (w world) routes() string {
	return w.client.IP("rule", "-4 route show table all", "-6 route show table main", "-o link show")
}

// program is culvert at work.
type program struct {
	*testroom.Process
	out   *os.File
	lines *bufio.Scanner
	seen  []string
}

func start(t *testing.T, in *testroom.Network, stdin string, args ...string) *program {
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

func startProgram(t *testing.T, exe string, in *testroom.Network, stdin string, args ...string) *program {
	t.Helper()
	read, write, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer write.Close()
	t.Cleanup(func() { read.Close() })
	cmd := in.Command(exe, args...)
	cmd.Env = append(os.Environ(), asProgram+"=1")
	cmd.Stdin = strings.NewReader(stdin)
	cmd.Stdout, cmd.Stderr = write, write
	return &program{Process: in.Launch(cmd), out: read, lines: bufio.NewScanner(read)}
}

// until reads lines up to one that has s.
func (p *program) until(t *testing.T, s string) string {
	t.Helper()
	for p.scan() {
		if strings.Contains(p.lines.Text(), s) {
			return p.lines.Text()
		}
	}
	t.Fatalf("no %q in\n%s\n%v", s, strings.Join(p.seen, "\n"), p.lines.Err())
	return ""
}

// scan reads the next line, if there is one soon.
func (p *program) scan() bool {
	_ = p.out.SetReadDeadline(time.Now().Add(testroom.Patience)) // nobody reads any more
	if !p.lines.Scan() {
		return false
	}
	p.seen = append(p.seen, p.lines.Text())
	return true
}

// end waits for the exit status.
func (p *program) end() int {
	for p.scan() { //nolint:revive // all that it says
	}
	return p.Status()
}

func (p *program) stop() int {
	p.Signal(syscall.SIGTERM)
	return p.end()
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
	var conn net.Conn
	w.client.Do(func() {
		var err error
		if conn, err = net.DialTimeout("tcp4", "10.99.0.1:80", testroom.Patience); err != nil {
			t.Fatal(err)
		}
	})
	t.Cleanup(func() { conn.Close() })
	if err := conn.SetDeadline(time.Now().Add(3 * testroom.Patience)); err != nil {
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
	before := w.routes()
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
			if r := w.routes(); !strings.Contains(r, c.route) {
				t.Errorf("routes while connected:\n%s", r)
			}
			if r := w.client.IP("route get 198.51.100.1"); !strings.Contains(r, "dev c0") {
				t.Errorf("the way to the gateway: %s", r)
			}
			if got := w.get(t, 2_000_000); got != 2_000_000 {
				t.Errorf("%d octets came through the tunnel, want 2000000", got)
			}
			if status := p.stop(); status != 0 {
				t.Errorf("status %d after SIGTERM, want 0:\n%s", status, strings.Join(p.seen, "\n"))
			}
			if after := w.routes(); after != before {
				t.Errorf("routes afterwards:\n%s\nwant\n%s", after, before)
			}
		})
	}

	t.Run("refused", func(t *testing.T) {
		p := start(t, w.client, "psk = \"lab psk\"\npassword = \"wrong\"\n", "up", "--direct", "--secrets", "-", write(t, "p.toml", profileText, 0o644))
		if status, said := p.end(), strings.Join(p.seen, "\n"); status != 3 || !strings.Contains(said, "ppp.bad-credentials (in Windows: error 691)") {
			t.Errorf("status %d, want 3 and the reason:\n%s", status, said)
		}
		if after := w.routes(); after != before {
			t.Errorf("routes afterwards:\n%s\nwant\n%s", after, before)
		}
	})

	t.Run("lost", func(t *testing.T) {
		p := start(t, w.client, secretsText, "up", "--direct", "--json", "--secrets", "-", write(t, "p.toml", profileText, 0o644))
		p.until(t, `"state":"connected"`)
		if status := gw.stop(); status != 0 {
			t.Errorf("gateway: status %d, want 0:\n%s", status, strings.Join(gw.seen, "\n"))
		}
		if status, said := p.end(), strings.Join(p.seen, "\n"); status != 5 || !strings.Contains(said, `"type":"failure","stage":"connected","code":"gateway.closed"`) {
			t.Errorf("status %d, want 5 and the reason:\n%s", status, said)
		}
		if after := w.routes(); after != before {
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
	state := func() string { return w.gateway.IP("-4 route show table all", "-o link show") }
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
			if status := p.stop(); status != 0 {
				t.Errorf("status %d after SIGTERM, want 0:\n%s", status, strings.Join(p.seen, "\n"))
			}
		})
	}
	if status := gw.stop(); status != 0 {
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
	before := w.routes()
	file := write(t, "p.toml", profileText, 0o644)
	p := start(t, w.client, secretsText, "up", "--direct", "--json", "--secrets", "-", file)
	p.until(t, `"state":"connected"`)
	p.Kill()
	if w.routes() == before {
		t.Error("nothing was left behind: this test tests nothing")
	}
	p = start(t, w.client, secretsText, "up", "--direct", "--json", "--secrets", "-", file)
	p.until(t, `"state":"connected"`)
	if status := p.stop(); status != 0 {
		t.Errorf("status %d, want 0", status)
	}
	if after := w.routes(); after != before {
		t.Errorf("routes afterwards:\n%s\nwant\n%s", after, before)
	}
}

// However the wish to stop comes, the routes go back.
func TestSystemStops(t *testing.T) {
	w := newWorld(t)
	gw := start(t, w.gateway, "", "gateway", "--config", write(t, "gateway.toml", gatewayFile, 0o600))
	gw.until(t, "Inside:")
	before := w.routes()
	up := func(t *testing.T, text string, flags ...string) *program {
		return start(t, w.client, secretsText, append([]string{"up", "--direct", "--secrets", "-", write(t, "p.toml", text, 0o644)}, flags...)...)
	}
	check := func(t *testing.T, p *program, want int) {
		t.Helper()
		if status := p.end(); status != want {
			t.Errorf("status %d, want %d:\n%s", status, want, strings.Join(p.seen, "\n"))
		}
		if after := w.routes(); after != before {
			t.Errorf("routes afterwards:\n%s\nwant\n%s", after, before)
		}
	}

	t.Run("while connecting", func(t *testing.T) {
		p := up(t, strings.ReplaceAll(profileText, "198.51.100.1", "198.51.100.77")) // nobody is there
		p.until(t, "Find server")
		p.Signal(syscall.SIGINT)
		p.until(t, "Stopped before it was connected")
		check(t, p, 3)
		if n := len(p.seen); n != 2 {
			t.Errorf("%d lines, want 2:\n%s", n, strings.Join(p.seen, "\n"))
		}
	})
	t.Run("the terminal goes away", func(t *testing.T) {
		p := up(t, profileText)
		p.until(t, "Connected to")
		p.Signal(syscall.SIGHUP)
		check(t, p, 0)
	})
	t.Run("nobody reads any more", func(t *testing.T) {
		p := up(t, profileText, "--json")
		p.until(t, `"state":"connected"`)
		p.out.Close()
		p.Signal(syscall.SIGTERM)
		check(t, p, 0)
	})
	t.Run("twice, and the gateway is deaf", func(t *testing.T) {
		p := up(t, profileText)
		p.until(t, "Connected to")
		gw.Signal(syscall.SIGSTOP)
		defer gw.Signal(syscall.SIGCONT)
		p.Signal(syscall.SIGINT)
		p.until(t, "Disconnecting.")
		asked := time.Now()
		p.Signal(syscall.SIGINT)
		check(t, p, 0)
		// In order it takes four seconds to give up.
		if took := time.Since(asked); took > 3500*time.Millisecond {
			t.Errorf("it took %v, want no time", took)
		}
	})
}
