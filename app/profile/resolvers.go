package profile

import (
	"net/netip"
	"slices"
	"strings"
)

// Resolvers is who is asked for names while connected, and what is appended to
// short ones, when the gateway offers these. No servers: all stays as it is
// without the connection.
func (p *Profile) Resolvers(offered []netip.Addr, pushed []string) (servers []netip.Addr, search []string) {
	search = p.DNS.Search
	switch p.DNS.Mode {
	case "auto":
		servers = offered
		search = slices.Concat(p.DNS.Search, slices.DeleteFunc(slices.Clone(pushed), func(s string) bool {
			return slices.Contains(p.DNS.Search, s) || !p.asked(s)
		}))
	case "manual":
		for _, s := range p.DNS.Servers {
			if a, err := netip.ParseAddr(s); err == nil { // Parse has refused others
				servers = append(servers, a)
			}
		}
	}
	if len(servers) == 0 {
		return nil, nil
	}
	return servers, search
}

// asked says that names below domain may be asked of the tunnel's servers: all,
// or only those that the profile names.
func (p *Profile) asked(domain string) bool {
	return len(p.DNS.Domains) == 0 || slices.ContainsFunc(p.DNS.Domains, func(d string) bool {
		d = strings.ToLower(strings.Trim(d, "."))
		return domain == d || strings.HasSuffix(domain, "."+d)
	})
}
