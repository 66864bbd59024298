// Package firewall is the kill switch and the other protection against leaks:
// it says what may leave the machine beside the tunnel. What is wanted is given
// whole and takes effect as a whole: between two states there is no packet that
// neither of them lets pass.
//
// The rules belong to the system, not to the process that set them: they stay
// when it is killed, until a Set, Clear or CleanUp, its own or that of a later
// process. That is the point of a kill switch.
//
//   - Linux: one nftables table, "inet culvert", until the machine restarts.
//   - Windows: filters of the Windows Filtering Platform under a provider and
//     sublayer of our own, also across a restart.
//   - macOS: the pf anchor "com.apple/culvert", until the machine restarts.
//
// What is refused is rejected rather than dropped: a program learns that it has
// no way out and tells its user, or turns to IPv4, instead of hanging for
// minutes. It learns at once, a new TCP connection of Linux when it is tried
// for the second time, after a second. The refusal goes to the program, nothing
// to the network.
//
// Not covered: a program that may write raw frames (packet sockets, BPF; it
// takes privilege), and virtual machines bridged to the network, which are
// machines of their own there.
package firewall

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"sync"
)

// ErrUnsupported is a system whose packet filter this package cannot set.
var ErrUnsupported = errors.New("firewall: not supported on this system")

// DefaultMark is the socket mark of the helper's own sockets, in the low octet,
// which container networks leave alone in their marks.
const DefaultMark = 0xc5

// DefaultPorts are the UDP ports of a gateway, the busiest first: 4500 (RFC
// 3948), 500 (RFC 2408, 2.5.1) and 1701 (RFC 2661, 8.1).
var DefaultPorts = []uint16{4500, 500, 1701}

// Config is what is wanted. The zero Config lets everything pass, and is the
// same as Clear. KillSwitch, BlockIPv6 and BlockDNS refuse, each by itself; the
// other fields say what passes nevertheless.
type Config struct {
	// KillSwitch refuses all that leaves the machine, its own and what it
	// forwards for containers and virtual machines. What the other fields
	// permit passes, and so does loopback, and what IPv6 needs to find
	// neighbours and routers (RFC 4861, RFC 3810).
	KillSwitch bool
	// BlockIPv6 refuses IPv6, inside the tunnel too. Gateways, resolvers and
	// the local network that are permitted stay reachable by it.
	BlockIPv6 bool
	// BlockDNS refuses name resolution outside the tunnel: ports 53 and 853,
	// UDP and TCP. It goes before LocalNetwork: a home router is a resolver.
	BlockDNS bool

	// Interface is the tunnel's, which everything may leave by; "" while there
	// is none. Linux and macOS take a name that does not exist yet.
	Interface string
	// Addresses are the machine's own inside the tunnel. What arrives for them
	// on another interface is dropped, so that a neighbour cannot probe what
	// connections are inside (Linux and macOS; Windows does so itself).
	Addresses []netip.Addr

	// Gateways may be reached, by our own process only, at Ports and by ESP (IP
	// protocol 50).
	Gateways []netip.Addr
	Ports    []uint16 // UDP; nil: DefaultPorts
	// Resolvers may be asked, by our own process only, for the address of a
	// gateway; UDP and TCP.
	Resolvers []netip.AddrPort
	// Mark is what tells our process's sockets on Linux (SO_MARK); 0:
	// DefaultMark. Setting a mark takes CAP_NET_ADMIN, so no ordinary program
	// can pretend; root's other programs have none, which a match on the user
	// would let out; and unlike a cgroup it does not change when the service
	// restarts, and is there without systemd. Windows tells the process by its
	// program file, macOS by the user root.
	Mark uint32

	// DHCP permits the machine to get and renew its addresses.
	DHCP bool
	// LocalNetwork permits private and link-local addresses (RFC 1918, 3927,
	// 4193), multicast of the local scopes, and OnLink.
	LocalNetwork bool
	// OnLink are further prefixes of the local network, as LocalPrefixes finds
	// them.
	OnLink []netip.Prefix
	// Inbound permits the answers within TCP connections that others opened to
	// this machine, and to their pings. Connections of this machine's stay cut.
	Inbound bool
}

// refuses tells whether there is anything to refuse.
func (c *Config) refuses() bool { return c.KillSwitch || c.BlockIPv6 || c.BlockDNS }

func (c *Config) check() error {
	for _, a := range slices.Concat(c.Gateways, c.Addresses) {
		if !a.IsValid() || a.IsUnspecified() || a.IsMulticast() {
			return fmt.Errorf("firewall: %v is not the address of a machine", a)
		}
	}
	for _, r := range c.Resolvers {
		if a := r.Addr(); !a.IsValid() || a.IsUnspecified() || a.IsMulticast() || r.Port() == 0 {
			return fmt.Errorf("firewall: %v is no resolver", r)
		}
	}
	if slices.Contains(c.Ports, 0) {
		return errors.New("firewall: port 0 is no gateway's")
	}
	for _, p := range c.OnLink {
		if !p.IsValid() || p.Bits() == 0 {
			return fmt.Errorf("firewall: %v is no local network", p)
		}
	}
	// nftables and pf read more than a name in some characters; "lo" would open
	// nothing, but is a mistake.
	for i, r := range c.Interface {
		letter := r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z'
		if !letter && (i == 0 || !(r >= '0' && r <= '9' || r == '-' || r == '_' || r == '.')) {
			return fmt.Errorf("firewall: %q is no interface's name", c.Interface)
		}
	}
	if len(c.Interface) > 15 || c.Interface == "lo" || c.Interface == "lo0" {
		return fmt.Errorf("firewall: %q is no tunnel's name", c.Interface)
	}
	return nil
}

