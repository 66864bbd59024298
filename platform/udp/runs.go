package udp

import "net/netip"

// Ours.
const (
	// maxRun is how many datagrams the system cuts one send into: what every
	// kernel with UDP_SEGMENT takes.
	maxRun = 64
	// maxRunOctets keeps a run within one UDP datagram.
	maxRunOctets = 65000
)

// run is how many datagrams from i on may go as one message: of one size, but
// for the last, which may be shorter, and to one peer.
func run(bufs [][]byte, peers []netip.AddrPort, i int) int {
	size, total, n := len(bufs[i]), len(bufs[i]), 1
	for size > 0 && i+n < len(bufs) && n < maxRun {
		next := len(bufs[i+n])
		if next == 0 || next > size || total+next > maxRunOctets || peers != nil && peers[i+n] != peers[i] {
			break
		}
		total += next
		n++
		if next < size {
			break
		}
	}
	return n
}

// verdict is what an error of a send means for what is to be done next.
type verdict uint8

const (
	// verdictLost: the datagram is lost, the others are not.
	verdictLost verdict = iota
	// verdictEarlier: the error may be about an earlier datagram, to which the
	// network has answered; this one was not sent.
	verdictEarlier
	// verdictSingly: a run may pass as single datagrams.
	verdictSingly
	// verdictNoRuns: so may every run, for ever.
	verdictNoRuns
	// verdictClosed: nothing passes any more.
	verdictClosed
)

// resend keeps account of errors while a batch is sent.
type resend struct {
	single  int // up to here without runs
	retried int // the datagram that an old error was reported at, counted from 1
	first   error
}

// after says how many datagrams to go on by, of the n from i on that failed with
// err: 0 to try again, single or not.
func (r *resend) after(i, n int, v verdict, err error) int {
	if n > 1 && (v == verdictSingly || v == verdictNoRuns) {
		r.single = i + n
		return 0 // not an error yet
	}
	if r.first == nil {
		r.first = err
	}
	if v == verdictEarlier && r.retried != i+1 {
		r.retried = i + 1
		return 0
	}
	return n
}

// sendAll sends a batch message by message: send sends n datagrams from i on and
// judges its error. Where runs is set, and stays, n may be more than 1. It
// tries every datagram and gives the first error.
func sendAll(bufs [][]byte, peers []netip.AddrPort, runs *bool, send func(i, n int) (verdict, error)) error {
	var r resend
	for i := 0; i < len(bufs); {
		n := 1
		if *runs && i >= r.single {
			n = run(bufs, peers, i)
		}
		v, err := send(i, n)
		if err == nil {
			i += n
			continue
		}
		if v == verdictClosed {
			return err
		}
		if n > 1 && v == verdictNoRuns {
			*runs = false
		}
		i += r.after(i, n, v, err)
	}
	return r.first
}
