package helper

import (
	"bufio"
	"context"
	"errors"
	"net"
	"net/netip"
	"os"
	"strings"

	"github.com/culvert-vpn/culvert/app/dial"
	"github.com/culvert-vpn/culvert/engine"
	"github.com/culvert-vpn/culvert/engine/dataplane"
	"github.com/culvert-vpn/culvert/platform/dns"
	"github.com/culvert-vpn/culvert/platform/firewall"
	"github.com/culvert-vpn/culvert/platform/route"
	"github.com/culvert-vpn/culvert/platform/tun"
	"github.com/culvert-vpn/culvert/platform/udp"
)

// The journal's parts.
const (
	partRoutes   = "routes"
	partDNS      = "dns"
	partFirewall = "firewall"
)

// Files that name the name servers. systemd-resolved listens on loopback, and has
// those that it asks itself in a file of its own.
const (
	resolvConf   = "/etc/resolv.conf"
	resolvedConf = "/run/systemd/resolve/resolv.conf"
	portDNS      = 53
)

// machine is the machine that this process runs on.
type machine struct {
	routes *route.Manager
	dns    *dns.Manager
	fire   *firewall.Manager
}

// Machine is the real System: see Config.
func Machine(j *Journal) (System, error) {
	var m machine
	var errs [3]error
	m.routes, errs[0] = route.New(j.Part(partRoutes))
	m.dns, errs[1] = dns.New(dns.Options{}, j.Part(partDNS))
	m.fire, errs[2] = firewall.New(j.Part(partFirewall))
	if err := errors.Join(errs[:]...); err != nil {
		return nil, err
	}
	return &m, nil
}

func (m *machine) Recover(j *Journal) error {
	var errs []error
	for _, part := range []struct {
		name    string
		cleanUp func([]byte) error
	}{{partDNS, dns.CleanUp}, {partRoutes, route.CleanUp}} {
		record := j.Record(part.name)
		if record == nil {
			continue
		}
		err := part.cleanUp(record)
		var changed *dns.ChangedError
		if err != nil {
			errs = append(errs, err)
		}
		if err == nil || errors.As(err, &changed) {
			errs = append(errs, j.Part(part.name)(nil))
		}
	}
	if record := j.Record(partFirewall); record != nil {
		errs = append(errs, m.fire.Adopt(record))
	}
	return errors.Join(errs...)
}

func (m *machine) Lookup(ctx context.Context, host string, direct bool) ([]netip.Addr, error) {
	resolver := net.DefaultResolver
	if direct {
		servers := m.Resolvers()
		next := 0
		resolver = &net.Resolver{PreferGo: true, Dial: func(ctx context.Context, network, _ string) (net.Conn, error) {
			if len(servers) == 0 {
				return nil, &net.DNSError{Err: "no name servers are known", Name: host}
			}
			to := servers[next%len(servers)]
			next++
			return udp.DialMarked(ctx, network, to, firewall.DefaultMark)
		}}
	}
	return resolver.LookupNetIP(ctx, "ip", host)
}

// Resolvers are those beyond this machine.
func (m *machine) Resolvers() []netip.AddrPort {
	for _, path := range []string{resolvedConf, resolvConf} {
		if servers := nameServers(path); len(servers) > 0 {
			return servers
		}
	}
	return nil
}

// nameServers reads a resolv.conf(5), without what listens on loopback.
func nameServers(path string) []netip.AddrPort {
	f, err := os.Open(path)
	if err != nil {
		return nil
	}
	defer f.Close()
	var out []netip.AddrPort
	for lines := bufio.NewScanner(f); lines.Scan(); {
		words := strings.Fields(lines.Text())
		if len(words) < 2 || words[0] != "nameserver" {
			continue
		}
		if a, err := netip.ParseAddr(words[1]); err == nil && !a.IsLoopback() {
			out = append(out, netip.AddrPortFrom(a, portDNS))
		}
	}
	return out
}

func (m *machine) Connect(ctx context.Context, cfg engine.Config) (dial.Session, error) {
	cfg.Network = dial.Sockets{Mark: firewall.DefaultMark}
	return dial.Connect(ctx, cfg)
}

func (m *machine) Tunnel(mtu int) (dataplane.Device, string, error) {
	t, err := tun.Open(mtu)
	if err != nil {
		return nil, "", err
	}
	return dataplane.NewTUN(t), t.Name(), nil
}

func (m *machine) SetRoutes(ctx context.Context, cfg route.Config) error {
	return m.routes.Set(ctx, cfg)
}
func (m *machine) Follow(ctx context.Context) error                 { return m.routes.Update(ctx) }
func (m *machine) ClearRoutes() error                               { return m.routes.Clear() }
func (m *machine) SetDNS(ctx context.Context, cfg dns.Config) error { return m.dns.Set(ctx, cfg) }
func (m *machine) ClearDNS() error                                  { return m.dns.Clear() }
func (m *machine) SetFirewall(ctx context.Context, cfg firewall.Config) error {
	return m.fire.Set(ctx, cfg)
}
