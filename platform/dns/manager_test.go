package dns

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"testing"
)

// fakePart writes down what is asked of it.
type fakePart struct {
	Name string
	log  *[]string
	fail map[string]error // by the word in the log
	have *Config
}

func (p *fakePart) kind() string { return p.Name }

func (p *fakePart) say(word string) error {
	*p.log = append(*p.log, p.Name+" "+word)
	return p.fail[word]
}

func (p *fakePart) set(_ context.Context, cfg Config, note func() error) error {
	if err := note(); err != nil {
		return err
	}
	err := p.say("set " + cfg.Interface)
	p.have = &cfg
	return err
}

func (p *fakePart) verify(_ context.Context, cfg Config) error {
	if p.have == nil || !reflect.DeepEqual(*p.have, cfg) {
		return ErrNotTaken
	}
	return p.fail["verify "+cfg.Interface]
}

func (p *fakePart) clear(context.Context) error {
	p.have = nil
	return p.say("clear")
}

// fakeManager is a manager of two parts; the log holds their calls and the
// journal's.
func fakeManager() (m *Manager, a, b *fakePart, log *[]string) {
	log = new([]string)
	a = &fakePart{Name: "a", log: log, fail: map[string]error{}}
	b = &fakePart{Name: "b", log: log, fail: map[string]error{}}
	m = &Manager{
		journal: func(text []byte) error {
			var r record
			if text != nil {
				if err := json.Unmarshal(text, &r); err != nil {
					return err
				}
			}
			*log = append(*log, fmt.Sprintf("journal %d", len(r.Parts)))
			return nil
		},
		detect: func(_ context.Context, _ Options, cfg Config) ([]part, string, error) {
			*log = append(*log, "detect "+cfg.Interface)
			return []part{a, b}, "for the test", nil
		},
	}
	return m, a, b, log
}

func config(iface string) Config { return Config{Interface: iface, Servers: addrs("10.0.0.1")} }

func TestManager(t *testing.T) {
	refused := errors.New("refused")
	changed := &ChangedError{"b", "x"}
	set0 := []string{"detect t0", "journal 2", "a set t0", "journal 2", "b set t0"}
	undone := []string{"b clear", "a clear", "journal 0"}
	for _, tt := range []struct {
		name string
		do   func(m *Manager, a, b *fakePart) error
		want []string
		err  error // of the last call
	}{
		{"set and clear", func(m *Manager, _, _ *fakePart) error {
			return errors.Join(m.Set(t.Context(), config("t0")), m.Clear(), m.Clear())
		}, slices.Concat(set0, undone), nil},
		{"set twice", func(m *Manager, _, _ *fakePart) error {
			return errors.Join(m.Set(t.Context(), config("t0")), m.Set(t.Context(), config("t0")))
		}, set0, nil},
		{"lost and set again", func(m *Manager, a, _ *fakePart) error {
			err := m.Set(t.Context(), config("t0"))
			a.have = nil
			return errors.Join(err, m.Set(t.Context(), config("t0")))
		}, slices.Concat(set0, set0[1:]), nil},
		{"first set fails", func(m *Manager, _, b *fakePart) error {
			b.fail["set t0"] = refused
			return m.Set(t.Context(), config("t0"))
		}, slices.Concat(set0, undone), refused},
		{"not taken", func(m *Manager, _, b *fakePart) error {
			b.fail["verify t0"] = ErrNotTaken
			return m.Set(t.Context(), config("t0"))
		}, slices.Concat(set0, undone), ErrNotTaken},
		{"second set fails", func(m *Manager, a, _ *fakePart) error {
			err := m.Set(t.Context(), config("t0"))
			a.fail["set t1"] = refused
			err = errors.Join(err, m.Set(t.Context(), config("t1")))
			return errors.Join(err, m.Verify(t.Context()))
		}, slices.Concat(set0, undone, []string{"detect t1", "journal 2", "a set t1", "journal 2", "a set t0", "journal 2", "b set t0"}), refused},
		{"clear fails once", func(m *Manager, _, b *fakePart) error {
			err := m.Set(t.Context(), config("t0"))
			b.fail["clear"] = refused
			err = errors.Join(err, m.Clear())
			b.fail["clear"] = nil
			return errors.Join(err, m.Clear())
		}, slices.Concat(set0, []string{"b clear", "a clear", "journal 1", "b clear", "journal 0"}), refused},
		{"somebody else's stays", func(m *Manager, _, b *fakePart) error {
			err := m.Set(t.Context(), config("t0"))
			b.fail["clear"] = changed
			return errors.Join(err, m.Clear(), m.Clear())
		}, slices.Concat(set0, undone), changed},
	} {
		m, a, b, log := fakeManager()
		err := tt.do(m, a, b)
		if !errors.Is(err, tt.err) || tt.err == nil && err != nil {
			t.Errorf("%s: %v, want %v", tt.name, err, tt.err)
		}
		if !slices.Equal(*log, tt.want) {
			t.Errorf("%s:\n%s\nwant\n%s", tt.name, strings.Join(*log, "\n"), strings.Join(tt.want, "\n"))
		}
	}
}

