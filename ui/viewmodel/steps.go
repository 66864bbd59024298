package viewmodel

// StepState is how far a step is.
type StepState uint8

// The states of a step.
const (
	StepToCome StepState = iota // ring
	StepRunning
	StepDone
	StepFailed
)

// Step is one of the nine.
type Step struct {
	State  StepState
	Name   string
	Detail string // what was agreed; often ""
	Time   string // "12 ms", "2.4 s"; "" for what did not begin
}

// Steps is the box under the panel.
type Steps struct {
	Title string
	Total string // at the right: "2.6 s so far"
	// Folded shows one row only, with the title and Total: "9 of 9 done in 310 ms".
	Folded bool
	Rows   []Step // nine
	// Around is the row that is looked at, which stays where there is no room.
	Around int
	Hint   string // below the box; "": none
}
