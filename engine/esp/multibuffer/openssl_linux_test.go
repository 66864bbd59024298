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

// opensslSpeed is the speed of OpenSSL's code of that name, in octets a second
// of CPU time.
func opensslSpeed(t testing.TB, name string) float64 {
	// The last line: the name, then thousands of octets a second with a k.
	out, err := exec.Command("openssl", "speed", "-seconds", "1", "-bytes", strconv.Itoa(benchLen), "-evp", name).Output()
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
			theirs = append(theirs, opensslSpeed(b, "aes-128-cbc-hmac-sha1"))
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

// BenchmarkGCMAgainst seals and opens packets at the best level, with the standard
// library and with OpenSSL, which only seals, in turns, and reports the medians
// and their ratios. -benchtime 1x is enough.
func BenchmarkGCMAgainst(b *testing.B) {
	for _, suite := range []struct {
		openssl string
		keyLen  int
	}{{"aes-128-gcm", 16}, {"aes-256-gcm", 32}} {
		b.Run(suite.openssl, func(b *testing.B) {
			key := make([]byte, suite.keyLen)
			best, err := NewGCM(key)
			if err != nil {
				b.Fatal(err)
			}
			use(b, "generic")
			std, err := NewGCM(key)
			if err != nil {
				b.Fatal(err)
			}
			jobs, octets := benchGCM(benchLens("full", benchBatch)...)
			for b.Loop() {
				var speeds [5][]float64
				for range 7 {
					for i, f := range []func([]GCMJob){best.Seal, std.Seal, best.Open, std.Open} {
						speeds[i] = append(speeds[i], gcmSpeed(b, f, i >= 2, best, jobs, octets))
					}
					speeds[4] = append(speeds[4], opensslSpeed(b, suite.openssl))
				}
				for i, name := range []string{"seal", "std-seal", "open", "std-open", "OpenSSL"} {
					slices.Sort(speeds[i])
					b.ReportMetric(speeds[i][3]/1e6, name+"-MB/s")
				}
				b.ReportMetric(speeds[0][3]/speeds[1][3], "seal-times-std")
				b.ReportMetric(speeds[2][3]/speeds[3][3], "open-times-std")
				b.ReportMetric(speeds[0][3]/speeds[4][3], "seal-times-OpenSSL")
			}
		})
	}
}

// gcmSpeed is how fast f is, in octets a second of CPU time. Where it opens, the
// jobs are copied from sealed ones each time.
func gcmSpeed(b *testing.B, f func([]GCMJob), open bool, g *GCM, jobs []GCMJob, octets int64) float64 {
	sealed := make([][]byte, len(jobs))
	g.Seal(jobs)
	for i := range jobs {
		sealed[i] = slices.Clone(jobs[i].Data)
	}
	before, n := cpuTime(b), int64(0)
	for end := time.Now().Add(time.Second / 2); time.Now().Before(end); {
		for range 100 {
			for i := range jobs {
				if open {
					copy(jobs[i].Data, sealed[i])
				}
			}
			f(jobs)
			n += octets
		}
	}
	if open && !jobs[0].Good {
		b.Fatal("what has been sealed does not open")
	}
	return float64(n) / (cpuTime(b) - before).Seconds()
}
