package udp

import "sync/atomic"

// Ours.
const (
	// maxPlain is longer than any datagram that came in one packet of Ethernet.
	maxPlain = 1500
	// maxDoubtful is how many longer ones without a size it takes to give up: a
	// few are datagrams that came in fragments, such as IKE with certificates,
	// for which joining does nothing.
	maxDoubtful = 3
)

// joinWatch finds out whether the system joins datagrams without telling their
// size. Windows does so on some machines: with certain network drivers, and on
// ARM with the virtual switch of its Linux subsystem. What came so is lost, for
// the sizes of ESP packets are not in them.
type joinWatch struct{ doubtful atomic.Int32 }

// ok takes note of a datagram of n octets and the size that was told, 0: none.
// It says whether joining may stay on.
func (w *joinWatch) ok(n, size int) bool {
	if size == 0 && n > maxPlain {
		return w.doubtful.Add(1) < maxDoubtful
	}
	return w.doubtful.Load() < maxDoubtful
}
