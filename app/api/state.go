package api

import (
	"net/netip"
	"slices"
	"time"

	"github.com/culvert-vpn/culvert/app/profile"
)

// Status is all there is to know about the connection at one moment: the answer
// to GET /v1/state, and the "state" events of the helper. It has every field of
// StateEvent under the same name, and never a secret.
type Status struct {
	State   State       `json:"state"`
	Since   time.Time   `json:"since,omitzero"`   // when State began
	Profile ProfileName `json:"profile,omitzero"` // wanted, connected, or tried last

	// Network is there while State is Connected.
	Network

	// Attempt counts the tries since the connection was wanted or lost, from 1.
	Attempt int `json:"attempt,omitempty"`
	// NextAttempt is when the next try begins. Zero: one is at work, none is
	// planned, or it waits for a network.
	NextAttempt time.Time `json:"next_attempt,omitzero"`
	// Offline says that the next try waits for a network, or for the computer to
	// wake up, and that no time can be named.
	Offline bool `json:"offline,omitempty"`

	// SecondsLeft is how long a person is still waited for: in Waiting, and
	// while Ask names what to give; 0 there: for as long as it takes.
	SecondsLeft int `json:"seconds_left,omitempty"`
	// Ask names the secrets that POST /v1/answer is to give. In Waiting the
	// gateway asks for them; in Disconnected and Blocked they were wrong or
	// missing, and an answer connects again. With the failure SecretMissing the
	// helper was started anew and goes on with what was wanted before: whoever has
	// the secrets may give them without asking a person.
	Ask []SecretName `json:"ask,omitempty"`
	// Prompt is how the gateway asks, in its own words: one line of printable text,
	// which nobody has checked. It is there in Waiting with Ask, if it said anything.
	Prompt string `json:"prompt,omitempty"`

	// Stages is how far the try at work has come, or came, in order.
	Stages []StageStatus `json:"stages,omitempty"`
	// Failure is why the state is worse than it should be: of the last try, or
	// what ended the connection.
	Failure *FailureEvent `json:"failure,omitempty"`
}

// ProfileName tells profiles apart, for programs and for people.
type ProfileName struct {
	ID   string `json:"id"` // a UUID
	Name string `json:"name"`
}

// Network is what was agreed on with the gateway.
type Network struct {
	Address   netip.Addr   `json:"address,omitzero"`  // ours inside the tunnel
	Address6  netip.Addr   `json:"address6,omitzero"` // ours by IPv6, known later than Connected; without one it does not go through the tunnel
	Peer      netip.Addr   `json:"peer,omitzero"`     // the gateway's inside the tunnel
	DNS       []netip.Addr `json:"dns,omitempty"`     // of a Status those in force; none: as without the connection
	MTU       int          `json:"mtu,omitempty"`     // octets, of the tunnel
	Suite     string       `json:"suite,omitempty"`   // of phase 2
	Interface string       `json:"interface,omitempty"`
	Server    string       `json:"server,omitempty"` // the gateway's address
	// Routes and Search are what the gateway pushed since, if the profile takes
	// it: Routes as they came, not all of which may be in use.
	Routes []netip.Prefix `json:"routes,omitempty"`
	Search []string       `json:"search,omitempty"`
}

// StageStatus is one stage of a try. One that is Started and has a Failure of
// the Status beside it is where the try ended.
type StageStatus struct {
	Stage   Stage             `json:"stage"`
	State   StageState        `json:"state"`
	Started time.Time         `json:"started"`
	MS      *int64            `json:"ms,omitempty"`     // how long it took; when done
	Detail  map[string]string `json:"detail,omitempty"` // what was agreed
}

// SecretName is a secret by its key in a secrets file.
type SecretName = profile.SecretName

// The secrets.
const (
	PSK                      = profile.NamePSK
	Password                 = profile.NamePassword
	TunnelSecret             = profile.NameTunnelSecret
	KeyPassphrase SecretName = "key_passphrase"
	OTP                      = profile.NameOTP
)

func (Status) kind() string { return "state" }

// Hear changes s by an event that came after it, at now. Stages are not changed in
// place. An engine that tries otherwise begins an earlier stage again.
func (s *Status) Hear(now time.Time, e Event) {
	switch e := e.(type) {
	case Status:
		*s = e
	case StageEvent:
		n := 0
		for n < len(s.Stages) && s.Stages[n].Stage < e.Stage {
			n++
		}
		stage := StageStatus{Stage: e.Stage, State: e.State, Started: now, MS: e.MS, Detail: e.Detail}
		if n < len(s.Stages) && s.Stages[n].Stage == e.Stage && e.State == Done {
			stage.Started = s.Stages[n].Started
		}
		s.Stages = append(slices.Clone(s.Stages[:n]), stage)
	case FailureEvent:
		s.Failure = &e
	}
}
