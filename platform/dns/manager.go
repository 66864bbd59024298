package dns

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"sync"
	"time"
)

// Ours: long enough for a service that a busy machine starts on demand, short
// enough that a person still waits.
const defaultTimeout = 10 * time.Second

// Journal is given the record of all that is about to be changed, before each
// change, for CleanUp; nil: nothing is left to undo. An error stops the change.
type Journal func(record []byte) error

// Options tell where the system is. The zero value is this machine.
type Options struct {
	Root    string        // what stands for / ; programs run inside of it
	Bus     string        // address of the system's D-Bus; empty: the usual one under Root
	Timeout time.Duration // of one Set, Verify or Clear as a whole; 0: 10 s
}

// Manager keeps the resolver of one tunnel.
type Manager struct {
	opts    Options
	journal Journal
	detect  func(ctx context.Context, opts Options, cfg Config) ([]part, string, error)

	mu    sync.Mutex // guards what follows
	parts []part     // changed, in this order
	why   string     // these were chosen
	cfg   *Config    // that is in force
}

// part is one place where the resolver is set. Its JSON is what clear needs in
// another process.
type part interface {
	kind() string
	// set makes cfg true; it calls note when its JSON has what undoes the next
	// change, before that change.
	set(ctx context.Context, cfg Config, note func() error) error
	// verify reads back what set did.
	verify(ctx context.Context, cfg Config) error
	// clear undoes what set did, all of it, a part of it or nothing.
	clear(ctx context.Context) error
}

// record is the form of the journal.
type record struct {
	Root  string  `json:"root,omitempty"`
	Bus   string  `json:"bus,omitempty"`
	Parts []entry `json:"parts"`
}

type entry struct {
	Backend string          `json:"backend"`
	State   json.RawMessage `json:"state"`
}

// New is a manager that has set nothing yet. With a nil journal nothing is
// written down.
func New(opts Options, journal Journal) (*Manager, error) {
	if err := supported(); err != nil {
		return nil, err
	}
	return &Manager{opts: opts, journal: journal, detect: detect}, nil
}

// Set makes cfg true and reads it back. What sets the resolver on this machine
// is found out when nothing is set yet. When Set fails, what was there before
// is there again.
func (m *Manager) Set(ctx context.Context, cfg Config) error {
	cfg, err := cfg.normal()
	if err != nil {
		return err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	ctx, cancel := m.opts.bound(ctx)
	defer cancel()
	before := m.cfg
	if before != nil {
		if reflect.DeepEqual(*before, cfg) && m.verify(ctx) == nil {
			return nil
		}
		// What serves all names may be another than what serves some.
		if before.Interface != cfg.Interface || before.split() != cfg.split() {
			if err := m.clear(ctx); err != nil && !changedOnly(err) {
				return err
			}
		}
	}
	if err := m.apply(ctx, cfg); err != nil {
		return errors.Join(err, m.goBack(ctx, before))
	}
	return nil
}

// apply sets and verifies cfg in all places.
func (m *Manager) apply(ctx context.Context, cfg Config) error {
	if len(m.parts) == 0 {
		parts, why, err := m.detect(ctx, m.opts, cfg)
		if err != nil {
			return err
		}
		m.parts, m.why = parts, why
	}
	for _, p := range m.parts {
		if err := p.set(ctx, cfg, m.note); err != nil {
			return wrap(ctx, p, err)
		}
		if err := p.verify(ctx, cfg); err != nil {
			return wrap(ctx, p, err)
		}
	}
	m.cfg = &cfg
	return nil
}

// goBack makes true what was before a Set that failed. That one may have used
// up its time, or been called off.
func (m *Manager) goBack(ctx context.Context, before *Config) error {
	ctx, cancel := m.opts.bound(context.WithoutCancel(ctx))
	defer cancel()
	if before != nil {
		return m.apply(ctx, *before)
	}
	return m.clear(ctx)
}

// Verify reads back whether what was Set is still in force; the error is an
// *Error that wraps ErrNotTaken when it is not. Without a Set there is nothing
// to be wrong.
func (m *Manager) Verify(ctx context.Context) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	ctx, cancel := m.opts.bound(ctx)
	defer cancel()
	return m.verify(ctx)
}

func (m *Manager) verify(ctx context.Context) error {
	if m.cfg == nil {
		return nil
	}
	for _, p := range m.parts {
		if err := p.verify(ctx, *m.cfg); err != nil {
			return wrap(ctx, p, err)
		}
	}
	return nil
}

// Detect is what would set the resolver here for all names, and why, in the words
// of Backend. It changes nothing.
func Detect(ctx context.Context, opts Options) (name, why string, err error) {
	if err := supported(); err != nil {
		return "", "", err
	}
	ctx, cancel := opts.bound(ctx)
	defer cancel()
	parts, why, err := detect(ctx, opts, Config{})
	if err != nil {
		return "", "", err
	}
	return kinds(parts), why, nil
}

