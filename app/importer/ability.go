package importer

import (
	"net/netip"
	"sync"
	"time"

	"github.com/culvert-vpn/culvert/app/profile"
)

// ability is something that a profile can name before Culvert can do it: Parse
// refuses it until then. It is tried out, so that this package follows by itself.
type ability struct {
	field string
	try   func(p *profile.Profile)
	not   string // why a setting is left out until then
}

var abilities = []ability{
	{"ask_password", func(p *profile.Profile) { p.AskPassword = true },
		"Culvert cannot yet be told to ask for the password each time; it asks when none is stored."},
	{"ipsec.group", func(p *profile.Profile) { p.IPsec.Group = "staff" },
		"Culvert cannot use a group name, which takes Aggressive Mode, yet."},
	{"ppp.mppe", func(p *profile.Profile) { p.PPP.MPPE = "require" },
		"Culvert cannot encrypt a second time inside PPP yet; IPsec encrypts everything."},
	{"ppp.auth", func(p *profile.Profile) { p.PPP.Auth = []profile.AuthMethod{"eap-tls"} },
		"Culvert cannot log in by this method yet."},
	{"routing.mode", func(p *profile.Profile) { p.Routing.Mode = "split" },
		"Only some traffic went through the tunnel, and which is not said here; Culvert needs the networks by name, so everything goes through it."},
	{"dns.servers", func(p *profile.Profile) {
		p.DNS.Mode, p.DNS.Servers = "manual", []string{"10.0.0.1"}
	}, "Culvert cannot be given name servers yet; it uses the gateway's."},
	{"dns.search", func(p *profile.Profile) { p.DNS.Search = []string{"example.com"} },
		"Culvert cannot be given search domains yet."},
	{"dns.domains", func(p *profile.Profile) { p.DNS.Domains = []string{"example.com"} },
		"Culvert cannot send only some names to the tunnel's name servers yet."},
	{"dns.mode", func(p *profile.Profile) { p.DNS.Mode = "off" },
		"Culvert cannot leave the name servers as they are yet."},
	{"routing.from_gateway", func(p *profile.Profile) { p.Routing.FromGateway = false },
		"Culvert cannot refuse the gateway's routes yet."},
	{"reconnect.on_start", func(p *profile.Profile) { p.Reconnect.OnStart = true },
		"Culvert cannot connect by itself yet."},
	{"reconnect.idle_disconnect", func(p *profile.Profile) { p.Reconnect.IdleDisconnect = profile.Duration(10 * time.Minute) },
		"Culvert cannot disconnect an idle connection yet."},
}

// lacking is what Culvert cannot do yet: why, by field.
var lacking = sync.OnceValue(func() map[string]string {
	out := map[string]string{}
	for _, a := range abilities {
		p := placeholder()
		a.try(p)
		if _, err := check(p); err != nil {
			out[a.field] = a.not
		}
	}
	return out
})

// placeholder is the smallest valid profile.
func placeholder() *profile.Profile {
	p := profile.Default()
	p.Name, p.Servers, p.User = "x", []string{"vpn.example.com"}, "x"
	p.ID = "00000000-0000-4000-8000-000000000000"
	return p
}

// valid says that Parse takes p, whatever its server and its user may become.
func valid(p *profile.Profile) bool {
	c, x := *p, placeholder()
	if len(c.Servers) == 0 {
		c.Servers = x.Servers
	}
	if c.User == "" {
		c.User = x.User
	}
	_, err := check(&c)
	return err == nil
}

// isNetwork reads a prefix as a profile has it: bits behind its length are cut.
func isNetwork(s string) (netip.Prefix, bool) {
	if a, err := netip.ParseAddr(s); err == nil {
		return netip.PrefixFrom(a, a.BitLen()), true
	}
	p, err := netip.ParsePrefix(s)
	return p.Masked(), err == nil
}
