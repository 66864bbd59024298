package linux

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"
)

// What a helper may cost that has nothing to do.
const (
	maxResident = 25.0 // MB
	// maxWakeUps is how often a minute it may wake up beyond what the protocols
	// ask for.
	maxWakeUps = 10.0
)

// TestIdle measures the helper's memory and how often it wakes up, with nothing
// to do and connected with nothing to carry.
func TestIdle(t *testing.T) {
	t.Parallel()
	r := newRoom(t)
	startGateway(t, r.Network)
	r.Run("systemctl", "start", "culvertd.service")
	r.state()
	r.quiet("idle", 5*time.Second, 10*time.Second)
	r.connect(profileOf(killSwitch))
	// Until then the system talks to its new interface, and nobody answers.
	r.quiet("connected", 15*time.Second, 40*time.Second)
}

// quiet waits, and then measures for d. A wake-up is the time from when a thread of the
// helper goes on until all of them wait again; one in which datagrams go to the
// gateway or come from it is the protocols'.
func (r *room) quiet(what string, wait, d time.Duration) {
	r.t.Helper()
	<-time.After(wait)
	tasks := r.Path("/proc/" + r.property("MainPID") + "/task/*/status")
	tick := time.NewTicker(sampling)
	defer tick.Stop()
	var wakeUps, own int
	first, threads := r.switches(tasks)
	last, datagrams := first, r.datagrams()
	awake, talked := false, false
	for end := time.Now().Add(d); time.Now().Before(end); <-tick.C {
		n, _ := r.switches(tasks)
		sent := r.datagrams()
		if n != last {
			awake, talked = true, talked || sent != datagrams
		} else if awake {
			wakeUps++
			if !talked && sent == datagrams {
				own++
			}
			awake, talked = false, false
		}
		last, datagrams = n, sent
	}
	perMinute := float64(time.Minute) / float64(d)
	resident := r.resident()
	r.t.Logf("%s: %.1f MB resident; in %v %d wake-ups, %d of them with datagrams, and %d switches of %d threads",
		what, resident, d, wakeUps, wakeUps-own, last-first, threads)
	if resident > maxResident {
		r.t.Errorf("%s: %.1f MB resident, want at most %.0f MB", what, resident, maxResident)
	}
	if got := float64(own) * perMinute; got > maxWakeUps {
		r.t.Errorf("%s: %.0f wake-ups a minute that are not for the protocols, want at most %.0f", what, got, maxWakeUps)
	}
}

// sampling is how often quiet looks: two wake-ups within that time count as one.
const sampling = 50 * time.Millisecond

// switches is how often threads have begun to wait for something.
func (r *room) switches(tasks string) (n, threads int) {
	r.t.Helper()
	files, err := filepath.Glob(tasks)
	must(r.t, err)
	for _, f := range files {
		text, err := os.ReadFile(f)
		if errors.Is(err, fs.ErrNotExist) {
			continue // it has just ended
		}
		must(r.t, err)
		_, rest, _ := strings.Cut(string(text), "\nvoluntary_ctxt_switches:")
		var v int
		_, err = fmt.Sscan(rest, &v)
		must(r.t, err)
		n += v
	}
	return n, len(files)
}

// datagrams is how many packets went over the cable to the gateway.
func (r *room) datagrams() (n int) {
	r.t.Helper()
	for _, name := range []string{"rx_packets", "tx_packets"} {
		text, err := os.ReadFile(r.Path("/sys/class/net/eth0/statistics/" + name))
		must(r.t, err)
		v, err := strconv.Atoi(strings.TrimSpace(string(text)))
		must(r.t, err)
		n += v
	}
	return n
}
