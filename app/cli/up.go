package cli

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/culvert-vpn/culvert/app/api"
	"github.com/culvert-vpn/culvert/app/diagnosis"
	"github.com/culvert-vpn/culvert/app/dial"
	"github.com/culvert-vpn/culvert/app/profile"
	"github.com/culvert-vpn/culvert/engine/failure"
)

// statsInterval is how often the JSON has the counters.
const statsInterval = 5 * time.Second

var upCommand = &command{
	name: "up", args: "--direct [--secrets FILE|-] [--json] FILE", short: "connect as the profile in FILE says, until Ctrl+C",
	long: "It runs in this process, which takes root or CAP_NET_ADMIN, and puts everything back at the end.\n" +
		"The secrets are TOML with psk, password and, where the profile has l2tp.tunnel_auth, tunnel_secret;\n" +
		"- reads them from standard input, and a file must not be readable by others.\n" +
		"--json prints every event as one JSON object a line.",
	run: func(ctx context.Context, c *call) int { return up(ctx, c, thisMachine()) },
}

func up(ctx context.Context, c *call, m machine) int {
	var file, secrets string
	var direct, asJSON bool
	f := c.flags()
	f.BoolVar(&direct, "direct", false, "")
	f.BoolVar(&asJSON, "json", false, "")
	f.StringVar(&secrets, "secrets", "", "")
	if !c.parse(f, &file) {
		return exitUsage
	}
	if !direct {
		c.usage("give --direct: connecting through a service is not supported yet")
		return exitUsage
	}
	d := &directRun{machine: m, events: newStream(newPrinter(c.Streams, asJSON)), hurry: c.hurry}
	defer d.events.end()
	if code, f := d.load(file, secrets, c); f != nil {
		d.events.send(time.Now(), *f)
		return code
	}
	defer d.secrets.Zero()
	return d.run(ctx)
}

// load reads the profile and the secrets; what is wrong is an event.
func (d *directRun) load(file, secrets string, c *call) (int, *api.FailureEvent) {
	var err error
	if d.profile, err = profile.Load(file); err != nil {
		return exitUsage, outside(api.ProfileInvalid, faults(err))
	}
	d.secrets = &profile.Secrets{}
	if secrets != "" {
		if d.secrets, err = profile.LoadSecrets(secrets, c.In); err != nil {
			return exitUsage, outside(api.SecretMissing, faults(err))
		}
	}
	if missing := d.secrets.Missing(d.profile); len(missing) > 0 {
		return exitUsage, outside(api.SecretMissing, []string{"give " + strings.Join(missing, ", ") + " with --secrets FILE, or with --secrets - on standard input"})
	}
	return exitDone, nil
}

// outside is a failure before any connection.
func outside(code api.Code, evidence []string) *api.FailureEvent {
	e := diagnosis.Event(&failure.Failure{Code: code, Evidence: evidence})
	return &e
}

// run connects, waits for the end, and says how it was.
func (d *directRun) run(ctx context.Context) int {
	d.state(api.StateEvent{State: api.Connecting})
	if !d.profile.IPsec.Enabled {
		d.log("warn", "ipsec.enabled = false: nothing on this connection is encrypted")
	}
	if err := d.machine.prepare(); err != nil {
		return d.failed(err, exitNotConnected)
	}
	s, err := d.connecting(ctx)
	switch {
	case errors.Is(err, errHurry):
		d.abandon()
		d.state(api.StateEvent{State: api.Disconnected})
		return exitNotConnected
	case errors.Is(err, context.Canceled):
		d.state(api.StateEvent{State: api.Disconnected})
		return exitNotConnected
	case err != nil:
		return d.failed(err, exitNotConnected)
	}
	d.connected()
	err = d.wait(ctx, s)
	if errors.Is(err, errHurry) {
		d.abandon()
		err = nil
	}
	if restore := d.restoreError(); restore != nil {
		d.log("error", fmt.Sprintf("not everything could be put back: %v", restore))
		if err == nil {
			d.state(api.StateEvent{State: api.Disconnected})
			return exitInternal
		}
	}
	if err != nil {
		return d.failed(err, exitLost)
	}
	d.state(api.StateEvent{State: api.Disconnected})
	return exitDone
}

// failed reports err, which is a *failure.Failure wherever the engine knows why.
func (d *directRun) failed(err error, status int) int {
	var f *failure.Failure
	if !errors.As(err, &f) {
		d.log("error", err.Error())
		d.state(api.StateEvent{State: api.Disconnected})
		return exitInternal
	}
	d.events.send(time.Now(), diagnosis.Event(f))
	d.state(api.StateEvent{State: api.Disconnected})
	return status
}

// wait ends with the session, or ends it when ctx is done. Its error is the
// session's, or errHurry.
func (d *directRun) wait(ctx context.Context, s dial.Session) error {
	tick := time.NewTicker(statsInterval)
	defer tick.Stop()
	for {
		select {
		case <-s.Ended():
			return s.Wait()
		case <-ctx.Done():
			d.state(api.StateEvent{State: api.Disconnecting})
			return d.close(s)
		case o := <-d.pushes:
			d.learned(o)
		case now := <-tick.C:
			k := s.Counters()
			d.events.offer(now, api.StatsEvent{RxBytes: k.RxBytes.Load(), TxBytes: k.TxBytes.Load(), RxPackets: k.RxPackets.Load(), TxPackets: k.TxPackets.Load()})
		}
	}
}

func (d *directRun) state(e api.StateEvent) { d.events.send(time.Now(), e) }

func (d *directRun) log(level, message string) {
	d.events.send(time.Now(), api.LogEvent{Level: level, Message: message})
}
