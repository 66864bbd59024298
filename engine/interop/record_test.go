//go:build linux

package interop

import (
	"bufio"
	"flag"
	"fmt"
	"net"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/vishvananda/netns"

	"github.com/culvert-vpn/culvert/engine/interop/lab"
	"github.com/culvert-vpn/culvert/engine/interop/recording"
	"github.com/culvert-vpn/culvert/engine/ppp"
	"github.com/culvert-vpn/culvert/engine/stack"
	"github.com/culvert-vpn/culvert/engine/suite"
)

var record = flag.Bool("record", false, "write the recordings that engine/stack replays anew")

const transcripts = "../stack/testdata/transcripts"

// Ours.
const (
	pingEvery = 200 * time.Millisecond // pppd lets nothing through at first
	calm      = 300 * time.Millisecond // from the first answer to the end: for what a gateway says unasked
)

// TestRecord connects to each gateway as engine/stack's TestTranscripts does,
// but for the gateway being there. What it sees has to replay; with -record it
// is kept.
func TestRecord(t *testing.T) {
	all := []ppp.AuthMethod{ppp.MSCHAPv2, ppp.CHAPMD5, ppp.PAP}
	linux := func(d lab.Daemon, auth string) func(*testing.T) *lab.Gateway {
		return func(t *testing.T) *lab.Gateway {
			return &lab.StartLinux(t, lab.LinuxOptions{Daemon: d, Auth: []string{auth}}).Gateway
		}
	}
	softEther := func(t *testing.T) *lab.Gateway {
		return &lab.StartSoftEther(t, lab.SoftEtherOptions{}).Gateway
	}
	for _, tt := range []struct {
		name  string
		start func(*testing.T) *lab.Gateway
		auth  []ppp.AuthMethod
		plain bool
	}{
		{"strongswan-mschapv2", linux(lab.StrongSwan, "mschap-v2"), all, false},
		{"libreswan-chap", linux(lab.Libreswan, "chap"), all, false},
		{"softether-mschapv2", softEther, all, false},
		{"softether-plain-pap", softEther, []ppp.AuthMethod{ppp.PAP}, true},
	} {
		t.Run(tt.name, func(t *testing.T) {
			g := tt.start(t)
			g.Watch(t)
			r := &recording.Recording{Setup: recording.Setup{
				Gateway: versions(t, tt.name), Seed: tt.name, Remote: lab.Server, Inside: g.Inside,
				IPsec: !tt.plain, Auth: tt.auth, User: lab.User, Password: lab.Password}}
			if !tt.plain {
				r.Setup.PSK, r.Setup.Phase1, r.Setup.Phase2 = lab.PSK, suite.DefaultPhase1(), suite.DefaultPhase2()
				r.Setup.InnerPort = 50123
			}
			c := newRecorder(t, g.Direct, r)
			c.run(t)
			g.Empty(t)
			if _, err := r.Replay(); err != nil {
				t.Fatalf("the recording does not replay: %v", err)
			}
			if !*record {
				return
			}
			path := filepath.Join(transcripts, tt.name+".txt")
			if err := os.MkdirAll(transcripts, 0o755); err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(path, r.Transcript().Append(nil), 0o644); err != nil {
				t.Fatal(err)
			}
			t.Logf("%s: %d calls", path, len(r.Calls))
		})
	}
}

// versions are those of the packages that the gateway is made of.
func versions(t *testing.T, name string) string {
	t.Helper()
	make, _, _ := strings.Cut(name, "-")
	packages, root := []string{"softether-vpnserver"}, "/"
	if make != "softether" {
		packages = []string{map[string]string{"strongswan": "strongswan-charon", "libreswan": "libreswan"}[make], "xl2tpd", "ppp"}
		cache := os.Getenv("CULVERT_LAB_CACHE")
		if cache == "" {
			cache = "/var/cache/culvert-lab"
		}
		trees, _ := filepath.Glob(filepath.Join(cache, make+"-*"))
		if len(trees) == 0 {
			t.Fatalf("no tree of %s in %s", make, cache)
		}
		root = trees[len(trees)-1]
	}
	args := append([]string{"--admindir", filepath.Join(root, "var/lib/dpkg"), "-W", "-f", "${Package} ${Version}, "}, packages...)
	out, err := exec.Command("dpkg-query", args...).Output()
	if err != nil {
		t.Fatalf("dpkg-query %v: %v", args, err)
	}
	return strings.TrimSuffix(string(out), ", ")
}

// received is a datagram that arrived.
type received struct {
	via  stack.Via
	data []byte
}

// recorder runs a connection in real time, every call noted.
type recorder struct {
	recording *recording.Recording
	conn      *recording.Conn
	sockets   map[stack.Via]*net.UDPConn
	arrived   chan received // unbuffered: what waits, waits in the socket
	start     time.Time
}

