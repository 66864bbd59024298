// Package diagnosis is the one place with words for people about failures: for
// each code what happened, why that is, and what to do.
package diagnosis

import (
	"github.com/culvert-vpn/culvert/app/api"
	"github.com/culvert-vpn/culvert/engine/failure"
)

// Entry explains one failure code.
type Entry struct {
	Title  string // what happened, without a full stop
	Cause  string // what most likely is behind it
	Advice string // what to do
	// Windows is the number that Windows shows for the same failure and that
	// people search for; 0: there is none.
	Windows int
}

// Lookup explains code. A code that is not in the table gets a general answer.
func Lookup(code api.Code) Entry {
	if e, ok := Known(code); ok {
		return e
	}
	return Entry{
		Title:  "The connection failed",
		Cause:  "This version of Culvert has no explanation for it.",
		Advice: "Try again, and if it stays, send the code and the evidence below to the people who run the gateway.",
	}
}

// Known is the explanation of a code, and whether there is one.
func Known(code api.Code) (Entry, bool) {
	e, ok := table[code]
	return e, ok
}

// Event is the failure as an event, with its words.
func Event(f *failure.Failure) api.FailureEvent {
	e := Lookup(f.Code)
	return api.FailureEvent{Stage: f.Stage, Code: f.Code, Title: e.Title, Advice: e.Advice, Evidence: f.Evidence}
}

// StageName is a stage for people.
func StageName(s api.Stage) string {
	switch s {
	case failure.Resolve:
		return "Find server"
	case failure.Phase1:
		return "Phase 1"
	case failure.Phase2:
		return "Phase 2"
	case failure.Tunnel:
		return "Tunnel"
	case failure.Session:
		return "Session"
	case failure.Link:
		return "Link"
	case failure.Authenticate:
		return "Sign in"
	case failure.Network:
		return "Network"
	case failure.Routes:
		return "Routes"
	case failure.Connected:
		return "Connected"
	}
	return "Start"
}
