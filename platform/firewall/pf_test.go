package firewall

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
)

// fakePF is a pf that keeps the list of its commands.
type fakePF struct {
	done    []string
	main    string // the main rules
	anchor  string
	enabled int // references
	fail    string
}

var errFake = errors.New("exit status 1")

func (f *fakePF) run(_ context.Context, stdin string, args ...string) (string, error) {
	c := strings.Join(args, " ")
	f.done = append(f.done, c)
	if f.fail != "" && strings.HasPrefix(c, f.fail) {
		return "pfctl: no", errFake
	}
	switch {
	case c == "-s info" && f.enabled > 0:
		return "Status: Enabled for 0 days 00:00:07", nil
	case c == "-s info":
		return "Status: Disabled", nil
	case c == "-s rules":
		return f.main, nil
	case c == "-a com.apple/culvert -s rules":
		return f.anchor, nil
	case c == "-a com.apple/culvert -f -":
		f.anchor = stdin
	case c == "-a com.apple/culvert -F rules":
		f.anchor = ""
	case c == "-E":
		f.enabled++
		return fmt.Sprintf("pf enabled\nToken : %d\n", 4711+f.enabled), nil
	case strings.HasPrefix(c, "-X"):
		f.enabled--
	}
	return "", nil
}

func (f *fakePF) want(t *testing.T, when string, want ...string) {
	t.Helper()
	if !slices.Equal(f.done, want) {
		t.Errorf("%s:\n%s\nwant\n%s", when, strings.Join(f.done, "\n"), strings.Join(want, "\n"))
	}
	f.done = nil
}

const appleRules = "scrub-anchor \"com.apple/*\" all fragment reassemble\nanchor \"com.apple/*\" all\n"

func TestPFRules(t *testing.T) {
	for _, s := range states {
		golden(t, s.name+".pf", pfRules(plan(s.cfg)))
	}
}

func TestPF(t *testing.T) {
	ctx := context.Background()
	ctl := &fakePF{main: appleRules}
	var journal []string
	m := newManager(&pf{ctl: ctl}, func(rec []byte) error { journal = append(journal, string(rec)); return nil })
	if err := m.Set(ctx, connecting()); err != nil {
		t.Fatal(err)
	}
	ctl.want(t, "Set",
		"-s rules",
		"-a com.apple/culvert -f -",
		"-s info",
		"-E",
		"-F states",
		"-a com.apple/culvert -s rules",
	)
	if err := m.Set(ctx, connected()); err != nil {
		t.Fatal(err)
	}
	ctl.want(t, "Set of something else: one reference is enough",
		"-s rules",
		"-a com.apple/culvert -f -",
		"-s info",
		"-F states",
		"-a com.apple/culvert -s rules",
	)
	for _, c := range []struct {
		name  string
		spoil func()
	}{
		{"flushed", func() { ctl.anchor = "" }},
		{"switched off", func() { ctl.enabled = 0 }},
		{"another pf.conf", func() { ctl.main = "pass all" }},
	} {
		before := *ctl
		if ok, err := m.Intact(); !ok || err != nil {
			t.Errorf("Intact = %v, %v, want true", ok, err)
		}
		c.spoil()
		if ok, err := m.Intact(); ok || err != nil {
			t.Errorf("%s: Intact = %v, %v, want false", c.name, ok, err)
		}
		*ctl = before
	}
	ctl.done = nil
	if err := m.Clear(); err != nil {
		t.Fatal(err)
	}
	ctl.want(t, "Clear", "-a com.apple/culvert -F rules", "-X 4712")
	want := []string{`{"system":"pf"}`, `{"system":"pf","references":["4712"]}`, `{"system":"pf","references":["4712"]}`, ""}
	if !slices.Equal(journal, want) {
		t.Errorf("journal: %q, want %q", journal, want)
	}
}

// Each step may fail: what was before is there again.
func TestPFFails(t *testing.T) {
	ctx := context.Background()
	for _, step := range []string{"-s rules", "-a com.apple/culvert -f", "-s info", "-E", "-F states", "-a com.apple/culvert -s"} {
		ctl := &fakePF{main: appleRules, fail: step}
		m := newManager(&pf{ctl: ctl}, nil)
		if err := m.Set(ctx, connecting()); !errors.Is(err, errFake) {
			t.Errorf("%s fails: Set = %v", step, err)
		}
		if ctl.anchor != "" {
			t.Errorf("%s fails: left\n%s", step, ctl.anchor)
		}
	}
	ctl := &fakePF{main: appleRules}
	m := newManager(&pf{ctl: ctl}, nil)
	if err := m.Set(ctx, connecting()); err != nil {
		t.Fatal(err)
	}
	ctl.fail = "-F states"
	if err := m.Set(ctx, connected()); !errors.Is(err, errFake) {
		t.Errorf("Set = %v", err)
	}
	if want := pfRules(plan(connecting())); ctl.anchor != want {
		t.Errorf("a later Set that fails left\n%s\nwant\n%s", ctl.anchor, want)
	}
	if err := newManager(&pf{ctl: &fakePF{main: "pass all"}}, nil).Set(ctx, connecting()); !errors.Is(err, ErrNoAnchor) {
		t.Errorf("Set = %v, want ErrNoAnchor", err)
	}
}

// The reference that the journal could not be told of is given back.
func TestPFJournalFails(t *testing.T) {
	ctl := &fakePF{main: appleRules}
	n := 0
	m := newManager(&pf{ctl: ctl}, func([]byte) error {
		if n++; n == 2 {
			return errFake
		}
		return nil
	})
	if err := m.Set(context.Background(), connecting()); !errors.Is(err, errFake) {
		t.Errorf("Set = %v", err)
	}
	if ctl.enabled != 0 || ctl.anchor != "" {
		t.Errorf("%d references and the rules %q are left", ctl.enabled, ctl.anchor)
	}
}

// A new process takes over, or takes away.
func TestPFAfterKill(t *testing.T) {
	rec := []byte(`{"system":"pf","references":["4712"]}`)
	ctl := &fakePF{main: appleRules, anchor: "old", enabled: 1}
	m := newManager(&pf{ctl: ctl}, nil)
	if err := m.Adopt(rec); err != nil {
		t.Fatal(err)
	}
	if err := m.Set(context.Background(), connecting()); err != nil {
		t.Fatal(err)
	}
	if ctl.enabled != 1 {
		t.Errorf("%d references, want 1", ctl.enabled)
	}
	ctl.done = nil
	for range 2 {
		if err := cleanUp(&pf{ctl: ctl}, rec); err != nil {
			t.Fatal(err)
		}
		ctl.want(t, "cleanUp", "-a com.apple/culvert -F rules", "-X 4712")
	}
	// A record is a file: its tokens are not taken for options.
	if err := cleanUp(&pf{ctl: ctl}, []byte(`{"system":"pf","references":["-d"]}`)); err != nil {
		t.Fatal(err)
	}
	ctl.want(t, "cleanUp of a strange token", "-a com.apple/culvert -F rules")
}
