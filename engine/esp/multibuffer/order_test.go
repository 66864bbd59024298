package multibuffer

import (
	"slices"
	"testing"
)

// repeat is n jobs of so many blocks.
func repeat(n, blocks int) []int { return slices.Repeat([]int{blocks}, n) }

func TestSplit(t *testing.T) {
	wide, narrow := &shape{16, 48}, &shape{4, 23}
	for _, tt := range []struct {
		name   string
		blocks []int
		wide   *shape
		narrow *shape
		want   int
	}{
		{"none", nil, wide, narrow, 0},
		{"one", repeat(1, 24), wide, narrow, 1},
		{"half of the lanes", repeat(8, 24), wide, narrow, 8},
		{"most lanes", repeat(14, 24), wide, narrow, 0},
		{"all lanes", repeat(16, 24), wide, narrow, 0},
		{"all lanes twice", repeat(32, 24), wide, narrow, 0},
		{"one too many", repeat(17, 24), wide, narrow, 1},
		{"four too many", repeat(36, 24), wide, narrow, 4},
		{"many too many", repeat(29, 24), wide, narrow, 0},
		{"one long among short", append(repeat(40, 2), 1000), wide, narrow, 1},
		{"mixed", []int{1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21, 22, 23, 24}, wide, narrow, 0},
		{"alone", repeat(1, 24), &shape{8, 32}, nil, 1},
		{"not alone", repeat(3, 24), &shape{8, 32}, nil, 0},
		{"the ninth alone", repeat(9, 24), &shape{8, 32}, nil, 1},
		{"a long one alone", append(repeat(8, 2), 1000), &shape{8, 32}, nil, 1},
	} {
		var o order
		for i, n := range tt.blocks {
			o.add(i, n)
		}
		o.sort()
		for i := 1; i < o.n; i++ {
			if o.blocks(i) > o.blocks(i-1) {
				t.Errorf("%s: %d blocks behind %d", tt.name, o.blocks(i), o.blocks(i-1))
			}
		}
		for i := range o.n {
			if got, want := o.blocks(i), tt.blocks[o.index(i)]; got != want {
				t.Errorf("%s: job %d has %d blocks, want %d", tt.name, o.index(i), got, want)
			}
		}
		if got := o.split(tt.wide, tt.narrow, o.n); got != tt.want {
			t.Errorf("%s: split = %d, want %d", tt.name, got, tt.want)
		}
	}
}
