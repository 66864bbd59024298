// Package api is what Culvert tells other programs, as data: the events of a
// connection and the failure codes. Names here are stable.
package api

import (
	"encoding/json"
	"fmt"
	"io"
	"net/netip"
	"time"

	"github.com/culvert-vpn/culvert/engine/failure"
)

// Stage and Code are the engine's own: one type from the wire to the tooltip.
type (
	Stage = failure.Stage
	Code  = failure.Code
)

// The codes of failures outside a connection.
const (
	HelperNotRunning    Code = "helper.not-running"
	HelperNotAllowed    Code = "helper.not-allowed"
	ProfileInvalid      Code = "profile.invalid"
	KeychainUnavailable Code = "keychain.unavailable"
	SecretMissing       Code = "secret.missing"
	ConnectionIdle      Code = "connection.idle" // and ended, as the profile wants it
)

// StageState is how far a stage is.
type StageState string

// The states of a stage. One that fails ends with a Failure event instead.
const (
	Started StageState = "started"
	Done    StageState = "done"
)

// State is the state of a connection.
type State string

// The states.
const (
	Disconnected  State = "disconnected"
	Connecting    State = "connecting"
	Waiting       State = "waiting" // for a person
	Connected     State = "connected"
	Reconnecting  State = "reconnecting"
	Disconnecting State = "disconnecting"
	Blocked       State = "blocked"
)

// Event is one line of the stream of events.
type Event interface{ kind() string }

// StageEvent is the start or the end of a stage.
type StageEvent struct {
	Stage  Stage             `json:"stage"`
	State  StageState        `json:"state"`
	MS     *int64            `json:"ms,omitempty"`     // how long it took; when done
	Detail map[string]string `json:"detail,omitempty"` // what was agreed
}

// StateEvent is a change of the connection's state.
type StateEvent struct {
	State       State          `json:"state"`
	Address     netip.Addr     `json:"address,omitzero"` // ours inside the tunnel
	Address6    netip.Addr     `json:"address6,omitzero"`
	Peer        netip.Addr     `json:"peer,omitzero"` // the gateway's inside the tunnel
	DNS         []netip.Addr   `json:"dns,omitempty"`
	MTU         int            `json:"mtu,omitempty"`   // octets, of the tunnel
	Suite       string         `json:"suite,omitempty"` // of phase 2
	Interface   string         `json:"interface,omitempty"`
	Server      string         `json:"server,omitempty"`       // the gateway's address
	Routes      []netip.Prefix `json:"routes,omitempty"`       // pushed by the gateway
	Search      []string       `json:"search,omitempty"`       // pushed by the gateway
	SecondsLeft int            `json:"seconds_left,omitempty"` // of waiting
	Ask         []SecretName   `json:"ask,omitempty"`          // of waiting: what to give to the gateway
	Prompt      string         `json:"prompt,omitempty"`       // of waiting: how the gateway asks
}

// FailureEvent is how a connection ended badly, with the words for people.
type FailureEvent struct {
	Stage    Stage    `json:"stage,omitzero"`
	Code     Code     `json:"code"`
	Title    string   `json:"title"`
	Advice   string   `json:"advice"`
	Evidence []string `json:"evidence"` // what was seen
}

// StatsEvent counts what went through the tunnel since it came up.
type StatsEvent struct {
	RxBytes   uint64 `json:"rx_bytes"`
	TxBytes   uint64 `json:"tx_bytes"`
	RxPackets uint64 `json:"rx_packets"`
	TxPackets uint64 `json:"tx_packets"`
}

// LogEvent is a line of the log.
type LogEvent struct {
	Level   string `json:"level"` // debug, info, warn, error
	Message string `json:"msg"`
}

// SummaryEvent is the last line of a demonstration.
type SummaryEvent struct {
	SetupMS        int64  `json:"setup_ms"` // start to connected
	Bytes          uint64 `json:"bytes"`    // each way, at least
	DownBytes      uint64 `json:"down_bytes"`
	UpBytes        uint64 `json:"up_bytes"`
	DownBitsPerSec uint64 `json:"down_bits_per_s"`
	UpBitsPerSec   uint64 `json:"up_bits_per_s"`
	Suite          string `json:"suite"`
	Verified       bool   `json:"verified"` // every octet arrived as it was sent
}

func (StageEvent) kind() string   { return "stage" }
func (StateEvent) kind() string   { return "state" }
func (FailureEvent) kind() string { return "failure" }
func (StatsEvent) kind() string   { return "stats" }
func (LogEvent) kind() string     { return "log" }
func (SummaryEvent) kind() string { return "summary" }

// head is what every event begins with.
type head struct {
	Time time.Time `json:"time"`
	Type string    `json:"type"`
}

// Encode writes one event as one line: a JSON object and a newline.
func Encode(w io.Writer, at time.Time, e Event) error {
	if f, ok := e.(FailureEvent); ok && f.Evidence == nil {
		f.Evidence = []string{} // a list, not null
		e = f
	}
	front, err := json.Marshal(head{at.UTC(), e.kind()})
	if err != nil {
		return fmt.Errorf("api: %w", err)
	}
	body, err := json.Marshal(e)
	if err != nil {
		return fmt.Errorf("api: %w", err)
	}
	line := append(front[:len(front)-1], ',')
	line = append(append(line, body[1:]...), '\n')
	_, err = w.Write(line)
	return err
}
