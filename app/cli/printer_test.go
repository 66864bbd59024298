package cli

import (
	"net/netip"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/culvert-vpn/culvert/app/api"
	"github.com/culvert-vpn/culvert/app/diagnosis"
	"github.com/culvert-vpn/culvert/engine/failure"
)

func done(s api.Stage, ms int64, detail map[string]string) api.StageEvent {
	return api.StageEvent{Stage: s, State: api.Done, MS: &ms, Detail: detail}
}

var story = []api.Event{
	api.StateEvent{State: api.Connecting},
	api.StageEvent{Stage: failure.Resolve, State: api.Started},
	done(failure.Resolve, 3, map[string]string{"address": "198.51.100.1"}),
	api.StageEvent{Stage: failure.Phase1, State: api.Started},
	done(failure.Phase1, 41, map[string]string{"suite": "3des-sha1-modp1024", "nat": "both", "peer_id": "gw"}),
	done(failure.Phase2, 12, map[string]string{"suite": "aes128gcm16", "encapsulation": "udp", "spi": "1/2"}),
	done(failure.Tunnel, 7, map[string]string{"host": "gw\x1b[31m"}),
	api.StageEvent{Stage: failure.Authenticate, State: api.Started},
	api.StateEvent{State: api.Waiting, SecondsLeft: 88},
	api.StateEvent{State: api.Waiting, SecondsLeft: 87},
	done(failure.Authenticate, 12345, map[string]string{"method": "MS-CHAPv2"}),
	api.StateEvent{State: api.Connected, Address: netip.MustParseAddr("10.99.0.10"), MTU: 1400, Suite: "aes128gcm16", Interface: "culvert0", Server: "198.51.100.1"},
	api.StatsEvent{RxBytes: 1},
	api.LogEvent{Level: "warn", Message: "a note"},
	api.StateEvent{State: api.Disconnecting},
	api.StateEvent{State: api.Disconnected},
}

const storyLines = `  ✓ Find server     3 ms  198.51.100.1
  ✓ Phase 1        41 ms  3des-sha1-modp1024 (outdated)
  ✓ Phase 2        12 ms  aes128gcm16, in udp
  ✓ Tunnel          7 ms  gw [31m
  … The server takes its time: somebody may have to approve the login on a phone (88 s left).
  ✓ Sign in     12345 ms  MS-CHAPv2

Connected to 198.51.100.1 after 0 ms: address 10.99.0.10 on culvert0, aes128gcm16, packets of up to 1400 octets.
  a note
Disconnecting.
Disconnected.
`

func TestHumanPrinter(t *testing.T) {
	var stdout, stderr strings.Builder
	p := newHumanPrinter(Streams{Out: &stdout, Err: &stderr})
	for _, e := range story {
		p.print(time.Time{}, e)
	}
	if stdout.String() != storyLines || stderr.String() != "" {
		t.Errorf("printed\n%s%s\nwant\n%s", stdout.String(), stderr.String(), storyLines)
	}

	// A terminal also shows the stage in work, and ends with the same lines.
	stdout.Reset()
	p = newHumanPrinter(Streams{Out: &stdout, Err: &stderr})
	p.live = true
	for _, e := range story {
		p.print(time.Time{}, e)
	}
	if !strings.Contains(stdout.String(), "  … Phase 1"+clearLine+"  ✓ Phase 1") {
		t.Errorf("a terminal does not show the stage in work: %q", stdout.String())
	}
	visible := regexp.MustCompile(`[^\n]*`+regexp.QuoteMeta(clearLine)).ReplaceAllString(stdout.String(), "")
	if visible != storyLines {
		t.Errorf("a terminal ends with\n%s\nwant\n%s", visible, storyLines)
	}
}

func TestHumanFailure(t *testing.T) {
	var stdout, stderr strings.Builder
	p := newHumanPrinter(Streams{Out: &stdout, Err: &stderr})
	p.print(time.Time{}, api.StageEvent{Stage: failure.Authenticate, State: api.Started})
	p.print(time.Time{}.Add(1234*time.Millisecond), diagnosis.Event(&failure.Failure{Stage: failure.Authenticate, Code: failure.PPPBadCredentials,
		Evidence: []string{"E=691 R=1\x07", "also tried another"}}))
	p.print(time.Time{}, api.StateEvent{State: api.Disconnected}) // goes without saying
	if stdout.String() != "  ✗ Sign in      1234 ms\n" {
		t.Errorf("output %q", stdout.String())
	}
	const want = `
Wrong user name or password.
The gateway knows this way of signing in, but not this user with this password. Where it asked for a code, that may have been wrong, used or too old.
Enter both again. Some gateways want the domain as well, or user@hub.

  code      ppp.bad-credentials (in Windows: error 691)
  evidence  E=691 R=1 
            also tried another
`
	if stderr.String() != want {
		t.Errorf("errors\n%s\nwant\n%s", stderr.String(), want)
	}
}

func TestHumanSummary(t *testing.T) {
	var stdout strings.Builder
	newHumanPrinter(Streams{Out: &stdout}).print(time.Time{}, api.SummaryEvent{SetupMS: 150, Bytes: 9_000_000, DownBytes: 64 << 20, UpBytes: 9_000_000,
		DownBitsPerSec: 1_234_000_000, UpBitsPerSec: 987_654, Suite: "aes128gcm16", Verified: true})
	const want = "\nThrough the tunnel: 67 MB down at 1.23 Gbit/s, 9000 kB up at 987 kbit/s; every octet arrived as it was sent.\n"
	if stdout.String() != want {
		t.Errorf("summary %q, want %q", stdout.String(), want)
	}
}
