package dns

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"slices"

	"github.com/godbus/dbus/v5"
	"golang.org/x/sys/unix"
)

// From org.freedesktop.resolve1(5).
const (
	resolveIface     = "org.freedesktop.resolve1.Manager"
	resolveLinkIface = "org.freedesktop.resolve1.Link"
	// scopeDNS in ScopesMask is a link that lookups really use.
	scopeDNS    = 1
	noSuchLink  = "org.freedesktop.resolve1.NoSuchLink"
	unknownCall = "org.freedesktop.DBus.Error.UnknownMethod"
)

var resolveManager = dest{"org.freedesktop.resolve1", "/org/freedesktop/resolve1"}

// resolvedPart gives the tunnel's interface its servers in systemd-resolved.
// They go with the interface.
type resolvedPart struct {
	opts      Options
	Interface string `json:"interface,omitempty"`
	Index     int    `json:"index,omitempty"`
}

// linkServer and linkDomain are (iay) and (sb) of the interface.
type linkServer struct {
	Family  int32
	Address []byte
}

type linkDomain struct {
	Name        string
	RoutingOnly bool
}

func (p *resolvedPart) kind() string { return kindResolved }

// reachable tells whether systemd-resolved answers, and starts it where the bus
// does so: errNotRunning when it does not exist, the deadline when it hangs.
func (p *resolvedPart) reachable(ctx context.Context) error {
	return onBus(ctx, p.opts, func(b bus) error {
		return b.call(ctx, resolveManager, "org.freedesktop.DBus.Peer.Ping", nil)
	})
}

// linkServers and linkDomains are cfg in systemd-resolved's words.
func linkServers(cfg Config) []linkServer {
	var all []linkServer
	for _, a := range cfg.Servers {
		family := int32(unix.AF_INET)
		if a.Is6() {
			family = unix.AF_INET6
		}
		all = append(all, linkServer{family, a.AsSlice()})
	}
	return all
}

func linkDomains(cfg Config) []linkDomain {
	all := []linkDomain{}
	for _, s := range cfg.Search {
		all = append(all, linkDomain{s, false})
	}
	for _, d := range cfg.Domains {
		if !slices.Contains(cfg.Search, d) {
			all = append(all, linkDomain{d, true})
		}
	}
	if !cfg.split() {
		all = append(all, linkDomain{".", true}) // what resolvectl(1) calls "~."
	}
	return all
}

func (p *resolvedPart) set(ctx context.Context, cfg Config, note func() error) error {
	i, err := net.InterfaceByName(cfg.Interface)
	if err != nil {
		return err
	}
	p.Interface, p.Index = i.Name, i.Index
	if err := note(); err != nil {
		return err
	}
	index := int32(i.Index)
	return onBus(ctx, p.opts, func(b bus) error {
		if err := b.call(ctx, resolveManager, resolveIface+".SetLinkDNS", []any{index, linkServers(cfg)}); err != nil {
			return err
		}
		if err := b.call(ctx, resolveManager, resolveIface+".SetLinkDomains", []any{index, linkDomains(cfg)}); err != nil {
			return err
		}
		// systemd before 240 has no such switch, and needs none.
		err := b.call(ctx, resolveManager, resolveIface+".SetLinkDefaultRoute", []any{index, !cfg.split()})
		if err != nil && !isNamed(err, unknownCall) {
			return err
		}
		if err := p.relaxTLS(ctx, b, index); err != nil {
			return err
		}
		return b.call(ctx, resolveManager, resolveIface+".FlushCaches", nil)
	})
}

// relaxTLS lets a tunnel's server be asked without TLS where the machine asks
// all servers with it: gateways have none, and the tunnel encrypts.
func (p *resolvedPart) relaxTLS(ctx context.Context, b bus, index int32) error {
	link, err := linkObject(ctx, b, index)
	if err != nil {
		return err
	}
	var mode string
	err = b.get(ctx, link, resolveLinkIface, "DNSOverTLS", &mode)
	if err != nil || mode != "yes" {
		if err != nil && ctx.Err() != nil {
			return err
		}
		return nil // systemd before 239 knows no TLS
	}
	return b.call(ctx, resolveManager, resolveIface+".SetLinkDNSOverTLS", []any{index, "opportunistic"})
}

func linkObject(ctx context.Context, b bus, index int32) (dest, error) {
	var path dbus.ObjectPath
	err := b.call(ctx, resolveManager, resolveIface+".GetLink", []any{index}, &path)
	return dest{resolveManager.name, path}, err
}

func (p *resolvedPart) verify(ctx context.Context, cfg Config) error {
	return onBus(ctx, p.opts, func(b bus) error {
		link, err := linkObject(ctx, b, int32(p.Index))
		if isNamed(err, noSuchLink) {
			return fmt.Errorf("%w: there is no interface %s any more", ErrNotTaken, p.Interface)
		}
		if err != nil {
			return err
		}
		return settle(ctx, func() error { return p.compare(ctx, b, link, cfg) })
	})
}

// compare reads back what the link has.
func (p *resolvedPart) compare(ctx context.Context, b bus, link dest, cfg Config) error {
	var servers []linkServer
	if err := b.get(ctx, link, resolveLinkIface, "DNS", &servers); err != nil {
		return err
	}
	var have []netip.Addr
	for _, s := range servers {
		if a, ok := netip.AddrFromSlice(s.Address); ok {
			have = append(have, a)
		}
	}
	if !slices.Equal(have, cfg.Servers) {
		return fmt.Errorf("%w: %s has the servers %v, want %v", ErrNotTaken, p.Interface, have, cfg.Servers)
	}
	var domains []linkDomain
	if err := b.get(ctx, link, resolveLinkIface, "Domains", &domains); err != nil {
		return err
	}
	if want := linkDomains(cfg); !slices.Equal(domains, want) {
		return fmt.Errorf("%w: %s has the domains %v, want %v", ErrNotTaken, p.Interface, domains, want)
	}
	var scopes uint64
	if err := b.get(ctx, link, resolveLinkIface, "ScopesMask", &scopes); err != nil {
		return err
	}
	if scopes&scopeDNS == 0 {
		return fmt.Errorf("%w: %s is not used for lookups: is it up, with an address?", ErrNotTaken, p.Interface)
	}
	return nil
}

func (p *resolvedPart) clear(ctx context.Context) error {
	if p.Index == 0 {
		return nil
	}
	i, err := net.InterfaceByName(p.Interface)
	if err != nil || i.Index != p.Index {
		return nil // the setting went with the interface
	}
	err = onBus(ctx, p.opts, func(b bus) error {
		err := b.call(ctx, resolveManager, resolveIface+".RevertLink", []any{int32(p.Index)})
		if err != nil && !isNamed(err, noSuchLink) {
			return err
		}
		return b.call(ctx, resolveManager, resolveIface+".FlushCaches", nil)
	})
	if errors.Is(err, errNotRunning) {
		return nil
	}
	return err
}
