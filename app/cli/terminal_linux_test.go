package cli

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// openTerminal is a pseudo terminal (pty(7)): what a person has in front, and the
// program's side of it.
func openTerminal(t *testing.T) (person, program *os.File) {
	t.Helper()
	person, err := os.OpenFile("/dev/ptmx", os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { person.Close() })
	if err := unix.IoctlSetPointerInt(int(person.Fd()), unix.TIOCSPTLCK, 0); err != nil {
		t.Fatal(err)
	}
	n, err := unix.IoctlGetInt(int(person.Fd()), unix.TIOCGPTN)
	if err != nil {
		t.Fatal(err)
	}
	program, err = os.OpenFile(fmt.Sprintf("/dev/pts/%d", n), os.O_RDWR|unix.O_NOCTTY, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { program.Close() })
	return person, program
}

// screen reads what a person sees, up to s.
func screen(t *testing.T, r *bufio.Reader, s string) string {
	t.Helper()
	var seen strings.Builder
	for !strings.HasSuffix(seen.String(), s) {
		b, err := r.ReadByte()
		if err != nil {
			t.Fatalf("no %q on the screen: %v: %q", s, err, seen.String())
		}
		seen.WriteByte(b)
	}
	return seen.String()
}

func TestTerminal(t *testing.T) {
	keys, tty := openTerminal(t)
	eyes := bufio.NewReader(keys)
	term := newTerminal(Streams{In: tty, Out: io.Discard, Err: tty})
	if term == nil || newTerminal(Streams{In: strings.NewReader(""), Err: tty}) != nil || newTerminal(Streams{In: tty, Out: io.Discard, Err: io.Discard}) != nil {
		t.Fatal("what is a terminal is not, or the other way round")
	}
	if null, err := os.Open(os.DevNull); err != nil || isTerminal(null) {
		t.Errorf("%s is a terminal: %v", os.DevNull, err)
	}
	ask := func(question string, hidden bool, types string) (string, string, error) {
		t.Helper()
		type result struct {
			line []byte
			err  error
		}
		got := make(chan result, 1)
		go func() {
			line, err := term.ask(t.Context(), question, hidden)
			got <- result{line, err}
		}()
		seen := screen(t, eyes, question)
		if _, err := io.WriteString(keys, types); err != nil {
			t.Fatal(err)
		}
		r := <-got
		if _, err := io.WriteString(tty, "|"); err != nil {
			t.Fatal(err)
		}
		return seen + screen(t, eyes, "|"), string(r.line), r.err
	}
	for _, c := range []struct {
		name, types, screen, line string
		hidden                    bool
		err                       error
	}{
		{"shown", "alice\n", "Q: alice\r\n|", "alice", false, nil},
		{"hidden", "correct horse\n", "Q: \r\n|", "correct horse", true, nil},
		{"mended while typing", "corx\x7frect\n", "Q: \r\n|", "correct", true, nil},
		{"hidden in another script", "größe\n", "Q: \r\n|", "größe", true, nil},
		{"nothing", "\n", "Q: \r\n|", "", true, nil},
		{"the end of input", "\x04", "Q: |", "", false, io.EOF},
		{"shown again", "bob\n", "Q: bob\r\n|", "bob", false, nil},
	} {
		seen, line, err := ask("Q: ", c.hidden, c.types)
		if seen != c.screen || line != c.line || !errors.Is(err, c.err) {
			t.Errorf("%s: the screen has %q, the line is %q, %v; want %q, %q, %v", c.name, seen, line, err, c.screen, c.line, c.err)
		}
	}

	// A question that is taken back leaves what is typed to the next one.
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() {
		_, err := term.ask(ctx, "P: ", true)
		done <- err
	}()
	screen(t, eyes, "P: ")
	cancel()
	if err := <-done; !errors.Is(err, context.Canceled) {
		t.Errorf("taken back: %v", err)
	}
	if s, err := settings(tty); err != nil || s.Lflag&unix.ECHO == 0 {
		t.Errorf("the terminal does not show what is typed any more: %v", err)
	}
	screen(t, eyes, "\r\n")
	if seen, line, err := ask("R: ", false, "later\n"); line != "later" || err != nil || seen != "R: later\r\n|" {
		t.Errorf("afterwards: the screen has %q, the line is %q, %v", seen, line, err)
	}
	if _, err := term.ask(ctx, "never", false); !errors.Is(err, context.Canceled) {
		t.Errorf("ask after the end = %v", err)
	}
}

// A whole conversation, as a person has it.
func TestAddAtTerminal(t *testing.T) {
	d := newDesk(t)
	keys, tty := openTerminal(t)
	if err := keys.SetDeadline(time.Now().Add(20 * time.Second)); err != nil && !errors.Is(err, os.ErrNoDeadline) {
		t.Fatal(err)
	}
	eyes := bufio.NewReader(keys)
	s := Streams{In: tty, Out: tty, Err: tty}
	d.around.terminal = newTerminal(s)
	status := make(chan int, 1)
	go func() { status <- runCommand(t.Context(), nil, []string{"profiles", "add"}, s, d.around) }()
	seen := ""
	for _, step := range []struct{ wait, types string }{
		{"Server (name or address): ", "vpn.example.com\n"}, {"User: ", "alice\n"},
		{"Password (empty: ask each time): ", "correct horse\n"}, {"Pre-shared key (empty: ask each time): ", "the key\n"},
	} {
		seen += screen(t, eyes, step.wait)
		if _, err := io.WriteString(keys, step.types); err != nil {
			t.Fatal(err)
		}
	}
	seen += screen(t, eyes, "connects.\r\n")
	if got := <-status; got != 0 || strings.Contains(seen, "horse") || strings.Contains(seen, "the key") || len(d.keys.values) != 2 {
		t.Errorf("status %d, secrets %v, and the screen has\n%s", got, d.keys.values, seen)
	}
}

func TestReadLine(t *testing.T) {
	for in, want := range map[string]string{"a\r\nb": "a", "a": "a", "\n": "", "a b\n": "a b"} {
		if got, err := readLine(strings.NewReader(in)); err != nil || string(got) != want {
			t.Errorf("readLine(%q) = %q, %v, want %q", in, got, err, want)
		}
	}
	if _, err := readLine(strings.NewReader("")); !errors.Is(err, io.EOF) {
		t.Errorf("readLine of nothing = %v", err)
	}
	if got, err := readLine(strings.NewReader(strings.Repeat("x", maxAnswer+1))); err == nil {
		t.Errorf("readLine of a line without an end = %d octets", len(got))
	}
}
