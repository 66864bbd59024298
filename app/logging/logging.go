// Package logging is where log lines go: through one gate that masks secrets,
// into a ring in memory that others read, and to the program's own output.
package logging

import (
	"context"
	"io"
	"log/slog"
)

// Config says what is logged and kept; its zero value logs from Info on, into
// a ring of the usual size and nowhere else.
type Config struct {
	Level   slog.Level
	Output  io.Writer // a line each; nil: none
	JSON    bool      // lines are JSON objects instead of key=value
	Entries int       // of the ring at most; 0: DefaultEntries
	Octets  int       // of the ring at most; 0: DefaultOctets
}

// Ours: what an hour of trouble writes, in less memory than a picture.
const (
	DefaultEntries = 4000
	DefaultOctets  = 1 << 20
)

// Log is a logger and what belongs to it.
type Log struct {
	*slog.Logger
	Ring    *Ring
	Secrets *Secrets
	level   slog.LevelVar
}

// New is a logger. It is ready to use, and so are its ring and its registry.
func New(cfg Config) *Log {
	if cfg.Entries <= 0 {
		cfg.Entries = DefaultEntries
	}
	if cfg.Octets <= 0 {
		cfg.Octets = DefaultOctets
	}
	l := &Log{Ring: NewRing(cfg.Entries, cfg.Octets), Secrets: &Secrets{}}
	l.level.Set(cfg.Level)
	h := &handler{log: l}
	// The gate has let pass what passes: this one writes all it gets.
	opts := &slog.HandlerOptions{Level: slog.Level(-1 << 30)}
	switch {
	case cfg.Output == nil:
	case cfg.JSON:
		h.out = slog.NewJSONHandler(cfg.Output, opts)
	default:
		h.out = slog.NewTextHandler(cfg.Output, opts)
	}
	l.Logger = slog.New(h)
	return l
}

// Level is the least that is logged.
func (l *Log) Level() slog.Level { return l.level.Level() }

// SetLevel changes the least that is logged, at once and for every logger made
// from this one.
func (l *Log) SetLevel(level slog.Level) { l.level.Set(level) }

// handler is the gate. It keeps attributes as they were given: the secrets to
// mask are those of the moment of the line, not those of the moment of With.
type handler struct {
	log  *Log
	out  slog.Handler // nil: none
	with []scope
}

// scope is a group that was opened, and the attributes given in it.
type scope struct {
	group string // empty: none was opened
	attrs []slog.Attr
}

// Enabled is slog.Handler's.
func (h *handler) Enabled(_ context.Context, level slog.Level) bool {
	return level >= h.log.level.Level()
}

// WithAttrs is slog.Handler's.
func (h *handler) WithAttrs(attrs []slog.Attr) slog.Handler { return h.more(scope{attrs: attrs}) }

// WithGroup is slog.Handler's.
func (h *handler) WithGroup(name string) slog.Handler {
	if name == "" {
		return h
	}
	return h.more(scope{group: name})
}

func (h *handler) more(s scope) *handler {
	c := *h
	c.with = append(h.with[:len(h.with):len(h.with)], s)
	return &c
}

// Handle is slog.Handler's: it masks, keeps and writes.
func (h *handler) Handle(ctx context.Context, r slog.Record) error {
	var own []slog.Attr
	r.Attrs(func(a slog.Attr) bool {
		own = append(own, a)
		return true
	})
	clean := h.log.Secrets.mask(r.Message, nest(h.with, own))
	h.log.Ring.Add(Entry{Time: r.Time, Level: r.Level, Message: clean.message, Attrs: flatten(nil, "", clean.attrs)})
	if h.out == nil || !h.out.Enabled(ctx, r.Level) {
		return nil
	}
	out := slog.NewRecord(r.Time, r.Level, clean.message, r.PC)
	out.AddAttrs(clean.attrs...)
	return h.out.Handle(ctx, out)
}

// nest puts own attributes behind those of With, each inside the groups that
// were open for it.
func nest(with []scope, own []slog.Attr) []slog.Attr {
	if len(with) == 0 {
		return own
	}
	s := with[0]
	inner := nest(with[1:], own)
	if s.group == "" {
		return append(s.attrs[:len(s.attrs):len(s.attrs)], inner...)
	}
	if len(inner) == 0 {
		return nil
	}
	return []slog.Attr{{Key: s.group, Value: slog.GroupValue(inner...)}}
}

// flatten turns groups into keys with dots. Its attributes are masked already,
// and are groups or plain values.
func flatten(to []Attr, prefix string, attrs []slog.Attr) []Attr {
	for _, a := range attrs {
		if a.Value.Kind() == slog.KindGroup {
			to = flatten(to, join(prefix, a.Key), a.Value.Group())
			continue
		}
		to = append(to, Attr{Key: join(prefix, a.Key), Value: a.Value.String()})
	}
	return to
}

// join is a key in a group; a group without a name is none.
func join(prefix, key string) string {
	if prefix == "" || key == "" {
		return prefix + key
	}
	return prefix + "." + key
}
