package logging

import (
	"context"
	"log/slog"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"
	"unicode"
	"unicode/utf8"
)

// Ours: what one entry may hold. More of it is cut off.
const (
	maxText  = 4096 // octets of a message or of a value
	maxKey   = 256  // octets of a key
	maxAttrs = 64
	cutOff   = "…"
	// overhead is what an entry takes beside its text, and an attribute: about
	// the size of their structures.
	overhead = 96
)

// Entry is one line of the log, masked.
type Entry struct {
	Seq     uint64 // 1 is the first one ever
	Time    time.Time
	Level   slog.Level
	Message string
	Attrs   []Attr
}

// Attr is an attribute as text; the groups it was in are in its key, with dots.
type Attr struct {
	Key, Value string
}

// String is the entry as one line, without its time. What does not print is
// escaped: some of it was written by a gateway, and a terminal obeys it.
func (e Entry) String() string {
	var b strings.Builder
	b.WriteString(strings.ToLower(e.Level.String()))
	b.WriteByte(' ')
	b.WriteString(printable(e.Message))
	for _, a := range e.Attrs {
		b.WriteByte(' ')
		b.WriteString(printable(a.Key))
		b.WriteByte('=')
		b.WriteString(printable(a.Value))
	}
	return b.String()
}

// printable is s, quoted if a terminal would not just print it.
func printable(s string) string {
	if strings.ContainsFunc(s, func(c rune) bool { return c == utf8.RuneError || !unicode.IsPrint(c) }) {
		return strconv.Quote(s)
	}
	return s
}

// size is what the entry takes of the ring's memory, in octets.
func (e *Entry) size() int {
	n := overhead + len(e.Message)
	for _, a := range e.Attrs {
		n += overhead/2 + len(a.Key) + len(a.Value)
	}
	return n
}

// limit cuts the entry to what one may hold, and makes all of it its own.
func (e *Entry) limit(octets int) {
	e.Message = cut(e.Message, maxText)
	e.Attrs = slices.Clone(e.Attrs[:min(len(e.Attrs), maxAttrs)])
	for i := range e.Attrs {
		e.Attrs[i].Key = cut(e.Attrs[i].Key, maxKey)
		e.Attrs[i].Value = cut(e.Attrs[i].Value, maxText)
	}
	for len(e.Attrs) > 0 && e.size() > octets {
		e.Attrs = e.Attrs[:len(e.Attrs)-1]
	}
	if over := e.size() - octets; over > 0 {
		e.Message = cut(e.Message, max(0, len(e.Message)-over))
	}
}

// cut is at most n octets of s, in a memory of its own: a part of a longer
// string would keep all of it.
func cut(s string, n int) string {
	if len(s) <= n {
		return strings.Clone(s)
	}
	n = max(0, n-len(cutOff))
	for n > 0 && !utf8.RuneStart(s[n]) {
		n--
	}
	if n == 0 {
		return ""
	}
	return s[:n] + cutOff
}

// Ring keeps the last entries, within bounds of number and memory. Readers take
// their own time: a writer never waits for one.
type Ring struct {
	maxEntries, maxOctets int

	mu      sync.Mutex // guards what follows
	entries []Entry    // a circle
	first   int        // index of the oldest
	count   int
	octets  int
	next    uint64        // Seq of the next one
	waiting chan struct{} // closed when one comes; nil: nobody waits
}

// NewRing is a ring that holds at most so many entries, of at most so many
// octets in all; both at least 1.
func NewRing(entries, octets int) *Ring {
	return &Ring{maxEntries: max(entries, 1), maxOctets: max(octets, 1), next: 1}
}

// Add keeps e, which gets its number here, and forgets as many of the oldest as
// that takes. An entry that is too large is cut.
func (r *Ring) Add(e Entry) {
	r.mu.Lock()
	defer r.mu.Unlock()
	e.limit(r.maxOctets)
	e.Seq = r.next
	r.next++
	size := e.size()
	for r.count > 0 && (r.count == r.maxEntries || r.octets+size > r.maxOctets) {
		r.forget()
	}
	if size <= r.maxOctets {
		r.keep(e, size)
	}
	if r.waiting != nil {
		close(r.waiting)
		r.waiting = nil
	}
}

// forget drops the oldest entry.
func (r *Ring) forget() {
	old := &r.entries[r.first]
	r.octets -= old.size()
	*old = Entry{}
	r.first = (r.first + 1) % len(r.entries)
	r.count--
}

// keep adds e behind the newest, in a circle that grows as it is needed.
func (r *Ring) keep(e Entry, size int) {
	if r.count == len(r.entries) {
		grown := make([]Entry, min(r.maxEntries, max(16, 2*r.count)))
		for i := range r.count {
			grown[i] = *r.at(i)
		}
		r.entries, r.first = grown, 0
	}
	r.count++
	*r.at(r.count - 1) = e
	r.octets += size
}

// at is the i-th oldest entry.
func (r *Ring) at(i int) *Entry { return &r.entries[(r.first+i)%len(r.entries)] }

// Entries is all that the ring holds, oldest first.
func (r *Ring) Entries() []Entry {
	r.mu.Lock()
	defer r.mu.Unlock()
	all := make([]Entry, r.count)
	for i := range all {
		all[i] = *r.at(i)
	}
	return all
}

// Last is the number of the newest entry ever added; 0: none.
func (r *Ring) Last() uint64 {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.next - 1
}

// Follow is a reader of all entries after number seq: 0 begins with the oldest
// that there is, and Last with what comes.
// A number that is yet to come, as another process's may be, is taken for Last.
func (r *Ring) Follow(seq uint64) *Reader { return &Reader{ring: r, after: min(seq, r.Last())} }

// Reader reads a ring from one place on, at its own pace. It is one goroutine's,
// holds nothing of the ring and needs no closing.
type Reader struct {
	ring  *Ring
	after uint64 // Seq of the last one read
	begun bool
}

// Next is the next entry, waiting for it until ctx is done. missed is how many
// entries before it were forgotten before this reader came to them.
func (r *Reader) Next(ctx context.Context) (e Entry, missed uint64, err error) {
	for {
		e, ok, wait := r.ring.after(r.after)
		if ok {
			// Whoever begins with the oldest has missed nothing that was promised.
			if r.begun || r.after > 0 {
				missed = e.Seq - r.after - 1
			}
			r.after, r.begun = e.Seq, true
			return e, missed, nil
		}
		select {
		case <-wait:
		case <-ctx.Done():
			return Entry{}, 0, ctx.Err()
		}
	}
}

// after is the oldest entry with a number above seq; if there is none, wait is
// closed when there may be.
func (r *Ring) after(seq uint64) (e Entry, ok bool, wait <-chan struct{}) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.count > 0 {
		oldest := r.at(0).Seq
		if i := max(seq+1, oldest) - oldest; i < uint64(r.count) {
			return *r.at(int(i)), true, nil
		}
	}
	if r.waiting == nil {
		r.waiting = make(chan struct{})
	}
	return Entry{}, false, r.waiting
}
