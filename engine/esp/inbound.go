package esp

import (
	"encoding/binary"
	"sync"
	"sync/atomic"
	"time"

	"github.com/culvert-vpn/culvert/engine/packet"
	"github.com/culvert-vpn/culvert/engine/suite"
)

// Inbound is the SA that packets from the peer are opened with. It is safe for
// concurrent use; a batch is opened whole.
type Inbound struct {
	spi uint32

	mu     sync.Mutex // guards what follows up to the atomics
	crypto *transform
	window window
	bufs   []*packet.Buffer // of the batch at hand, those that may be good
	pkts   [][]byte         // their packets
	good   []bool           // which of them are authentic

	lastSeen                                        atomic.Int64 // Unix time in nanoseconds; 0: never
	opened, discarded, replayed, malformed, dropped atomic.Uint64
}

// Stats counts the packets of an inbound SA; each is in one of the counters.
type Stats struct {
	Opened    uint64 // payloads delivered
	Discarded uint64 // dummy packets of traffic flow confidentiality (RFC 4303, 2.6)
	Replayed  uint64 // seen before, or too old to tell
	Malformed uint64 // authentic, but with bad padding or no UDP in it: the peer's fault
	Dropped   uint64 // not authentic, too short, or of another SPI
}

// NewInbound makes the SA with our own SPI. keymat, KeymatLen octets of one
// direction, is not kept.
func NewInbound(s suite.Phase2, spi uint32, keymat []byte) (*Inbound, error) {
	crypto, err := newTransform(s, keymat, false)
	if err != nil {
		return nil, err
	}
	return &Inbound{spi: spi, crypto: crypto}, nil
}

// SPI is the SPI in the packets.
func (i *Inbound) SPI() uint32 { return i.spi }

// Stats is a snapshot of the counters.
func (i *Inbound) Stats() Stats {
	return Stats{
		Opened:    i.opened.Load(),
		Discarded: i.discarded.Load(),
		Replayed:  i.replayed.Load(),
		Malformed: i.malformed.Load(),
		Dropped:   i.dropped.Load(),
	}
}

// LastSeen is the time that Open was given with the last authentic packet; zero
// before the first.
func (i *Inbound) LastSeen() time.Time {
	ns := i.lastSeen.Load()
	if ns == 0 {
		return time.Time{}
	}
	return time.Unix(0, ns)
}

// Open makes payloads out of the ESP packets of the batch (RFC 4303, 3.4) in
// place, in order, and returns how many there are. Every other packet it drops,
// dummy packets among them, without a sign of why; one bad packet does no harm
// to the rest of its batch. It steps over empty buffers.
func (i *Inbound) Open(now time.Time, batch []*packet.Buffer) (opened int) {
	i.mu.Lock()
	defer i.mu.Unlock()
	i.admit(batch)
	i.crypto.verify(i.pkts, i.good)
	i.commit(now)
	i.crypto.decrypt(i.pkts)
	opened = i.unwrap()
	clear(i.bufs) // do not hold on to the caller's buffers
	clear(i.pkts)
	i.crypto.release()
	return opened
}

// admit puts into bufs and pkts what is long enough, of this SA and, as far as
// one can say yet, not a replay.
func (i *Inbound) admit(batch []*packet.Buffer) {
	i.bufs, i.pkts, i.good = i.bufs[:0], i.pkts[:0], i.good[:0]
	var replayed, dropped uint64
	for _, b := range batch {
		p := b.Bytes()
		switch {
		case len(p) == 0:
		case !i.crypto.fits(len(p)) || binary.BigEndian.Uint32(p) != i.spi:
			b.Drop()
			dropped++
		case !i.window.fresh(binary.BigEndian.Uint32(p[4:])):
			b.Drop()
			replayed++
		default:
			i.bufs = append(i.bufs, b)
			i.pkts = append(i.pkts, p[:len(p):len(p)])
			i.good = append(i.good, false)
		}
	}
	i.replayed.Add(replayed)
	i.dropped.Add(dropped)
}

// commit moves the window for the authentic packets, in order, and keeps those
// alone in bufs and pkts. A number that came twice in the batch passes once.
func (i *Inbound) commit(now time.Time) {
	var replayed, dropped uint64
	kept := 0
	for n, b := range i.bufs {
		p := i.pkts[n]
		switch {
		case !i.good[n]:
			b.Drop()
			dropped++
		case !i.window.commit(binary.BigEndian.Uint32(p[4:])):
			b.Drop()
			replayed++
		default:
			i.bufs[kept], i.pkts[kept] = b, p
			kept++
		}
	}
	clear(i.bufs[kept:])
	clear(i.pkts[kept:])
	i.bufs, i.pkts = i.bufs[:kept], i.pkts[:kept]
	if kept > 0 {
		i.lastSeen.Store(now.UnixNano())
	}
	i.replayed.Add(replayed)
	i.dropped.Add(dropped)
}

// unwrap takes header, padding and trailer off the decrypted packets and returns
// how many have a payload for us.
func (i *Inbound) unwrap() (opened int) {
	var discarded, malformed uint64
	for n, b := range i.bufs {
		p := i.pkts[n]
		body := p[i.crypto.headLen() : len(p)-i.crypto.icvLen]
		pad, next := int(body[len(body)-2]), body[len(body)-1]
		payload := len(body) - trailerLen - pad
		switch {
		case payload < 0 || !paddingOK(body[payload:len(body)-trailerLen]):
			b.Drop()
			malformed++
		case next == nextHeaderDummy:
			b.Drop()
			discarded++
		case next != nextHeaderUDP || payload == 0:
			b.Drop()
			malformed++
		default:
			b.TrimBack(pad + trailerLen + i.crypto.icvLen)
			b.TrimFront(i.crypto.headLen())
			opened++
		}
	}
	i.opened.Add(uint64(opened))
	i.discarded.Add(discarded)
	i.malformed.Add(malformed)
	return opened
}

// fits reports whether a packet of n octets can be one of this format: a whole
// number of blocks, the trailer among them. Words are not asked for with GCM:
// there is nothing that would need them.
func (f format) fits(n int) bool {
	body := n - f.headLen() - f.icvLen
	if f.saltLen > 0 {
		return body >= trailerLen
	}
	return body > 0 && body%f.align == 0
}

// paddingOK reports whether padding is 1, 2, 3, … (RFC 4303, 2.4). It looks at
// all of it, whatever it finds.
func paddingOK(padding []byte) bool {
	var diff byte
	for i, b := range padding {
		diff |= b ^ byte(i+1)
	}
	return diff == 0
}
