package route

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
)

// Ours: a caller that gives up waits for this many changes at most.
const chunk = 512

// step is a change and what takes it back.
type step struct{ do, undo op }

// apply turns what is applied into want. When again is set, what is applied
// already is made sure of.
func (m *Manager) apply(ctx context.Context, want []op, again bool) error {
	build, remove, redo := m.diff(want)
	steps := append(build, remove...)
	if len(steps) == 0 && !again {
		return nil
	}
	if len(steps) > 0 {
		if err := m.write(m.reach(build)); err != nil {
			return err
		}
	}
	if again {
		for i, err := range m.run.do(redo) {
			if err != nil {
				return errors.Join(fmt.Errorf("route: ip %v: %w", redo[i], err), m.write(m.applied))
			}
		}
	}
	done, err := m.perform(ctx, steps)
	if err != nil {
		return errors.Join(err, m.back(done), m.write(m.applied))
	}
	if len(steps) == 0 {
		return nil
	}
	m.applied = want
	return m.write(m.applied)
}

// diff is what has to be built, what has to go, and what stays. Building comes
// first, so that nothing slips past the tunnel in between. It puts into want
// how things were before the first Set.
func (m *Manager) diff(want []op) (build, remove []step, stay []op) {
	had := map[place]op{}
	for _, o := range m.applied {
		had[o.place()] = o
	}
	for i, o := range want {
		old, ok := had[o.place()]
		delete(had, o.place())
		if ok && o.Do == setLink {
			o.OldMTU, o.WasUp = old.OldMTU, old.WasUp
			want[i] = o
		}
		switch {
		case !ok:
			build = append(build, step{o, o.undo()})
		case old == o:
			o.again = true
			stay = append(stay, o)
		default:
			build = append(build, m.change(old, o)...)
		}
	}
	for _, o := range slices.Backward(m.applied) {
		if _, ok := had[o.place()]; ok {
			remove = append(remove, step{o.undo(), o})
		}
	}
	return build, remove, stay
}

// change puts something else in the place of old.
func (m *Manager) change(old, o op) []step {
	switch {
	case o.Do == setLink:
		return []step{{o, old}}
	case o.Do == addRule || !m.run.traits().policy:
		return []step{{old.undo(), old}, {o, o.undo()}}
	}
	// What is gone with its interface is made anew.
	o.replace, old.replace = true, true
	return []step{{o, old}}
}

// reach is everything that may be there while steps are made.
func (m *Manager) reach(steps []step) []op {
	all := slices.Clone(m.applied)
	had := map[op]bool{}
	for _, o := range all {
		had[o] = true
	}
	for _, s := range steps {
		if o := s.do.plain(); !o.Delete && !had[o] {
			all = append(all, o)
		}
	}
	return all
}

// perform makes steps, in chunks, and gives those that were made, also when one
// fails.
func (m *Manager) perform(ctx context.Context, steps []step) (done []step, err error) {
	for some := range slices.Chunk(steps, chunk) {
		if err := ctx.Err(); err != nil {
			return done, fmt.Errorf("route: %w", err)
		}
		ops := make([]op, len(some))
		for i, s := range some {
			ops[i] = s.do
		}
		for i, e := range m.run.do(ops) {
			if e == nil {
				done = append(done, some[i])
			} else if err == nil {
				err = fmt.Errorf("route: ip %v: %w", ops[i], e)
			}
		}
		if err != nil {
			return done, err
		}
	}
	return done, nil
}

// back takes steps back, last one first.
func (m *Manager) back(done []step) error {
	ops := make([]op, 0, len(done))
	for _, s := range slices.Backward(done) {
		s.undo.again = true
		ops = append(ops, s.undo)
	}
	var errs []error
	for i, err := range m.run.do(ops) {
		if err != nil {
			errs = append(errs, fmt.Errorf("route: ip %v: %w", ops[i], err))
		}
	}
	return errors.Join(errs...)
}

// reversed is what takes ops back, last one first.
func reversed(ops []op) []op {
	undo := make([]op, 0, len(ops))
	for _, o := range slices.Backward(ops) {
		undo = append(undo, o.undo())
	}
	return undo
}

// record is what the journal holds.
type record struct {
	Version int  `json:"version"`
	Ops     []op `json:"ops"` // in the order they are made
}

// Ours.
const recordVersion = 1

func (m *Manager) write(ops []op) error {
	if m.journal == nil {
		return nil
	}
	var b []byte
	if len(ops) > 0 {
		var err error
		if b, err = json.Marshal(record{recordVersion, ops}); err != nil {
			return fmt.Errorf("route: record: %w", err)
		}
	}
	if err := m.journal(b); err != nil {
		return fmt.Errorf("route: journal: %w", err)
	}
	return nil
}

// CleanUp undoes what record, which a Journal was told, has. It may be called
// any number of times, by any process, and for records of changes that were
// never made. An empty record is nothing.
func CleanUp(record []byte) error {
	if len(record) == 0 {
		return nil
	}
	r, err := newRunner()
	if err != nil {
		return err
	}
	return cleanUp(r, record)
}

func cleanUp(run runner, b []byte) error {
	var r record
	if err := json.Unmarshal(b, &r); err != nil {
		return fmt.Errorf("route: record: %w", err)
	}
	if r.Version != recordVersion {
		return fmt.Errorf("route: record of version %d, this program knows %d", r.Version, recordVersion)
	}
	undo := reversed(r.Ops)
	var errs []error
	for i, err := range run.do(undo) {
		if err != nil {
			errs = append(errs, fmt.Errorf("route: ip %v: %w", undo[i], err))
		}
	}
	return errors.Join(errs...)
}
