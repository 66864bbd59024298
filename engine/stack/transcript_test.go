package stack_test

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/culvert-vpn/culvert/engine/failure"
	"github.com/culvert-vpn/culvert/engine/ike"
	"github.com/culvert-vpn/culvert/engine/interop/recording"
	"github.com/culvert-vpn/culvert/engine/isakmp"
	"github.com/culvert-vpn/culvert/engine/l2tp"
	"github.com/culvert-vpn/culvert/engine/ppp"
	"github.com/culvert-vpn/culvert/engine/stack"
)

// The recordings come from the gateways themselves; see engine/interop's
// TestRecord, which writes them anew with -record.
const transcripts = "testdata/transcripts"

// load calls f with each recording.
func load(t *testing.T, f func(t *testing.T, r *recording.Recording)) {
	t.Helper()
	paths, err := filepath.Glob(filepath.Join(transcripts, "*.txt"))
	if err != nil {
		t.Fatal(err)
	}
	if len(paths) < 4 {
		t.Fatalf("%d recordings in %s, want one of each gateway", len(paths), transcripts)
	}
	for _, path := range paths {
		r, err := recording.Load(path)
		if err != nil {
			t.Fatal(err)
		}
		t.Run(strings.TrimSuffix(filepath.Base(path), ".txt"), func(t *testing.T) {
			t.Parallel()
			f(t, r)
		})
	}
}

// TestTranscripts has a client do with a recorded gateway what it did with the
// real one: the same octets, the same stages, an orderly end.
func TestTranscripts(t *testing.T) {
	load(t, func(t *testing.T, r *recording.Recording) {
		c, err := r.Replay()
		if err != nil {
			t.Fatal(err)
		}
		if c.Down == nil || c.Down.Failure != nil {
			t.Errorf("ends with %+v, want an end without a failure", c.Down)
		}
		if c.Network == nil || !c.Network.Local.Is4() || len(c.Network.DNS) == 0 {
			t.Errorf("network %+v, want an address and a DNS server", c.Network)
		}
		if c.Answered == 0 {
			t.Error("no echo came back through the tunnel")
		}
		want := []failure.Stage{failure.Phase1, failure.Phase2, failure.Tunnel, failure.Session, failure.Link, failure.Authenticate, failure.Network}
		if !r.Setup.IPsec {
			want = want[2:]
		}
		if got := stages(r.Calls); !slices.Equal(got, want) {
			t.Errorf("stages %v, want %v", got, want)
		}
	})
}

// stages are those that calls say were done.
func stages(calls []recording.Call) (all []failure.Stage) {
	for _, c := range calls {
		for _, e := range c.Events {
			for s := failure.Resolve; s < failure.Connected; s++ {
				if strings.HasPrefix(e, s.String()+" ") {
					all = append(all, s)
				}
			}
		}
	}
	return all
}

// outcome is what became of a connection whose gateway does not say what was
// recorded.
type outcome struct {
	conn   *recording.Conn
	stages []failure.Stage
	downAt time.Duration
}

// play makes the calls of a recording with those of its own deadlines in place
// of the recorded ones, until the end.
func play(t *testing.T, r *recording.Recording, calls []recording.Call) outcome {
	t.Helper()
	o := outcome{conn: r.Setup.New()}
	var done []recording.Call
	do := func(c recording.Call) {
		down := o.conn.Down != nil
		o.conn.Do(&c)
		if down && (len(c.Sent) > 0 || len(c.Events) > 0) {
			t.Errorf("%s after the end gives %v", c.Action, c)
		}
		if !down && o.conn.Down != nil {
			o.downAt = c.At
		}
		done = append(done, c)
	}
	advance := func(until time.Duration) {
		for range 10_000 {
			at, ok := o.conn.Deadline()
			if !ok || at > until {
				return
			}
			if n := len(done); n > 0 {
				at = max(at, done[n-1].At)
			}
			do(recording.Call{At: at, Action: recording.Advance})
		}
		t.Fatalf("does not get past its deadline before %v", until)
	}
	for _, c := range calls {
		if c.Action != recording.Advance {
			advance(c.At)
			do(c)
		}
	}
	advance(r.End() + 10*time.Second)
	o.stages = stages(done)
	return o
}

// well fails the test unless the connection came up and ended as asked.
func (o *outcome) well(t *testing.T, r *recording.Recording, what string) {
	t.Helper()
	if o.ended(t, r, what); o.conn.Down == nil {
		return
	}
	if f := o.conn.Down.Failure; f != nil {
		t.Errorf("%s: ended at %v by %v", what, o.downAt, f)
	}
	if want := stages(r.Calls); !slices.Equal(o.stages, want) {
		t.Errorf("%s: stages %v, want %v", what, o.stages, want)
	}
}

