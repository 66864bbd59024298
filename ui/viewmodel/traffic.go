package viewmodel

// Samples is how many seconds the graph shows.
const Samples = 120

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
