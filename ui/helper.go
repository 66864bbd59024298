package ui

import (
	"context"
	"errors"
	"time"

	"github.com/culvert-vpn/culvert/app/api"
	"github.com/culvert-vpn/culvert/app/client"
	"github.com/culvert-vpn/culvert/app/profile"
	"github.com/culvert-vpn/culvert/platform/keyring"
	"github.com/culvert-vpn/culvert/ui/viewmodel"
)

// Ours.
const (
	// retryTime is between two tries to reach a helper that is not there.
	retryTime = 500 * time.Millisecond
	// askTime is how long the helper may take to say how it is: a second later
	// the window says that it does not.
	askTime = 900 * time.Millisecond
	// requestTime is how long it may take to take an order.
	requestTime = 10 * time.Second
)

// watch runs beside Fyne, and passes on all that the helper says, for ever.
func (d *Desktop) watch(ctx context.Context) {
	for {
		err := d.cfg.Helper.Watch(ctx, func(_ time.Time, e api.Event) bool {
			d.do(func() { d.hear(e) })
			return true
		})
		if ctx.Err() != nil {
			return
		}
		d.do(func() { d.lose(err) })
		if !sleep(ctx, retryTime) {
			return
		}
	}
}

// poll runs beside Fyne, and asks the helper whether it is there: one that hangs
// leaves its stream open.
func (d *Desktop) poll(ctx context.Context) {
	known := false
	for {
		began := time.Now()
		version, status, stats, err := d.look(ctx, !known)
		if ctx.Err() != nil {
			return
		}
		var e *client.Error
		switch {
		case err == nil:
			known = true
			d.do(func() { d.alive(version, status.State, stats) })
		case errors.As(err, &e):
			known = false // the next one may be another version
			d.do(func() { d.lose(err) })
		}
		if !sleep(ctx, max(tickTime-time.Since(began), fastTime)) {
			return
		}
	}
}

// look is the state, the counters while there are any, and the version if it is
// wanted.
func (d *Desktop) look(ctx context.Context, wantVersion bool) (version string, s api.Status, k *api.StatsEvent, err error) {
	ctx, cancel := context.WithTimeout(ctx, askTime)
	defer cancel()
	if s, err = d.cfg.Helper.State(ctx); err != nil {
		return "", s, nil, err
	}
	if wantVersion {
		if version, err = d.cfg.Helper.Version(ctx); err != nil {
			return "", s, nil, err
		}
	}
	if s.State == api.Connected {
		stats, err := d.cfg.Helper.Stats(ctx)
		if err != nil {
			return version, s, nil, err
		}
		k = &stats
	}
	return version, s, k, nil
}

func (d *Desktop) hear(e api.Event) {
	d.heard = true
	d.model.Hear(time.Now(), e)
	if s, ok := e.(api.Status); ok {
		d.supply(s)
	}
	d.goOn()
	if d.trial != nil {
		d.trial.look(d)
	}
	d.refresh()
}

// supply gives a helper that was started anew the secrets that it has had, out of
// the keychain, without asking anybody: once for each time that it asks. Where they
// are not kept, the page of the profile asks.
func (d *Desktop) supply(s api.Status) {
	asked := s.Profile.ID + s.Since.String()
	if !client.ForTheAsking(s) || d.supplied == asked {
		return
	}
	d.supplied = asked
	d.start(func(ctx context.Context) {
		ctx, cancel := context.WithTimeout(ctx, unlockTime)
		defer cancel()
		_, err := d.cfg.Helper.Supply(ctx, d.cfg.Store, d.cfg.Keys, s)
		if errors.Is(err, keyring.ErrUnavailable) {
			d.do(func() { d.keychain = false; d.refresh() })
		}
	})
}

func (d *Desktop) alive(version string, state api.State, stats *api.StatsEvent) {
	now := time.Now()
	d.heard = true
	if version != "" {
		d.helperVersion = version
	}
	// What the state is comes by the stream, in order, and after a problem as well:
	// this only says that somebody is there.
	if d.model.Status.State != "" && d.model.Problem == "" {
		d.model.Alive(now)
	}
	if stats != nil && d.model.Status.State == state {
		d.stats = *stats
		d.traffic.Sample(now, stats.RxBytes, stats.TxBytes)
	}
	d.refresh()
}

// lose notes that the helper cannot be used.
func (d *Desktop) lose(err error) {
	d.heard = true
	d.helperVersion = ""
	d.model.Lost(codeOf(err))
	d.refresh()
}

// codeOf is what an error of a request means.
func codeOf(err error) api.Code {
	var e *client.Error
	if errors.As(err, &e) && e.Code == api.HelperNotAllowed {
		return api.HelperNotAllowed
	}
	return api.HelperNotRunning
}

// request sends an order and tells what became of it.
func (d *Desktop) request(f func(ctx context.Context) error) {
	d.start(func(ctx context.Context) {
		ctx, cancel := context.WithTimeout(ctx, requestTime)
		defer cancel()
		err := f(ctx)
		d.do(func() { d.requested(err) })
	})
}

func (d *Desktop) requested(err error) {
	var e *client.Error
	switch {
	case err == nil:
		d.model.Asked(time.Now())
	case errors.As(err, &e) && e.Code == api.SecretMissing:
		wish := d.model.Wish
		d.model.Refused("")
		if i, ok := d.itemOf(wish.Profile.ID); ok && wish.Want == viewmodel.WantConnected {
			d.connectWith(wanted{item: i, again: e.Missing})
		}
	case errors.As(err, &e) && (e.Code == api.HelperNotRunning || e.Code == api.HelperNotAllowed):
		d.model.Lost(e.Code)
	case errors.As(err, &e):
		d.model.Refused(e.Code, e.Message)
	default:
		d.model.Refused(api.HelperNotRunning, err.Error())
	}
	d.refresh()
}

// disconnect ends the connection, or the try.
func (d *Desktop) disconnect() {
	d.trial, d.next = nil, nil
	d.model.Want(time.Now(), viewmodel.WantDisconnected, d.model.Profile(time.Now()))
	d.refresh()
	d.request(d.cfg.Helper.Disconnect)
}

// order asks the helper to connect. It overwrites the secrets.
func (d *Desktop) order(p *profile.Profile, s api.Secrets) {
	text, err := p.Text()
	if err != nil {
		s.Zero()
		d.model.Refused(api.ProfileInvalid, err.Error())
		d.refresh()
		return
	}
	d.request(func(ctx context.Context) error {
		defer s.Zero()
		return d.cfg.Helper.Connect(ctx, api.ConnectRequest{Profile: string(text), Secrets: s})
	})
}

// answer gives the gateway what it asks for.
func (d *Desktop) answer(p *profile.Profile, text string) {
	box := d.words.Countdown(&d.model, p, time.Now())
	if box == nil || box.Code == nil {
		return
	}
	var s api.Secrets
	switch box.Code.Secret {
	case api.Password:
		s.Password = api.Secret(text)
	case api.PSK:
		s.PSK = api.Secret(text)
	case api.TunnelSecret:
		s.TunnelSecret = api.Secret(text)
	default:
		s.OTP = api.Secret(text)
	}
	d.start(func(ctx context.Context) {
		ctx, cancel := context.WithTimeout(ctx, requestTime)
		defer cancel()
		defer s.Zero()
		if err := d.cfg.Helper.Answer(ctx, s); err != nil && ctx.Err() == nil {
			d.do(func() { d.tell(err.Error()) })
		}
	})
}
