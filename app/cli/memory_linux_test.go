package cli

import (
	"fmt"
	"os"
	"strconv"
	"strings"
	"testing"
	"time"
)

// maxResident is what a connected client may take, in octets, however much goes
// through it.
const maxResident = 40 << 20

// resident is the most memory that the process had at once, in octets (VmHWM of
// proc(5)).
func (p *program) resident(t *testing.T) int {
	t.Helper()
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", p.PID()))
	if err != nil {
		t.Fatal(err)
	}
	_, rest, _ := strings.Cut(string(status), "VmHWM:")
	line, _, _ := strings.Cut(rest, "kB")
	kB, err := strconv.Atoi(strings.TrimSpace(line))
	if err != nil {
		t.Fatalf("%v in\n%s", err, status)
	}
	return kB << 10
}

func TestSystemMemory(t *testing.T) {
	const each = 64 << 20
	exe := built(t)
	w := newWorld(t)
	gw := start(t, w.gateway, "", "gateway", "--config", write(t, "gateway.toml", gatewayFile, 0o600))
	gw.until(t, "Inside:")
	p := startProgram(t, exe, w.client, secretsText, "up", "--direct", "--json", "--secrets", "-", write(t, "p.toml", profileText, 0o644))
	p.until(t, `"state":"connected"`)
	idle := p.resident(t)
	began := time.Now()
	if got := w.get(t, each); got != each {
		t.Errorf("%d octets came through the tunnel, want %d", got, each)
	}
	w.post(t, each)
	took := time.Since(began)
	busy := p.resident(t)
	t.Logf("resident: %.1f MB connected, %.1f MB at most after 64 MiB each way in %v", mb(idle), mb(busy), took.Round(time.Millisecond))
	if busy > maxResident {
		t.Errorf("%.1f MB resident, want at most %.1f MB", mb(busy), mb(maxResident))
	}
	if status := p.stop(); status != 0 {
		t.Errorf("status %d after SIGTERM, want 0:\n%s", status, strings.Join(p.seen, "\n"))
	}
}

func mb(octets int) float64 { return float64(octets) / (1 << 20) }
