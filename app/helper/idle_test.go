package helper

import (
	"strings"
	"testing"
)

// A connection through which nothing goes ends, if the profile wants it, and says
// why.
func TestIdle(t *testing.T) {
	b := newBench(t, t.TempDir())
	events := b.watch()
	b.call("POST", "/v1/connect", connectBody(t, profileText+"[reconnect]\nidle_disconnect = \"1s\"\n"))
	until(t, events, `"state":"connected"`)
	if line := until(t, events, `"type":"failure"`); !strings.Contains(line, `"code":"connection.idle"`) || !strings.Contains(line, `"title":"The connection was idle"`) {
		t.Errorf("told %s", line)
	}
	if line := until(t, events, `"state":"disconnected"`); !strings.Contains(line, "connection.idle") {
		t.Errorf("disconnected: %s", line)
	}
}
