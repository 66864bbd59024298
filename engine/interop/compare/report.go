//go:build linux

package main

import (
	"fmt"
	"io"
	"math"
)

// print writes the tables for people, at most 110 columns wide.
func (r *result) print(w io.Writer) {
	m := r.Machine
	fmt.Fprintf(w, "\n%s, %d cores, Linux %s, %s, wireguard-go %s, OpenVPN %s\n", m.CPU, m.Cores, m.Kernel, m.Go, m.Wireguard, m.OpenVPN)
	cable := "veth"
	if r.NIC {
		cable = "veth like a network card"
	}
	fmt.Fprintf(w, "%s, MTU 1500, inside %d; medians of %d rounds; transfers of %g s; load at the start %.1f\n", cable, innerMTU, r.Rounds, r.Seconds, m.Load)
	if r.Smoke {
		fmt.Fprintln(w, "A smoke test: these figures mean nothing.")
	}
	r.printTransfers(w, "TCP: Gbit/s, and CPU seconds of the client (of the far end) per GB", tcpLoads, func(v, load string) string {
		return fmt.Sprintf("%5.2f %s", r.flow(v, load, func(f flow) float64 { return f.Gbps }), r.cpus(v, load, "%5.2f (%.2f)"))
	})
	r.printTransfers(w, "UDP of 1,372 octets at 300 Mbit/s and of 100 octets at 50,000/s: CPU seconds per GB delivered, and loss",
		append(append([]string{}, pacedLoads...), smallLoads...), func(v, load string) string {
			return r.cpus(v, load, "%.1f (%.1f)") + fmt.Sprintf("%6.1f%%", 100*r.flow(v, load, func(f flow) float64 { return f.Loss }))
		})
	r.printTrips(w)
	r.printRatios(w)
	r.printGoals(w)
	for _, f := range r.Failures {
		fmt.Fprintf(w, "\nFAILED: %s in round %d: %s\n", f.Variant, f.Round, f.Error)
	}
}

// flow is the median of a figure of a variant's transfer.
func (r *result) flow(variant, load string, of func(flow) float64) float64 {
	return r.median(variant, func(x *run) float64 { return of(x.Flows[load]) })
}

func (r *result) cpus(variant, load, format string) string {
	return fmt.Sprintf(format, r.flow(variant, load, func(f flow) float64 { return f.ClientCPU }), r.flow(variant, load, func(f flow) float64 { return f.ServerCPU }))
}

func (r *result) printTransfers(w io.Writer, title string, loads []string, cell func(variant, load string) string) {
	fmt.Fprintf(w, "\n%s\n%-*s", title, nameWidth, "")
	for _, l := range loads {
		fmt.Fprintf(w, "%22s", l)
	}
	fmt.Fprintln(w)
	for _, v := range r.measured() {
		fmt.Fprintf(w, "%-*s", nameWidth, v)
		for _, l := range loads {
			fmt.Fprintf(w, "%22s", cell(v, l))
		}
		fmt.Fprintln(w)
	}
}

func (r *result) printTrips(w io.Writer) {
	fmt.Fprintf(w, "\nRound trips in ms, of the cable and of the tunnel: idle, and while one flow loads it; the client's memory\n%-*s",
		nameWidth, "")
	for _, title := range []string{"cable", "idle min", "median", "added", "down p50", "p99", "up p50", "p99", "lost", "MB"} {
		fmt.Fprintf(w, "%9s", title)
	}
	fmt.Fprintln(w)
	for _, v := range r.measured() {
		fmt.Fprintf(w, "%-*s", nameWidth, v)
		for _, of := range []func(x *run) float64{
			func(x *run) float64 { return x.Bare.Min }, func(x *run) float64 { return x.Idle.Min },
			func(x *run) float64 { return x.Idle.Median }, addedRTT,
		} {
			fmt.Fprintf(w, "%9.3f", r.median(v, of))
		}
		for _, of := range []func(x *run) float64{
			func(x *run) float64 { return x.Loaded.Median }, func(x *run) float64 { return x.Loaded.P99 },
			func(x *run) float64 { return x.Upload.Median }, func(x *run) float64 { return x.Upload.P99 },
		} {
			fmt.Fprintf(w, "%9.2f", r.median(v, of))
		}
		fmt.Fprintf(w, "%8.1f%%%9.1f\n",
			r.median(v, func(x *run) float64 {
				return 100 * float64(x.Loaded.Lost+x.Upload.Lost) / float64(x.Loaded.Sent+x.Upload.Sent)
			}),
			r.median(v, func(x *run) float64 { return float64(x.Memory) / (1 << 20) }))
	}
}

// printRatios relates every variant to those that are measured against.
func (r *result) printRatios(w io.Writer) {
	for _, base := range []string{wireguardName, openvpnName, passName} {
		if r.Ratios[base] == nil {
			continue
		}
		fmt.Fprintf(w, "\nRatios to %s (the median of the ratios within a round; CPU per octet)\n%-*s", base, nameWidth, "")
		for _, title := range []string{"goodput", "CPU", "CPU far", "CPU paced", "CPU small", "added RTT", "p99 down", "p99 up", "memory"} {
			fmt.Fprintf(w, "%10s", title)
		}
		fmt.Fprintln(w)
		for _, v := range r.measured() {
			if v == base {
				continue
			}
			fmt.Fprintf(w, "%-*s", nameWidth, v)
			for _, m := range metrics {
				fmt.Fprintf(w, "%10s", figure(r.Ratios[base][v], m.name))
			}
			fmt.Fprintln(w)
		}
	}
}

// figure is a ratio, or a dash where there is none.
func figure(m map[string]float64, name string) string {
	if value, ok := m[name]; ok {
		return fmt.Sprintf("%.2f", value)
	}
	return "-"
}

func (r *result) printGoals(w io.Writer) {
	fmt.Fprintln(w, "\nGoals")
	for _, g := range r.Goals {
		word, got := "not met", "-"
		if g.Met {
			word = "met"
		}
		sign := "<="
		if g.Least {
			sign = ">="
		}
		if g.Figure == nil {
			word = "no figure"
		} else {
			got = number(*g.Figure)
		}
		fmt.Fprintf(w, "  %-11s%-*s%-52s %8s  %s %s\n", word, nameWidth, g.Variant, g.Text, got, sign, number(g.Bound))
	}
}

// number is a ratio, or octets in MB.
func number(x float64) string {
	if x >= 1<<20 {
		return fmt.Sprintf("%.1f MB", math.Round(x/(1<<20)*10)/10)
	}
	return fmt.Sprintf("%.2f", x)
}