// Journal is told what is about to be changed, before it is. What it is given
// is for CleanUp; nil: nothing is left. An error stops the change.
type Journal func(record []byte) error

// record is what CleanUp needs.
type record struct {
	System string `json:"system"`
	// References that keep pf switched on.
	References []string `json:"references,omitempty"`
}

// system is a packet filter. Only the manager uses it, one call at a time.
type system interface {
	name() string
	// apply replaces all rules by p's, or changes nothing and fails. Before
	// each change it tells note what the record will need.
	apply(ctx context.Context, p *policy, note func(record) error) error
	// remove takes away every rule of ours, whoever made it.
	remove() error
	// intact tells whether p's rules are what is in force.
	intact(p *policy) (bool, error)
	// adopt takes over what a record tells of.
	adopt(record)
}

// Manager keeps the rules. There is one set of them on a machine, and so
// should there be one Manager at a time.
type Manager struct {
	mu      sync.Mutex // guards the rest
	sys     system
	journal Journal
	applied *policy // nil: nothing that we know of
}

// New is a manager that has changed nothing yet: what an earlier process left
// in force stays so until Set or Clear. journal may be nil.
func New(journal Journal) (*Manager, error) {
	sys, err := newSystem()
	if err != nil {
		return nil, err
	}
	return newManager(sys, journal), nil
}

func newManager(sys system, journal Journal) *Manager {
	if journal == nil {
		journal = func([]byte) error { return nil }
	}
	return &Manager{sys: sys, journal: journal}
}

// Adopt tells the manager what an earlier process left, so that the next Set
// takes it over without a gap, as CleanUp would make one, and the next Clear
// takes all of it away.
func (m *Manager) Adopt(rec []byte) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	r, err := parse(rec, m.sys.name())
	if err == nil && r != nil {
		m.sys.adopt(*r)
	}
	return err
}

// Set puts cfg in force, in the place of whatever was, also of rules that an
// earlier process left or that somebody changed. When it fails, what was
// before stays.
func (m *Manager) Set(ctx context.Context, cfg Config) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if err := cfg.check(); err != nil {
		return err
	}
	if err := ctx.Err(); err != nil {
		return fmt.Errorf("firewall: %w", err)
	}
	if !cfg.refuses() {
		return m.clear()
	}
	p := plan(cfg)
	if m.applied != nil && m.applied.equal(p) {
		if ok, err := m.sys.intact(p); err == nil && ok {
			return nil
		}
	}
	if err := m.sys.apply(ctx, p, m.note); err != nil {
		return err
	}
	m.applied = p
	return nil
}

func (m *Manager) note(r record) error {
	r.System = m.sys.name()
	b, err := json.Marshal(r)
	if err != nil {
		return fmt.Errorf("firewall: journal: %w", err)
	}
	if err := m.journal(b); err != nil {
		return fmt.Errorf("firewall: journal: %w", err)
	}
	return nil
}

// Clear takes all rules away, also those of an earlier process.
func (m *Manager) Clear() error {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.clear()
}

func (m *Manager) clear() error {
	if err := m.sys.remove(); err != nil {
		return err
	}
	m.applied = nil
	if err := m.journal(nil); err != nil {
		return fmt.Errorf("firewall: journal: %w", err)
	}
	return nil
}

// Intact tells whether what was Set last is still in force: another program
// may have flushed the whole packet filter, as the restart of a firewall
// service does. Setting the same again mends it. Without a Set before, or after
// a Clear, there is nothing that could be broken.
func (m *Manager) Intact() (bool, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.applied == nil {
		return true, nil
	}
	return m.sys.intact(m.applied)
}

// CleanUp takes away what a record tells of, and thereby opens what the kill
// switch had closed. It may be called any number of times.
func CleanUp(rec []byte) error {
	if len(rec) == 0 {
		return nil
	}
	sys, err := newSystem()
	if err != nil {
		return err
	}
	return cleanUp(sys, rec)
}

func cleanUp(sys system, rec []byte) error {
	r, err := parse(rec, sys.name())
	if err != nil || r == nil {
		return err
	}
	sys.adopt(*r)
	return sys.remove()
}

// parse reads a record; nil is an empty one.
func parse(rec []byte, system string) (*record, error) {
	if len(rec) == 0 {
		return nil, nil
	}
	var r record
	if err := json.Unmarshal(rec, &r); err != nil {
		return nil, fmt.Errorf("firewall: record: %w", err)
	}
	if r.System != system {
		return nil, fmt.Errorf("firewall: record of %q, want %q", r.System, system)
	}
	return &r, nil
}
