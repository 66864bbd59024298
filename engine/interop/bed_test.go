package interop

import (
	"testing"

	"github.com/culvert-vpn/culvert/engine/interop/lab"
)

// TestBed shows that the bed is sound: the stock Linux client connects to each
// gateway and moves data, directly and from behind the NAT, and leaves nothing.
func TestBed(t *testing.T) {
	tests := []struct {
		name string
		d    lab.Daemon
		nat  bool
	}{
		{"strongswan", lab.StrongSwan, false},
		{"libreswan behind NAT", lab.Libreswan, true},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			g := lab.StartLinux(t, lab.LinuxOptions{Daemon: tt.d})
			g.Watch(t)
			s := g.StartStock(t, lab.StockOptions{NAT: tt.nat})
			s.Connect(t, g.Inside)
			s.Transfers(t, &g.Gateway, 1<<20)
			s.Disconnect(t)
			g.Empty(t)
		})
	}
}
