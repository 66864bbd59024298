package viewmodel

import (
	"net/netip"
	"time"

	"github.com/culvert-vpn/culvert/app/api"
	"github.com/culvert-vpn/culvert/app/profile"
	"github.com/culvert-vpn/culvert/engine/failure"
)

// Fact is a value with its label above it. A click copies Value.
type Fact struct {
	Key    string // tells facts apart: "address", "gateway", "dns", "received", "sent", "through"
	Label  string
	Copied string // what the label says for two seconds after that
	Value  string
}

// BadgeKind is what a badge says of the encryption.
type BadgeKind uint8

// The badges.
const (
	NoBadge      BadgeKind = iota // strong: praise is noise
	Weak                          // waiting colour
	NotEncrypted                  // failed colour
)

// Encryption is the line below the facts.
type Encryption struct {
	Label, Value string
	Badge        BadgeKind
	BadgeText    string
	Sentence     string // why it is weak and what to do; "" when it is not
}

// Facts is the box of what was agreed.
type Facts struct {
	Grid       []Fact
	Encryption Encryption
}

// Facts is the box of what was agreed; nil unless p is connected.
func (w *Words) Facts(m *Model, p *profile.Profile, stats api.StatsEvent, now time.Time) *Facts {
	if m.KindOf(p.ID, now) != Connected {
		return nil
	}
	s := m.Status
	f := &Facts{Encryption: w.encryption(m, p)}
	for _, v := range []struct{ key, value string }{
		{"address", w.addresses(s.Address, s.Address6)},
		{"gateway", s.Server},
		{"dns", w.nameServers(s.DNS, p)},
		{"received", w.Bytes(stats.RxBytes)},
		{"sent", w.Bytes(stats.TxBytes)},
		{"through", w.through(p)},
	} {
		f.Grid = append(f.Grid, Fact{Key: v.key, Label: w.Text("fact." + v.key), Copied: w.Text("fact.copied"), Value: v.value})
	}
	return f
}

// addresses are ours, one of which may be missing, or both.
func (w *Words) addresses(list ...netip.Addr) string {
	var s []string
	for _, a := range list {
		if a.IsValid() {
			s = append(s, a.String())
		}
	}
	if len(s) == 0 {
		return "–"
	}
	return w.join(s)
}

// nameServers is who is asked while connected.
func (w *Words) nameServers(given []netip.Addr, p *profile.Profile) string {
	var list []string
	switch p.DNS.Mode {
	case "off":
		return w.Text("fact.dns.off")
	case "manual":
		list = p.DNS.Servers
	default:
		for _, a := range given {
			list = append(list, a.String())
		}
	}
	if len(list) == 0 {
		return w.Text("fact.dns.none")
	}
	return w.join(list)
}

// through is what goes through the VPN.
func (w *Words) through(p *profile.Profile) string {
	if p.Routing.Mode == "split" {
		return w.count("fact.networks", len(p.Routing.Include))
	}
	return w.Text("fact.all")
}

// encryption says what is agreed on, and whether it is any good. SHA-1 inside HMAC
// is: what breaks it as a hash does not break that.
func (w *Words) encryption(m *Model, p *profile.Profile) Encryption {
	e := Encryption{Label: w.Text("fact.encryption")}
	if name := m.Status.Suite; name == "" || name == "none" {
		e.Value, e.Badge, e.BadgeText = w.Text("encryption.none"), NotEncrypted, w.Text("encryption.none.badge")
		e.Sentence = w.Text("encryption.none.sentence")
		return e
	}
	e.Value = w.Suite(m.Status.Suite)
	second, _ := parseSuite(m.Status.Suite)
	var first agreed
	for _, s := range m.Status.Stages {
		if s.Stage == failure.Phase1 {
			first, _ = parseSuite(s.Detail["suite"])
		}
	}
	why := ""
	switch {
	case second.weakCipher || first.weakCipher:
		why = "cipher"
	case second.weakHash || first.weakHash:
		why = "hash"
	case first.weakGroup():
		why = "group"
	default:
		return e
	}
	e.Badge, e.BadgeText = Weak, w.Text("encryption.weak.badge")
	if len(p.IPsec.Phase1)+len(p.IPsec.Phase2) > 0 {
		e.Sentence = w.Text("encryption.weak.own") // the person's choice, not the gateway's
		return e
	}
	e.Sentence = w.Text("encryption.weak." + why)
	return e
}