// kinds names parts.
func kinds(parts []part) string {
	var list []string
	for _, p := range parts {
		list = append(list, p.kind())
	}
	return strings.Join(list, "+")
}

// Backend is what sets the resolver here and why it was chosen: names like
// "systemd-resolved", "NetworkManager", "resolvconf", "resolv.conf", joined by
// "+" where two are needed. Both are empty while nothing is set.
func (m *Manager) Backend() (name, why string) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.cfg == nil {
		return "", ""
	}
	return kinds(m.parts), m.why
}

// Clear puts back what was there before Set. It tries everything and gives all
// errors; a *ChangedError among them needs no second try.
func (m *Manager) Clear() error {
	m.mu.Lock()
	defer m.mu.Unlock()
	ctx, cancel := m.opts.bound(context.Background())
	defer cancel()
	return m.clear(ctx)
}

func (m *Manager) clear(ctx context.Context) error {
	if len(m.parts) == 0 {
		return nil
	}
	left, errs := clearParts(ctx, m.parts)
	m.parts, m.cfg = left, nil
	if err := m.note(); err != nil {
		errs = append(errs, err)
	}
	return errors.Join(errs...)
}

// clearParts undoes the last part first and gives those that could not be.
func clearParts(ctx context.Context, parts []part) (left []part, errs []error) {
	for _, p := range slices.Backward(parts) {
		err := p.clear(ctx)
		if err == nil {
			continue
		}
		err = wrap(ctx, p, err)
		errs = append(errs, err)
		if !changedOnly(err) {
			left = append(left, p)
		}
	}
	slices.Reverse(left)
	return left, errs
}

// note writes the journal.
func (m *Manager) note() error {
	if m.journal == nil {
		return nil
	}
	var text []byte
	if len(m.parts) != 0 {
		r := record{Root: m.opts.Root, Bus: m.opts.Bus}
		for _, p := range m.parts {
			state, err := json.Marshal(p)
			if err != nil {
				return fmt.Errorf("dns: journal: %w", err)
			}
			r.Parts = append(r.Parts, entry{p.kind(), state})
		}
		var err error
		if text, err = json.Marshal(r); err != nil {
			return fmt.Errorf("dns: journal: %w", err)
		}
	}
	if err := m.journal(text); err != nil {
		return fmt.Errorf("dns: journal: %w", err)
	}
	return nil
}

// CleanUp undoes what the record tells of, in another process and as often as
// one likes. A *ChangedError needs no second try.
func CleanUp(text []byte) error {
	if len(text) == 0 {
		return nil
	}
	var r record
	if err := json.Unmarshal(text, &r); err != nil {
		return fmt.Errorf("dns: journal: %w", err)
	}
	opts := Options{Root: r.Root, Bus: r.Bus}
	var parts []part
	var errs []error
	for _, e := range r.Parts {
		p, err := newPart(e.Backend, opts)
		if err == nil {
			err = json.Unmarshal(e.State, p)
		}
		if err != nil {
			errs = append(errs, fmt.Errorf("dns: journal: %s: %w", e.Backend, err))
			continue
		}
		parts = append(parts, p)
	}
	ctx, cancel := opts.bound(context.Background())
	defer cancel()
	_, more := clearParts(ctx, parts)
	return errors.Join(append(errs, more...)...)
}

// bound gives ctx the deadline of one call.
func (o Options) bound(ctx context.Context) (context.Context, context.CancelFunc) {
	if o.Timeout == 0 {
		o.Timeout = defaultTimeout
	}
	return context.WithTimeout(ctx, o.Timeout)
}

// wrap says which backend err is of, and when time ran out, that it did.
func wrap(ctx context.Context, p part, err error) error {
	var own *Error
	var changed *ChangedError
	if errors.As(err, &own) || errors.As(err, &changed) {
		return err
	}
	if ctx.Err() != nil && !errors.Is(err, ctx.Err()) {
		err = fmt.Errorf("%w: %w", ctx.Err(), err)
	}
	return &Error{p.kind(), err}
}

// changedOnly reports whether err is nothing but changes of somebody else.
func changedOnly(err error) bool {
	if several, ok := err.(interface{ Unwrap() []error }); ok {
		return !slices.ContainsFunc(several.Unwrap(), func(e error) bool { return !changedOnly(e) })
	}
	var changed *ChangedError
	return errors.As(err, &changed)
}

// settle calls check until it is content, for services that act a little after
// they answer. The last error is given when that takes longer than settleTime.
func settle(ctx context.Context, check func() error) error {
	ctx, cancel := context.WithTimeout(ctx, settleTime)
	defer cancel()
	tick := time.NewTicker(settleTick)
	defer tick.Stop()
	for {
		err := check()
		if err == nil || !errors.Is(err, ErrNotTaken) {
			return err
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return err
		}
	}
}

// Ours. systemd-resolved learns from the kernel that an interface has its
// address, and NetworkManager writes its file, within milliseconds.
const (
	settleTime = 3 * time.Second
	settleTick = 20 * time.Millisecond
)
