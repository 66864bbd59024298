package authorize

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/culvert-vpn/culvert/platform/ipc"
	"github.com/culvert-vpn/culvert/platform/testroom"
	"github.com/godbus/dbus/v5"
	"golang.org/x/sys/unix"
)

func TestPolkit(t *testing.T) {
	bus := startBus(t)
	startPolkit(t, bus)
	a := New(Config{Bus: bus})
	a.groupID = func(string) (uint32, error) { return 4711, nil }
	for _, c := range []struct {
		name        string
		uid         int
		groups      []string
		interactive bool
		want        Reason
		err         error
	}{
		{"root", 0, nil, false, Root, nil},
		{"of the group", 5, []string{"4", "4711"}, false, Member, nil},
		{"of the group alone, and polkit says no", 5, []string{"4"}, false, "", ErrDenied},
		{"a rule says yes", 65534, nil, false, Polkit, nil},
		{"a rule says no", 5, nil, false, "", ErrDenied},
		{"a rule says no to a person too", 5, nil, true, "", ErrDenied},
		{"not at a screen", 3, nil, false, "", ErrInteraction},
		{"the action's default", 7, nil, false, "", ErrInteraction},
		{"the action's default, and no agent to ask", 7, nil, true, "", ErrDenied},
		{"a user without a name", 54321, nil, false, "", ErrInteraction},
	} {
		t.Run(c.name, func(t *testing.T) {
			client := connectAs(t, c.uid, "-", c.groups...)
			got, err := a.Authorize(t.Context(), client.peer, c.interactive)
			if got != c.want || !errors.Is(err, c.err) {
				t.Errorf("Authorize(%v) = %q, %v, want %q, %v", client.peer, got, err, c.want, c.err)
			}
			if errors.Is(err, ErrInteraction) != (c.err == ErrInteraction) {
				t.Errorf("a person could help: %v, want %v", err, c.err)
			}
		})
	}
	t.Run("a person who does not answer", func(t *testing.T) { testPatience(t, a, bus) })
	t.Run("gone since", func(t *testing.T) {
		client := connectAs(t, 65534, "-")
		if err := client.cmd.Process.Kill(); err != nil {
			t.Fatal(err)
		}
		_ = client.cmd.Wait()
		if got, err := a.Authorize(t.Context(), client.peer, false); !errors.Is(err, ErrDenied) {
			t.Errorf("Authorize = %q, %v, want ErrDenied", got, err)
		}
	})
}

// testPatience has polkit ask a person, who does not answer, and takes the
// question back.
func testPatience(t *testing.T, a *Authorizer, bus string) {
	client := connectAs(t, 7, bus)
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	result := make(chan error, 1)
	go func() {
		_, err := a.Authorize(ctx, client.peer, true)
		result <- err
	}()
	client.expect(t, "asked for "+Action)
	select {
	case err := <-result:
		t.Fatalf("Authorize did not wait for the person: %v", err)
	default:
	}
	cancel()
	if err := <-result; !errors.Is(err, ErrDenied) || !errors.Is(err, context.Canceled) {
		t.Errorf("Authorize = %v, want ErrDenied and context.Canceled", err)
	}
	client.expect(t, "cancelled")
}

// TestDeadline has a system bus that takes connections and says nothing.
func TestDeadline(t *testing.T) {
	path := testroom.Scratch(t) + "/bus"
	fd, err := unix.Socket(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer unix.Close(fd)
	if err := errors.Join(unix.Bind(fd, &unix.SockaddrUnix{Name: path}), unix.Listen(fd, 8)); err != nil {
		t.Fatal(err)
	}
	client := connectAs(t, 65534, "-")
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	_, err = New(Config{Bus: "unix:path=" + path}).Authorize(ctx, client.peer, false)
	if !errors.Is(err, ErrDenied) || !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("Authorize = %v, want ErrDenied and DeadlineExceeded", err)
	}
}

// TestNoPolkit has a bus, and nobody there to ask.
func TestNoPolkit(t *testing.T) {
	bus := startBus(t)
	client := connectAs(t, 65534, "-")
	if got, err := New(Config{Bus: bus}).Authorize(t.Context(), client.peer, false); !errors.Is(err, ErrDenied) {
		t.Errorf("Authorize = %q, %v, want ErrDenied", got, err)
	}
}

// authority says yes to everybody, and remembers the question.
type authority struct {
	asked  chan question
	first  func()      // before it says yes
	cancel chan string // the questions that were taken back
}

type question struct {
	subject subject
	action  string
	flags   uint32
	pidfd   string // the PID that the descriptor stands for
	id      string // to take it back by
}

// CheckAuthorization is polkit's.
func (a *authority) CheckAuthorization(s subject, action string, _ map[string]string, flags uint32, id string) (result, *dbus.Error) {
	q := question{subject: s, action: action, flags: flags, id: id}
	if fd, ok := s.Details["pidfd"].Value().(dbus.UnixFD); ok {
		q.pidfd = pidOf(int(fd))
		unix.Close(int(fd))
	}
	a.asked <- q
	a.first()
	return result{Authorized: true}, nil
}