// ended fails the test unless the connection ended in time, and with a failure
// of known kind if any.
func (o *outcome) ended(t *testing.T, r *recording.Recording, what string) {
	t.Helper()
	if o.conn.Down == nil {
		t.Errorf("%s: no end 10 s after the last call", what)
		return
	}
	f := o.conn.Down.Failure
	if f == nil {
		return
	}
	var k *ike.Error
	var l *l2tp.Error
	var p *ppp.Error
	typed := errors.As(f.Err, &k) && k.Reason != ike.Internal || errors.As(f.Err, &l) && l.Reason != l2tp.Internal || errors.As(f.Err, &p)
	if f.Code == "" || f.Stage < failure.Phase1 || f.Stage > failure.Connected || !typed {
		t.Errorf("%s: failure %+v, caused by %T", what, f, f.Err)
	}
}

// mutants calls f for each datagram of the gateway.
func mutants(r *recording.Recording, f func(i int, name string)) {
	n := 0
	for i := range r.Calls {
		if c := &r.Calls[i]; c.Action == recording.Handle {
			f(i, fmt.Sprintf("datagram %d of the gateway, after %v", n, c.At))
			n++
		}
	}
}

// flipped is a call with one bit of its datagram changed.
func flipped(c recording.Call, rng *rand.Rand) (recording.Call, string) {
	c.Data = slices.Clone(c.Data)
	i, bit := rng.IntN(len(c.Data)), rng.IntN(8)
	c.Data[i] ^= 1 << bit
	return c, fmt.Sprintf("octet %d, bit %d", i, bit)
}

// TestTranscriptsLost has one datagram of the gateway changed, lost, or late.
// What the gateway said then does not fit any more, so the connection may fail:
// in time, and by something known.
func TestTranscriptsLost(t *testing.T) {
	load(t, func(t *testing.T, r *recording.Recording) {
		rng := rand.New(rand.NewPCG(1, 2))
		mutants(r, func(i int, name string) {
			o := play(t, r, slices.Delete(slices.Clone(r.Calls), i, i+1))
			o.ended(t, r, name+" lost")
			for range 3 {
				calls := slices.Clone(r.Calls)
				var where string
				calls[i], where = flipped(calls[i], rng)
				o := play(t, r, calls)
				o.ended(t, r, name+" with another "+where)
			}
			next := i + 1 + slices.IndexFunc(r.Calls[i+1:], func(c recording.Call) bool { return c.Action == recording.Handle })
			if next == i {
				return
			}
			calls := slices.Clone(r.Calls)
			calls[i].Via, calls[next].Via = calls[next].Via, calls[i].Via
			calls[i].Data, calls[next].Data = calls[next].Data, calls[i].Data
			o = play(t, r, calls)
			o.ended(t, r, name+" swapped with the one after")
		})
	})
}

// TestTranscriptsRepeated has a network double one datagram of the gateway.
func TestTranscriptsRepeated(t *testing.T) {
	load(t, func(t *testing.T, r *recording.Recording) {
		mutants(r, func(i int, name string) {
			o := play(t, r, slices.Insert(slices.Clone(r.Calls), i+1, r.Calls[i]))
			o.well(t, r, name+" twice")
		})
	})
}

// TestTranscriptsForged has somebody on the way send a changed copy of each
// datagram right before the gateway's own. Nothing that IPsec protects may come
// of it.
func TestTranscriptsForged(t *testing.T) {
	load(t, func(t *testing.T, r *recording.Recording) {
		rng := rand.New(rand.NewPCG(3, 4))
		mutants(r, func(i int, name string) {
			for range 3 {
				forged, where := flipped(r.Calls[i], rng)
				o := play(t, r, slices.Insert(slices.Clone(r.Calls), i, forged))
				if what := name + " forged before, " + where; sealed(r.Calls[i]) {
					o.well(t, r, what)
				} else {
					o.ended(t, r, what)
				}
			}
		})
	})
}

// sealed says whether a datagram is encrypted, by ESP or IKE.
func sealed(c recording.Call) bool {
	switch c.Via {
	case stack.Port4500:
		ike := len(c.Data) > 4 && [4]byte(c.Data) == [4]byte{}
		return !ike || sealed(recording.Call{Via: stack.Port500, Data: c.Data[4:]})
	case stack.Port500:
		m, err := isakmp.ParseHeader(c.Data)
		return err == nil && m.Flags&isakmp.FlagEncryption != 0
	}
	return false
}
