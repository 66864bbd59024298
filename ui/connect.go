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
	// keyTime is how long a keychain may take that asks nobody.
	keyTime = 5 * time.Second
	// unlockTime is how long a person may take to unlock theirs.
	unlockTime = 2 * time.Minute
	// nextTime is how long one connection may take to end before another begins:
	// longer than any gateway does.
	nextTime = 20 * time.Second
)

// wanted is a connection that somebody asked for.
type wanted struct {
	item  viewmodel.Item
	typed profile.Secrets  // just now, whatever the keychain has
	again []api.SecretName // are asked for even if the keychain has them
}

// connect connects a profile, and asks first if another connection is in the way.
func (d *Desktop) connect(i viewmodel.Item) {
	d.trial, d.next = nil, nil
	d.connectWith(wanted{item: i})
}

// connectWith is connect with what is known already. It owns the secrets.
func (d *Desktop) connectWith(w wanted) {
	p := w.item.Entry.Profile
	now := time.Now()
	if p == nil || d.model.Kind(now) == viewmodel.Unknown {
		w.typed.Zero()
		return
	}
	if other, busy := d.model.Replaces(p.ID, now); busy {
		q := d.words.SwitchQuestion(other.Name, p.Name)
		d.Show()
		d.choose(q.Question, "", []answer{
			{text: q.No, do: w.typed.Zero},
			{text: q.Yes, filled: true, do: func() { d.connectNext(w) }},
		})
		return
	}
	switch k := d.model.KindOf(p.ID, now); {
	case k == viewmodel.Disconnecting || d.model.Kind(now) == viewmodel.Disconnecting:
		d.connectNext(w)
	case k.Busy():
		w.typed.Zero() // that is what is being done
	default:
		d.begun(w)
	}
}

// connectNext connects as soon as the connection that there is has ended: the
// helper has one at a time.
func (d *Desktop) connectNext(w wanted) {
	d.disconnect()
	d.next = &w
	d.after(nextTime, func() {
		if d.next == &w {
			d.next = nil
			w.typed.Zero()
		}
	})
}

// goOn is after every word of the helper.
func (d *Desktop) goOn() {
	w := d.next
	if w == nil || d.model.Wish.Want != viewmodel.WantNothing {
		return
	}
	if s := d.model.Status.State; s == api.Disconnected || s == api.Blocked {
		d.next = nil
		d.begun(*w)
	}
}

func (d *Desktop) begun(w wanted) {
	if w.item.Key() == demoID {
		d.demoWanted(w)
		return
	}
	d.gather(w)
}

// gather shows at once what was asked for, and gets the secrets together.
func (d *Desktop) gather(w wanted) {
	p := w.item.Entry.Profile
	d.model.Want(time.Now(), viewmodel.WantConnected, w.item.Name())
	d.used(p.ID)
	d.refresh()
	d.start(func(ctx context.Context) {
		ctx, cancel := context.WithTimeout(ctx, unlockTime)
		defer cancel()
		err := client.FromKeychain(ctx, d.cfg.Keys, p, &w.typed, w.again...)
		d.do(func() { d.gathered(w.item, &w.typed, err) })
	})
}

// gathered goes on with the secrets that there are.
func (d *Desktop) gathered(i viewmodel.Item, s *profile.Secrets, err error) {
	p := i.Entry.Profile
	if w := d.model.Wish; w.Want != viewmodel.WantConnected || w.Profile.ID != p.ID {
		s.Zero() // given up meanwhile
		return
	}
	if errors.Is(err, keyring.ErrUnavailable) {
		d.keychain = false
	}
	missing := s.Missing(p)
	if len(missing) == 0 {
		d.order(p, api.Send(s))
		return
	}
	d.Show()
	d.askSecrets(p, missing, func(typed map[api.SecretName][]byte) {
		if typed == nil {
			s.Zero()
			d.model.Refused("")
			d.refresh()
			return
		}
		kept := map[keyring.Kind][]byte{}
		for name, value := range typed {
			*s.Slot(name) = value
			if d.keychain && (name != api.Password || !p.AskPassword) {
				kept[keyring.Kind(name)] = append([]byte(nil), value...)
			}
		}
		d.keep(p.ID, kept)
		d.order(p, api.Send(s))
	})
}

// secretKinds are the secrets of a profile and their fields in the editor.
var secretKinds = []struct {
	name  api.SecretName
	field string
}{
	{api.PSK, viewmodel.FieldPSK},
	{api.Password, viewmodel.FieldPassword},
	{api.TunnelSecret, viewmodel.FieldTunnelSecret},
}

// keep puts secrets into the keychain, and overwrites them.
func (d *Desktop) keep(id string, secrets map[keyring.Kind][]byte) {
	if len(secrets) == 0 {
		return
	}
	d.start(func(ctx context.Context) {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), unlockTime)
		defer cancel()
		var failed error
		for kind, value := range secrets {
			if err := d.cfg.Keys.Set(ctx, id, kind, value); err != nil {
				failed = err
			}
			clear(value)
		}
		if failed != nil {
			d.do(func() { d.notKept(failed) })
		}
	})
}

// notKept says that a secret will be asked for again.
func (d *Desktop) notKept(err error) {
	if errors.Is(err, keyring.ErrUnavailable) {
		d.keychain = false
		d.tell(d.words.Text("secret.unkept"))
		return
	}
	d.tell(err.Error())
}

// copySecrets gives a copied profile the secrets of the other one.
func (d *Desktop) copySecrets(from, to string) {
	d.start(func(ctx context.Context) {
		ctx, cancel := context.WithTimeout(ctx, unlockTime)
		defer cancel()
		for _, k := range secretKinds {
			value, err := d.cfg.Keys.Get(ctx, from, keyring.Kind(k.name))
			if err != nil {
				continue // the copy asks for it
			}
			err = d.cfg.Keys.Set(ctx, to, keyring.Kind(k.name), value)
			clear(value)
			if err != nil {
				d.do(func() { d.notKept(err) })
				return
			}
		}
	})
}

// lookForKeychain runs beside Fyne: whether there is a keychain. No profile has
// the id that is asked for.
func (d *Desktop) lookForKeychain(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, keyTime)
	defer cancel()
	value, err := d.cfg.Keys.Get(ctx, "00000000-0000-4000-8000-000000000000", keyring.PSK)
	clear(value)
	there := !errors.Is(err, keyring.ErrUnavailable)
	d.do(func() {
		d.keychain, d.keychainKnown = there, true
		d.refresh()
	})
}

// lookForTray runs beside Fyne.
func (d *Desktop) lookForTray(ctx context.Context) {
	there := d.cfg.TrayHost(ctx)
	d.do(func() {
		d.trayHost = there
		if !there && !d.shown && d.cfg.Minimise != nil { // it was closed, or never shown: into nowhere
			d.Show()
			d.close()
		}
	})
}

// disconnectAndExit ends the connection first. What the helper does not do in
// time it does after this program is gone.
func (d *Desktop) disconnectAndExit() {
	d.start(func(ctx context.Context) {
		ctx, cancel := context.WithTimeout(ctx, keyTime)
		defer cancel()
		err := d.cfg.Helper.Disconnect(ctx)
		d.do(func() {
			if err != nil {
				d.tell(err.Error())
				return
			}
			d.exit()
		})
	})
}
