package ui

import (
	"fmt"
	"time"

	"github.com/culvert-vpn/culvert/app/api"
	"github.com/culvert-vpn/culvert/app/profile"
	"github.com/culvert-vpn/culvert/ui/viewmodel"
)

// trial is other settings being tried for a profile, one after the other. What
// connects is kept; a password that is refused, or a person, ends it.
type trial struct {
	item viewmodel.Item
	left []*profile.Profile
	at   *profile.Profile
	sent time.Time
}

// otherSettings are the profiles to try: everything automatic first, then what the
// makes are known to want, each once.
func otherSettings(p *profile.Profile) []*profile.Profile {
	plain := profile.Default()
	seen := map[string]bool{p.Preset: true}
	var out []*profile.Profile
	add := func(preset string) {
		c := *p
		c.Preset = preset
		c.IPsec.Phase1, c.IPsec.Phase2, c.IPsec.PFS, c.IPsec.Encapsulation = nil, nil, plain.IPsec.PFS, plain.IPsec.Encapsulation
		c.L2TP, c.PPP.MRU, c.PPP.MPPE = plain.L2TP, plain.PPP.MRU, plain.PPP.MPPE
		c.L2TP.TunnelAuth = p.L2TP.TunnelAuth
		if text, err := c.Text(); err == nil {
			if own, _ := p.Text(); string(own) != string(text) {
				out = append(out, &c)
			}
		}
	}
	add("auto")
	offers := map[string]bool{}
	for _, preset := range profile.Presets() {
		key := offerKey(preset)
		if !seen[preset.Name] && preset.Name != "auto" && !offers[key] {
			offers[key] = true
			add(preset.Name)
		}
	}
	return out
}

// offerKey is what a preset offers, as text: several makes want the same.
func offerKey(p profile.Preset) string {
	return fmt.Sprint(p.Phase1, p.Phase2, p.PFS)
}

// tryOtherSettings begins with the first.
func (d *Desktop) tryOtherSettings(i viewmodel.Item) {
	t := &trial{item: i, left: otherSettings(i.Entry.Profile)}
	d.trial = t
	t.next(d)
}

func (t *trial) next(d *Desktop) {
	if len(t.left) == 0 {
		d.trial = nil
		d.edit(t.item, "ipsec.enabled")
		return
	}
	t.at, t.left = t.left[0], t.left[1:]
	t.sent = time.Now()
	item := t.item
	item.Entry.Profile = t.at
	d.connectWith(wanted{item: item})
}

// look is after every word of the helper.
func (t *trial) look(d *Desktop) {
	now := time.Now()
	switch k := d.model.Kind(now); {
	case d.model.Profile(now).ID != t.at.ID:
		d.trial = nil
	case k == viewmodel.Connected && d.model.Status.Since.After(t.sent.Add(-time.Second)):
		d.trial = nil
		e := t.item.Entry
		e.Profile = t.at
		d.write(func() error {
			_, err := d.save(e)
			return err
		}, d.written)
	case k == viewmodel.Failed && d.model.Wish.Want == viewmodel.WantNothing && t.mine(d.model.Status.Stages):
		if f := d.model.Failure(); viewmodel.Remedy(f.Code) != viewmodel.TryOtherSettings && f.Code != api.SecretMissing {
			d.trial = nil // it came further: this is another question
			return
		}
		d.after(0, func() {
			if d.trial == t {
				t.next(d)
			}
		})
	}
}

// mine says that a failure is of this try, not of the one before.
func (t *trial) mine(stages []api.StageStatus) bool {
	return len(stages) > 0 && stages[0].Started.After(t.sent.Add(-100*time.Millisecond))
}
