//go:build linux

package main

import (
	"bytes"
	"encoding/json"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
)

// mark is a variable in the environment of all that a run starts.
const mark = "COMPARE_TEST_RUN"

// trial is a run of the program as its users run it.
type trial struct {
	t    *testing.T
	dir  string // for what it leaves behind
	cmd  *exec.Cmd
	out  bytes.Buffer
	errs bytes.Buffer
}

// build builds the program.
func build(t *testing.T) string {
	t.Helper()
	if err := possible(options{}); err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "compare")
	if out, err := exec.Command("go", "build", "-o", path, ".").CombinedOutput(); err != nil {
		t.Fatalf("build: %v\n%s", err, out)
	}
	return path
}

func newTrial(t *testing.T, program string, args ...string) *trial {
	t.Helper()
	x := &trial{t: t, dir: t.TempDir()}
	x.cmd = exec.Command(program, args...)
	x.cmd.Env = append(os.Environ(), "TMPDIR="+x.dir, mark+"="+x.dir)
	x.cmd.Stdout, x.cmd.Stderr = &x.out, &x.errs
	x.cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGTERM}
	x.cmd.WaitDelay = time.Second
	return x
}

// processes of the trial that are at work, by their command lines.
func (x *trial) processes() []string {
	var list []string
	files, err := filepath.Glob("/proc/[0-9]*/environ")
	if err != nil {
		x.t.Fatal(err)
	}
	for _, file := range files {
		environment, err := os.ReadFile(file) // of what is gone: an error, or nothing
		if err != nil || !slices.Contains(strings.Split(string(environment), "\x00"), mark+"="+x.dir) {
			continue
		}
		line, err := os.ReadFile(filepath.Join(filepath.Dir(file), "cmdline"))
		if err == nil && len(line) > 0 {
			list = append(list, strings.ReplaceAll(string(line), "\x00", " "))
		}
	}
	return list
}

// leavesNothing checks that what the trial has started is gone, within limit.
func (x *trial) leavesNothing(limit time.Duration, files bool) {
	x.t.Helper()
	var left []string
	for start := time.Now(); ; <-time.After(20 * time.Millisecond) {
		if left = x.processes(); len(left) == 0 {
			break
		}
		if time.Since(start) > limit {
			x.t.Errorf("left at work:\n%s", strings.Join(left, "\n"))
			break
		}
	}
	entries, err := os.ReadDir(x.dir)
	if err != nil {
		x.t.Fatal(err)
	}
	if files && len(entries) > 0 {
		x.t.Errorf("files left: %v", entries)
	}
}

// surroundings are what a run must not change.
func surroundings(t *testing.T) string {
	t.Helper()
	interfaces, err := net.Interfaces()
	if err != nil {
		t.Fatal(err)
	}
	var text strings.Builder
	for _, i := range interfaces {
		text.WriteString(i.Name + " " + i.Flags.String() + " " + strconv.Itoa(i.MTU) + "\n")
	}
	sockets, err := filepath.Glob("/run/wireguard/*")
	if err != nil {
		t.Fatal(err)
	}
	return text.String() + strings.Join(sockets, "\n")
}

func TestSmoke(t *testing.T) {
	program := build(t)
	before := surroundings(t)
	report := filepath.Join(t.TempDir(), "report.json")
	x := newTrial(t, program, "--smoke", "--json", report)
	if err := x.cmd.Run(); err != nil {
		t.Fatalf("%v\n%s%s", err, &x.out, &x.errs)
	}
	x.leavesNothing(0, true)
	if after := surroundings(t); after != before {
		t.Errorf("around the namespaces there is now:\n%s\nbefore:\n%s", after, before)
	}
	data, err := os.ReadFile(report)
	if err != nil {
		t.Fatal(err)
	}
	var r result
	if err := json.Unmarshal(data, &r); err != nil {
		t.Fatal(err)
	}
	var got []string
	for i := range r.Runs {
		got = append(got, r.Runs[i].Variant)
		plausible(t, &r.Runs[i])
	}
	if want := []string{passName, wireguardName, culvertName("aes128gcm16")}; !slices.Equal(got, want) {
		t.Errorf("measured %v, want %v", got, want)
	}
	for _, m := range metrics {
		for _, base := range []string{wireguardName, passName} {
			if ratio := r.Ratios[base][culvertName("aes128gcm16")][m.name]; ratio <= 0 {
				t.Errorf("%s in relation to %s's is %v", m.name, base, ratio)
			}
		}
	}
	for line := range strings.Lines(x.out.String()) {
		if n := len([]rune(strings.TrimSpace(line))); n > 120 {
			t.Errorf("%d columns: %s", n, line)
		}
	}
	for _, want := range []string{"Ratios to " + wireguardName, "Ratios to " + passName, "Goals", culvertName("aes128gcm16")} {
		if !strings.Contains(x.out.String(), want) {
			t.Errorf("the report lacks %q:\n%s", want, &x.out)
		}
	}
}

