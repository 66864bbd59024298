//go:build linux

package main

import (
	"context"
	"encoding/json"
	"fmt"
	"math"
	"os"
	"os/exec"
	"runtime"
	"slices"
	"strings"

	"golang.org/x/sys/unix"
)

// Ours: what is shorter than the kernel's clock tells apart, in milliseconds. A
// round trip through a tunnel that seems no longer than one without was longer.
const shortest = 0.001

var (
	tcpLoads   = []string{"up1", "down1", "up4", "down4"}
	pacedLoads = []string{"paced_up", "paced_down"}
	smallLoads = []string{"small_up", "small_down"}
)

// metric is a figure of a run.
type metric struct {
	name string
	of   func(*run) float64
}

// The metrics that variants are compared by. Of several transfers it is the
// geometric mean, in which none outweighs the others.
var metrics = []metric{
	{"goodput", goodput},
	{"client_cpu", clientCPU},
	{"far_end_cpu", func(r *run) float64 { return mean(r, tcpLoads, func(f flow) float64 { return f.ServerCPU }) }},
	{"paced_cpu", func(r *run) float64 { return mean(r, pacedLoads, func(f flow) float64 { return f.ClientCPU }) }},
	{"small_cpu", func(r *run) float64 { return mean(r, smallLoads, func(f flow) float64 { return f.ClientCPU }) }},
	{"added_rtt", addedRTT},
	{"p99_download", func(r *run) float64 { return r.Loaded.P99 }},
	{"p99_upload", func(r *run) float64 { return r.Upload.P99 }},
	{"memory", func(r *run) float64 { return float64(r.Memory) }},
}

func goodput(r *run) float64   { return mean(r, tcpLoads, func(f flow) float64 { return f.Gbps }) }
func clientCPU(r *run) float64 { return mean(r, tcpLoads, func(f flow) float64 { return f.ClientCPU }) }

// addedRTT is what the tunnel adds to the shortest round trip, in milliseconds.
func addedRTT(r *run) float64 { return max(r.Idle.Min-r.Bare.Min, shortest) }

// mean is the geometric mean of a figure of several transfers.
func mean(r *run, loads []string, of func(flow) float64) float64 {
	sum := 0.0
	for _, name := range loads {
		sum += math.Log(of(r.Flows[name]))
	}
	return math.Exp(sum / float64(len(loads)))
}

// median of values; NaN of none. It sorts them.
func median(values []float64) float64 {
	n := len(values)
	if n == 0 {
		return math.NaN()
	}
	slices.Sort(values)
	return (values[(n-1)/2] + values[n/2]) / 2
}

// machine is what the figures were measured on, and with.
type machine struct {
	CPU       string  `json:"cpu"`
	Cores     int     `json:"cores"`
	Kernel    string  `json:"kernel"`
	Go        string  `json:"go"`
	Wireguard string  `json:"wireguard_go"`
	OpenVPN   string  `json:"openvpn"`
	Load      float64 `json:"load"`
}

// thisMachine leaves empty what it cannot find out.
func thisMachine(ctx context.Context) machine {
	m := machine{Cores: runtime.NumCPU(), Go: runtime.Version(), Load: loadAverage()}
	if data, err := os.ReadFile("/proc/cpuinfo"); err == nil {
		_, rest, _ := strings.Cut(string(data), "model name")
		line, _, _ := strings.Cut(rest, "\n")
		m.CPU = strings.Trim(line, "\t :")
	}
	var u unix.Utsname
	if unix.Uname(&u) == nil {
		m.Kernel = unix.ByteSliceToString(u.Release[:])
	}
	if out, err := exec.CommandContext(ctx, "go", "list", "-m", "-f", "{{.Version}}", wireguardPackage).Output(); err == nil {
		m.Wireguard = strings.TrimSpace(string(out))
	}
	if out, err := exec.CommandContext(ctx, "openvpn", "--version").Output(); err == nil {
		if f := strings.Fields(string(out)); len(f) > 1 {
			m.OpenVPN = f[1]
		}
	}
	return m
}

// failed is a variant that did not start, or a measurement that did not come off.
type failed struct {
	Variant string `json:"variant"`
	Round   int    `json:"round"`
	Error   string `json:"error"`
	Log     string `json:"log"`
}

// result is all that was measured and what follows from it.
type result struct {
	Machine  machine  `json:"machine"`
	Rounds   int      `json:"rounds"`
	Seconds  float64  `json:"seconds"` // of a transfer
	NIC      bool     `json:"nic"`
	Smoke    bool     `json:"smoke"`
	Runs     []run    `json:"runs"`
	Failures []failed `json:"failures,omitempty"`
	// Medians of each variant's metrics.
	Medians map[string]map[string]float64 `json:"medians"`
	// Ratios to a variant, of each variant's metrics: the median of the rounds'.
	Ratios map[string]map[string]map[string]float64 `json:"ratios"`
	Goals  []verdict                                `json:"goals"`
}

// measured are the variants that have figures, in their order.
func (r *result) measured() []string {
	var list []string
	for _, v := range names(allVariants) {
		if slices.ContainsFunc(r.Runs, func(x run) bool { return x.Variant == v }) {
			list = append(list, v)
		}
	}
	return list
}

// median of a figure of a variant's runs.
func (r *result) median(variant string, of func(*run) float64) float64 {
	var values []float64
	for i := range r.Runs {
		if x := &r.Runs[i]; x.Variant == variant {
			values = append(values, of(x))
		}
	}
	return median(values)
}

// ratio of a figure to that of another variant: the median of the ratios within
// each round that has both.
func (r *result) ratio(variant, base string, of func(*run) float64) float64 {
	var values []float64
	for i := range r.Runs {
		for j := range r.Runs {
			if x, y := &r.Runs[i], &r.Runs[j]; x.Variant == variant && y.Variant == base && x.Round == y.Round {
				values = append(values, of(x)/of(y))
			}
		}
	}
	return median(values)
}

// conclude fills in what follows from the runs.
func (r *result) conclude() {
	r.Medians, r.Ratios = map[string]map[string]float64{}, map[string]map[string]map[string]float64{}
	for _, v := range r.measured() {
		r.Medians[v] = map[string]float64{}
		for _, m := range metrics {
			set(r.Medians[v], m.name, r.median(v, m.of))
		}
	}
	for _, base := range []string{wireguardName, openvpnName, passName} {
		if r.Medians[base] == nil {
			continue
		}
		r.Ratios[base] = map[string]map[string]float64{}
		for _, v := range r.measured() {
			if v == base {
				continue
			}
			r.Ratios[base][v] = map[string]float64{}
			for _, m := range metrics {
				set(r.Ratios[base][v], m.name, r.ratio(v, base, m.of))
			}
		}
	}
	for _, g := range goals() {
		r.Goals = append(r.Goals, g.judge(r))
	}
}

// set leaves out what JSON cannot say.
func set(m map[string]float64, name string, value float64) {
	if !math.IsNaN(value) && !math.IsInf(value, 0) {
		m[name] = value
	}
}

// write writes everything to a file as JSON.
func (r *result) write(path string) error {
	data, err := json.MarshalIndent(r, "", "  ")
	if err != nil {
		return fmt.Errorf("write %s: %w", path, err)
	}
	return os.WriteFile(path, append(data, '\n'), 0o644)
}
