package gateway

import (
	"fmt"
	"net/netip"
	"strings"
	"time"

	"github.com/culvert-vpn/culvert/engine/packet"
	"github.com/culvert-vpn/culvert/engine/slaac"
	"github.com/culvert-vpn/culvert/engine/stack"
)

// From the specification: what a client makes an address in (RFC 5072, 4).
const clientBits = 64

// Ours: how wide Pool6 may be. Nobody serves more than 16 million clients.
const widestPool6 = 40

// half is the network half of an address.
func half(a netip.Addr) [8]byte { b := a.As16(); return [8]byte(b[:]) }

// complete6 fills in and checks what is said of IPv6.
func (cfg *Config) complete6() error {
	if !cfg.Pool6.IsValid() {
		if cfg.Address6.IsValid() || cfg.DNS6 != nil {
			return fmt.Errorf("%w: an IPv6 address and no pool for clients", ErrConfig)
		}
		return nil
	}
	cfg.Pool6 = cfg.Pool6.Masked()
	first := cfg.first6()
	if !cfg.Address6.IsValid() {
		cfg.Address6 = first.Addr().Next()
	}
	if cfg.DNS6 == nil {
		cfg.DNS6 = []netip.Addr{cfg.Address6}
	}
	switch bits := cfg.Pool6.Bits(); {
	case !cfg.Pool6.Addr().Is6() || cfg.Pool6.Addr().Is4In6() || bits < widestPool6 || bits >= clientBits:
		return fmt.Errorf("%w: the IPv6 pool has %d to %d bits, each client a network of %d", ErrConfig, widestPool6, clientBits-1, clientBits)
	case cfg.MTU < slaac.MinMTU:
		return fmt.Errorf("%w: IPv6 takes an MTU of %d", ErrConfig, slaac.MinMTU)
	case !first.Contains(cfg.Address6):
		return fmt.Errorf("%w: the IPv6 address is in the first network of its pool, %v", ErrConfig, first)
	}
	if err := cfg.router(stack.Network6Up{}, next6(first)).Check(); err != nil {
		return fmt.Errorf("%w: %w", ErrConfig, err)
	}
	return nil
}

// first6 is the gateway's own network of Pool6.
func (cfg *Config) first6() netip.Prefix { return netip.PrefixFrom(cfg.Pool6.Addr(), clientBits) }

// next6 is the network of a client behind another one.
func next6(p netip.Prefix) netip.Prefix {
	a := p.Addr().As16()
	for i := clientBits/8 - 1; i >= 0; i-- {
		if a[i]++; a[i] != 0 {
			break
		}
	}
	return netip.PrefixFrom(netip.AddrFrom16(a), p.Bits())
}

// router is what a client is told that has a network.
func (cfg *Config) router(up stack.Network6Up, p netip.Prefix) *slaac.Router {
	r := &slaac.Router{LocalID: up.LocalID, PeerID: up.PeerID, Prefix: p, Address: cfg.Address6, MTU: cfg.MTU, DNS: cfg.DNS6}
	for _, name := range cfg.Search {
		r.Search = append(r.Search, strings.ToLower(strings.Trim(name, ".")))
	}
	return r
}

// assign6 gives a client a network of Pool6: the one it has, or the next that is
// free. They go round, as addresses do.
func (r *registry) assign6(c *client) bool {
	p := r.next6
	for range 1 << (clientBits - r.cfg.Pool6.Bits()) {
		if c.prefix6.IsValid() {
			break
		}
		if p = next6(p); !r.cfg.Pool6.Contains(p.Addr()) {
			p = r.cfg.first6()
		}
		if p != r.cfg.first6() && r.used6[p] == nil {
			r.next6, r.used6[p], c.prefix6 = p, c, p
		}
	}
	return c.prefix6.IsValid()
}

// network6 is told that IPv6 flows for a client: it gets a network, and is told
// of it unasked, for its first question may be lost.
func (l *loop) network6(now time.Time, c *client, up stack.Network6Up) {
	if !l.assign6(c) {
		return
	}
	c.router = l.cfg.router(up, c.prefix6)
	if p := c.conn.Path(); p != nil {
		c.router.MTU = min(c.router.MTU, p.MTU)
	}
	c.advertiseAt = now
}

// advertise tells a client of its network when that is due.
func (l *loop) advertise(now time.Time, c *client) {
	if c.router == nil || now.Before(c.advertiseAt) {
		return
	}
	c.advertiseAt = now.Add(slaac.AdvertiseEvery)
	l.sendIP(now, c, c.router.Advertisement())
}

// handle6 answers what a client says to the link.
func (l *loop) handle6(now time.Time, c *client, ip []byte) {
	if c.router != nil {
		l.sendIP(now, c, c.router.Answer(ip))
	}
}

// sendIP sends a packet of the gateway's own to a client; nil is none.
func (l *loop) sendIP(now time.Time, c *client, ip []byte) {
	p := c.path.Load()
	if ip == nil || p == nil || !l.buf.Set(ip) {
		return
	}
	run := []*packet.Buffer{l.buf}
	if p.Seal(now, run) != nil {
		return
	}
	if k := l.links[viaOf(p)]; k != nil {
		_ = k.write.Write(run) // repeated by its protocol
	}
}

// neighbours takes what is of the link itself out of a client's packets.
func (g *Gateway) neighbours(k *link, c *client, run []*packet.Buffer) {
	if !g.cfg.Pool6.IsValid() {
		return
	}
	for _, b := range run {
		if ip := b.Bytes(); slaac.Link(ip) {
			g.tellOf(c, message{via: k.via, data: ip, link6: true})
			b.Drop()
		}
	}
}
