package importer

import (
	"cmp"
	"net/netip"
	"net/url"
	"slices"
	"strings"

	"github.com/culvert-vpn/culvert/app/profile"
	"github.com/culvert-vpn/culvert/engine/secret"
)

// draft is a connection while it is read. Its profile is valid at any time, but
// for what is missing still.
type draft struct {
	p                   *profile.Profile
	secrets             profile.Secrets
	understood, leftOut []Item
	hidden              []string // what must not show in any item

	split   *Item // the setting that says whether all traffic goes through the tunnel
	isSplit bool
	routes  []route
}

type route struct {
	prefix netip.Prefix
	item   Item
}

func newDraft() *draft { return &draft{p: profile.Default()} }

func newItem(key, value, field string, why Reason) Item {
	i := Item{Key: cut(shown(key), maxShown), Value: shown(value), Field: field, Reason: why, Why: why.Text()}
	if why != "" && looksSecret(key) && value != "" {
		i.Value, i.Secret = "", true
	}
	return i
}

// looksSecret is for settings that no reader knows: better one too many.
func looksSecret(key string) bool {
	key = strings.ToLower(key)
	for _, w := range []string{"pass", "pwd", "secret", "psk", "sharedkey", "privatekey", "private-key", "private_key", "pin", "token", "otp", "xauth"} {
		if strings.Contains(key, w) {
			return true
		}
	}
	return false
}

// note is a setting that is as Culvert does it anyway.
func (d *draft) note(key, value, field string) {
	if len(d.understood) < maxItems {
		d.understood = append(d.understood, newItem(key, value, field, ""))
	}
}

// leave is a setting that is left out.
func (d *draft) leave(key, value, field string, why Reason) {
	if len(d.leftOut) < maxItems {
		d.leftOut = append(d.leftOut, newItem(key, value, field, why))
	}
}

// leaveSecret is one whose value nobody sees.
func (d *draft) leaveSecret(key, value, field string, why Reason) {
	if value != "" {
		d.hidden = append(d.hidden, value)
		d.leave(key, "", field, why)
		d.leftOut[len(d.leftOut)-1].Secret = true
	}
}

// set changes the profile where it stays valid; otherwise the setting is left out.
func (d *draft) set(key, value, field string, apply func(p *profile.Profile)) bool {
	try := *d.p
	apply(&try)
	if !valid(&try) {
		why, not := lacking()[field]
		if !not {
			why = whyValue
		}
		d.leave(key, value, field, why)
		return false
	}
	*d.p = try
	d.note(key, value, field)
	return true
}

// name is what the connection is called.
func (d *draft) name(key, value string) {
	name := strings.TrimSpace(shown(value))
	if name != "" {
		d.set(key, value, "name", func(p *profile.Profile) { p.Name = name })
	}
}

// id is the connection's UUID, if it is one. It is nothing to show.
func (d *draft) id(value string) {
	try := *d.p
	try.ID = strings.ToLower(strings.Trim(value, "{} "))
	if try.ID != "" && valid(&try) {
		*d.p = try
	}
}

// server is one more gateway.
func (d *draft) server(key, value string) {
	host := cleanHost(value)
	if host == "" || slices.Contains(d.p.Servers, host) {
		return
	}
	d.set(key, value, "servers", func(p *profile.Profile) { p.Servers = append(slices.Clone(p.Servers), host) })
}

// cleanHost is the host of a URL, or of a host with a port.
func cleanHost(s string) string {
	s = strings.TrimSpace(s)
	if _, err := netip.ParseAddr(s); err == nil {
		return s
	}
	if strings.Contains(s, "://") {
		if u, err := url.Parse(s); err == nil && u.Host != "" {
			s = u.Host
		}
	}
	s, _, _ = strings.Cut(s, "/")
	if ap, err := netip.ParseAddrPort(s); err == nil {
		return ap.Addr().String()
	}
	if host, port, ok := strings.Cut(s, ":"); ok && strings.Trim(port, "0123456789") == "" {
		s = host
	}
	return strings.Trim(s, "[]")
}

