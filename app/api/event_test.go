package api

import (
	"encoding/json"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/culvert-vpn/culvert/engine/failure"
)

// The lines that scripts read.
func TestEncode(t *testing.T) {
	at := time.Date(2026, 11, 22, 13, 14, 15, 678000000, time.FixedZone("CET", 3600))
	ms := int64(41)
	zero := int64(0)
	for _, c := range []struct {
		name string
		in   Event
		want string
	}{
		{"stage started", StageEvent{Stage: failure.Phase1, State: Started},
			`{"time":"2026-11-22T12:14:15.678Z","type":"stage","stage":"phase1","state":"started"}`},
		{"stage done", StageEvent{Stage: failure.Phase1, State: Done, MS: &ms, Detail: map[string]string{"suite": "aes256-sha256-modp2048", "nat": "both"}},
			`{"time":"2026-11-22T12:14:15.678Z","type":"stage","stage":"phase1","state":"done","ms":41,"detail":{"nat":"both","suite":"aes256-sha256-modp2048"}}`},
		{"stage done at once", StageEvent{Stage: failure.Resolve, State: Done, MS: &zero},
			`{"time":"2026-11-22T12:14:15.678Z","type":"stage","stage":"resolve","state":"done","ms":0}`},
		{"connected", StateEvent{State: Connected, Address: netip.MustParseAddr("10.99.0.10"), Peer: netip.MustParseAddr("10.99.0.1"),
			DNS: []netip.Addr{netip.MustParseAddr("10.99.0.1")}, MTU: 1400, Suite: "aes128gcm16", Interface: "culvert0", Server: "198.51.100.1"},
			`{"time":"2026-11-22T12:14:15.678Z","type":"state","state":"connected","address":"10.99.0.10","peer":"10.99.0.1","dns":["10.99.0.1"],"mtu":1400,"suite":"aes128gcm16","interface":"culvert0","server":"198.51.100.1"}`},
		{"waiting", StateEvent{State: Waiting, SecondsLeft: 89}, `{"time":"2026-11-22T12:14:15.678Z","type":"state","state":"waiting","seconds_left":89}`},
		{"failure", FailureEvent{Stage: failure.Authenticate, Code: failure.PPPBadCredentials, Title: "T", Advice: "A", Evidence: []string{"E=691"}},
			`{"time":"2026-11-22T12:14:15.678Z","type":"failure","stage":"authenticate","code":"ppp.bad-credentials","title":"T","advice":"A","evidence":["E=691"]}`},
		{"failure outside", FailureEvent{Code: ProfileInvalid, Title: "T", Advice: "A"},
			`{"time":"2026-11-22T12:14:15.678Z","type":"failure","code":"profile.invalid","title":"T","advice":"A","evidence":[]}`},
		{"stats", StatsEvent{RxBytes: 1, TxBytes: 2, RxPackets: 3}, `{"time":"2026-11-22T12:14:15.678Z","type":"stats","rx_bytes":1,"tx_bytes":2,"rx_packets":3,"tx_packets":0}`},
		{"log", LogEvent{Level: "info", Message: "a\nb"}, `{"time":"2026-11-22T12:14:15.678Z","type":"log","level":"info","msg":"a\nb"}`},
		{"summary", SummaryEvent{SetupMS: 150, Bytes: 1 << 20, DownBytes: 2 << 20, UpBytes: 1 << 20, DownBitsPerSec: 8, UpBitsPerSec: 9, Suite: "aes128gcm16", Verified: true},
			`{"time":"2026-11-22T12:14:15.678Z","type":"summary","setup_ms":150,"bytes":1048576,"down_bytes":2097152,"up_bytes":1048576,"down_bits_per_s":8,"up_bits_per_s":9,"suite":"aes128gcm16","verified":true}`},
	} {
		t.Run(c.name, func(t *testing.T) {
			var b strings.Builder
			if err := Encode(&b, at, c.in); err != nil {
				t.Fatal(err)
			}
			if b.String() != c.want+"\n" {
				t.Errorf("Encode = %s, want %s", b.String(), c.want)
			}
			if !json.Valid([]byte(b.String())) {
				t.Errorf("no JSON: %s", b.String())
			}
		})
	}
}
