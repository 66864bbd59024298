//go:build linux

package interop

import (
	"testing"

	"github.com/culvert-vpn/culvert/engine/interop/lab"
)

// TestBed shows that the bed is sound, without any code of ours: the stock Linux
// client connects to each gateway, moves data and leaves nothing. Where this
// fails, no other test here tells anything.
func TestBed(t *testing.T) {
	linux := func(d lab.Daemon) func(*testing.T) *lab.Gateway {
		return func(t *testing.T) *lab.Gateway {
			return &lab.StartLinux(t, lab.LinuxOptions{Daemon: d}).Gateway
		}
	}
	for _, tt := range []struct {
		name  string
		start func(*testing.T) *lab.Gateway
		stock lab.StockOptions
	}{
		{"strongswan", linux(lab.StrongSwan), lab.StockOptions{}},
		{"libreswan behind NAT", linux(lab.Libreswan), lab.StockOptions{NAT: true}},
		{"softether", func(t *testing.T) *lab.Gateway {
			return &lab.StartSoftEther(t, lab.SoftEtherOptions{}).Gateway
		}, lab.StockOptions{}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			g := tt.start(t)
			g.Watch(t)
			s := g.StartStock(t, tt.stock)
			s.Connect(t, g.Inside)
			s.Transfers(t, g, little)
			s.Disconnect(t)
			g.Empty(t)
		})
	}
}
