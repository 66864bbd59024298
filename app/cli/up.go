package cli

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/culvert-vpn/culvert/app/api"
	"github.com/culvert-vpn/culvert/app/diagnosis"
	"github.com/culvert-vpn/culvert/app/dial"
	"github.com/culvert-vpn/culvert/app/profile"
	"github.com/culvert-vpn/culvert/engine/failure"
	"github.com/culvert-vpn/culvert/engine/secret"
)

// upDirect connects in this process.
func upDirect(ctx context.Context, c *call, file string) int {
	d := &directRun{machine: c.machine, events: newStream(newPrinter(c.Streams, c.on("json"))), hurry: c.hurry}
	defer d.events.end()
	if c.terminal != nil {
		d.codes.ask = func(ctx context.Context) (secret.Secret, error) { return c.askSecret(ctx, api.OTP, d.profile) }
	}
	if code, f := d.load(file, c); f != nil {
		d.events.send(time.Now(), *f)
		return code
	}
	defer d.secrets.Zero()
	return d.run(ctx)
}

// load reads the profile and the secrets; what is wrong is an event.
func (d *directRun) load(file string, c *call) (int, *api.FailureEvent) {
	var err error
	if d.profile, err = profile.Load(file); err != nil {
		return exitUsage, outside(api.ProfileInvalid, faults(err))
	}
	if keys := notDirect(d.profile); len(keys) > 0 {
		return exitUsage, outside(api.ProfileInvalid, keys)
	}
	d.secrets = &profile.Secrets{}
	if secrets := c.given["secrets"]; secrets != "" {
		if d.secrets, err = profile.LoadSecrets(secrets, c.In); err != nil {
			return exitUsage, outside(api.SecretMissing, faults(err))
		}
	}
	if missing := d.secrets.Missing(d.profile); len(missing) > 0 {
		return exitUsage, outside(api.SecretMissing, []string{"give " + list(missing) + " with --secrets FILE, or with --secrets - on standard input"})
	}
	return exitDone, nil
}

// notDirect is what a profile asks for that only the helper does. What goes without
// it, as connecting again by itself, is no reason not to connect.
func notDirect(p *profile.Profile) []string {
	var keys []string
	for _, k := range []struct {
		key  string
		used bool
	}{
		{"routing.kill_switch", p.Routing.KillSwitch},
		{"dns.mode = \"manual\"", p.DNS.Mode == "manual"},
		{"dns.search", len(p.DNS.Search) > 0},
		{"dns.domains", len(p.DNS.Domains) > 0},
		{"reconnect.on_start", p.Reconnect.OnStart},
		{"reconnect.idle_disconnect", p.Reconnect.IdleDisconnect != 0},
	} {
		if k.used {
			keys = append(keys, k.key+" takes the helper: leave --direct out, or leave it out of the profile")
		}
	}
	return keys
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
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	d.codes.giveUp = cancel
	s, err := d.connecting(ctx)
	d.codes.end()
	switch {
	case errors.Is(err, errHurry):
		d.abandon()
		d.state(api.StateEvent{State: api.Disconnected})
		return exitNotConnected
	case errors.Is(err, context.Canceled):
		if cause := context.Cause(ctx); errors.Is(cause, errNobody) {
			d.events.send(time.Now(), *outside(api.SecretMissing, []string{cause.Error()}))
		}
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
		case n := <-d.sixes:
			d.learned6(n)
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
