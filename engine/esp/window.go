package esp

// Ours: RFC 4303, 3.4.3 wants 32 and suggests 64. Packets of a fast link that
// several queues of a NIC or several ways carry come further apart.
const windowSize = 1024

// ringWords is the length of the ring: the words of a window that begins in the
// middle of one, rounded up to a power of two.
const ringWords = 2 * windowSize / 64

// window remembers which sequence numbers have come (RFC 4303, 3.4.3): the
// last windowSize of them, up to the highest, as bits in a ring of words. Going
// on clears whole words and shifts nothing (RFC 6479).
type window struct {
	last uint32 // the highest number that has come; 0 before the first
	bits [ringWords]uint64
}

// fresh reports whether seq can be accepted: not seen yet, and not so old that
// nobody knows any more.
func (w *window) fresh(seq uint32) bool {
	switch {
	case seq == 0: // the first number is 1
		return false
	case seq > w.last:
		return true
	case w.last-seq >= windowSize:
		return false
	}
	return w.bits[seq/64%ringWords]&(1<<(seq%64)) == 0
}

// commit marks the number of an authentic packet as seen. It reports whether
// the number was still fresh.
func (w *window) commit(seq uint32) bool {
	if !w.fresh(seq) {
		return false
	}
	if seq > w.last {
		steps := min(seq/64-w.last/64, ringWords)
		for word := seq / 64; steps > 0; word, steps = word-1, steps-1 {
			w.bits[word%ringWords] = 0
		}
		w.last = seq
	}
	w.bits[seq/64%ringWords] |= 1 << (seq % 64)
	return true
}
