package api

import (
	"encoding/json"
	"net/netip"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/culvert-vpn/culvert/engine/failure"
)

var at = time.Date(2026, 11, 22, 12, 14, 15, 0, time.UTC)

// The whole state as other programs read it.
func TestEncodeStatus(t *testing.T) {
	ms := int64(41)
	office := ProfileName{"6f1c2a34-5b6d-4e7f-8a9b-0c1d2e3f4a5b", "Office"}
	const head = `{"time":"2026-11-22T12:14:15Z","type":"state",`
	const prof = `"profile":{"id":"6f1c2a34-5b6d-4e7f-8a9b-0c1d2e3f4a5b","name":"Office"}`
	for _, c := range []struct {
		name string
		in   Status
		want string
	}{
		{"nothing", Status{State: Disconnected}, `"state":"disconnected"}`},
		{"connecting", Status{State: Connecting, Since: at, Profile: office, Attempt: 1, Stages: []StageStatus{
			{Stage: failure.Phase1, State: Done, Started: at, MS: &ms, Detail: map[string]string{"suite": "aes256-sha1-modp2048"}},
			{Stage: failure.Phase2, State: Started, Started: at.Add(41 * time.Millisecond)}}},
			`"state":"connecting","since":"2026-11-22T12:14:15Z",` + prof + `,"attempt":1,"stages":[` +
				`{"stage":"phase1","state":"done","started":"2026-11-22T12:14:15Z","ms":41,"detail":{"suite":"aes256-sha1-modp2048"}},` +
				`{"stage":"phase2","state":"started","started":"2026-11-22T12:14:15.041Z"}]}`},
		{"connected", Status{State: Connected, Since: at, Profile: office, Network: Network{Address: netip.MustParseAddr("10.99.0.10"), Peer: netip.MustParseAddr("10.99.0.1"),
			DNS: []netip.Addr{netip.MustParseAddr("10.99.0.1")}, MTU: 1400, Suite: "aes128gcm16", Interface: "culvert0", Server: "198.51.100.1"}},
			`"state":"connected","since":"2026-11-22T12:14:15Z",` + prof + `,"address":"10.99.0.10","peer":"10.99.0.1","dns":["10.99.0.1"],"mtu":1400,"suite":"aes128gcm16","interface":"culvert0","server":"198.51.100.1"}`},
		{"reconnecting", Status{State: Reconnecting, Since: at, Profile: office, Attempt: 3, NextAttempt: at.Add(4 * time.Second),
			Failure: &FailureEvent{Stage: failure.Connected, Code: failure.PathDead, Title: "T", Advice: "A", Evidence: []string{"e"}}},
			`"state":"reconnecting","since":"2026-11-22T12:14:15Z",` + prof + `,"attempt":3,"next_attempt":"2026-11-22T12:14:19Z",` +
				`"failure":{"stage":"connected","code":"path.dead","title":"T","advice":"A","evidence":["e"]}}`},
		{"asked", Status{State: Blocked, Since: at, Profile: office, SecondsLeft: 600, Ask: []SecretName{PSK, Password}},
			`"state":"blocked","since":"2026-11-22T12:14:15Z",` + prof + `,"seconds_left":600,"ask":["psk","password"]}`},
		{"without a network", Status{State: Reconnecting, Since: at, Profile: office, Attempt: 1, Offline: true},
			`"state":"reconnecting","since":"2026-11-22T12:14:15Z",` + prof + `,"attempt":1,"offline":true}`},
	} {
		t.Run(c.name, func(t *testing.T) {
			var b strings.Builder
			if err := Encode(&b, at, c.in); err != nil {
				t.Fatal(err)
			}
			if want := head + c.want + "\n"; b.String() != want {
				t.Errorf("Encode = %s, want %s", b.String(), want)
			}
		})
	}
}

// Whoever reads a StateEvent reads a Status as well.
func TestStatusHasTheNamesOfStateEvent(t *testing.T) {
	e := StateEvent{State: Waiting, Address: netip.MustParseAddr("10.0.0.2"), Address6: netip.MustParseAddr("2001:db8::2"), Peer: netip.MustParseAddr("10.0.0.1"), DNS: []netip.Addr{netip.MustParseAddr("10.0.0.1")},
		MTU: 1400, Suite: "s", Interface: "i", Server: "v", SecondsLeft: 7,
		Routes: []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8")}, Search: []string{"corp.example"}}
	s := Status{State: e.State, SecondsLeft: e.SecondsLeft, Network: Network{e.Address, e.Address6, e.Peer, e.DNS, e.MTU, e.Suite, e.Interface, e.Server, e.Routes, e.Search}}
	text, err := json.Marshal(s)
	if err != nil {
		t.Fatal(err)
	}
	var got StateEvent
	if err := json.Unmarshal(text, &got); err != nil {
		t.Fatal(err)
	}
	if !reflect.DeepEqual(got, e) {
		t.Errorf("%s reads as %+v, want %+v", text, got, e)
	}
}
