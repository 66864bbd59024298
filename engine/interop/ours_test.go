//go:build linux

package interop

import (
	"strings"
	"testing"

	"github.com/culvert-vpn/culvert/engine/interop/lab"
)

// TestOurGateway has the stock Linux client judge culvert gateway.
func TestOurGateway(t *testing.T) {
	t.Parallel()
	// EAP first: who refuses that is asked for another method.
	g := lab.StartOurs(t, `phase1 = ["aes256-sha256-modp2048", "3des-sha1-modp1024"]`, `auth = ["eap-mschapv2", "mschapv2", "chap"]`)
	g.Watch(t)
	t.Run("ike-scan", func(t *testing.T) { scans(t, g) })
	for _, tt := range []struct {
		name  string
		bytes int64
		stock lab.StockOptions
	}{
		{"direct", much, lab.StockOptions{ESP: "aes128gcm16"}},
		{"behind NAT, EAP-MSCHAPv2", little, lab.StockOptions{NAT: true, EAP: true, ESP: "aes256-sha1"}},
		{"3des-sha1-modp1024", little, lab.StockOptions{IKE: "3des-sha1-modp1024", ESP: "3des-sha1"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			g.Watch(t)
			s := g.StartStock(t, tt.stock)
			s.Connect(t, g.Inside)
			s.Transfers(t, g, tt.bytes)
			s.Disconnect(t)
			g.Empty(t)
		})
	}
}

// TestOurEAP has the stock client judge EAP with MD5, which it is asked for alone.
func TestOurEAP(t *testing.T) {
	t.Parallel()
	g := lab.StartOurs(t, `auth = ["eap-md5"]`)
	g.Watch(t)
	s := g.StartStock(t, lab.StockOptions{EAP: true})
	s.Connect(t, g.Inside)
	s.Transfers(t, g, little)
	s.Disconnect(t)
	g.Empty(t)
}

// scans has ike-scan ask what the gateway takes: what the configuration names,
// and nothing else.
func scans(t *testing.T, g *lab.Gateway) {
	for _, tt := range []struct {
		transform, want string
	}{
		{"7/256,4,1,14", "Main Mode Handshake returned"}, // aes256-sha256-modp2048
		{"5,2,1,2", "Main Mode Handshake returned"},      // 3des-sha1-modp1024
		{"1,1,1,1", "NO-PROPOSAL-CHOSEN"},                // des-md5-modp768
		{"7/128,2,1,14", "NO-PROPOSAL-CHOSEN"},           // aes128-sha1-modp2048
	} {
		out := g.Direct.Run(t, "ike-scan", "--sport=0", "--multiline", "--trans="+tt.transform, lab.Server.String())
		if !strings.Contains(out, tt.want) {
			t.Errorf("ike-scan --trans=%s says\n%s\nwant %q", tt.transform, out, tt.want)
		}
	}
}
