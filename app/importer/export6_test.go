package importer

import (
	"net/netip"
	"strings"
	"testing"

	"github.com/culvert-vpn/culvert/app/profile"
)

// Networks of IPv6 stand where NetworkManager looks for them.
func TestExportIPv6(t *testing.T) {
	p := profile.Default()
	p.Name, p.User, p.Servers, p.Routing.Mode = "Office", "alice", []string{"vpn.example.com"}, "split"
	for networks, want := range map[string]string{
		"10.0.0.0/8 2001:db8:1::/48": "[ipv4]\nmethod=auto\nnever-default=true\nroute1=10.0.0.0/8\n\n[ipv6]\nmethod=auto\nnever-default=true\nroute1=2001:db8:1::/48\n",
		"10.0.0.0/8":                 "[ipv4]\nmethod=auto\nnever-default=true\nroute1=10.0.0.0/8\n\n[ipv6]\nmethod=disabled\n",
	} {
		p.Routing.Include = nil
		for _, s := range strings.Fields(networks) {
			p.Routing.Include = append(p.Routing.Include, netip.MustParsePrefix(s))
		}
		out, err := Export(p, nil, NetworkManager)
		if err != nil || !strings.Contains(string(out.Data), want) {
			t.Errorf("%s: %v\n%s\nwant in it\n%s", networks, err, out.Data, want)
		}
	}
}
