// Package route gives the tunnel's interface its address and routes, and takes
// exactly these away again. What is wanted is given whole: setting it twice is
// setting it once.
package route

import (
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"sync"
)

// ErrUnsupported is a system whose routes this package cannot set.
var ErrUnsupported = errors.New("route: not supported on this system")

// Config is what is wanted.
type Config struct {
	Interface string // of the tunnel; it exists already
	Address   netip.Addr
	MTU       int // octets; 0: as it is

	// Routes go through the tunnel: by its interface, never by the peer's
	// address. Some gateways give their own outside address as the PPP peer,
	// and a route by it would swallow the tunnel.
	Routes []netip.Prefix
	// Outside stays on the way it takes at present: the gateway itself, and
	// what is excluded.
	Outside []netip.Prefix
	// Blocked is refused at once, so that programs turn to what does work.
	Blocked []netip.Prefix
}

// Manager keeps the routes of one tunnel.
type Manager struct {
	mu      sync.Mutex // guards applied
	run     runner
	applied []op // in the order they were made
}

// runner makes the changes and looks at the system.
type runner interface {
	// do makes one change.
	do(o op) error
	// way is how packets to dst leave at present, without the interface except.
	// A local address or none at all is not ok.
	way(dst netip.Addr, except string) (h hop, ok bool, err error)
}

// hop is the next step of a route: an interface and, beyond the own network,
// the router.
type hop struct {
	via netip.Addr // not valid: on the link
	dev string
}

// action is what an op does.
type action uint8

const (
	setLink action = iota + 1
	addAddress
	addRoute
	blockRoute
	delAddress
	delRoute
	unblockRoute
)

// op is one change; it is comparable.
type op struct {
	do     action
	prefix netip.Prefix
	hop    hop
	src    netip.Addr
	mtu    int
	keep   bool // a route of somebody else's to the same prefix is as good
}

// String is the op as an ip command.
func (o op) String() string {
	switch o.do {
	case setLink:
		if o.mtu == 0 {
			return fmt.Sprintf("link set %s up", o.hop.dev)
		}
		return fmt.Sprintf("link set %s mtu %d up", o.hop.dev, o.mtu)
	case addAddress:
		return fmt.Sprintf("addr add %v dev %s", o.prefix, o.hop.dev)
	case delAddress:
		return fmt.Sprintf("addr del %v dev %s", o.prefix, o.hop.dev)
	case blockRoute:
		return fmt.Sprintf("route add unreachable %v", o.prefix)
	case unblockRoute:
		return fmt.Sprintf("route del unreachable %v", o.prefix)
	case addRoute, delRoute:
		s := "route add"
		if o.do == delRoute {
			s = "route del"
		}
		s += " " + o.prefix.String()
		if o.hop.via.IsValid() {
			s += " via " + o.hop.via.String()
		}
		s += " dev " + o.hop.dev
		if o.src.IsValid() {
			s += " src " + o.src.String()
		}
		return s
	}
	return "nothing"
}

// undo is the op that takes o away again. The link has none: it goes with its
// device.
func (o op) undo() (op, bool) {
	switch o.do {
	case addAddress:
		o.do = delAddress
	case addRoute:
		o.do = delRoute
	case blockRoute:
		o.do = unblockRoute
	default:
		return op{}, false
	}
	return o, true
}

// New is a manager that has set nothing yet.
func New() (*Manager, error) {
	r, err := newRunner()
	if err != nil {
		return nil, err
	}
	return &Manager{run: r}, nil
}

// Set makes cfg true: it adds what is missing and takes away what an earlier
// Set added and cfg no longer wants. When it fails, what it added is taken away
// again.
func (m *Manager) Set(cfg Config) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	want, err := m.plan(cfg)
	if err != nil {
		return err
	}
	for i, o := range slices.Backward(m.applied) {
		if slices.Contains(want, o) {
			continue
		}
		if err := m.takeAway(o); err != nil {
			return err
		}
		m.applied = slices.Delete(m.applied, i, i+1)
	}
	var added []op
	for _, o := range want {
		if slices.Contains(m.applied, o) {
			continue
		}
		err := m.run.do(o)
		if errors.Is(err, errKept) {
			continue // somebody else's, and as good as ours
		}
		if err != nil {
			err = fmt.Errorf("route: ip %v: %w", o, err)
			return errors.Join(err, m.takeBack(added))
		}
		m.applied = append(m.applied, o)
		added = append(added, o)
	}
	return nil
}

// errKept is a route that was there already and does what is wanted.
var errKept = errors.New("route: is there already")

// plan lists what cfg wants, in the order in which it has to be made: what
// stays outside before what draws traffic into the tunnel.
func (m *Manager) plan(cfg Config) ([]op, error) {
	tunnel := hop{dev: cfg.Interface}
	want := []op{{do: setLink, hop: tunnel, mtu: cfg.MTU}}
	if cfg.Address.IsValid() {
		want = append(want, op{do: addAddress, hop: tunnel, prefix: netip.PrefixFrom(cfg.Address, cfg.Address.BitLen())})
	}
	for _, p := range cfg.Outside {
		if slices.Contains(cfg.Routes, p) {
			return nil, fmt.Errorf("route: %v is wanted both inside and outside of the tunnel", p)
		}
		o, ok, err := m.outside(p, cfg.Interface)
		if err != nil {
			return nil, err
		}
		if ok {
			want = append(want, o)
		}
	}
	for _, p := range cfg.Blocked {
		want = append(want, op{do: blockRoute, prefix: p})
	}
	for _, p := range cfg.Routes {
		o := op{do: addRoute, prefix: p, hop: tunnel}
		if cfg.Address.BitLen() == p.Addr().BitLen() {
			o.src = cfg.Address
		}
		want = append(want, o)
	}
	return want, nil
}

// outside is the route that keeps p on its present way. One that is there
// already stays: the present way of p is now itself.
func (m *Manager) outside(p netip.Prefix, tunnel string) (op, bool, error) {
	for _, o := range m.applied {
		if o.do == addRoute && o.prefix == p && o.keep {
			return o, true, nil
		}
	}
	h, ok, err := m.run.way(p.Addr(), tunnel)
	if err != nil {
		return op{}, false, fmt.Errorf("route: the way to %v: %w", p.Addr(), err)
	}
	return op{do: addRoute, prefix: p, hop: h, keep: true}, ok, nil
}

// takeAway undoes o; what is gone already is no error.
func (m *Manager) takeAway(o op) error {
	u, ok := o.undo()
	if !ok {
		return nil
	}
	if err := m.run.do(u); err != nil && !errors.Is(err, errKept) {
		return fmt.Errorf("route: ip %v: %w", u, err)
	}
	return nil
}

// takeBack undoes those of ops that were applied, last one first.
func (m *Manager) takeBack(ops []op) error {
	var errs []error
	for i, o := range slices.Backward(m.applied) {
		if !slices.Contains(ops, o) {
			continue
		}
		if err := m.takeAway(o); err != nil {
			errs = append(errs, err)
		}
		m.applied = slices.Delete(m.applied, i, i+1)
	}
	return errors.Join(errs...)
}

// Close takes away everything that Set added; it tries everything and gives
// all errors.
func (m *Manager) Close() error {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.takeBack(slices.Clone(m.applied))
}

// CleanUp takes away what an earlier process left behind that could not do so
// itself. It does nothing while there is an interface whose name begins with
// prefix: that process still runs.
func CleanUp(prefix string) error { return cleanUp(prefix) }