// plausible checks figures that can be, however busy the machine is.
func plausible(t *testing.T, r *run) {
	t.Helper()
	for _, l := range loads {
		f := r.Flows[l.name]
		if f.Gbps <= 0 || f.Gbps > 1000 || f.Octets <= 0 || f.ClientCPU <= 0 || f.ServerCPU <= 0 || f.Loss < 0 || f.Loss >= 1 {
			t.Errorf("%s, %s: %+v", r.Variant, l.name, f)
		}
		if l.rate == 0 && f.Loss != 0 || l.rate > 0 && f.Gbps > 2*float64(l.rate)/1e9 {
			t.Errorf("%s, %s: %+v", r.Variant, l.name, f)
		}
	}
	for name, p := range map[string]roundTrips{"bare": r.Bare, "idle": r.Idle, "download": r.Loaded, "upload": r.Upload} {
		if p.Sent < smokePings || p.Lost == p.Sent || p.Min <= 0 || p.Median < p.Min || p.P99 < p.Median {
			t.Errorf("%s, %s round trips: %+v", r.Variant, name, p)
		}
	}
	if r.Memory < 1<<20 || r.Memory > 4<<30 {
		t.Errorf("%s: %d octets of memory", r.Variant, r.Memory)
	}
}

// TestEnd ends the program while a transfer is under way.
func TestEnd(t *testing.T) {
	program := build(t)
	for _, how := range []syscall.Signal{syscall.SIGINT, syscall.SIGTERM, syscall.SIGKILL} {
		t.Run(how.String(), func(t *testing.T) {
			x := newTrial(t, program, "--variants", passName)
			if err := x.cmd.Start(); err != nil {
				t.Fatal(err)
			}
			busy := func(line string) bool { return strings.HasPrefix(line, "iperf3 --client") }
			for start := time.Now(); !slices.ContainsFunc(x.processes(), busy); <-time.After(20 * time.Millisecond) {
				if time.Since(start) > time.Minute {
					t.Errorf("no transfer within a minute:\n%s", strings.Join(x.processes(), "\n"))
					break
				}
			}
			if n := len(x.processes()); n < 6 { // itself, two namespaces, two ends, iperf3
				t.Errorf("only %d processes at work", n)
			}
			if err := x.cmd.Process.Signal(how); err != nil {
				t.Fatal(err)
			}
			err := x.cmd.Wait()
			if status := x.cmd.ProcessState.ExitCode(); how != syscall.SIGKILL && status != exitFailed {
				t.Errorf("ended with %v, want status %d\n%s", err, exitFailed, &x.errs)
			}
			if how == syscall.SIGKILL {
				x.leavesNothing(10*time.Second, false) // they die by themselves
			} else {
				x.leavesNothing(0, true)
			}
		})
	}
}

// TestBroken has a variant that does not start.
func TestBroken(t *testing.T) {
	program := build(t)
	bin := t.TempDir()
	if err := os.WriteFile(filepath.Join(bin, "openvpn"), []byte("#!/bin/sh\necho out of order >&2\nexit 7\n"), 0o755); err != nil {
		t.Fatal(err)
	}
	report := filepath.Join(t.TempDir(), "report.json")
	x := newTrial(t, program, "--smoke", "--variants", openvpnName+","+passName, "--json", report)
	x.cmd.Env = append(x.cmd.Env, "PATH="+bin+":"+os.Getenv("PATH"))
	err := x.cmd.Run()
	if status := x.cmd.ProcessState.ExitCode(); status != exitFailed {
		t.Errorf("ended with %v, want status %d\n%s", err, exitFailed, &x.errs)
	}
	x.leavesNothing(0, true)
	if !strings.Contains(x.errs.String(), "| out of order") || !strings.Contains(x.out.String(), "FAILED: "+openvpnName) {
		t.Errorf("the failure is not told, or not its log:\n%s%s", &x.errs, &x.out)
	}
	data, err := os.ReadFile(report)
	if err != nil {
		t.Fatal(err)
	}
	var r result
	if err := json.Unmarshal(data, &r); err != nil {
		t.Fatal(err)
	}
	if len(r.Runs) != 1 || r.Runs[0].Variant != passName || len(r.Failures) != 1 || !strings.Contains(r.Failures[0].Log, "out of order") {
		t.Errorf("measured %+v, failures %+v", r.Runs, r.Failures)
	}
}

func TestUsage(t *testing.T) {
	for _, args := range [][]string{{"--variants", "ipsec"}, {"--rounds", "0"}, {"--time", "0"}, {"smoke"}} {
		if _, err := parse(args); err == nil {
			t.Errorf("parse(%q) found no fault", args)
		}
	}
}
