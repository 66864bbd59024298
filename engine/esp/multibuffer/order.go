package multibuffer

import "slices"

// Ours: what a packet costs the standard library besides its blocks, in blocks.
const aloneOverhead = 2

// order is the order in which the jobs of a group are taken: the longest first.
type order struct {
	keys [groupLen]uint64 // ^blocks<<8 | index, ascending
	n    int
}

// add puts in the job of that index, of so many blocks.
func (o *order) add(index, blocks int) {
	o.keys[o.n] = ^uint64(blocks)<<8 | uint64(index)
	o.n++
}

// sort is quick for jobs that are as long as each other.
func (o *order) sort() {
	for i := 1; i < o.n; i++ {
		if o.blocks(i) > o.blocks(i-1) {
			slices.Sort(o.keys[:o.n])
			return
		}
	}
}

func (o *order) index(i int) int  { return int(o.keys[i] & 0xff) }
func (o *order) blocks(i int) int { return int(^o.keys[i] >> 8) }

// split says how many of the first last jobs, the longest ones, a narrow kernel
// should have, so that all are done the soonest: all when they would fill too few
// lanes of the wide one, those that would run on alone when the others have ended
// or for which there is no lane, or none. Without a narrow kernel (nil) each of
// them is done alone, by the standard library.
func (o *order) split(wide, narrow *shape, last int) (n int) {
	front, back := 0, 0 // blocks of the jobs in front of i, and from i on
	for i := range last {
		back += o.blocks(i)
	}
	// Of packets of the same length either none are too many or those of the
	// last, partial row.
	if spare := last % wide.lanes; last > 0 && o.blocks(0) == o.blocks(last-1) {
		front = spare * o.blocks(0)
		apart := o.cost(narrow, spare, front) + wide.cost*o.rows(spare, last, back-front, wide.lanes)
		if apart < wide.cost*o.rows(0, last, back, wide.lanes) {
			return spare
		}
		return 0
	}
	best := -1
	for i := 0; ; i++ {
		cost := o.cost(narrow, i, front) + wide.cost*o.rows(i, last, back, wide.lanes)
		if best < 0 || cost < best {
			n, best = i, cost
		}
		if i == last || i == wide.lanes {
			return n
		}
		front += o.blocks(i)
		back -= o.blocks(i)
	}
}

// cost is that of the first n jobs, of so many blocks, on a narrow kernel, where
// there is one, or alone.
func (o *order) cost(narrow *shape, n, blocks int) int {
	cost := 16 * (blocks + n*aloneOverhead)
	if narrow != nil {
		cost = min(cost, narrow.cost*o.rows(0, n, blocks, narrow.lanes))
	}
	return cost
}

// rows is how often a kernel has to work on a block in all lanes for the jobs
// from first to before last, which have so many blocks: at least their share, and
// some lane has r+1 of the first r*lanes+1 jobs.
func (o *order) rows(first, last, blocks, lanes int) int {
	n := (blocks + lanes - 1) / lanes
	for r, i := 1, first; i < last; r, i = r+1, i+lanes {
		n = max(n, r*o.blocks(i))
	}
	return n
}
