package keyring

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/culvert-vpn/culvert/platform/testroom"
	"github.com/godbus/dbus/v5"
)

// From the specification (Secret Service API).
const (
	secretsName    = "org.freedesktop.secrets"
	secretsPath    = "/org/freedesktop/secrets"
	secretsService = "org.freedesktop.Secret.Service"
	login          = dbus.ObjectPath("/org/freedesktop/secrets/collection/login")
)

// The prompter is the program that shows gnome-keyring's questions.
const (
	prompterName      = "org.gnome.keyring.SystemPrompter"
	prompterPath      = "/org/gnome/keyring/Prompter"
	prompterInterface = "org.gnome.keyring.internal.Prompter"
)

// session is a session bus of the test's own, which starts no services.
type session struct {
	home string
	env  []string
	conn *dbus.Conn
	end  func() // ends the bus
}

func startSession(t *testing.T) *session {
	t.Helper()
	dir, bus := t.TempDir(), testroom.NewBus(t, "", "")
	t.Setenv("DBUS_SESSION_BUS_ADDRESS", bus.Address)
	s := &session{home: dir, end: bus.Kill, conn: bus.Connect()}
	s.env = append(os.Environ(), "HOME="+dir, "XDG_RUNTIME_DIR="+dir, "XDG_DATA_HOME="+dir, "XDG_CONFIG_HOME="+dir)
	// go-keyring keeps one connection for the whole process. The next test needs
	// another, and gets it once this one has ended.
	t.Cleanup(func() {
		shared, err := dbus.SessionBus()
		if err != nil {
			return // never used, and the bus is gone
		}
		bus.Kill()
		<-shared.Context().Done()
	})
	return s
}

// startKeyring starts a gnome-keyring whose login keyring is open.
func (s *session) startKeyring(t *testing.T) {
	t.Helper()
	signals := make(chan *dbus.Signal, 16)
	s.conn.Signal(signals)
	if err := s.conn.AddMatchSignal(dbus.WithMatchMember("NameOwnerChanged"), dbus.WithMatchArg(0, secretsName)); err != nil {
		t.Fatal(err)
	}
	here := testroom.Here(t)
	cmd := here.Command("gnome-keyring-daemon", "--unlock", "--components=secrets", "--foreground")
	cmd.Env = s.env
	cmd.Stdin = strings.NewReader("the keyring's own password")
	here.Launch(cmd)
	late := time.After(testroom.Patience)
	for {
		select {
		case sig := <-signals:
			if sig.Name == "org.freedesktop.DBus.NameOwnerChanged" {
				s.conn.RemoveSignal(signals)
				return
			}
		case <-late:
			t.Fatal("gnome-keyring-daemon does not come up")
		}
	}
}

// lock locks the login keyring.
func (s *session) lock(t *testing.T) {
	t.Helper()
	var locked []dbus.ObjectPath
	var prompt dbus.ObjectPath
	err := s.conn.Object(secretsName, secretsPath).Call(secretsService+".Lock", 0, []dbus.ObjectPath{login}).Store(&locked, &prompt)
	if err != nil || len(locked) != 1 {
		t.Fatalf("locking: %v, %v", locked, err)
	}
}

func TestSecretService(t *testing.T) {
	s := startSession(t)
	s.startKeyring(t)
	k := New()
	for _, c := range []struct {
		name, value string
	}{
		{"plain", "hunter2"},
		{"characters", "pä\"ss'wörd \\ $(x) %s 日本語 🙂"},
		{"lines", "a\nb\r\n\tc "},
		{"no text", "\x00\xff\xfe\x80"},
		{"longest", strings.Repeat("x", MaxValue)},
		{"empty", ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			for _, kind := range Kinds {
				if err := k.Set(t.Context(), profile, kind, []byte("before")); err != nil {
					t.Fatal(err)
				}
				if err := k.Set(t.Context(), profile, kind, []byte(c.value)); err != nil {
					t.Fatal(err)
				}
				if got, err := k.Get(t.Context(), profile, kind); err != nil || string(got) != c.value {
					t.Errorf("%s: %q, %v, want %q", kind, got, err, c.value)
				}
			}
		})
	}
	testWhere(t, s, k)
}