// Nothing is changed that could not be written down.
func TestManagerJournalFails(t *testing.T) {
	m, _, _, log := fakeManager()
	full := errors.New("disk full")
	m.journal = func(text []byte) error {
		if text == nil {
			return nil
		}
		return full
	}
	if err := m.Set(t.Context(), config("t0")); !errors.Is(err, full) {
		t.Errorf("Set = %v", err)
	}
	if slices.ContainsFunc(*log, func(s string) bool { return strings.Contains(s, "set") }) {
		t.Errorf("changed all the same: %q", *log)
	}
}

// Backend tells nothing while nothing is set.
func TestManagerBackend(t *testing.T) {
	m, _, b, _ := fakeManager()
	is := func(when, want, reason string) {
		t.Helper()
		if name, why := m.Backend(); name != want || why != reason {
			t.Errorf("%s: Backend = %q, %q, want %q, %q", when, name, why, want, reason)
		}
	}
	is("new", "", "")
	b.fail["set t0"] = errors.New("refused")
	if err := m.Set(t.Context(), config("t0")); err == nil {
		t.Error("Set = nil")
	}
	is("failed", "", "")
	delete(b.fail, "set t0")
	if err := m.Set(t.Context(), config("t0")); err != nil {
		t.Error(err)
	}
	is("set", "a+b", "for the test")
	if err := m.Clear(); err != nil {
		t.Error(err)
	}
	is("cleared", "", "")
}

func TestErrors(t *testing.T) {
	err := error(&Error{"resolvconf", fmt.Errorf("%w: x", ErrNotTaken)})
	if got, want := err.Error(), "dns: resolvconf: the setting is not in force: x"; got != want {
		t.Errorf("%q, want %q", got, want)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := wrap(ctx, &fakePart{Name: "a"}, errors.New("x")); !errors.Is(err, context.Canceled) || strings.Count(err.Error(), "dns:") != 1 {
		t.Errorf("wrap = %v", err)
	}
	c := &ChangedError{"a", "x"}
	for _, tt := range []struct {
		err  error
		want bool
	}{
		{c, true}, {errors.Join(c, c), true}, {fmt.Errorf("y: %w", c), true},
		{errors.New("x"), false}, {errors.Join(c, errors.New("x")), false},
	} {
		if got := changedOnly(tt.err); got != tt.want {
			t.Errorf("changedOnly(%v) = %v", tt.err, got)
		}
	}
}

func TestCleanUpRecord(t *testing.T) {
	if err := CleanUp(nil); err != nil {
		t.Error(err)
	}
	for _, text := range []string{"x", `{"parts":[{"backend":"no such","state":{}}]}`} {
		if err := CleanUp([]byte(text)); err == nil || !strings.HasPrefix(err.Error(), "dns: journal: ") {
			t.Errorf("CleanUp(%s) = %v", text, err)
		}
	}
}
