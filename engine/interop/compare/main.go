//go:build linux

package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"runtime"
	"slices"
	"strings"
	"syscall"
	"time"
)

// Ours: what the program ends with.
const (
	exitDone   = 0
	exitFailed = 1 // a variant did not start, or a measurement did not come off
	exitUsage  = 2
)

// options are what the command line says.
type options struct {
	rounds   int
	seconds  int
	nic      bool
	smoke    bool
	json     string
	variants []string
}

// A child dies with the thread that started it (Pdeathsig), not only with the
// process. So all are started from the main goroutine, on the main thread.
func init() { runtime.LockOSThread() }

func main() {
	var err error
	switch {
	case len(os.Args) > 1 && os.Args[1] == "pass":
		err = passCommand(os.Args[2:])
	case len(os.Args) > 1 && os.Args[1] == "ping":
		err = pingCommand(os.Args[2:])
	default:
		os.Exit(benchmark(os.Args[1:]))
	}
	if err != nil {
		fmt.Fprintf(os.Stderr, "compare %s: %v\n", os.Args[1], err)
		os.Exit(exitFailed)
	}
}

func parse(args []string) (options, error) {
	o := options{}
	var only string
	f := flag.NewFlagSet("compare", flag.ContinueOnError)
	f.IntVar(&o.rounds, "rounds", 5, "how often each variant is measured")
	f.IntVar(&o.seconds, "time", 2, "whole seconds that each transfer takes")
	f.BoolVar(&o.nic, "nic", false, "imitate a real network card: no UDP segmentation by the cable, NAPI GRO on")
	f.BoolVar(&o.smoke, "smoke", false, "one short round, to see that all works: its figures mean nothing")
	f.StringVar(&o.json, "json", "", "write everything to this `file`")
	f.StringVar(&only, "variants", "", "measure these only, separated by commas: "+strings.Join(names(allVariants), ", "))
	if err := f.Parse(args); err != nil {
		return o, err
	}
	o.variants = names(allVariants)
	if o.smoke {
		o.rounds, o.variants = 1, []string{passName, wireguardName, culvertName("aes128gcm16")}
	}
	if only != "" {
		o.variants = strings.Split(only, ",")
	}
	for _, name := range o.variants {
		if !slices.Contains(names(allVariants), name) {
			return o, fmt.Errorf("no such variant: %q", name)
		}
	}
	if f.NArg() > 0 || o.rounds < 1 || o.seconds < 1 {
		return o, errors.New("give no arguments but flags, and at least one round of one second")
	}
	return o, nil
}

// benchmark is the whole run; it returns the exit status.
func benchmark(args []string) int {
	o, err := parse(args)
	if errors.Is(err, flag.ErrHelp) {
		return exitDone
	}
	if err != nil {
		fmt.Fprintf(os.Stderr, "compare: %v\n", err)
		return exitUsage
	}
	if err := possible(o); err != nil {
		fmt.Fprintf(os.Stderr, "compare: %v\n", err)
		return exitFailed
	}
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGINT, syscall.SIGTERM, syscall.SIGHUP)
	defer stop()
	res, err := measureAll(ctx, o)
	if err != nil {
		fmt.Fprintf(os.Stderr, "compare: %v\n", err)
		return exitFailed
	}
	res.conclude()
	res.print(os.Stdout)
	if o.json != "" {
		if err := res.write(o.json); err != nil {
			fmt.Fprintf(os.Stderr, "compare: %v\n", err)
			return exitFailed
		}
	}
	if len(res.Failures) > 0 {
		return exitFailed
	}
	return exitDone
}

// possible says what is missing for a run.
func possible(o options) error {
	if os.Geteuid() != 0 {
		return errors.New("network namespaces need root")
	}
	need := []string{"go", "nsenter", "sleep", "iperf3"}
	if o.nic {
		need = append(need, "ethtool")
	}
	var missing []string
	for _, name := range need {
		if _, err := exec.LookPath(name); err != nil {
			missing = append(missing, name)
		}
	}
	if len(missing) > 0 {
		return fmt.Errorf("missing: %s (packaging/linux/need bench installs it)", strings.Join(missing, ", "))
	}
	return nil
}

// measureAll measures every variant once in each round. What fails is in the
// result's Failures; the error is for what ends everything.
func measureAll(ctx context.Context, o options) (*result, error) {
	dir, err := os.MkdirTemp("", "compare-")
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(dir)
	h := &harness{options: o, dir: dir, built: map[string]string{}}
	res := &result{Machine: thisMachine(ctx), Rounds: o.rounds, Seconds: float64(o.seconds), NIC: o.nic, Smoke: o.smoke}
	if o.smoke {
		res.Seconds = smokeTime
	}
	broken := map[string]bool{}
	for round := range o.rounds {
		for i := range o.variants {
			// Each comes first, second and so on in turn.
			v := find(o.variants[(i+round)%len(o.variants)])
			if broken[v.name] {
				continue
			}
			fmt.Fprintf(os.Stderr, "%s  round %d/%d  %-*s ", time.Now().Format(time.TimeOnly), round+1, o.rounds, nameWidth, v.name)
			r, log, err := h.measure(ctx, v)
			if ctx.Err() != nil {
				fmt.Fprintln(os.Stderr, "interrupted")
				return nil, context.Cause(ctx)
			}
			if err != nil {
				broken[v.name] = true
				res.Failures = append(res.Failures, failed{v.name, round + 1, err.Error(), log})
				fmt.Fprintf(os.Stderr, "FAILED: %v\n%s", err, indent(log))
				continue
			}
			r.Round = round + 1
			res.Runs = append(res.Runs, *r)
			fmt.Fprintf(os.Stderr, "%5.2f Gbit/s, %5.2f CPU s/GB, load %.1f\n", goodput(r), clientCPU(r), r.Load)
		}
	}
	return res, nil
}

// indent sets a log off from what is around it.
func indent(log string) string {
	var b strings.Builder
	for line := range strings.Lines(log) {
		b.WriteString("    | " + strings.TrimRight(line, "\n") + "\n")
	}
	return b.String()
}
