package helper

import (
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/culvert-vpn/culvert/app/api"
	"github.com/culvert-vpn/culvert/engine/dhcp"
)

// TestLearned sets what the gateway pushes once it is connected, tells of it, and
// does without it when the machine refuses.
func TestLearned(t *testing.T) {
	b := newBench(t, t.TempDir())
	b.sys.taken = netip.MustParsePrefix("198.18.2.0/24")
	events := b.watch()
	b.call("POST", "/v1/connect", connectBody(t, profileText))
	until(t, events, `"state":"connected"`)
	b.sys.mu.Lock()
	learned := b.sys.learned
	b.sys.mu.Unlock()
	pushed := dhcp.Options{Server: netip.MustParseAddr("10.99.0.1"), DNS: []netip.Addr{netip.MustParseAddr("198.18.0.53")}, Search: []string{"corp.example"},
		Routes: []netip.Prefix{netip.MustParsePrefix("198.18.1.0/24"), netip.MustParsePrefix("0.0.0.0/0")}}
	learned(time.Now(), pushed)
	line := until(t, events, `"routes":`)
	for _, want := range []string{`"state":"connected"`, `"routes":["198.18.1.0/24","0.0.0.0/0"]`, `"search":["corp.example"]`, `"dns":["198.18.0.53"]`} {
		if !strings.Contains(line, want) {
			t.Errorf("no %s in %s", want, line)
		}
	}
	pushed.Routes = append(pushed.Routes, b.sys.taken)
	learned(time.Now(), pushed)
	until(t, events, `"code":"os.routes"`)
	if line := until(t, events, `"type":"state"`); !strings.Contains(line, string(api.Connected)) || strings.Contains(line, "198.18.1.0/24") {
		t.Errorf("after routes that cannot be set: %s", line)
	}
	b.stop()
	var done []string
	for _, s := range b.sys.done {
		if strings.HasPrefix(s, "routes") || strings.HasPrefix(s, "dns") {
			done = append(done, s)
		}
	}
	want := "routes [0.0.0.0/0] · dns [10.99.0.1] · routes [0.0.0.0/0 198.18.1.0/24] · dns [198.18.0.53] corp.example · " +
		"routes [0.0.0.0/0 198.18.1.0/24 198.18.2.0/24] · routes [0.0.0.0/0] · dns [10.99.0.1]"
	if got := strings.Join(done, " · "); got != want {
		t.Errorf("did %s\nwant %s", got, want)
	}
	if !strings.Contains(b.log.String(), "not taken") {
		t.Errorf("nothing is said of the default route:\n%s", b.log.String())
	}
}
