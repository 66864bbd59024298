package logging

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"
)

func text(s string) Entry { return Entry{Message: s} }

func messages(entries []Entry) (out []string) {
	for _, e := range entries {
		out = append(out, e.Message)
	}
	return out
}

func TestRingBounds(t *testing.T) {
	for _, c := range []struct {
		name            string
		entries, octets int
		add             []string
		want            []string
	}{
		{"room for all", 10, 1 << 20, []string{"a", "b", "c"}, []string{"a", "b", "c"}},
		{"entries", 2, 1 << 20, []string{"a", "b", "c"}, []string{"b", "c"}},
		{"one entry", 1, 1 << 20, []string{"a", "b", "c"}, []string{"c"}},
		{"octets", 10, 2*overhead + 5, []string{"aa", "bb", "cc", "d"}, []string{"cc", "d"}},
		{"one large takes the place of many small", 10, 3 * overhead, []string{"a", "b", strings.Repeat("x", 150)}, []string{strings.Repeat("x", 150)}},
		{"larger than the ring", 10, overhead + 10, []string{"a", strings.Repeat("x", 50)}, []string{"xxxxxxx…"}},
		{"a ring too small for anything", 10, 10, []string{"a"}, nil},
		{"a message too long", 10, 1 << 20, []string{strings.Repeat("é", 3000)}, []string{strings.Repeat("é", 2046) + "…"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := NewRing(c.entries, c.octets)
			for _, m := range c.add {
				r.Add(text(m))
			}
			if got := messages(r.Entries()); !slices.Equal(got, c.want) {
				t.Errorf("holds %q, want %q", got, c.want)
			}
			if r.octets > c.octets {
				t.Errorf("holds %d octets, more than %d", r.octets, c.octets)
			}
		})
	}
}

// TestRingCount adds entries of all sizes and counts anew what the ring counted.
func TestRingCount(t *testing.T) {
	r := NewRing(50, 20_000)
	for i := range 800 {
		e := text(strings.Repeat("m", i%701))
		for j := range i % 80 {
			e.Attrs = append(e.Attrs, Attr{strings.Repeat("k", j*7), strings.Repeat("v", i*j%5000)})
		}
		before := slices.Clone(e.Attrs)
		r.Add(e)
		if !slices.Equal(e.Attrs, before) {
			t.Fatal("Add changed the caller's attributes")
		}
		octets, all := 0, r.Entries()
		for j, e := range all {
			octets += e.size()
			if want := uint64(i + 1 - len(all) + 1 + j); e.Seq != want {
				t.Fatalf("after %d: entry %d has number %d, want %d", i+1, j, e.Seq, want)
			}
		}
		if octets != r.octets || octets > 20_000 || len(all) > 50 || len(all) == 0 {
			t.Fatalf("after %d: %d entries of %d octets, counted as %d", i+1, len(all), octets, r.octets)
		}
	}
	if r.Last() != 800 {
		t.Errorf("Last = %d, want 800", r.Last())
	}
}

// TestRingMemory holds small parts of large strings: the rest must be free.
func TestRingMemory(t *testing.T) {
	heap := func() uint64 {
		runtime.GC()
		var m runtime.MemStats
		runtime.ReadMemStats(&m)
		return m.HeapAlloc
	}
	before := heap()
	r := NewRing(1000, 1<<20)
	for range 1000 {
		large := strings.Repeat("x", 100_000)
		r.Add(Entry{Message: large[:10], Attrs: []Attr{{large[:3], large[:20]}}})
	}
	if grown := int64(heap()) - int64(before); grown > 4<<20 {
		t.Errorf("1000 short entries hold %d octets", grown)
	}
	runtime.KeepAlive(r)
}

func TestReader(t *testing.T) {
	r := NewRing(3, 1<<20)
	for i := range 5 {
		r.Add(text(fmt.Sprint(i + 1))) // 1 and 2 are forgotten
	}
	for _, c := range []struct {
		name   string
		from   uint64
		want   []string
		missed uint64
	}{
		{"from the oldest", 0, []string{"3", "4", "5"}, 0},
		{"where one was", 3, []string{"4", "5"}, 0},
		{"where one was long ago", 1, []string{"3", "4", "5"}, 1},
		{"from now on", 5, nil, 0},
		{"from another process", 4711, nil, 0},
		{"from the end of time", ^uint64(0), nil, 0},
	} {
		t.Run(c.name, func(t *testing.T) {
			rd := r.Follow(c.from)
			for i, want := range c.want {
				e, missed, err := rd.Next(t.Context())
				if err != nil || e.Message != want || i == 0 && missed != c.missed || i > 0 && missed != 0 {
					t.Errorf("Next = %q, %d, %v, want %q, %d", e.Message, missed, err, want, c.missed)
				}
			}
			ctx, cancel := context.WithCancel(t.Context())
			cancel()
			if e, _, err := rd.Next(ctx); !errors.Is(err, context.Canceled) {
				t.Errorf("Next = %v, %v, want to wait", e, err)
			}
		})
	}
	rd := r.Follow(4711)
	r.Add(text("6"))
	if e, missed, err := rd.Next(t.Context()); e.Message != "6" || missed != 0 || err != nil {
		t.Errorf("Next = %v, %d, %v, want what came since", e, missed, err)
	}
}

// TestSlowReaders has readers that do not read, and others that read while many
// write: each sees the numbers grow, and what it did not see it is told of.
func TestSlowReaders(t *testing.T) {
	const writers, each = 4, 2000
	r := NewRing(64, 1<<20)
	idle := r.Follow(0)
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	r.Add(text("first"))
	var readers, adders sync.WaitGroup
	for slow := range 3 {
		rd := r.Follow(0)
		readers.Go(func() {
			seen, lost, last := uint64(0), uint64(0), uint64(0)
			for last < writers*each+1 {
				e, missed, err := rd.Next(ctx)
				if err != nil {
					t.Error(err)
					return
				}
				if e.Seq != last+missed+1 && last > 0 {
					t.Errorf("after %d comes %d, with %d missed", last, e.Seq, missed)
				}
				if last == 0 {
					lost += e.Seq - 1
				}
				seen, lost, last = seen+1, lost+missed, e.Seq
				for range slow * 100 {
					runtime.Gosched()
				}
			}
			if seen+lost != writers*each+1 {
				t.Errorf("seen %d, missed %d, want %d together", seen, lost, writers*each+1)
			}
		})
	}
	for range writers {
		adders.Go(func() {
			for i := range each {
				r.Add(text(fmt.Sprint(i)))
				if i%100 == 0 {
					r.Entries()
				}
			}
		})
	}
	adders.Wait() // with idle never reading
	readers.Wait()
	if e, missed, err := idle.Next(t.Context()); err != nil || e.Seq != writers*each+2-64 || missed != 0 {
		t.Errorf("the idle reader begins with %d, %d missed, %v", e.Seq, missed, err)
	}
}

func TestEntryString(t *testing.T) {
	e := Entry{Level: slog.LevelWarn, Message: "gateway says", Attrs: []Attr{{"text", "bye\x1b[2J\nroot#"}, {"ppp.code", "691"}}}
	if got, want := e.String(), `warn gateway says text="bye\x1b[2J\nroot#" ppp.code=691`; got != want {
		t.Errorf("String = %s, want %s", got, want)
	}
}
