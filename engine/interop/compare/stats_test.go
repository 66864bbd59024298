//go:build linux

package main

import (
	"bytes"
	"math"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"testing"
	"time"
)

func TestParseReport(t *testing.T) {
	sum := func(start, seconds float64, octets int, more string) string {
		f := func(x float64) string { return strconv.FormatFloat(x, 'f', -1, 64) }
		return `{"sum":{"start":` + f(start) + `,"seconds":` + f(seconds) + `,"bytes":` + strconv.Itoa(octets) + more + `}}`
	}
	report := func(intervals ...string) string { return `{"intervals":[` + strings.Join(intervals, ",") + `]}` }
	for _, tc := range []struct {
		name, text string
		want       received
		fails      bool
	}{
		{name: "the first 0.3 s do not count for the speed",
			text: report(sum(0, 0.1, 9000, ""), sum(0.1, 0.2, 9000, ""), sum(0.29, 0.3, 3e7, ""), sum(0.59, 0.3, 6e7, "")),
			want: received{octets: 90018000, gbps: 1.2}},
		{name: "a short transfer counts whole",
			text: report(sum(0, 0.1, 1e7, ""), sum(0.1, 0.1, 1e7, "")),
			want: received{octets: 2e7, gbps: 0.8}},
		{name: "loss",
			text: report(sum(0, 0.5, 500, `,"packets":5,"lost_packets":0`), sum(0.5, 0.5, 1e6, `,"packets":15,"lost_packets":5`)),
			want: received{octets: 1000500, gbps: 0.016, loss: 0.25}},
		{name: "the sender's report", text: report(sum(0, 1, 9000, `,"sender":true`)), fails: true},
		{name: "nothing", text: report(sum(0, 1, 0, "")), fails: true},
		{name: "an error", text: `{"intervals":[],"error":"unable to connect"}`, fails: true},
		{name: "no JSON", text: "iperf3: error", fails: true},
	} {
		got, err := parseReport([]byte(tc.text))
		if (err != nil) != tc.fails {
			t.Errorf("%s: error %v, want one: %v", tc.name, err, tc.fails)
		}
		if got.octets != tc.want.octets || math.Abs(got.gbps-tc.want.gbps) > 1e-9 || got.loss != tc.want.loss {
			t.Errorf("%s: %+v, want %+v", tc.name, got, tc.want)
		}
	}
}

// even is a run in which all transfers are alike.
func even(variant string, round int, gbps, cpu float64) run {
	r := run{Variant: variant, Round: round, Flows: map[string]flow{}, Memory: 32 << 20,
		Bare: roundTrips{Sent: 1, Min: 0.01}, Idle: roundTrips{Sent: 1, Min: 0.01 + cpu/10}, Loaded: roundTrips{Sent: 1, P99: cpu}, Upload: roundTrips{Sent: 1, P99: cpu}}
	for _, l := range loads {
		r.Flows[l.name] = flow{Gbps: gbps, ClientCPU: cpu, ServerCPU: 2 * cpu}
	}
	return r
}

// TestRatio has a machine that is half as fast in one round: ratios are taken
// within each, and of a round that lacks one side none.
func TestRatio(t *testing.T) {
	cbc := culvertName("aes128-sha1")
	r := result{Runs: []run{
		even(wireguardName, 1, 1, 4), even(cbc, 1, 2, 2),
		even(cbc, 2, 1, 2), even(wireguardName, 2, 0.5, 4),
		even(wireguardName, 3, 2, 1), even(cbc, 3, 6, 0.5),
		even(wireguardName, 4, 100, 1),
	}}
	r.conclude()
	if got := r.Ratios[wireguardName][cbc]; got["goodput"] != 2 || got["client_cpu"] != 0.5 || math.Abs(got["added_rtt"]-0.5) > 1e-9 {
		t.Errorf("ratios %v, want goodput 2, client_cpu and added_rtt 0.5", got)
	}
	if got := r.Medians[wireguardName]["goodput"]; math.Abs(got-1.5) > 1e-9 {
		t.Errorf("median of wireguard-go's goodput %v, want 1.5", got)
	}
	words := map[string]string{}
	var out bytes.Buffer
	r.print(&out)
	for line := range strings.Lines(out.String()) {
		for _, word := range []string{"met", "not met", "no figure"} {
			if rest, ok := strings.CutPrefix(line, "  "+word+"  "); ok {
				words[strings.Join(strings.Fields(rest), " ")] = word
			}
		}
	}
	for line, want := range map[string]string{
		cbc + " TCP goodput, of wireguard-go's 2.00 >= 1.90":                                    "met",
		cbc + " CPU per octet, of wireguard-go's 0.50 <= 0.47":                                  "not met",
		cbc + " added round trip when idle, of wireguard-go's 0.50 <= 0.75":                     "met",
		cbc + " memory at full speed, octets 32.0 MB <= 64.0 MB":                                "met",
		cbc + " TCP goodput, of OpenVPN's - >= 5.00":                                            "no figure",
		culvertName("aes128gcm16") + " memory at full speed, octets - <= 64.0 MB":               "no figure",
		culvertName("aes256-sha256") + " TCP goodput, of wireguard-go's - >= 1.50":              "no figure",
		cbc + " CPU per octet, of the tunnel's without crypto - <= 2.00":                        "no figure",
		cbc + " p99 round trip under a download, of wireguard-go's 0.50 <= 1.00":                "met",
		cbc + " CPU of paced UDP, of wireguard-go's 0.50 <= 0.50":                               "met",
		culvertName("aes128gcm16") + " CPU of paced UDP, of wireguard-go's - <= 0.50":           "no figure",
		culvertName("aes128gcm16") + " CPU per octet, of the tunnel's without crypto - <= 1.70": "no figure",
	} {
		if words[line] != want {
			t.Errorf("goal %q is %q, want %q\n%s", line, words[line], want, &out)
		}
	}
}

