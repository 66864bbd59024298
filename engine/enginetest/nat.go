package enginetest

import (
	"net/netip"
	"time"
)

// firstNATPort is where a NAT starts to give out ports.
const firstNATPort = 20000

// NATConfig says what a NAT is like.
type NATConfig struct {
	// Address is the one that the outside sees.
	Address netip.Addr
	// Expiry forgets a mapping that nothing was sent through for so long;
	// 0 is never. What arrives does not keep it alive (RFC 4787, REQ-6).
	Expiry time.Duration
	// Symmetric gives each destination a mapping of its own, and lets in only
	// what comes from there. Otherwise a mapping is for all destinations, and
	// everybody gets in through it.
	Symmetric bool
	// KeepPorts takes the inside's port where that is free.
	KeepPorts bool
}

// NAT rewrites the source of what goes out and the destination of what comes
// in (RFC 3022). A protocol without ports has one mapping: the last one inside
// that sent gets all that comes in.
type NAT struct {
	cfg NATConfig
	sim *Sim
	out map[natKey]*mapping
	in  map[natPort]*mapping
	// next is the port to try first.
	next uint16
	// Refused counts what came in without a mapping.
	Refused int
}

// natKey is what shares a mapping. remote is zero where the NAT is not
// symmetric.
type natKey struct {
	proto          uint8
	inside, remote netip.AddrPort
}

// natPort is the outside of a mapping.
type natPort struct {
	proto uint8
	port  uint16
}

type mapping struct {
	key  natKey
	port natPort
	link *Link
	used time.Time
}

// NewNAT makes a NAT without mappings.
func NewNAT(s *Sim, cfg NATConfig) *NAT {
	n := &NAT{cfg: cfg, sim: s, next: firstNATPort}
	n.Forget()
	return n
}

// Forget drops all mappings, as a restart does: what the inside sends next
// comes from other ports, unless the NAT keeps ports.
func (n *NAT) Forget() {
	n.out, n.in = make(map[natKey]*mapping), make(map[natPort]*mapping)
}

// Move gives the NAT another address, as a provider does at night. Mappings
// are dropped.
func (n *NAT) Move(to netip.Addr) {
	n.cfg.Address = to
	n.Forget()
}

// outbound rewrites what l's end A sends.
func (n *NAT) outbound(l *Link, d Datagram) Datagram {
	key := natKey{proto: d.Proto, inside: d.From}
	if n.cfg.Symmetric {
		key.remote = d.To
	}
	m := n.live(n.out[key])
	if m == nil {
		m = &mapping{key: key, port: natPort{d.Proto, n.freePort(d)}}
		if old := n.in[m.port]; old != nil {
			n.drop(old) // of a protocol without ports
		}
		n.out[key], n.in[m.port] = m, m
	}
	m.link, m.used = l, n.sim.now
	d.From = netip.AddrPortFrom(n.cfg.Address, m.port.port)
	return d
}

// inbound rewrites what comes from the outside, and says whose it is.
func (n *NAT) inbound(d Datagram) (*Link, Datagram, bool) {
	m := n.live(n.in[natPort{d.Proto, d.To.Port()}])
	if m == nil || d.To.Addr() != n.cfg.Address || n.cfg.Symmetric && d.From != m.key.remote {
		n.Refused++
		return nil, d, false
	}
	d.To = m.key.inside
	return m.link, d, true
}

// live is m, or nil when it has expired, and is dropped then.
func (n *NAT) live(m *mapping) *mapping {
	if m == nil || n.cfg.Expiry == 0 || n.sim.now.Sub(m.used) < n.cfg.Expiry {
		return m
	}
	n.drop(m)
	return nil
}

func (n *NAT) drop(m *mapping) {
	delete(n.out, m.key)
	delete(n.in, m.port)
}

// freePort is the outside port for a new mapping of d.
func (n *NAT) freePort(d Datagram) uint16 {
	if d.From.Port() == 0 {
		return 0
	}
	if n.cfg.KeepPorts && n.live(n.in[natPort{d.Proto, d.From.Port()}]) == nil {
		return d.From.Port()
	}
	for range 1 << 16 {
		port := n.next
		if n.next++; n.next == 0 {
			n.next = firstNATPort
		}
		if n.live(n.in[natPort{d.Proto, port}]) == nil {
			return port
		}
	}
	panic("enginetest: a NAT has no port left")
}
