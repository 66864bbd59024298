//go:build linux

package lab

import (
	"encoding/json"
	"fmt"
	"net/netip"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"
)

// Gateway is what the tests know of any gateway.
type Gateway struct {
	// Inside is a host beyond the gateway, which sends and swallows bytes.
	Inside netip.Addr
	// Direct is a client's host without a NAT, NATed two behind one NAT.
	Direct *Host
	NATed  [2]*Host

	bed  *bed
	port int                     // of Inside's service
	logs func(testing.TB) string // what the gateway logged since the last call
	left func(testing.TB) string // what it still has of clients, in its words
}

func newGateway(b *bed, inside netip.Addr) Gateway {
	return Gateway{Inside: inside, bed: b, port: 9999, Direct: &Host{b, "direct"},
		NATed: [2]*Host{{b, "nated1"}, {b, "nated2"}}}
}

// Watch shows what the gateway logged from now on if the test fails.
func (g *Gateway) Watch(tb testing.TB) {
	tb.Helper()
	g.logs(tb)
	ends := g.bed.logs()
	tb.Cleanup(func() {
		if tb.Failed() {
			tb.Logf("the gateway meanwhile:\n%s\n%s", g.logs(tb), g.bed.since(ends))
		}
	})
}

// settle is how long a gateway may take to forget a client that left in order:
// SoftEther three seconds.
const settle = 10 * time.Second

// Empty fails the test unless the gateway has forgotten all clients, or does so
// shortly.
func (g *Gateway) Empty(tb testing.TB) {
	tb.Helper()
	var last string
	for end := time.Now().Add(settle); time.Now().Before(end); time.Sleep(200 * time.Millisecond) {
		if last = strings.TrimSpace(g.left(tb)); last == "" {
			return
		}
	}
	tb.Errorf("left at the gateway %v after the end:\n%s", settle, last)
}

// Reach waits until the first echo request is answered. pppd says that the
// network is up up to a second before it lets packets through.
func Reach(tb testing.TB, from *Host, to netip.Addr) {
	tb.Helper()
	start := time.Now()
	for time.Since(start) < settle {
		if from.Command("ping", "-n", "-c", "1", "-W", "0.3", to.String()).Run() == nil {
			tb.Logf("first answer of %s after %v", to, time.Since(start).Round(time.Millisecond))
			return
		}
	}
	tb.Fatalf("%s does not answer through the tunnel", to)
}

// Ping sends echo requests with size octets of data from a host, 20 a second, of
// which all must be answered. It tells how long the slowest took.
func Ping(tb testing.TB, from *Host, to netip.Addr, count, size int) (slowest time.Duration) {
	tb.Helper()
	var p struct {
		Sent, Answered int
		Missing        []string
		Slowest        float64 `json:"slowest_s"`
	}
	out := from.Run(tb, filepath.Join(from.bed.dir, "inside"), "ping", to.String(), strconv.Itoa(count), strconv.Itoa(size))
	if err := json.Unmarshal([]byte(out), &p); err != nil {
		tb.Fatalf("ping: %v: %s", err, out)
	}
	if p.Answered != count {
		tb.Errorf("echo requests of %d octets to %s: %d of %d answered, not those of %v", size, to, p.Answered, p.Sent, p.Missing)
	}
	return time.Duration(p.Slowest * float64(time.Second))
}

// Transfer is what a transfer came to.
type Transfer struct {
	Bytes    int64
	Sent     string // SHA-256 of what was sent
	Received string // SHA-256 of what arrived
	Seconds  float64
}

// Transfers moves n bytes over TCP each way between a host and the host inside,
// and compares their digests.
func (g *Gateway) Transfers(tb testing.TB, from *Host, n int64) {
	tb.Helper()
	g.TransfersBy(tb, from, g.Inside, n)
}

// TransfersBy is Transfers with the host inside by another of its addresses.
func (g *Gateway) TransfersBy(tb testing.TB, from *Host, to netip.Addr, n int64) {
	tb.Helper()
	url := fmt.Sprintf("http://%v", netip.AddrPortFrom(to, uint16(g.port)))
	for _, direction := range []string{"get", "put"} {
		cmd := from.Command(filepath.Join(g.bed.dir, "inside"), direction, url, strconv.FormatInt(n, 10), "120")
		out, err := cmd.CombinedOutput()
		if err != nil {
			tb.Errorf("%s %d bytes: %v\n%s", direction, n, err, out)
			continue
		}
		check(tb, direction, n, out)
	}
}

func (g *Gateway) insideURL() string { return fmt.Sprintf("http://%s:%d", g.Inside, g.port) }

// check reads what the bed's program said of a transfer.
func check(tb testing.TB, direction string, n int64, out []byte) {
	tb.Helper()
	var t Transfer
	if err := json.Unmarshal(out, &t); err != nil {
		tb.Errorf("%s: %v: %s", direction, err, out)
		return
	}
	if t.Bytes != n || t.Sent == "" || t.Sent != t.Received {
		tb.Errorf("%s %d bytes: %d arrived, sent %.16s…, received %.16s…", direction, n, t.Bytes, t.Sent, t.Received)
		return
	}
	tb.Logf("%s %d bytes in %.2f s: %.0f Mbit/s", direction, n, t.Seconds, float64(n)*8/1e6/t.Seconds)
}

// Host is another namespace of the bed: inet, nat, or gateway of one that is no
// guest.
func (g *Gateway) Host(name string) *Host { return &Host{g.bed, name} }