func TestSummary(t *testing.T) {
	took := make([]time.Duration, 200)
	for i := range took {
		took[i] = time.Duration(200-i) * time.Millisecond
	}
	took[7] = 0 // no answer
	want := roundTrips{Sent: 200, Lost: 1, Min: 1, Median: 101, P99: 200}
	if got := summary(took); got != want {
		t.Errorf("summary = %+v, want %+v", got, want)
	}
}

func TestConnected(t *testing.T) {
	for _, tc := range []struct {
		line      string
		ok, fails bool
	}{
		{`{"type":"stage","stage":"phase1","state":"done"}`, false, false},
		{`{"type":"state","state":"connected","suite":"aes128gcm16"}`, true, false},
		{`{"type":"state","state":"connected","suite":"aes128-sha1"}`, false, true},
		{`{"type":"failure","code":"ike.no-answer"}`, false, true},
		{`panic: oh`, false, true},
	} {
		if ok, err := connected(tc.line, "aes128gcm16"); ok != tc.ok || (err != nil) != tc.fails {
			t.Errorf("connected(%s) = %v, %v, want %v and an error: %v", tc.line, ok, err, tc.ok, tc.fails)
		}
	}
}

// TestCPU compares the CPU time of a process and its child with what /proc says
// of the two in ticks.
func TestCPU(t *testing.T) {
	const burn = `i=0; while [ $i -lt 300000 ]; do i=$((i+1)); done; echo done; sleep 1000 & wait`
	p, err := start("burn", 0, "sh", "-c", "("+burn+") & "+burn)
	if err != nil {
		t.Fatal(err)
	}
	defer p.kill()
	lines := 0
	err = p.until(t.Context(), p.out, "end", func(string) (bool, error) { lines++; return lines == 2, nil })
	if err != nil {
		t.Fatal(err)
	}
	got, err := p.cpu()
	if err != nil {
		t.Fatal(err)
	}
	pids, err := tree(p.pid())
	if err != nil {
		t.Fatal(err)
	}
	out, err := exec.Command("getconf", "CLK_TCK").Output()
	if err != nil {
		t.Fatal(err)
	}
	hertz, err := strconv.Atoi(strings.TrimSpace(string(out)))
	if err != nil {
		t.Fatal(err)
	}
	ticks, most := 0, 0
	for _, pid := range pids {
		data, err := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/stat")
		if err != nil {
			t.Fatal(err)
		}
		f := strings.Fields(string(data[bytes.LastIndexByte(data, ')')+1:]))
		user, err1 := strconv.Atoi(f[11])
		system, err2 := strconv.Atoi(f[12])
		if err1 != nil || err2 != nil {
			t.Fatal(err1, err2)
		}
		ticks += user + system
		most = max(most, user+system)
	}
	want := time.Duration(ticks) * time.Second / time.Duration(hertz)
	// Each process' user and system time are cut to whole ticks, and it has not
	// quite gone to sleep.
	slack := time.Duration(2*len(pids)+2) * time.Second / time.Duration(hertz)
	if got < want-slack || got > want+slack {
		t.Errorf("CPU time of %d processes: %v, /proc has %v", len(pids), got, want)
	}
	if most == ticks || len(pids) < 2 {
		t.Errorf("all %d ticks are of one of %d processes, want the child's too", ticks, len(pids))
	}
}
