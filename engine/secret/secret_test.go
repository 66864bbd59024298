package secret

import (
	"bytes"
	"encoding/json"
	"fmt"
	"log/slog"
	"strings"
	"testing"
)

func TestNeverPrinted(t *testing.T) {
	s := Secret("hunter2")
	var log bytes.Buffer
	slog.New(slog.NewJSONHandler(&log, nil)).Info("x", "secret", s, "in", struct{ S Secret }{s})
	js, err := json.Marshal(struct{ S Secret }{s})
	if err != nil {
		t.Fatal(err)
	}
	for _, got := range []string{
		fmt.Sprint(s), fmt.Sprintf("%s %v %x %q %#v %d", s, s, s, s, s, s), fmt.Sprintf("%+v", struct{ S Secret }{s}), log.String(), string(js),
	} {
		if strings.Contains(got, "hunter") || strings.Contains(got, "68756e") || !strings.Contains(got, "redacted") {
			t.Errorf("a secret was printed as %q", got)
		}
	}
}

func TestZero(t *testing.T) {
	s := Secret("hunter2")
	c := s.Clone()
	s.Zero()
	if !bytes.Equal(s, make([]byte, 7)) {
		t.Error("Zero left octets behind")
	}
	if string(c) != "hunter2" {
		t.Error("Clone shares memory with its original")
	}
}
