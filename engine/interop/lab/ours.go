//go:build linux

package lab

import (
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"
)

// StartOurs starts culvert gateway, for the stock client to judge. It lives
// until the end of the test. Settings are lines for its configuration.
func StartOurs(tb testing.TB, settings ...string) *Gateway {
	tb.Helper()
	b := newBed(tb)
	b.script(tb, "net", "namespace")
	g := newGateway(b, netip.MustParseAddr("10.99.0.1"))
	g.port = 80
	config := filepath.Join(b.dir, "gateway.toml")
	text := fmt.Sprintf("listen = %q\npsk = %q\n%s\n\n[users]\n%s = %q\n", Server, PSK, strings.Join(settings, "\n"), User, Password)
	if err := os.WriteFile(config, []byte(text), 0o600); err != nil {
		tb.Fatal(err)
	}
	log := filepath.Join(b.dir, "log", "culvert-gateway")
	out, err := os.Create(log)
	if err != nil {
		tb.Fatal(err)
	}
	defer out.Close()
	cmd := (&Host{b, "gateway"}).Command(b.culvert(tb), "gateway", "--config", config)
	cmd.Stdout, cmd.Stderr = out, out
	if err := cmd.Start(); err != nil {
		tb.Fatal(err)
	}
	ended := make(chan error, 1)
	go func() { ended <- cmd.Wait() }()
	tb.Cleanup(func() {
		cmd.Process.Signal(syscall.SIGTERM)
		select {
		case err := <-ended:
			if err != nil {
				tb.Errorf("culvert gateway: %v\n%s", err, read(log))
			}
		case <-time.After(limit):
			cmd.Process.Kill()
			tb.Errorf("culvert gateway did not end within %v\n%s", limit, read(log))
		}
	})
	for start := time.Now(); !strings.Contains(read(log), "Serving"); time.Sleep(20 * time.Millisecond) {
		if time.Since(start) > limit {
			tb.Fatalf("culvert gateway does not serve:\n%s", read(log))
		}
	}
	g.logs = func(testing.TB) string { return "" } // it tells all on its output
	g.left = func(testing.TB) string { return clientsLeft(read(log)) }
	return &g
}

func read(file string) string {
	data, err := os.ReadFile(file)
	if err != nil {
		return err.Error()
	}
	return string(data)
}

var clientLine = regexp.MustCompile(`(?m)^client (\d+) at .*$`)

// clientsLeft is the last line about each client that is not gone.
func clientsLeft(log string) string {
	last := map[string]string{}
	for _, m := range clientLine.FindAllStringSubmatch(log, -1) {
		last[m[1]] = m[0]
		if strings.Contains(m[0], ": gone") {
			delete(last, m[1])
		}
	}
	var left []string
	for _, line := range last {
		left = append(left, line)
	}
	slices.Sort(left)
	return strings.Join(left, "\n")
}
