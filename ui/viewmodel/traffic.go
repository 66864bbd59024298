package viewmodel

import (
	"math"
	"strconv"
	"strings"
	"time"
)

// Samples is how many seconds the graph shows.
const Samples = 120

const (
	sampleTime = time.Second
	// shrinkTime is how long a smaller axis has to be enough.
	shrinkTime = 10 * time.Second
	leastTop   = 1500 // bits a second
)

// Graph is the box of the traffic. A sample is a part of the axis, from 0 to 1;
// NaN is a gap. The newest is the last.
type Graph struct {
	Title                  string
	ReceivedName, SentName string
	ReceivedRate, SentRate string // "21.4 Mbit/s"
	Received, Sent         [Samples]float64
	Axis                   [4]string // from the top; the unit is on the first
	Times                  [3]string // "2 min ago", "1 min ago", "now"
	Text                   string    // all of it in a sentence, for who does not see it
}

// Traffic is two minutes of a connection's counters. Its zero value is empty.
type Traffic struct {
	base    time.Time           // of slot 0: the first sample
	last    int                 // slot of the newest sample
	rx, tx  uint64              // counters then
	at      time.Time           // when
	rates   [Samples][2]float64 // bits a second, by slot modulo Samples
	there   [Samples]bool       // false: a gap
	top     float64             // of the axis
	smaller time.Time           // since when a smaller one is enough; zero: it is not
}

// Sample takes the counters, in octets, once a second. Those of another connection
// begin anew.
func (t *Traffic) Sample(now time.Time, rx, tx uint64) {
	if t.base.IsZero() || rx < t.rx || tx < t.tx || now.Before(t.at) {
		*t = Traffic{base: now, at: now, rx: rx, tx: tx, top: leastTop}
		return
	}
	took := now.Sub(t.at)
	slot := t.slot(now)
	if slot == t.last { // a tick that came early: the next one has it all
		return
	}
	for lost := max(t.last+1, slot-Samples); lost < slot; lost++ {
		t.there[lost%Samples] = false
	}
	rate := func(was, is uint64) float64 { return float64(is-was) * 8 / took.Seconds() }
	t.rates[slot%Samples], t.there[slot%Samples] = [2]float64{rate(t.rx, rx), rate(t.tx, tx)}, true
	t.last, t.at, t.rx, t.tx = slot, now, rx, tx
	t.scale(now)
}

// slot is the second that a time is in. It is rounded: ticks are early and late.
func (t *Traffic) slot(now time.Time) int { return int(now.Sub(t.base).Round(sampleTime) / sampleTime) }

// scale chooses the axis: it grows at once, and shrinks when that has been
// possible for a while.
func (t *Traffic) scale(now time.Time) {
	peak := 0.0
	for i, r := range t.rates {
		if t.there[i] {
			peak = max(peak, r[0], r[1])
		}
	}
	want := axisTop(peak)
	switch {
	case want > t.top:
		t.top, t.smaller = want, time.Time{}
	case want == t.top:
		t.smaller = time.Time{}
	case t.smaller.IsZero():
		t.smaller = now
	case now.Sub(t.smaller) >= shrinkTime:
		t.top, t.smaller = want, time.Time{}
	}
}

// axisTop is the first of 1.5, 3 and 6 times a power of ten at or above peak: each
// has three even steps.
func axisTop(peak float64) float64 {
	for top := float64(leastTop); ; top *= 10 {
		for _, f := range []float64{1, 2, 4} {
			if top*f >= peak {
				return top * f
			}
		}
	}
}

// end is the slot at the right edge: the newest sample, unless it is late.
func (t *Traffic) end(now time.Time) int { return max(t.last, t.slot(now)-1) }

// Graph is the traffic to draw.
func (w *Words) Graph(t *Traffic, now time.Time) Graph {
	g := Graph{Title: w.Text("traffic.title"), ReceivedName: w.Text("fact.received"), SentName: w.Text("fact.sent"),
		Times: [3]string{w.Text("traffic.2min"), w.Text("traffic.1min"), w.Text("traffic.now")}}
	top := max(t.top, leastTop)
	g.Axis = w.axis(top)
	g.ReceivedRate, g.SentRate = "–", "–"
	end := 0
	if !t.base.IsZero() {
		end = t.end(now)
	}
	for i := range Samples {
		g.Received[i], g.Sent[i] = math.NaN(), math.NaN()
		// Slot 0 is where counting began: there is no rate before slot 1.
		slot := end - Samples + 1 + i
		if slot < 1 || slot > t.last || slot <= t.last-Samples || !t.there[slot%Samples] {
			continue
		}
		r := t.rates[slot%Samples]
		g.Received[i], g.Sent[i] = r[0]/top, r[1]/top
		if i == Samples-1 {
			g.ReceivedRate, g.SentRate = w.Rate(r[0]), w.Rate(r[1])
		}
	}
	g.Text = w.args("traffic.text", Args{"Received": g.ReceivedRate, "Sent": g.SentRate})
	return g
}

// axis is the words at the four lines.
func (w *Words) axis(top float64) [4]string {
	x, unit := top/1000, 0
	for x >= 1000 && unit < len(rateUnits)-1 {
		x, unit = x/1000, unit+1
	}
	number := func(x float64) string {
		return strings.Replace(strconv.FormatFloat(x, 'f', -1, 64), ".", w.decimal, 1)
	}
	return [4]string{w.with(rateUnits[unit], "N", number(x)), number(x * 2 / 3), number(x / 3), "0"}
}
