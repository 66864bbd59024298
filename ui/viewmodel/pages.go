package viewmodel

import "time"

// Page is a page with a heading, a sentence and one button.
type Page struct {
	Heading, Sentence string
	Button            *Button
	Second            *Button // plain
}

// StartChoice is one of the three ways to begin.
type StartChoice struct {
	Heading, Sentence string
	Does              Action
}

// Check is a word in the status bar of the first page.
type Check struct {
	Good bool
	Text string
}

// Start is the first page, while there is no profile.
type Start struct {
	Page
	Choices []StartChoice // none while something is missing
	Checks  []Check
}

// LogLevel is how much the log shows.
type LogLevel uint8

// The levels.
const (
	LogAll LogLevel = iota
	LogNotes
	LogWarnings
	LogFaults
)

// LogLine is one row of the log.
type LogLine struct {
	At    time.Time
	Time  string
	Level string // by word
	Mark  Kind   // Failed for a fault, Waiting for a warning, else Disconnected
	Text  string
}

// Rule is something that a gateway must allow.
type Rule struct{ Name, Sentence string }

// AdminPage is the page for an administrator.
type AdminPage struct {
	Heading, Sentence string
	Rules             []Rule
	Copy              Button
	Text              string // what Copy copies
}

// About is the page about the program.
type About struct {
	Heading, Sentence string
	Versions          []Fact
	Licences          string
}
