//go:build linux

package interop

import (
	"testing"

	"github.com/culvert-vpn/culvert/engine/interop/lab"
)

// TestOurGateway has the stock Linux client judge culvert gateway.
func TestOurGateway(t *testing.T) {
	t.Parallel()
	g := lab.StartOurs(t, `phase1 = ["aes256-sha256-modp2048", "3des-sha1-modp1024"]`)
	g.Watch(t)
	for _, tt := range []struct {
		name  string
		stock lab.StockOptions
	}{
		{"direct", lab.StockOptions{ESP: "aes128gcm16"}},
		{"behind NAT", lab.StockOptions{NAT: true, ESP: "aes256-sha1"}},
		{"3des-sha1-modp1024", lab.StockOptions{IKE: "3des-sha1-modp1024", ESP: "3des-sha1"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			g.Watch(t)
			s := g.StartStock(t, tt.stock)
			s.Connect(t, g.Inside)
			s.Transfers(t, g, little)
			s.Disconnect(t)
			g.Empty(t)
		})
	}
}