// user is the name to log in with, perhaps with the NT domain in front.
func (d *draft) user(key, value string) {
	value = strings.TrimSpace(value)
	if domain, user, ok := strings.Cut(value, `\`); ok && domain != "" && user != "" && d.p.User == "" && d.p.Domain == "" {
		if d.set(key, domain, "domain", func(p *profile.Profile) { p.Domain = domain }) {
			value = user
		}
	}
	switch {
	case value == "" || value == d.p.User:
	case d.p.User != "":
		d.leave(key, value, "user", whySecond)
	default:
		d.set(key, value, "user", func(p *profile.Profile) { p.User = value })
	}
}

func (d *draft) domain(key, value string) {
	if value = strings.TrimSpace(value); value != "" {
		d.set(key, value, "domain", func(p *profile.Profile) { p.Domain = value })
	}
}

func (d *draft) psk(key string, value []byte) { d.keep(&d.secrets.PSK, key, value, "psk") }
func (d *draft) password(key string, value []byte) {
	d.keep(&d.secrets.Password, key, value, "password")
}

// keep takes a secret, unless there is one.
func (d *draft) keep(dst *secret.Secret, key string, value []byte, field string) {
	switch {
	case len(value) == 0:
	case *dst != nil && string(*dst) != string(value):
		d.leaveSecret(key, string(value), field, whySecond)
	case *dst == nil:
		*dst = secret.Secret(value).Clone()
		d.hidden = append(d.hidden, string(value))
		d.note(key, "", field)
		d.understood[len(d.understood)-1].Secret = true
	}
}

// full says whether all traffic goes through the tunnel.
func (d *draft) full(key, value string, all bool) {
	i := newItem(key, value, "routing.mode", "")
	d.split, d.isSplit = &i, !all
}

// through is a network behind the gateway.
func (d *draft) through(key, value, network string) {
	p, ok := isNetwork(network)
	switch {
	case !ok:
		d.leave(key, value, "routing.include", whyValue)
	case p.Bits() == 0:
		d.full(key, value, true)
	default:
		d.routes = append(d.routes, route{p, newItem(key, value, "routing.include", "")})
	}
}

// route decides what goes through the tunnel, once all about it is known.
func (d *draft) route() {
	if d.split != nil && !d.isSplit {
		d.understood = append(d.understood, *d.split)
	}
	if d.split == nil || !d.isSplit {
		for _, r := range d.routes {
			d.leave(r.item.Key, r.item.Value, "routing.include", whyAllTraffic)
		}
		return
	}
	var networks []netip.Prefix
	for _, r := range d.routes {
		try := placeholder()
		try.Routing.Mode, try.Routing.Include = "split", []netip.Prefix{r.prefix}
		if !valid(try) {
			d.leave(r.item.Key, r.item.Value, "routing.include", whyNetwork)
			continue
		}
		if !slices.Contains(networks, r.prefix) {
			networks = append(networks, r.prefix)
		}
		if len(d.understood) < maxItems {
			d.understood = append(d.understood, r.item)
		}
	}
	d.set(d.split.Key, d.split.Value, "routing.mode", func(p *profile.Profile) {
		p.Routing.Mode, p.Routing.Include = "split", networks
	})
}

// nameServers is the resolvers to use while connected.
func (d *draft) nameServers(key, value string, servers []string) {
	if len(servers) > 0 {
		d.set(key, value, "dns.servers", func(p *profile.Profile) { p.DNS.Mode, p.DNS.Servers = "manual", servers })
	}
}

func (d *draft) search(key, value string, domains []string) {
	if len(domains) > 0 {
		d.set(key, value, "dns.search", func(p *profile.Profile) { p.DNS.Search = domains })
	}
}

// methods is what may be used to log in. Of several, those are taken that
// Culvert knows; an empty list is the preset's choice.
func (d *draft) methods(key, value string, methods []profile.AuthMethod) {
	var known []profile.AuthMethod
	for _, m := range methods {
		try := placeholder()
		try.PPP.Auth = []profile.AuthMethod{m}
		if valid(try) {
			known = append(known, m)
		}
	}
	switch {
	case len(methods) == 0:
	case len(known) == 0:
		d.leave(key, value, "ppp.auth", cmp.Or(lacking()["ppp.auth"], whyValue))
	default:
		d.set(key, value, "ppp.auth", func(p *profile.Profile) { p.PPP.Auth = known })
	}
}

// finish is the connection as it came out.
func (d *draft) finish(hidden []string) (Imported, error) {
	d.route()
	out := Imported{Profile: d.p, Secrets: d.secrets}
	if len(d.p.Servers) == 0 {
		out.Missing = append(out.Missing, "servers")
	}
	if d.p.User == "" {
		out.Missing = append(out.Missing, "user")
	}
	if out.Missing == nil {
		p, err := check(d.p)
		if err != nil {
			return Imported{}, err // every change was checked
		}
		out.Profile = p
	}
	hide(d.leftOut, hidden)
	out.Understood, out.LeftOut = d.understood, d.leftOut
	return out, nil
}

// hide takes secrets out of settings that have them where nobody looked for any.
func hide(items []Item, hidden []string) {
	for i := range items {
		item := &items[i]
		for _, s := range hidden {
			// Of a very short one every second word has a part.
			if s = strings.TrimSpace(shown(s)); s == "" || len(s) < 4 && s != item.Value {
				continue
			}
			if strings.Contains(item.Value, s) {
				item.Value, item.Secret = "", true
			}
			item.Key = strings.ReplaceAll(item.Key, s, "…")
		}
	}
}