// CancelCheckAuthorization is polkit's.
func (a *authority) CancelCheckAuthorization(id string) *dbus.Error {
	a.cancel <- id
	return nil
}

// export puts the authority into polkit's place.
func (a *authority) export(t *testing.T, conn *dbus.Conn) {
	t.Helper()
	if err := conn.Export(a, polkitPath, polkitInterface); err != nil {
		t.Fatal(err)
	}
	if _, err := conn.RequestName(polkitName, dbus.NameFlagDoNotQueue); err != nil {
		t.Fatal(err)
	}
}

// TestTakenBack has a polkit that answers when the question is taken back.
func TestTakenBack(t *testing.T) {
	bus := startBus(t)
	polkit := &authority{asked: make(chan question, 1), cancel: make(chan string, 1)}
	id := make(chan string, 1)
	polkit.first = func() { id <- <-polkit.cancel }
	polkit.export(t, testBus(t, bus))
	client := connectAs(t, 65534, "-")
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	result := make(chan error, 1)
	go func() {
		_, err := New(Config{Bus: bus}).Authorize(ctx, client.peer, true)
		result <- err
	}()
	q := <-polkit.asked
	cancel()
	select {
	case got := <-id:
		if got != q.id || got == "" {
			t.Errorf("took back %q, want %q", got, q.id)
		}
	case <-time.After(20 * time.Second):
		t.Error("the question was not taken back")
		polkit.cancel <- ""
	}
	if err := <-result; !errors.Is(err, context.Canceled) {
		t.Errorf("Authorize = %v, want context.Canceled", err)
	}
}

// TestNotAsked has clients of which polkit could know nothing right.
func TestNotAsked(t *testing.T) {
	bus := startBus(t)
	polkit := &authority{asked: make(chan question, 8), first: func() {}}
	polkit.export(t, testBus(t, bus))
	peer := connectAs(t, 65534, "-").peer
	for name, change := range map[string]func(p *ipc.Peer, u *ipc.Unix){
		"gone before it was accepted": func(_ *ipc.Peer, u *ipc.Unix) { u.StartTime = 0 },
		"in another PID namespace":    func(p *ipc.Peer, _ *ipc.Unix) { p.PID = 0 },
	} {
		p, u := peer, *peer.Unix
		p.Unix = &u
		change(&p, &u)
		if got, err := New(Config{Bus: bus}).Authorize(t.Context(), p, false); !errors.Is(err, ErrDenied) {
			t.Errorf("%s: %q, %v, want ErrDenied", name, got, err)
		}
	}
	if n := len(polkit.asked); n != 0 {
		t.Errorf("polkit was asked %d times", n)
	}
}

// pidOf is the PID of a pidfd (proc(5), fdinfo).
func pidOf(fd int) string {
	info, err := os.ReadFile(fmt.Sprintf("/proc/self/fdinfo/%d", fd))
	if err != nil {
		return err.Error()
	}
	_, pid, _ := strings.Cut(string(info), "\nPid:\t")
	pid, _, _ = strings.Cut(pid, "\n")
	return pid
}

// TestQuestion looks at what polkit is asked: Debian's is too old to care for
// the pidfd.
func TestQuestion(t *testing.T) {
	bus := startBus(t)
	conn := testBus(t, bus)
	for _, c := range []struct {
		name        string
		interactive bool
		kill        bool // the client, before the answer
	}{{"a program", false, false}, {"a person", true, false}, {"gone before the answer", false, true}} {
		t.Run(c.name, func(t *testing.T) {
			client := connectAs(t, 65534, "-")
			polkit := &authority{asked: make(chan question, 1), first: func() {
				if c.kill {
					_ = client.cmd.Process.Kill()
					_ = client.cmd.Wait()
				}
			}}
			polkit.export(t, conn)
			got, err := New(Config{Bus: bus}).Authorize(t.Context(), client.peer, c.interactive)
			if c.kill != errors.Is(err, ErrDenied) || !c.kill && got != Polkit {
				t.Errorf("Authorize = %q, %v", got, err)
			}
			q := <-polkit.asked
			testAsked(t, q, client.peer, c.interactive, c.kill)
		})
	}
}

func testAsked(t *testing.T, q question, p ipc.Peer, interactive, killed bool) {
	t.Helper()
	d := q.subject.Details
	if q.action != Action || q.flags == 1 != interactive || q.subject.Kind != "unix-process" {
		t.Errorf("asked about %s of a %s with flags %d", q.action, q.subject.Kind, q.flags)
	}
	if d["pid"].Value() != uint32(p.PID) || d["uid"].Value() != int32(65534) || d["start-time"].Value() != p.Unix.StartTime {
		t.Errorf("asked about %v, want %v started at %d", d, p, p.Unix.StartTime)
	}
	if want := fmt.Sprint(p.PID); !killed && q.pidfd != want {
		t.Errorf("the pidfd stands for %q, want %q", q.pidfd, want)
	}
}
