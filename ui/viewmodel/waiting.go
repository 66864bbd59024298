package viewmodel

// Countdown is the box while a person is waited for.
type Countdown struct {
	Left     float64 // of the ring, from 1 to 0
	Seconds  string  // inside it
	Unit     string  // below that: "seconds"
	Title    string
	Sentence string
	Code     *CodeBox // nil: no code is asked for
}

// CodeBox asks for a code that is used once, or for another secret.
type CodeBox struct {
	Title  string
	Field  string // the placeholder
	Help   string
	Send   Button
	Secret string // the key of the answer: api.Secrets
	Hidden bool   // it is a password, not a code
}
