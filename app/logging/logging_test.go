package logging

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/slogtest"
	"time"

	"github.com/culvert-vpn/culvert/engine/secret"
)

// TestHandler is slog's own test of what a handler has to do.
func TestHandler(t *testing.T) {
	var out bytes.Buffer
	l := New(Config{Output: &out, JSON: true})
	err := slogtest.TestHandler(l.Handler(), func() []map[string]any {
		var lines []map[string]any
		for dec := json.NewDecoder(&out); dec.More(); {
			var m map[string]any
			if err := dec.Decode(&m); err != nil {
				t.Fatal(err)
			}
			lines = append(lines, m)
		}
		return lines
	})
	if err != nil {
		t.Error(err)
	}
}

// valuer tells its value when it is asked.
type valuer struct{ v slog.Value }

func (v valuer) LogValue() slog.Value { return v.v }

type panics struct{}

func (panics) String() string { panic("at the wrong time") }

// everywhere gives each line as the ring, text and JSON have it.
func everywhere(t *testing.T, add []string, do func(l *Log)) []string {
	t.Helper()
	var all []string
	for _, js := range []bool{false, true} {
		var out bytes.Buffer
		l := New(Config{Output: &out, JSON: js})
		for _, s := range add {
			t.Cleanup(l.Secrets.Add(secret.Secret(s)))
		}
		do(l)
		for _, e := range l.Ring.Entries() {
			all = append(all, e.String())
		}
		all = append(all, out.String())
	}
	return all
}

func TestRedaction(t *testing.T) {
	const v = "hunter2"
	live := []string{v, "471108"}
	for _, c := range []struct {
		name string
		live bool // v is in the registry
		do   func(l *Log)
	}{
		{"a secret", false, func(l *Log) { l.Info("x", "value", secret.Secret(v)) }},
		{"a secret deep inside", false, func(l *Log) { l.Info("x", "value", []any{holder{"a", secret.Secret(v)}}) }},
		{"a name", false, func(l *Log) { l.Info("x", "password", v) }},
		{"a name in With", false, func(l *Log) { l.With("psk", v).Info("x") }},
		{"a name of a group", false, func(l *Log) { l.WithGroup("secrets").Info("x", "first", v, slog.Group("more", "second", v)) }},
		{"a name in a group", false, func(l *Log) { l.Info("x", slog.Group("ppp", "otp", v, "code", 691)) }},
		{"a name with a number", false, func(l *Log) { l.Info("x", "otp", 471108, "pin", 471108.0) }},
		{"a name with octets", false, func(l *Log) { l.Info("x", "tunnel_secret", []byte(v), "key_passphrase", errors.New(v)) }},
		{"a value told later", false, func(l *Log) { l.Info("x", "login", valuer{slog.GroupValue(slog.String("password", v))}) }},
		{"the message", true, func(l *Log) { l.Info("the password is " + v) }},
		{"an attribute", true, func(l *Log) { l.Info("x", "argument", "--password="+v) }},
		{"an error", true, func(l *Log) { l.Info("x", "err", fmt.Errorf("wrong: %w", fmt.Errorf("got %q", v))) }},
		{"octets", true, func(l *Log) { l.Info("x", "packet", []byte("\x01\x02"+v+"\x03")) }},
		{"a struct", true, func(l *Log) { l.Info("x", "config", struct{ a, b any }{v, []byte(v)}) }},
		{"a key", true, func(l *Log) { l.Info("x", v, 1) }},
		{"a group's name", true, func(l *Log) { l.WithGroup(v).Info("x", "a", 1) }},
		{"a number", true, func(l *Log) { l.Info("x", "code", 471108, "wait", 471108*time.Second) }},
		{"given before it was known", true, func(l *Log) { l.With("server", v).WithGroup("g").With("a", v).Info("x", "b", v) }},
		{"told later", true, func(l *Log) { l.Info("x", "v", valuer{slog.AnyValue(valuer{slog.StringValue(v)})}) }},
	} {
		t.Run(c.name, func(t *testing.T) {
			add := live
			if !c.live {
				add = nil
			}
			for _, line := range everywhere(t, add, c.do) {
				if strings.Contains(line, v) || strings.Contains(line, fmt.Sprintf("%x", v)) || strings.Contains(line, "471108") {
					t.Errorf("a secret is in %s", line)
				}
				if !strings.Contains(line, "redacted") {
					t.Errorf("nothing is masked in %s", line)
				}
			}
		})
	}
}

