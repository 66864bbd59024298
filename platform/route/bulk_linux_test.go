package route

import (
	"encoding/binary"
	"net/netip"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// Ours: what 10,000 routes may take to be made, and to be removed. It is the
// time that this thread works: the clock on the wall is printed too, but other
// programs of the machine are in that.
const bulkLimit = 2 * time.Second

func many(n int) []netip.Prefix {
	out := make([]netip.Prefix, n)
	for i := range out {
		var a [4]byte
		binary.BigEndian.PutUint32(a[:], 20<<24|uint32(i)<<8)
		out[i] = netip.PrefixFrom(netip.AddrFrom4(a), 24)
	}
	return out
}

func TestSystemBulk(t *testing.T) {
	const n = 10_000
	for name, cfg := range map[string]Config{
		"split":      {Interface: "culvert0", Address: netip.MustParseAddr("10.99.0.10"), Routes: many(n)},
		"exclusions": {Interface: "culvert0", Routes: prefixes("0.0.0.0/0"), Outside: many(n)},
	} {
		t.Run(name, func(t *testing.T) {
			inNamespace(t)
			before := everything(t)
			var record []byte
			m, err := New(func(r []byte) error { record = r; return nil })
			if err != nil {
				t.Fatal(err)
			}
			took := func(what string, f func()) {
				start, worked := time.Now(), threadTime(t)
				f()
				d := threadTime(t) - worked
				t.Logf("%d routes, %s: %v of work in %v", n, what, d, time.Since(start))
				if d > bulkLimit {
					t.Errorf("%s took %v, want less than %v", what, d, bulkLimit)
				}
			}
			took("set", func() { set(t, m, cfg) })
			if got := strings.Count(ip(t, "route show table all"), "\n"); got < n {
				t.Errorf("there are %d routes, want %d and more", got, n)
			}
			took("the same again", func() { set(t, m, cfg) })
			took("update", func() { update(t, m) })
			other := cfg
			other.Address = netip.MustParseAddr("10.99.0.11")
			other.Outside = cfg.Outside[:len(cfg.Outside)/2]
			took("something else", func() { set(t, m, other) })
			took("clear", func() { reset(t, m) })
			same(t, "after Clear", everything(t), before)

			set(t, m, cfg)
			left := record
			took("clean up", func() {
				if err := CleanUp(left); err != nil {
					t.Fatal(err)
				}
			})
			same(t, "after CleanUp", everything(t), before)
		})
	}
}

// threadTime is what the test's own thread has worked so far; a namespace locks
// the test to it.
func threadTime(t *testing.T) time.Duration {
	t.Helper()
	var u unix.Rusage
	if err := unix.Getrusage(unix.RUSAGE_THREAD, &u); err != nil {
		t.Fatal(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}
