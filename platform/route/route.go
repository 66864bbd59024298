// Package route gives the tunnel's interface its addresses and routes, and
// takes exactly these away again. What is wanted is given whole: setting it
// twice is setting it once, and a Set that fails leaves what was before.
//
// # Linux: how everything goes through the tunnel
//
// Nobody's default route is touched. A default route in Config.Routes goes
// into a table of our own, and a rule of policy routing leads there:
//
//	5330: not from all fwmark MARK lookup 51701     (without Mark: from all)
//
// What stays outside is a throw route in that table: the lookup goes on with
// the rules behind, so it ends where it would have ended without us. The other
// way, two halves (0.0.0.0/1 and 128.0.0.0/1) in the main table and a host
// route by the present router for the gateway, has these faults, which this
// one has not:
//
//   - The host route is wrong once the default route changes. A throw route
//     follows by itself, in no time and while this program is hung or dead.
//   - systemd-networkd removes routes that are not its own from the interfaces
//     it manages when it sets them up again (ManageForeignRoutes=, networkd.conf
//     (5)), the host route first. It also removes foreign rules when it starts,
//     after a sleep for example, but none of protocol "kernel": which is why our
//     rules and the routes of our table carry that one. NetworkManager looks
//     only at the main table, and at rules that it made.
//   - Halves collide with those of OpenVPN's redirect-gateway, and every longer
//     route goes before them: the network says how wide its link is, and by DHCP
//     what else is behind its router, and takes that past the tunnel (TunnelCrack's
//     LocalNet, CVE-2023-36672; TunnelVision, CVE-2024-3661).
//
// So nothing of the main table goes before the tunnel but what is thrown there:
//
//   - networks that the machine is on, its own bridges among them, as wide as
//     a local network may be. Of a wider one it is the part around our address,
//     which the network could have had anyway by saying no more than that: a
//     printer is still there, and a liar gains nothing;
//   - routes that somebody of this machine has set, static ones and those of other
//     tunnels, if they are no default routes in disguise (less than 8 bits, IPv6:
//     7). Those that a network asks for, by DHCP or router advertisements, go
//     inside. (dhclient's script sets them as a person would: they are not known
//     for what they are);
//   - the routers of the default routes, and link-local addresses. A DHCP server
//     elsewhere is asked by broadcast, or by a socket of the interface, which no
//     route by another interface is for.
//
// Update lets that follow: a new bridge is inside until then, and never the other
// way round. For a packet it is one lookup, most often the first.
//
// Tailscale's rules (5210 to 5270) come before ours: tailnet addresses stay its
// own, and an exit node of it wins. wg-quick takes priorities just in front of the
// rules that it finds: of two full tunnels the one that came last wins, and
// carries the other one, whose packets to its gateway are thrown to the rules
// behind.
//
// A mark on the engine's sockets (SO_MARK) is not needed for any of this. With
// Config.Mark and without the gateway in Config.Outside, other programs'
// packets to the gateway's address go through the tunnel as well; then, with
// strict reverse path filtering (rp_filter=1), the kernel takes the gateway's
// packets for spoofed, as it looks for the way back without the mark:
// src_valid_mark=1 and a mark restored from conntrack, or rp_filter=2, are then
// the caller's to set. With throw routes the way back is the way out and strict
// filtering is content.
//
// Every other prefix of Config.Routes is a route of the main table by the
// tunnel's interface: there the longest prefix wins, which is what a split
// tunnel means, and such routes go with the interface if this process dies. A
// part of one that has to stay outside is pinned to the way it takes at present;
// Update lets these pins follow.
//
// # Windows and macOS
//
// Windows gets the default route on the tunnel's interface with metric 0, macOS
// the two halves; both pin what stays outside to the router of the present
// default route, and Update lets the pins follow. Of a network that says that it
// is wider than a local one, two halves go inside, and the part that is believed
// has a route by its link.
package route

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"sync"
)

// ErrUnsupported is a system whose routes this package cannot set.
var ErrUnsupported = errors.New("route: not supported on this system")

// ErrTaken is a wanted route whose place somebody else's route to the same
// network has, or another tunnel of ours: only one can have everything.
var ErrTaken = errors.New("route: another route to this network is there already")

