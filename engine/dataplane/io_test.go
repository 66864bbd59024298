package dataplane

import (
	"net/netip"
	"testing"
)

// burst is a socket whose calls bring what is in the list: how many datagrams,
// and how many octets each, joined when size is not 0.
type burst struct {
	list  []struct{ count, octets, size int }
	asked []int
}

func (s *burst) ReadBatch(bufs [][]byte, sizes, segments []int, _ []netip.AddrPort) (int, error) {
	s.asked = append(s.asked, len(bufs))
	b := s.list[0]
	s.list = s.list[1:]
	n := min(b.count, len(bufs))
	for i := range n {
		sizes[i], segments[i] = b.octets, b.size
		for k := range bufs[i][:b.octets] {
			bufs[i][k] = byte(k)
		}
	}
	return n, nil
}

func (*burst) WriteBatch([][]byte, []netip.AddrPort) error { return nil }
func (*burst) Close() error                                { return nil }

// A system that joins datagrams is asked for a few, one that does not for many;
// what was joined comes apart.
func TestReader(t *testing.T) {
	s := &burst{list: []struct{ count, octets, size int }{
		{2, 100, 0}, {joinedReads, 100, 0}, {40, 100, 0}, {3, 250, 100}, {1, 300, 100}, {1, 20, 100},
	}}
	r := NewReader(s, 300)
	for i, want := range []struct{ packets, last int }{{2, 100}, {joinedReads, 100}, {40, 100}, {9, 50}, {3, 100}, {1, 20}} {
		batch, err := r.Read()
		if err != nil {
			t.Fatal(err)
		}
		if len(batch) != want.packets || batch[len(batch)-1].Len() != want.last {
			t.Errorf("read %d: %d packets, the last of %d octets, want %d of %d", i, len(batch), batch[len(batch)-1].Len(), want.packets, want.last)
		}
	}
	want := []int{joinedReads, joinedReads, singleReads, singleReads, joinedReads, joinedReads}
	for i, n := range s.asked {
		if n != want[i] {
			t.Errorf("read %d asked for %d datagrams, want %d", i, n, want[i])
		}
	}
}
