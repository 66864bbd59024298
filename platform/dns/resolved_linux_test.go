package dns

import (
	"context"
	"errors"
	"net/netip"
	"os"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/culvert-vpn/culvert/platform/testroom"
)

// journal keeps the records.
type journal struct{ records [][]byte }

func (j *journal) write(text []byte) error {
	j.records = append(j.records, text)
	return nil
}

func (j *journal) last() []byte {
	if len(j.records) == 0 {
		return nil
	}
	return j.records[len(j.records)-1]
}

func newManager(t *testing.T, opts Options, j Journal) *Manager {
	t.Helper()
	m, err := New(opts, j)
	must(t, err)
	return m
}

// stopped is a process that ends when it has written down its first change and
// not made it; its record undoes nothing.
func stopped(t *testing.T, opts Options) {
	t.Helper()
	var j journal
	m := newManager(t, opts, func(text []byte) error {
		return errors.Join(j.write(text), errors.New("stop"))
	})
	if err := m.Set(t.Context(), full()); err == nil || j.records[0] == nil {
		t.Errorf("Set with a journal that fails = %v, record %s", err, j.records[0])
	}
	must(t, CleanUp(j.records[0]))
}

func backend(t *testing.T, m *Manager, want string) {
	t.Helper()
	name, why := m.Backend()
	if name != want {
		t.Errorf("backend %s (%s), want %s", name, why, want)
	}
	t.Logf("%s: %s", name, why)
}

// stubRoom is the usual set-up of Ubuntu, Fedora and Arch.
func stubRoom(t *testing.T, settings ...string) (*room, *testroom.Process) {
	r := newRoom(t)
	must(t, os.Symlink("../run/systemd/resolve/stub-resolv.conf", r.Path(confPath)))
	r.startBus()
	p := r.startResolved(append([]string{"DNS=" + outside}, settings...)...)
	return r, p
}

func TestResolved(t *testing.T) {
	r, _ := stubRoom(t)
	ctx := t.Context()
	r.lookup("before", asBefore)
	before := r.Run("resolvectl", "status")
	stopped(t, r.opts)
	if got := r.Run("resolvectl", "status"); got != before {
		t.Errorf("after a Set that was stopped:\n%s\nwant\n%s", got, before)
	}
	var j journal
	m := newManager(t, r.opts, j.write)

	must(t, m.Set(ctx, full()))
	backend(t, m, "systemd-resolved")
	r.lookup("full", asFull)
	n := len(j.records)
	must(t, m.Set(ctx, full()))
	if len(j.records) != n {
		t.Error("Set twice changes something")
	}
	must(t, m.Set(ctx, some()))
	r.lookup("split", asSplit)
	must(t, m.Verify(ctx))

	// Somebody else's hand.
	r.Run("resolvectl", "revert", "culvert0")
	if err := m.Verify(ctx); !errors.Is(err, ErrNotTaken) {
		t.Errorf("Verify after a revert = %v", err)
	}
	must(t, m.Set(ctx, some()))
	r.lookup("split again", asSplit)

	// A record of a process that was killed.
	record := j.last()
	for range 2 {
		must(t, CleanUp(record))
		r.lookup("cleaned up", asBefore)
	}
	must(t, m.Set(ctx, full()))
	must(t, m.Clear())
	must(t, m.Clear())
	if j.last() != nil {
		t.Errorf("journal after Clear: %s", j.last())
	}
	r.lookup("after", asBefore)
	if got := r.Run("resolvectl", "status"); got != before {
		t.Errorf("after Clear:\n%s\nwant\n%s", got, before)
	}
	// The interface may go first.
	must(t, m.Set(ctx, full()))
	r.IP("link del culvert0")
	must(t, m.Clear())
	must(t, CleanUp(record))
	r.lookup("without the interface", asBefore)
}

// A machine that insists on DNS over TLS still reaches the gateway's server.
func TestResolvedStrictTLS(t *testing.T) {
	r, _ := stubRoom(t, "DNSOverTLS=yes")
	m := newManager(t, r.opts, nil)
	must(t, m.Set(t.Context(), full()))
	r.lookup("full", asFull)
	must(t, m.Clear())
}

// A link without address takes its servers and is never asked.
func TestResolvedUnusedLink(t *testing.T) {
	r, _ := stubRoom(t)
	r.IP("addr flush dev culvert0")
	before := r.Run("resolvectl", "status")
	m := newManager(t, r.opts, nil)
	err := m.Set(t.Context(), full())
	var own *Error
	if !errors.As(err, &own) || own.Backend != "systemd-resolved" || !errors.Is(err, ErrNotTaken) || !strings.Contains(err.Error(), "culvert0") {
		t.Errorf("Set = %v", err)
	}
	if got := r.Run("resolvectl", "status"); got != before {
		t.Errorf("after a Set that failed:\n%s\nwant\n%s", got, before)
	}
}

