package importer

import (
	"net/netip"
	"sync"

	"github.com/culvert-vpn/culvert/app/profile"
)

// ability is something that a profile can name before Culvert can do it: Parse
// refuses it until then. It is tried out, so that this package follows by itself.
type ability struct {
	field string
	try   func(p *profile.Profile)
	not   Reason // why a setting is left out until then
}

var abilities = []ability{
	{"ipsec.group", func(p *profile.Profile) { p.IPsec.Group = "staff" }, whyGroup},
	{"ppp.mppe", func(p *profile.Profile) { p.PPP.MPPE = "require" }, whyMPPE},
	{"ppp.auth", func(p *profile.Profile) { p.PPP.Auth = []profile.AuthMethod{"eap-tls"} }, whyMethod},
}

// lacking is what Culvert cannot do yet: why, by field.
var lacking = sync.OnceValue(func() map[string]Reason {
	out := map[string]Reason{}
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
