package ike

import (
	"testing"
	"time"
)

func TestHandshake(t *testing.T) {
	a, b := pair()
	l := newLink(t, 1, a, b)
	l.connect(time.Second)
	l.sameKeys()
	if got := l.now.Sub(time.Unix(1_700_000_000, 0)); got != 90*time.Millisecond {
		t.Errorf("connected after %v, want nine one-way delays of 10 ms", got)
	}
	up := l.a.phase1[0]
	if up.Suite != a.Phase1[0] || !up.Encapsulated || up.Rekey || up.ByPeer || up.NAT != (NAT{}) {
		t.Errorf("Phase1Up = %+v", up)
	}
}
