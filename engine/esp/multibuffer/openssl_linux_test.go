package multibuffer

import (
	"os/exec"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
)

// cpuTime is what this process has used of the CPU for itself.
func cpuTime(t testing.TB) time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		t.Fatal(err)
	}
	return time.Duration(u.Utime.Nano())
}

// opensslSpeed is the speed of OpenSSL's stitched code, in octets a second of
// CPU time.
func opensslSpeed(t testing.TB) float64 {
	// The last line: the name, then thousands of octets a second with a k.
	out, err := exec.Command("openssl", "speed", "-seconds", "1", "-bytes", strconv.Itoa(benchLen), "-evp", "aes-128-cbc-hmac-sha1").Output()
	if err != nil {
		t.Fatalf("openssl speed: %v", err)
	}
	fields := strings.Fields(string(out))
	speed, err := strconv.ParseFloat(strings.TrimSuffix(fields[len(fields)-1], "k"), 64)
	if err != nil {
		t.Fatalf("openssl speed prints %q", out)
	}
	return 1000 * speed
}

// BenchmarkAgainstOpenSSL seals packets with AES-128-CBC and HMAC-SHA1 and has
// OpenSSL do the same, in turns of a second, so that both meet the same noise.
// It reports the median of the ratios. -benchtime 1x is enough.
func BenchmarkAgainstOpenSSL(b *testing.B) {
	c, err := NewCBC(make([]byte, 16))
	if err != nil {
		b.Fatal(err)
	}
	h := NewHMACSHA1(make([]byte, 20))
	cbc, mac, octets := benchPackets(benchStride, benchLens("full", benchBatch)...)
	for b.Loop() {
		var ratios, ours, theirs []float64
		for range 7 {
			before, n := cpuTime(b), int64(0)
			for end := time.Now().Add(time.Second); time.Now().Before(end); {
				for range 100 {
					c.Encrypt(cbc)
					h.Sum(mac)
					n += octets
				}
			}
			ours = append(ours, float64(n)/(cpuTime(b)-before).Seconds())
			theirs = append(theirs, opensslSpeed(b))
			ratios = append(ratios, ours[len(ours)-1]/theirs[len(theirs)-1])
		}
		for _, list := range [][]float64{ratios, ours, theirs} {
			slices.Sort(list)
		}
		b.ReportMetric(ratios[len(ratios)/2], "times-OpenSSL")
		b.ReportMetric(ours[len(ours)/2]/1e6, "MB/s")
		b.ReportMetric(theirs[len(theirs)/2]/1e6, "OpenSSL-MB/s")
	}
}