func TestEntries(t *testing.T) {
	l := New(Config{})
	at := time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)
	l.With("server", netip.MustParseAddr("192.0.2.1")).WithGroup("ppp").Info("link up", "mru", 1400, slog.Group("auth", "method", "chap", "took", at.Sub(at.Add(-time.Second))),
		"when", at, "bad", panics{}, slog.Group("empty"), slog.Group("", "inline", true))
	e := l.Ring.Entries()[0]
	want := []Attr{{"server", "192.0.2.1"}, {"ppp.mru", "1400"}, {"ppp.auth.method", "chap"}, {"ppp.auth.took", "1s"},
		{"ppp.when", "2026-11-22 12:00:00 +0000 UTC"}, {"ppp.bad", "%!v(PANIC=String method: at the wrong time)"}, {"ppp.inline", "true"}}
	if e.Message != "link up" || e.Level != slog.LevelInfo || e.Seq != 1 || e.Time.IsZero() || !slices.Equal(e.Attrs, want) {
		t.Errorf("got %+v, want attributes %+v", e, want)
	}
}

func TestLevel(t *testing.T) {
	var out bytes.Buffer
	l := New(Config{Level: slog.LevelWarn, Output: &out})
	child := l.With("a", 1).WithGroup("b")
	say := func() {
		child.Debug("debug")
		child.Info("info")
		l.Warn("warn")
	}
	for _, c := range []struct {
		level slog.Level
		want  []string
	}{{slog.LevelWarn, []string{"warn"}}, {slog.LevelDebug, []string{"debug", "info", "warn"}}, {slog.LevelError, nil}} {
		l.SetLevel(c.level)
		last := l.Ring.Last()
		out.Reset()
		say()
		got := messages(l.Ring.Entries())[last:]
		if !slices.Equal(got, c.want) || strings.Count(out.String(), "\n") != len(c.want) {
			t.Errorf("at %v: %q and\n%s, want %q", c.level, got, out.String(), c.want)
		}
		if l.Level() != c.level || child.Enabled(context.Background(), c.level-1) {
			t.Errorf("Level = %v, want %v, for children as well", l.Level(), c.level)
		}
	}
}

// TestSiblings makes two loggers from one: they must not write into each
// other's attributes.
func TestSiblings(t *testing.T) {
	l := New(Config{})
	parent := l.With("a", 1).With("b", 2).With("c", 3)
	one, two := parent.With("d", "one"), parent.With("d", "two")
	one.Info("x")
	two.Info("x")
	one.Info("x")
	for i, want := range []string{"one", "two", "one"} {
		if got := l.Ring.Entries()[i].Attrs[3]; got.Value != want {
			t.Errorf("line %d has d=%s, want %s", i, got.Value, want)
		}
	}
}

// recursive logs while it is being logged.
type recursive struct{ l *Log }

func (r recursive) String() string {
	r.l.Info("from within")
	return "done"
}

// TestAtOnce logs, adds, removes, reads and changes the level at once; with
// values that log themselves. What is live all the time never shows.
func TestAtOnce(t *testing.T) {
	l := New(Config{Entries: 100})
	defer l.Secrets.Add(secret.Secret("always-secret"))()
	ctx, cancel := context.WithCancel(t.Context())
	var readers, workers sync.WaitGroup
	rd := l.Ring.Follow(0)
	readers.Go(func() {
		for {
			e, _, err := rd.Next(ctx)
			if err != nil {
				return
			}
			if strings.Contains(e.String(), "always-secret") {
				t.Errorf("a secret is in %v", e)
			}
		}
	})
	for w := range 4 {
		workers.Go(func() {
			log := l.With("worker", w)
			for i := range 200 {
				remove := l.Secrets.Add(secret.Secret(fmt.Sprintf("secret-%d-%d", w, i)), secret.Secret("shared-secret"))
				log.Info("it is always-secret", "at", i, "v", recursive{l})
				l.SetLevel(slog.Level(-i % 4))
				remove()
			}
		})
	}
	workers.Wait()
	cancel()
	readers.Wait()
	if n := len(l.Secrets.live); n != 1 {
		t.Errorf("%d secrets are live, want 1", n)
	}
}