// Config is what is wanted.
type Config struct {
	Interface string     // of the tunnel; it exists already
	Address   netip.Addr // IPv4 inside; not valid: none
	Address6  netip.Addr // global IPv6 inside; not valid: none
	MTU       int        // octets; 0: as it is

	// Routes go through the tunnel: by its interface, never by the peer's
	// address. Some gateways give their own outside address as the PPP peer,
	// and a route by it would swallow the tunnel. 0.0.0.0/0 and ::/0 are the
	// whole family.
	Routes []netip.Prefix
	// Outside stays on the way it would take without us, whatever that is at
	// the time: the gateway itself, and what is excluded.
	Outside []netip.Prefix
	// Blocked is refused at once, so that programs turn to what does work; on
	// Windows it goes into the tunnel, whose engine drops it.
	Blocked []netip.Prefix

	// CaptureLocal draws the networks at the outside interface into the tunnel
	// too, but for the routers themselves. Other interfaces'
	// networks, such as those of virtual machines, stay reachable.
	CaptureLocal bool
	// Mark is SO_MARK of sockets that the tunnel is not for; 0: none. Linux only.
	Mark uint32
}

// Journal is told, before the machine is changed, the record from which CleanUp
// undoes all that is or is about to be changed; nil: nothing is left. An error
// stops the change.
type Journal func(record []byte) error

// Manager keeps the routes of one tunnel.
type Manager struct {
	run     runner
	journal Journal

	mu      sync.Mutex // guards what follows
	cfg     *Config    // of the last Set; nil: none
	applied []op       // in the order they were made
}

// runner makes the changes and looks at the system.
type runner interface {
	// link is an interface at present.
	link(name string) (link, error)
	// routes is the main table without what is surely ours.
	routes() ([]entry, error)
	// do makes changes in their order, each whether or not one before it
	// failed; it gives an error for each. Undoing what is gone is no error.
	do(ops []op) []error
	traits() traits
}

// link is the state of an interface.
type link struct {
	index int
	mtu   int
	up    bool
}

// hop is the next step of a route: an interface and, beyond the own network,
// the router.
type hop struct {
	via   netip.Addr // not valid: on the link
	dev   string
	index int
}

// entry is a route of the system.
type entry struct {
	prefix netip.Prefix
	hop    hop
	metric int
	told   bool       // the network said it, by DHCP, router advertisements or the width of our address
	own    netip.Addr // ours in it; not valid: none, or it is behind a router
}

// traits is in what systems differ.
type traits struct {
	policy    bool // own table and rules; routes can be replaced in place
	halves    bool // the default route in two halves
	refuse    bool // has routes that refuse
	exclusive bool // one route a prefix, whoever made it
}

// New is a manager that has set nothing yet. A nil journal is told nothing.
func New(journal Journal) (*Manager, error) {
	r, err := newRunner()
	if err != nil {
		return nil, err
	}
	return &Manager{run: r, journal: journal}, nil
}

// Set makes cfg true: it adds what is missing and takes away what an earlier
// Set added and cfg no longer wants. When it fails, all is as it was before.
func (m *Manager) Set(ctx context.Context, cfg Config) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	want, err := m.plan(cfg)
	if err != nil {
		return err
	}
	if err := m.apply(ctx, want, false); err != nil {
		return err
	}
	cfg.Routes, cfg.Outside, cfg.Blocked = slices.Clone(cfg.Routes), slices.Clone(cfg.Outside), slices.Clone(cfg.Blocked)
	m.cfg = &cfg
	return nil
}

// Update makes what was Set true again after the machine's network changed:
// pins follow the default route, and what somebody else took away comes back.
// Before the first Set, and after Clear, it does nothing.
func (m *Manager) Update(ctx context.Context) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.cfg == nil {
		return nil
	}
	want, err := m.plan(*m.cfg)
	if err != nil {
		return err
	}
	return m.apply(ctx, want, true)
}

// Clear takes away everything that Set added; it tries everything and gives
// all errors. What it could not take away it tries again the next time.
func (m *Manager) Clear() error {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.cfg = nil
	if len(m.applied) == 0 {
		return nil
	}
	var errs []error
	undo := reversed(m.applied)
	left := m.applied[:0:0]
	for i, err := range m.run.do(undo) {
		if err != nil {
			errs = append(errs, fmt.Errorf("route: ip %v: %w", undo[i], err))
			left = append(left, undo[i].undo())
		}
	}
	slices.Reverse(left)
	m.applied = left
	return errors.Join(append(errs, m.write(m.applied))...)
}

// Sweep takes away what an earlier process left behind that kept no journal,
// as far as it can be known without one (Linux). It does nothing while there is
// an interface whose name begins with prefix: that process still runs.
func Sweep(prefix string) error { return sweep(prefix) }
