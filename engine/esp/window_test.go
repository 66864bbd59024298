package esp

import (
	"math/rand"
	"testing"
)

func TestWindowEdges(t *testing.T) {
	type step struct {
		seq  uint32
		want bool
	}
	for _, tt := range []struct {
		name  string
		steps []step
	}{
		{"the first packet", []step{{1, true}, {1, false}, {2, true}}},
		{"zero is no number", []step{{0, false}, {1, true}, {0, false}}},
		{"a late first packet", []step{{5, true}, {1, true}, {1, false}, {4, true}, {5, false}}},
		{"the left edge", []step{{1024, true}, {1, true}, {1, false}}},
		{"beyond the left edge", []step{{1025, true}, {1, false}, {2, true}}},
		{"the left edge in the middle of a word", []step{{5000, true}, {3976, false}, {3977, true}, {3977, false}}},
		{"a jump of less than the window", []step{{10, true}, {900, true}, {10, false}, {11, true}, {899, true}}},
		{"a jump that leaves the old behind", []step{{10, true}, {1100, true}, {10, false}, {77, true}, {76, false}}},
		{"a far jump", []step{{10, true}, {1 << 31, true}, {10, false}, {1<<31 - 1023, true}, {1<<31 - 1024, false}, {1<<31 + 10, true}}},
		{"a jump of a whole ring", []step{{100, true}, {101, true}, {100 + 2048, true}, {100 + 2048, false}, {101 + 2048, true}}},
		{"the last numbers", []step{{maxSequence - 1, true}, {maxSequence, true}, {maxSequence, false}, {maxSequence - 1023, true}, {maxSequence - 1024, false}, {0, false}, {1, false}}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			var w window
			for _, s := range tt.steps {
				if got := w.fresh(s.seq); got != s.want {
					t.Errorf("fresh(%d) = %v, want %v", s.seq, got, s.want)
				}
				if got := w.commit(s.seq); got != s.want {
					t.Errorf("commit(%d) = %v, want %v", s.seq, got, s.want)
				}
			}
		})
	}
}

// fresh alone changes nothing.
func TestWindowFreshDoesNotCommit(t *testing.T) {
	var w window
	w.commit(10)
	before := w
	w.fresh(1 << 30)
	w.fresh(9)
	if w != before {
		t.Errorf("fresh changed the window to %+v, want %+v", w, before)
	}
}

// The window against one that remembers everything.
func TestWindowAgainstAMap(t *testing.T) {
	for seed := range int64(40) {
		r := rand.New(rand.NewSource(seed))
		spread := []int64{4, 100, 1500, 5000}[seed%4]
		var w window
		seen := map[uint32]bool{}
		highest := int64(0)
		for range 20000 {
			seq := highest + r.Int63n(spread) - spread*3/4
			if r.Intn(500) == 0 {
				seq += r.Int63n(1 << 14)
			}
			seq = min(max(seq, 0), maxSequence)
			n := uint32(seq)
			want := n != 0 && !seen[n] && seq > highest-windowSize
			if got := w.commit(n); got != want {
				t.Fatalf("seed %d: commit(%d) with %d the highest = %v, want %v", seed, n, highest, got, want)
			}
			if want {
				seen[n] = true
				highest = max(highest, seq)
			}
		}
		if highest < 2000 && spread > 4 {
			t.Errorf("seed %d: the window went on to %d only", seed, highest)
		}
	}
}
