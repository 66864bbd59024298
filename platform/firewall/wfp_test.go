package firewall

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"strings"
	"testing"
)

// fakeWFP is a filtering engine with transactions.
type fakeWFP struct {
	done    []string // the changes that were committed, deletions of nothing left out
	things  map[string]bool
	filters map[wfpKey]string
	fail    string
}

func newFakeWFP() *fakeWFP {
	return &fakeWFP{things: map[string]bool{}, filters: map[wfpKey]string{}}
}

func (f *fakeWFP) transaction(change func(do func(wfpOp) error) error) error {
	things, filters, done := maps.Clone(f.things), maps.Clone(f.filters), f.done
	err := change(f.do)
	if err != nil {
		f.things, f.filters, f.done = things, filters, done
	}
	return err
}

func (f *fakeWFP) do(o wfpOp) error {
	if f.fail != "" && strings.HasPrefix(o.String(), f.fail) {
		return errFake
	}
	there := f.things[o.what]
	if o.what == "filter" {
		_, there = f.filters[o.key]
	}
	switch {
	case o.do == "delete" && !there:
		return errWFPAbsent
	case o.do == "add" && there:
		return errWFPExists
	case o.what == "filter" && o.do == "add":
		if !f.things["provider"] || !f.things["sublayer"] {
			return errors.New("a filter without a home")
		}
		f.filters[o.key] = o.filter.String()
	case o.what == "filter":
		delete(f.filters, o.key)
	case o.do == "delete" && len(f.filters) > 0:
		return errors.New("in use")
	default:
		f.things[o.what] = o.do == "add"
	}
	f.done = append(f.done, o.String())
	return nil
}

func (f *fakeWFP) has(bank, count int) (bool, error) {
	for slot := range count {
		if _, ok := f.filters[wfpKey{bank, slot}]; !ok {
			return false, nil
		}
	}
	return true, nil
}

func (f *fakeWFP) luid(name string) (uint64, error) {
	if name != "culvert0" {
		return 0, fmt.Errorf("no interface %s", name)
	}
	return 53, nil
}

func (f *fakeWFP) take() string {
	s := strings.Join(f.done, "\n") + "\n"
	f.done = nil
	return s
}

func TestWFPFilters(t *testing.T) {
	for _, s := range states {
		e := newFakeWFP()
		m := newManager(&wfp{engine: e}, nil)
		if err := m.Set(context.Background(), s.cfg); err != nil {
			t.Fatal(err)
		}
		golden(t, s.name+".wfp", e.take())
	}
}

func TestWFPChange(t *testing.T) {
	ctx := context.Background()
	e := newFakeWFP()
	m := newManager(&wfp{engine: e}, nil)
	if err := m.Set(ctx, Config{KillSwitch: true}); err != nil {
		t.Fatal(err)
	}
	e.take()
	if err := m.Set(ctx, Config{KillSwitch: true}); err != nil {
		t.Fatal(err)
	}
	if got := e.take(); got != "\n" {
		t.Errorf("Set again did %s", got)
	}
	before := maps.Clone(e.filters)

	// The next ones go into the other bank.
	if err := m.Set(ctx, connected()); err != nil {
		t.Fatal(err)
	}
	golden(t, "change.wfp", e.take())
	if ok, err := m.Intact(); !ok || err != nil {
		t.Errorf("Intact = %v, %v, want true", ok, err)
	}
	delete(e.filters, wfpKey{1, 3})
	if ok, err := m.Intact(); ok || err != nil {
		t.Errorf("Intact = %v, %v, want false", ok, err)
	}

	// A new process, after somebody deleted some: the same, and nothing is left.
	if err := newManager(&wfp{engine: e}, nil).Set(ctx, Config{KillSwitch: true}); err != nil {
		t.Fatal(err)
	}
	if !maps.Equal(e.filters, before) {
		t.Errorf("after Set by a new process: %v, want %v", e.filters, before)
	}
	for range 2 {
		if err := cleanUp(&wfp{engine: e}, []byte(`{"system":"wfp"}`)); err != nil {
			t.Fatal(err)
		}
		if len(e.filters) != 0 || e.things["provider"] || e.things["sublayer"] {
			t.Errorf("after cleanUp: %v %v", e.filters, e.things)
		}
	}
}

func TestWFPFails(t *testing.T) {
	ctx := context.Background()
	e := newFakeWFP()
	m := newManager(&wfp{engine: e}, nil)
	if err := m.Set(ctx, connecting()); err != nil {
		t.Fatal(err)
	}
	before := maps.Clone(e.filters)
	for _, step := range []string{"add provider", "add sublayer", "delete filter 0.3", "add filter 1.0", "add filter 1.17"} {
		e.fail = step
		if err := m.Set(ctx, connected()); !errors.Is(err, errFake) {
			t.Errorf("%s fails: Set = %v", step, err)
		}
		if !maps.Equal(e.filters, before) {
			t.Errorf("%s fails: the filters have changed", step)
		}
	}
	e.fail = ""
	c := connected()
	c.Interface = "culvert9"
	if err := m.Set(ctx, c); err == nil {
		t.Error("Set with an interface that is not there says nothing")
	}
	c = connected()
	for i := range 200 {
		c.Gateways = append(c.Gateways, addrs(fmt.Sprintf("198.51.100.%d", i))...)
	}
	if err := m.Set(ctx, c); err == nil || !strings.Contains(err.Error(), "too many") {
		t.Errorf("Set with 200 gateways = %v", err)
	}
	if !maps.Equal(e.filters, before) {
		t.Error("the filters have changed")
	}
}
