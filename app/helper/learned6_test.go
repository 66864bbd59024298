package helper

import (
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/culvert-vpn/culvert/engine/slaac"
)

// TestLearned6 takes IPv6 into the tunnel once the gateway has said what it has,
// and blocks it again when it has nothing any more.
func TestLearned6(t *testing.T) {
	b := newBench(t, t.TempDir())
	events := b.watch()
	b.call("POST", "/v1/connect", connectBody(t, profileText))
	until(t, events, `"state":"connected"`)
	b.sys.mu.Lock()
	learned := b.sys.learned6
	b.sys.mu.Unlock()
	learned(time.Now(), slaac.Network{Address: netip.MustParseAddr("2001:db8:99:1::7"), Default: true, DNS: []netip.Addr{netip.MustParseAddr("2001:db8:99::53")}})
	line := until(t, events, `"address6":"2001:db8:99:1::7"`)
	if !strings.Contains(line, `"dns":["10.99.0.1","2001:db8:99::53"]`) {
		t.Errorf("no name server in %s", line)
	}
	learned(time.Now(), slaac.Network{})
	if line := until(t, events, `"type":"state"`); strings.Contains(line, "address6") || !strings.Contains(line, `"state":"connected"`) {
		t.Errorf("without IPv6: %s", line)
	}
	b.stop()
	var done []string
	for _, s := range b.sys.done {
		switch {
		case strings.HasPrefix(s, "routes"), strings.HasPrefix(s, "dns"), s == "firewall: no IPv6":
			done = append(done, s)
		case strings.HasPrefix(s, "firewall") && strings.Contains(s, `"culvert0"`):
			done = append(done, "firewall")
		}
	}
	want := []string{"routes [0.0.0.0/0]", "dns [10.99.0.1]", "firewall", "firewall: no IPv6",
		"routes [0.0.0.0/0 ::/0]", "dns [10.99.0.1 2001:db8:99::53]", "firewall",
		"firewall", "firewall: no IPv6", "routes [0.0.0.0/0]", "dns [10.99.0.1]"}
	if !slices.Equal(done, want) {
		t.Errorf("did %s\nwant %s", strings.Join(done, " · "), strings.Join(want, " · "))
	}
}
