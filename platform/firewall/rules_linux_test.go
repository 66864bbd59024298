package firewall

import (
	"context"
	"os/exec"
	"strings"
	"testing"

	"github.com/culvert-vpn/culvert/platform/testroom"
)

// run is the output of a program that has to do well.
func run(t *testing.T, args string) string {
	t.Helper()
	f := strings.Fields(args)
	out, err := exec.Command(f[0], f[1:]...).CombinedOutput()
	if err != nil {
		t.Fatalf("%s (packages iproute2 and nftables): %v: %s", args, err, out)
	}
	return string(out)
}

func newSystemManager(t *testing.T) *Manager {
	t.Helper()
	m, err := New(nil)
	if err != nil {
		t.Fatal(err)
	}
	return m
}

func set(t *testing.T, m *Manager, cfg Config) {
	t.Helper()
	if err := m.Set(context.Background(), cfg); err != nil {
		t.Fatal(err)
	}
}

// What the kernel has, in the words of nft.
func TestRuleset(t *testing.T) {
	testroom.Own(t)
	m := newSystemManager(t)
	for _, s := range states {
		set(t, m, s.cfg)
		golden(t, s.name+".nft", run(t, "nft --numeric list ruleset"))
	}
	if err := m.Clear(); err != nil {
		t.Fatal(err)
	}
	if got := run(t, "nft --numeric list ruleset"); got != "" {
		t.Errorf("after Clear: %s", got)
	}
}
