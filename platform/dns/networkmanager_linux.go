package dns

import (
	"context"
	"errors"
	"fmt"
	"os"
	"reflect"
	"slices"
	"strings"

	"github.com/godbus/dbus/v5"
)

// From nm-settings and the D-Bus interface of NetworkManager.
const (
	nmIface    = "org.freedesktop.NetworkManager"
	nmDNSIface = "org.freedesktop.NetworkManager.DnsManager"
	nmGlobal   = "GlobalDnsConfiguration"
	// nmMarker is a domain in every configuration of ours, by which one is known
	// that a killed process left. There are no names below it (RFC 6761, 6.4).
	nmMarker = "culvert.invalid"
	// nmIntern is where NetworkManager keeps GlobalDnsConfiguration over a
	// restart.
	nmIntern = "/var/lib/NetworkManager/NetworkManager-intern.conf"
)

var (
	nmObject    = dest{"org.freedesktop.NetworkManager", "/org/freedesktop/NetworkManager"}
	nmDNSObject = dest{nmObject.name, "/org/freedesktop/NetworkManager/DnsManager"}
)

// managerPart sets NetworkManager's global DNS configuration, which takes the
// place of what all its connections say. It knows nothing of the tunnel's
// interface, so it does not matter whether NetworkManager looks after that one.
// NetworkManager remembers it for good: it has to be taken back.
type managerPart struct {
	opts   Options
	Before globalDNS   `json:"before"`
	Ours   []globalDNS `json:"ours,omitempty"` // that may be in force, the last one set last
}

// globalDNS is GlobalDnsConfiguration; without domains there is none.
type globalDNS struct {
	Search  []string            `json:"search,omitempty"`
	Options []string            `json:"options,omitempty"`
	Domains map[string]nmDomain `json:"domains,omitempty"` // "*": all other names
}

type nmDomain struct {
	Servers []string `json:"servers,omitempty"`
	Options []string `json:"options,omitempty"`
}

func (p *managerPart) kind() string { return kindManager }

// writes tells whether NetworkManager runs and is who writes resolv.conf.
func (p *managerPart) writes(ctx context.Context) (writes bool, why string, err error) {
	err = onBus(ctx, p.opts, func(b bus) error {
		has, err := b.running(ctx, nmObject.name)
		if err != nil || !has {
			return err
		}
		mode, keeper := "", ""
		if err := b.get(ctx, nmDNSObject, nmDNSIface, "Mode", &mode); err != nil {
			return err
		}
		if err := b.get(ctx, nmDNSObject, nmDNSIface, "RcManager", &keeper); err != nil {
			return err
		}
		writes = mode != "none" && keeper != "unmanaged" && keeper != "resolvconf"
		why = fmt.Sprintf("NetworkManager writes /etc/resolv.conf (dns=%s, rc-manager=%s)", mode, keeper)
		return nil
	})
	if errors.Is(err, errNotRunning) {
		err = nil
	}
	return writes, why, err
}

func (p *managerPart) set(ctx context.Context, cfg Config, note func() error) error {
	return onBus(ctx, p.opts, func(b bus) error {
		have, err := getGlobal(ctx, b)
		if err != nil {
			return err
		}
		want, err := wantGlobal(ctx, b, cfg)
		if err != nil {
			return err
		}
		if !p.isOurs(have) {
			p.Before, p.Ours = have, nil
			if _, left := have.Domains[nmMarker]; left {
				p.Before = globalDNS{}
			}
		}
		if !p.isOurs(want) {
			p.Ours = append(p.Ours, want)
		}
		if err := note(); err != nil {
			return err
		}
		return b.put(ctx, nmObject, nmIface, nmGlobal, want.property())
	})
}

// wantGlobal is cfg in NetworkManager's words.
func wantGlobal(ctx context.Context, b bus, cfg Config) (globalDNS, error) {
	tunnel := nmDomain{Servers: cfg.serverText()}
	want := globalDNS{Search: cfg.Search, Domains: map[string]nmDomain{"*": tunnel, nmMarker: tunnel}}
	if !cfg.split() {
		return want, nil
	}
	var mode string
	if err := b.get(ctx, nmDNSObject, nmDNSIface, "Mode", &mode); err != nil {
		return want, err
	}
	if mode != "dnsmasq" {
		return want, fmt.Errorf("%w: it runs with dns=%s, not dns=dnsmasq", ErrNoSplit, mode)
	}
	others, err := otherServers(ctx, b, cfg)
	if err != nil {
		return want, err
	}
	want.Domains["*"] = nmDomain{Servers: others}
	for _, d := range cfg.routed() {
		want.Domains[d] = tunnel
	}
	return want, nil
}

// otherServers are those of the connections: entries with an interface stay in
// this list while a global configuration is in force.
func otherServers(ctx context.Context, b bus, cfg Config) ([]string, error) {
	var entries []map[string]dbus.Variant
	if err := b.get(ctx, nmDNSObject, nmDNSIface, "Configuration", &entries); err != nil {
		return nil, err
	}
	var servers []string
	for _, e := range entries {
		iface, _ := e["interface"].Value().(string)
		list, _ := e["nameservers"].Value().([]string)
		if iface == "" || iface == cfg.Interface {
			continue
		}
		for _, s := range list {
			if !slices.Contains(servers, s) {
				servers = append(servers, s)
			}
		}
	}
	if len(servers) == 0 {
		return nil, fmt.Errorf("%w: no connection has a server for the rest", ErrNoSplit)
	}
	return servers, nil
}