// Another interface than before: the old one is as it was.
func TestResolvedOtherInterface(t *testing.T) {
	r, _ := stubRoom(t)
	other := openTUN(t, r.Network, "culvert1")
	defer other.Close()
	r.IP("addr add 10.99.0.11/32 dev culvert1", "link set culvert1 up")
	m := newManager(t, r.opts, nil)
	must(t, m.Set(t.Context(), full()))
	cfg := full()
	cfg.Interface = "culvert1"
	must(t, m.Set(t.Context(), cfg))
	if got := r.Run("resolvectl", "dns"); strings.Contains(got, "(culvert0): 10") || !strings.Contains(got, "(culvert1): 10.99.0.1") {
		t.Errorf("resolvectl dns: %s", got)
	}
	// One that does not exist leaves what was there.
	cfg.Interface = "culvert7"
	if err := m.Set(t.Context(), cfg); err == nil {
		t.Error("Set for an interface that does not exist is no error")
	}
	if got := r.Run("resolvectl", "dns"); !strings.Contains(got, "(culvert1): 10.99.0.1") {
		t.Errorf("resolvectl dns after a Set that failed: %s", got)
	}
	must(t, m.Clear())
}

// A service that hangs costs the deadline and no more, and is named.
func TestResolvedFrozen(t *testing.T) {
	r, p := stubRoom(t)
	m := newManager(t, Options{Root: r.Dir, Timeout: time.Second}, nil)
	p.Signal(syscall.SIGSTOP)
	start := time.Now()
	err := m.Set(t.Context(), full())
	var own *Error
	if !errors.As(err, &own) || own.Backend != "systemd-resolved" || !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("Set = %v", err)
	}
	if d := time.Since(start); d > 10*time.Second {
		t.Errorf("it took %v", d)
	}
	p.Signal(syscall.SIGCONT)
	must(t, m.Set(t.Context(), full()))
	p.Signal(syscall.SIGSTOP)
	if err := m.Clear(); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("Clear = %v", err)
	}
	p.Signal(syscall.SIGCONT)
	must(t, m.Clear())
	r.lookup("after", asBefore)
}

// The stub is named, and nobody is behind it: resolv.conf is replaced, and
// points there again afterwards.
func TestResolvedGone(t *testing.T) {
	r, p := stubRoom(t)
	p.Kill()
	m := newManager(t, r.opts, nil)
	must(t, m.Set(t.Context(), full()))
	backend(t, m, "resolv.conf")
	r.lookup("full", asFull)
	must(t, m.Clear())
	if got, err := os.Readlink(r.Path(confPath)); err != nil || got != "../run/systemd/resolve/stub-resolv.conf" {
		t.Errorf("resolv.conf points to %q, %v", got, err)
	}
}

// libc asks systemd-resolved though resolv.conf is a file: both are set.
func TestResolvedByNSS(t *testing.T) {
	r := newRoom(t)
	r.Write(confPath, "nameserver "+outside+"\n")
	r.Write("/etc/nsswitch.conf", "hosts: files resolve [!UNAVAIL=return] dns\n")
	r.startBus()
	r.startResolved()
	m := newManager(t, r.opts, nil)
	r.lookup("before", asBefore)
	must(t, m.Set(t.Context(), full()))
	backend(t, m, "systemd-resolved+resolv.conf")
	r.lookup("full", asFull)
	if c := parseConf(r.read(confPath)); !c.asks(full()) {
		t.Errorf("resolv.conf: %s", r.read(confPath))
	}
	must(t, m.Set(t.Context(), some()))
	backend(t, m, "systemd-resolved")
	r.lookup("split", asSplit)
	if got := r.read(confPath); got != "nameserver "+outside+"\n" {
		t.Errorf("resolv.conf while split: %s", got)
	}
	must(t, m.Clear())
	r.lookup("after", asBefore)
}

// IPv6 servers arrive as such.
func TestResolvedIPv6(t *testing.T) {
	r, _ := stubRoom(t)
	cfg := full()
	cfg.Servers = append(cfg.Servers, netip.MustParseAddr("fd00::53"))
	m := newManager(t, r.opts, nil)
	must(t, m.Set(t.Context(), cfg))
	if got := r.Run("resolvectl", "dns", "culvert0"); !strings.Contains(got, "10.99.0.1 fd00::53") {
		t.Errorf("resolvectl dns: %s", got)
	}
	must(t, m.Clear())
}
