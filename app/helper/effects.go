package helper

import (
	"context"
	"errors"
	"net/netip"

	"github.com/culvert-vpn/culvert/app/netplan"
	"github.com/culvert-vpn/culvert/app/supervisor"
	"github.com/culvert-vpn/culvert/engine/failure"
	"github.com/culvert-vpn/culvert/platform/firewall"
	"github.com/culvert-vpn/culvert/platform/route"
)

// apply makes the system use the tunnel. When it fails, nothing of it is left.
func (l *loop) apply(e supervisor.ApplyNetwork) {
	ctx, cancel := context.WithTimeout(context.Background(), applyTime)
	defer cancel()
	err := l.applyAll(ctx, e)
	if err == nil {
		l.next = append(l.next, supervisor.Applied{Attempt: e.Attempt})
		return
	}
	l.clear()
	var f *failure.Failure
	if !errors.As(err, &f) {
		f = failure.OfSystem(failure.Routes, failure.OSRoutes, err)
	}
	l.next = append(l.next, supervisor.ApplyFailed{Attempt: e.Attempt, Failure: f})
}

func (l *loop) applyAll(ctx context.Context, e supervisor.ApplyNetwork) error {
	server, err := netip.ParseAddr(e.Network.Server)
	if err != nil {
		return failure.OfSystem(failure.Routes, failure.OSRoutes, err)
	}
	n := e.Network
	c := netplan.Connection{Interface: n.Interface, Server: server, Local: n.Address, Local6: n.Address6, Peer: n.Peer, MTU: n.MTU, DNS: n.DNS, Pushed: n.Routes}
	if len(c.Pushed) > 0 {
		if c.OnLink, err = route.OnLink(n.Interface); err != nil {
			l.cfg.Log.Warn("the networks that the machine is on are not known", "error", err)
		}
		if _, ignored := netplan.Pushed(e.Profile, c); len(ignored) > 0 {
			l.cfg.Log.Info("pushed routes that are not taken", "routes", ignored)
		}
	}
	cfg := netplan.Routes(e.Profile, c)
	if err := l.system.SetRoutes(ctx, cfg); err != nil {
		return failure.OfSystem(failure.Routes, failure.OSRoutes, err)
	}
	names, ok := netplan.DNS(e.Profile, n.Interface, n.DNS, n.Search...)
	if !ok {
		err = l.system.ClearDNS()
	} else {
		err = l.system.SetDNS(ctx, names)
	}
	if err != nil {
		return failure.OfSystem(failure.Routes, failure.OSDNS, err)
	}
	return nil
}

// clear takes back what apply did.
func (l *loop) clear() {
	if err := errors.Join(l.system.ClearDNS(), l.system.ClearRoutes()); err != nil {
		l.cfg.Log.Error("not everything could be put back", "error", err)
	}
}

// follow lets what is applied follow the machine's network.
func (l *loop) follow() {
	ctx, cancel := context.WithTimeout(context.Background(), applyTime)
	defer cancel()
	if err := l.system.Follow(ctx); err != nil {
		l.cfg.Log.Warn("the routes did not follow the network", "error", err)
	}
}

// firewall puts the wanted state in force.
func (l *loop) firewall(e supervisor.SetFirewall) {
	ctx, cancel := context.WithTimeout(context.Background(), applyTime)
	defer cancel()
	cfg := firewallConfig(e)
	if cfg.KillSwitch {
		cfg.Resolvers = l.system.Resolvers()
		if cfg.LocalNetwork {
			var err error
			if cfg.OnLink, err = firewall.LocalPrefixes(e.Interface); err != nil {
				l.cfg.Log.Warn("the networks that the machine is on are not known", "error", err)
			}
		}
	}
	if err := l.system.SetFirewall(ctx, cfg); err != nil {
		l.next = append([]supervisor.Input{supervisor.FirewallFailed{Failure: failure.OfSystem(failure.Routes, failure.OSFirewall, err)}}, l.next...)
		return
	}
	l.killed = cfg.KillSwitch
}

// firewallConfig is the supervisor's wish in the firewall's words.
func firewallConfig(e supervisor.SetFirewall) firewall.Config {
	if e.State == supervisor.Open {
		return firewall.Config{}
	}
	cfg := firewall.Config{KillSwitch: e.KillSwitch, Interface: e.Interface, DHCP: true, LocalNetwork: true, Inbound: true}
	for _, a := range []netip.Addr{e.Address, e.Address6} {
		if a.IsValid() {
			cfg.Addresses = append(cfg.Addresses, a)
		}
	}
	if e.Server.IsValid() {
		cfg.Gateways = []netip.Addr{e.Server}
	}
	p := e.Profile
	if p == nil {
		return cfg
	}
	cfg.LocalNetwork, cfg.Inbound = p.Routing.LocalNetwork, p.Routing.LocalNetwork
	full := p.Routing.Mode == "full"
	cfg.BlockIPv6 = p.Routing.IPv6 == "block" || p.Routing.IPv6 == "auto" && full && !e.Address6.IsValid()
	cfg.BlockDNS = full && p.DNS.Mode != "off" && len(p.DNS.Domains) == 0 && e.State == supervisor.Tunnel
	return cfg
}