func (p *managerPart) isOurs(g globalDNS) bool {
	return slices.ContainsFunc(p.Ours, func(o globalDNS) bool { return o.equal(g) })
}

func (p *managerPart) verify(ctx context.Context, cfg Config) error {
	return onBus(ctx, p.opts, func(b bus) error {
		have, err := getGlobal(ctx, b)
		if err != nil {
			return err
		}
		if len(p.Ours) == 0 || !have.equal(p.Ours[len(p.Ours)-1]) {
			return fmt.Errorf("%w: %s is %v", ErrNotTaken, nmGlobal, have)
		}
		var mode string
		if err := b.get(ctx, nmDNSObject, nmDNSIface, "Mode", &mode); err != nil {
			return err
		}
		return settle(ctx, func() error {
			text, err := os.ReadFile(followed(p.opts.Root, confPath))
			if err != nil {
				return fmt.Errorf("%w: %w", ErrNotTaken, err)
			}
			c := parseConf(string(text))
			if c.asks(cfg) || mode == "dnsmasq" && c.forwarded() {
				return nil
			}
			return fmt.Errorf("%w: /etc/resolv.conf names the servers %v, want %v", ErrNotTaken, c.servers, cfg.Servers)
		})
	})
}

func (p *managerPart) clear(ctx context.Context) error {
	if len(p.Ours) == 0 {
		return nil
	}
	err := onBus(ctx, p.opts, func(b bus) error {
		if has, err := b.running(ctx, nmObject.name); err != nil || !has {
			return errors.Join(err, errNotRunning)
		}
		have, err := getGlobal(ctx, b)
		switch {
		case err != nil:
			return err
		case have.equal(p.Before):
			return nil
		case !p.isOurs(have):
			return &ChangedError{kindManager, nmGlobal}
		}
		return b.put(ctx, nmObject, nmIface, nmGlobal, p.Before.property())
	})
	if errors.Is(err, errNotRunning) && ctx.Err() == nil {
		return p.forget()
	}
	return err
}

// forget takes our servers out of what NetworkManager remembers, when it does
// not run: after a power cut it may start later than we do.
func (p *managerPart) forget() error {
	path := p.opts.path(nmIntern)
	text, err := os.ReadFile(path)
	if errors.Is(err, os.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	kept, dropped := withoutGlobal(string(text))
	if !strings.Contains(dropped, "[.intern.global-dns-domain-"+nmMarker+"]") {
		return nil
	}
	info, err := os.Stat(path)
	if err != nil {
		return err
	}
	return replaceFile(path, path+".culvert", []byte(kept), info.Mode().Perm(), path)
}

// withoutGlobal parts a key file of NetworkManager into all but the sections
// [.intern.global-dns…] and these.
func withoutGlobal(text string) (kept, dropped string) {
	global := false
	var k, d strings.Builder
	for line := range strings.Lines(text) {
		if strings.HasPrefix(line, "[") {
			global = strings.HasPrefix(line, "[.intern.global-dns")
		}
		if global {
			d.WriteString(line)
		} else {
			k.WriteString(line)
		}
	}
	return k.String(), d.String()
}

// equal compares what counts; NetworkManager gives empty lists or none at all.
func (g globalDNS) equal(h globalDNS) bool {
	if !slices.Equal(g.Search, h.Search) || !slices.Equal(g.Options, h.Options) || len(g.Domains) != len(h.Domains) {
		return false
	}
	for name, d := range g.Domains {
		e, ok := h.Domains[name]
		if !ok || !slices.Equal(d.Servers, e.Servers) || !slices.Equal(d.Options, e.Options) {
			return false
		}
	}
	return true
}

// property is g as NetworkManager takes it.
func (g globalDNS) property() map[string]dbus.Variant {
	v := map[string]dbus.Variant{}
	if len(g.Domains) == 0 {
		return v // takes the configuration away
	}
	domains := map[string]dbus.Variant{}
	for name, d := range g.Domains {
		m := map[string]dbus.Variant{"servers": dbus.MakeVariant(d.Servers)}
		if len(d.Options) != 0 {
			m["options"] = dbus.MakeVariant(d.Options)
		}
		domains[name] = dbus.MakeVariant(m)
	}
	v["domains"] = dbus.MakeVariant(domains)
	if len(g.Search) != 0 {
		v["searches"] = dbus.MakeVariant(g.Search)
	}
	if len(g.Options) != 0 {
		v["options"] = dbus.MakeVariant(g.Options)
	}
	return v
}

// getGlobal reads GlobalDnsConfiguration.
func getGlobal(ctx context.Context, b bus) (globalDNS, error) {
	var v map[string]dbus.Variant
	if err := b.get(ctx, nmObject, nmIface, nmGlobal, &v); err != nil {
		return globalDNS{}, err
	}
	g := globalDNS{Search: texts(v["searches"]), Options: texts(v["options"])}
	domains, _ := v["domains"].Value().(map[string]dbus.Variant)
	for name, d := range domains {
		m, ok := d.Value().(map[string]dbus.Variant)
		if !ok {
			return g, fmt.Errorf("property %s: domain %s is of type %v", nmGlobal, name, reflect.TypeOf(d.Value()))
		}
		if g.Domains == nil {
			g.Domains = map[string]nmDomain{}
		}
		g.Domains[name] = nmDomain{texts(m["servers"]), texts(m["options"])}
	}
	return g, nil
}

// texts is a list of strings, nil when it is none or empty.
func texts(v dbus.Variant) []string {
	s, _ := v.Value().([]string)
	if len(s) == 0 {
		return nil
	}
	return s
}
