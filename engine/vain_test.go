package engine

import (
	"errors"
	"testing"
	"time"

	"github.com/culvert-vpn/culvert/engine/failure"
)

// TestDataInVain cuts the line of an idle connection and sends one packet: the
// control goroutine, which has nothing to do for half a minute, is told.
func TestDataInVain(t *testing.T) {
	b := newBed(t)
	b.cfg.Stack.IKE.DPDInterval = time.Minute
	s := connected(t, b)
	await(t, "the end of all that connecting leaves to do", func() bool { return s.awaits.Load() })
	b.cut.Store(true)
	ip := make([]byte, 40)
	ip[0], ip[3] = 0x45, 40
	b.device.feed <- ip
	var f *failure.Failure
	if err := ends(t, s, 15*time.Second); !errors.As(err, &f) || f.Code != failure.PathDead {
		t.Errorf("Wait = %v, want %v", err, failure.PathDead)
	}
}