// newRecorder opens the sockets on the host and notes their address.
func newRecorder(t *testing.T, h *lab.Host, r *recording.Recording) *recorder {
	t.Helper()
	c := &recorder{recording: r, sockets: map[stack.Via]*net.UDPConn{}, arrived: make(chan received)}
	remote := map[stack.Via]uint16{stack.Port500: 500, stack.Port4500: 4500}
	if !r.Setup.IPsec {
		remote = map[stack.Via]uint16{stack.Port1701: 1701}
	}
	inside(t, h, func() error {
		for via, port := range remote {
			s, err := net.DialUDP("udp4", nil, net.UDPAddrFromAddrPort(netip.AddrPortFrom(lab.Server, port)))
			if err != nil {
				return fmt.Errorf("socket for %v: %w", via, err)
			}
			c.sockets[via] = s
			if via != stack.Port4500 {
				r.Setup.Local = s.LocalAddr().(*net.UDPAddr).AddrPort()
			}
		}
		return nil
	})
	stop := make(chan struct{})
	t.Cleanup(func() {
		close(stop)
		for _, s := range c.sockets {
			s.Close()
		}
	})
	for via, s := range c.sockets {
		go c.receive(via, s, stop)
	}
	c.conn = r.Setup.New()
	return c
}

// receive reads a socket until it is closed.
func (c *recorder) receive(via stack.Via, s *net.UDPConn, stop chan struct{}) {
	buf := make([]byte, 1<<16)
	for {
		n, err := s.Read(buf)
		if err != nil {
			return
		}
		select {
		case c.arrived <- received{via, append([]byte(nil), buf[:n]...)}:
		case <-stop:
			return
		}
	}
}

// run connects, pings until there is an answer, and disconnects.
func (c *recorder) run(t *testing.T) {
	t.Helper()
	c.start = time.Now()
	c.do(t, recording.Call{Action: recording.Start})
	timer := time.NewTimer(time.Hour)
	defer timer.Stop()
	var pingAt, closeAt time.Duration // zero: not yet
	for c.conn.Down == nil {
		if c.now() > time.Minute {
			t.Fatal("no end after a minute")
		}
		if pingAt == 0 && c.conn.Network != nil {
			pingAt = c.now()
		}
		if closeAt == 0 && c.conn.Answered > 0 {
			pingAt, closeAt = time.Hour, c.now()+calm
		}
		next, action := 10*time.Second+c.now(), recording.Advance
		earliest := func(at time.Duration, a recording.Action) {
			if at != 0 && at < next {
				next, action = at, a
			}
		}
		if d, ok := c.conn.Deadline(); ok {
			earliest(max(d, 1), recording.Advance)
		}
		earliest(pingAt, recording.Ping)
		earliest(closeAt, recording.Close)
		timer.Reset(next - time.Since(c.start))
		select {
		case d := <-c.arrived:
			c.do(t, recording.Call{Action: recording.Handle, Via: d.via, Data: d.data})
		case <-timer.C:
			if c.do(t, recording.Call{Action: action}); action == recording.Ping {
				pingAt = c.now() + pingEvery
			} else if action == recording.Close {
				closeAt = time.Hour
			}
		}
	}
	if c.conn.Down.Failure != nil {
		t.Fatalf("the connection failed: %v", c.conn.Down.Failure)
	}
	if c.conn.Answered == 0 {
		t.Fatal("the connection ended before any answer")
	}
}

// now is how long the connection has run, as a recording counts it.
func (c *recorder) now() time.Duration { return time.Since(c.start).Truncate(recording.Resolution) }

// do makes a call, sends what comes of it, and notes it.
func (c *recorder) do(t *testing.T, call recording.Call) {
	t.Helper()
	if call.Action != recording.Start {
		call.At = c.now()
	}
	c.conn.Do(&call)
	for _, d := range call.Sent {
		if _, err := c.sockets[d.Via].Write(d.Data); err != nil {
			t.Logf("%v: %v", d.Via, err)
		}
	}
	c.recording.Calls = append(c.recording.Calls, call)
}

// inside calls f in the network of a host. A socket stays where it was made.
func inside(t *testing.T, h *lab.Host, f func() error) {
	t.Helper()
	// Once it echoes, it is there.
	there := h.Command("cat")
	in, err := there.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := there.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := there.Start(); err != nil {
		t.Fatal(err)
	}
	defer there.Wait()
	defer in.Close()
	fmt.Fprintln(in)
	if _, err := bufio.NewReader(out).ReadString('\n'); err != nil {
		t.Fatal(err)
	}
	if err := enter(there.Process.Pid, f); err != nil {
		t.Fatal(err)
	}
}

// enter calls f in the network of a process.
func enter(pid int, f func() error) error {
	to, err := netns.GetFromPid(pid)
	if err != nil {
		return fmt.Errorf("network of process %d: %w", pid, err)
	}
	defer to.Close()
	done := make(chan error)
	go func() {
		runtime.LockOSThread() // for good: the thread ends with this goroutine
		if err := netns.Set(to); err != nil {
			done <- fmt.Errorf("enter network: %w", err)
			return
		}
		done <- f()
	}()
	return <-done
}