// testWhere has another program see the secrets, and then see them gone.
func testWhere(t *testing.T, s *session, k *Keyring) {
	t.Helper()
	count := func() int {
		t.Helper()
		var items []dbus.ObjectPath
		err := s.conn.Object(secretsName, login).Call("org.freedesktop.Secret.Collection.SearchItems", 0,
			map[string]string{"service": "culvert"}).Store(&items)
		if err != nil {
			t.Fatal(err)
		}
		return len(items)
	}
	if got := count(); got != len(Kinds) {
		t.Errorf("the keyring has %d secrets of ours, want %d", got, len(Kinds))
	}
	if err := k.Delete(t.Context(), profile, PSK); err != nil {
		t.Error(err)
	}
	if _, err := k.Get(t.Context(), profile, PSK); !errors.Is(err, ErrNotFound) {
		t.Errorf("Get of what was deleted: %v, want ErrNotFound", err)
	}
	if err := k.Delete(t.Context(), profile, PSK); !errors.Is(err, ErrNotFound) {
		t.Errorf("deleting twice: %v, want ErrNotFound", err)
	}
	if err := k.DeleteProfile(t.Context(), profile); err != nil {
		t.Error(err)
	}
	if got := count(); got != 0 {
		t.Errorf("the keyring still has %d secrets of ours", got)
	}
}

// TestLocked has a locked keyring that cannot show its question: there is no
// screen.
func TestLocked(t *testing.T) {
	s := startSession(t)
	s.startKeyring(t)
	k := New()
	if err := k.Set(t.Context(), profile, PSK, []byte("x")); err != nil {
		t.Fatal(err)
	}
	s.lock(t)
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	if got, err := k.Get(ctx, profile, PSK); !errors.Is(err, ErrUnavailable) {
		t.Errorf("Get = %q, %v, want ErrUnavailable", got, err)
	}
}

// prompter shows the question, and nobody answers.
type prompter struct{ begun chan struct{} }

// BeginPrompting is called by gnome-keyring.
func (p *prompter) BeginPrompting(dbus.ObjectPath) *dbus.Error {
	close(p.begun)
	return nil
}

// TestPromptForEver has a locked keyring that shows its question, which nobody
// answers until the bus ends.
func TestPromptForEver(t *testing.T) {
	s := startSession(t)
	s.startKeyring(t)
	k := New()
	if err := k.Set(t.Context(), profile, PSK, []byte("x")); err != nil {
		t.Fatal(err)
	}
	p := &prompter{make(chan struct{})}
	if err := s.conn.Export(p, prompterPath, prompterInterface); err != nil {
		t.Fatal(err)
	}
	if _, err := s.conn.RequestName(prompterName, dbus.NameFlagDoNotQueue); err != nil {
		t.Fatal(err)
	}
	s.lock(t)
	ctx, cancel := context.WithCancel(t.Context())
	first := make(chan error, 1)
	go func() {
		_, err := k.Get(ctx, profile, PSK)
		first <- err
	}()
	<-p.begun
	cancel()
	if err := <-first; !errors.Is(err, context.Canceled) {
		t.Errorf("Get = %v, want context.Canceled", err)
	}
	short, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	if err := k.Set(short, profile, PSK, []byte("y")); !errors.Is(err, ErrUnavailable) || !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("Set = %v, want ErrUnavailable and DeadlineExceeded", err)
	}
	s.end() // go-keyring panics at this
	long, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	if _, err := k.Get(long, profile, PSK); !errors.Is(err, ErrUnavailable) || errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("after the bus ended: %v, want ErrUnavailable at once", err)
	}
}

func TestNoSecretService(t *testing.T) {
	startSession(t)
	if err := New().Set(t.Context(), profile, PSK, []byte("x")); !errors.Is(err, ErrUnavailable) {
		t.Errorf("Set = %v, want ErrUnavailable", err)
	}
}

// TestNoBus has no session at all, as on a server, and a program that would
// start one: it must not be run.
func TestNoBus(t *testing.T) {
	dir := t.TempDir()
	trace := filepath.Join(dir, "ran")
	script := "#!/bin/sh\ntouch " + trace + "\n"
	if err := os.WriteFile(filepath.Join(dir, "dbus-launch"), []byte(script), 0o755); err != nil {
		t.Fatal(err)
	}
	t.Setenv("PATH", dir+":"+os.Getenv("PATH"))
	k := newKeyring(system{}, func() error { return findBus(dir) }) // the machine may have a bus for root
	for _, address := range []string{"", "autolaunch:"} {
		t.Setenv("DBUS_SESSION_BUS_ADDRESS", address)
		if _, err := k.Get(t.Context(), profile, PSK); !errors.Is(err, ErrUnavailable) {
			t.Errorf("address %q: %v, want ErrUnavailable", address, err)
		}
	}
	if err := os.WriteFile(filepath.Join(dir, "bus"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := findBus(dir); err != nil {
		t.Errorf("a bus in the runtime directory: %v", err)
	}
	if _, err := os.Stat(trace); err == nil {
		t.Error("a bus was started")
	}
	t.Setenv("DBUS_SESSION_BUS_ADDRESS", "unix:path="+dir+"/nothing")
	if _, err := New().Get(t.Context(), profile, PSK); !errors.Is(err, ErrUnavailable) {
		t.Errorf("a bus that is gone: %v, want ErrUnavailable", err)
	}
}
