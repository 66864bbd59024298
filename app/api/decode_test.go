package api

import (
	"bytes"
	"encoding/json"
	"reflect"
	"testing"
	"time"

	"github.com/culvert-vpn/culvert/engine/failure"
)

// Decode reads what Encode writes.
func TestDecode(t *testing.T) {
	at := time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)
	ms := int64(7)
	for _, e := range []Event{
		StageEvent{Stage: failure.Routes, State: Done, MS: &ms, Detail: map[string]string{"a": "b"}},
		Status{State: Reconnecting, Attempt: 3, Ask: []SecretName{Password}, Stages: []StageStatus{{Stage: failure.Phase1, State: Started, Started: at}}},
		FailureEvent{Stage: failure.Connected, Code: "path.dead", Title: "t", Advice: "a", Evidence: []string{"e"}},
		StatsEvent{RxBytes: 1}, LogEvent{Level: "info", Message: "m"}, SummaryEvent{Bytes: 1},
	} {
		var b bytes.Buffer
		if err := Encode(&b, at, e); err != nil {
			t.Fatal(err)
		}
		gotAt, got, err := Decode(b.Bytes())
		if err != nil || !gotAt.Equal(at) || !reflect.DeepEqual(got, e) {
			t.Errorf("Decode(%s) = %v, %+v, %v, want %+v", b.Bytes(), gotAt, got, err, e)
		}
	}
	if _, e, err := Decode([]byte(`{"type":"of a later version"}`)); e != nil || err != nil {
		t.Errorf("a kind that is not known: %+v, %v, want nothing", e, err)
	}
	for _, bad := range []string{"", "{", `{"type":"stage","stage":"nowhere"}`, `{"type":"stats","rx_bytes":"x"}`} {
		if _, _, err := Decode([]byte(bad)); err == nil {
			t.Errorf("Decode(%s) has no error", bad)
		}
	}
}

// A secret survives whatever JSON does to it, from us and from others.
func TestSecretJSON(t *testing.T) {
	for _, s := range []string{"", "plain", `with "quotes" and \ and /`, "tab\tnew\nline\x01", "ä𝄞語"} {
		ours, err := json.Marshal(Secrets{Password: Secret(s)})
		if err != nil {
			t.Fatal(err)
		}
		theirs, err := json.Marshal(map[string]string{"password": s})
		if err != nil {
			t.Fatal(err)
		}
		for _, text := range [][]byte{ours, theirs} {
			var got Secrets
			if err := json.Unmarshal(text, &got); err != nil || string(got.Password) != s {
				t.Errorf("%s: %q, %v, want %q", text, got.Password, err, s)
			}
		}
	}
	for text, want := range map[string]string{`"\u00e4\ud834\udd1e\b\f\/"`: "ä𝄞\b\f/", `"\ud834x"`: "\ufffdx", `"\ud834\u0041"`: "\ufffdA"} {
		var got Secret
		if err := json.Unmarshal([]byte(text), &got); err != nil || string(got) != want {
			t.Errorf("%s: %q, %v, want %q", text, got, err, want)
		}
	}
	var s Secret
	for _, bad := range []string{"7", "{}", "[1]", "true"} {
		if err := json.Unmarshal([]byte(bad), &s); err == nil {
			t.Errorf("%s is a secret", bad)
		}
	}
	if err := json.Unmarshal([]byte("null"), &s); err != nil || s != nil {
		t.Errorf("null: %q, %v", s, err)
	}
}
