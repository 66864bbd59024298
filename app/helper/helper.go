// Package helper is the privileged service: it runs the supervisor, does to the
// machine what that asks for, and serves the people who may ask it.
//
//	HTTP over the socket --- requests ---+
//	netmon, sleep and wake ------------- mailbox --> loop: supervisor.Machine
//	engine of the attempt --- results ---+            |
//	                                                  | effects, one after the other
//	   hub: the state, to whoever watches <-----------+--> routes, DNS, firewall
//	                                                  +--> engine, one at a time
//
// Everything that changes the machine is in the journal before it is made, and
// undone from there when a helper starts that has not made it.
package helper

import (
	"context"
	"errors"
	"io"
	"net"
	"net/netip"
	"sync"
	"time"

	"github.com/culvert-vpn/culvert/app/dial"
	"github.com/culvert-vpn/culvert/app/logging"
	"github.com/culvert-vpn/culvert/app/supervisor"
	"github.com/culvert-vpn/culvert/engine"
	"github.com/culvert-vpn/culvert/engine/dataplane"
	"github.com/culvert-vpn/culvert/platform/dns"
	"github.com/culvert-vpn/culvert/platform/firewall"
	"github.com/culvert-vpn/culvert/platform/ipc"
	"github.com/culvert-vpn/culvert/platform/route"
)

// Ours.
const (
	// shutdownTime is how long the end may take: the gateway is told, and
	// everything put back.
	shutdownTime = 8 * time.Second
	// applyTime is how long one change of the system's network may take, a
	// resolver service that does not answer included.
	applyTime = 15 * time.Second
)

// System is the machine: what the platform packages do, or a test.
type System interface {
	// Lookup and Connect are those of dial.Dialer. With direct, the names are
	// asked of the machine's own name servers by sockets of this process, which
	// the firewall lets out.
	Lookup(ctx context.Context, host string, direct bool) ([]netip.Addr, error)
	Connect(ctx context.Context, cfg engine.Config) (dial.Session, error)
	// Tunnel makes the tunnel's interface, without an address yet.
	Tunnel(mtu int) (t dataplane.Device, name string, err error)

	// Way is how packets leave for an address, beside the tunnel; not ok: they do
	// not. With no address, it is the networks that the machine is on.
	Way(to netip.Addr) (way string, ok bool)
	// Resolvers are the name servers that Lookup asks directly.
	Resolvers() []netip.AddrPort
	// Desired states; see the packages of these types.
	SetRoutes(ctx context.Context, cfg route.Config) error
	ClearRoutes() error
	// Follow lets the routes follow a change of the machine's network.
	Follow(ctx context.Context) error
	SetDNS(ctx context.Context, cfg dns.Config) error
	ClearDNS() error
	SetFirewall(ctx context.Context, cfg firewall.Config) error

	// Recover undoes what the journal says that an earlier process left, but for
	// the firewall, which it takes over as it is.
	Recover(j *Journal) error
}

// Authorize says why a peer may use the helper, or that it may not.
type Authorize func(ctx context.Context, p ipc.Peer) error

// Config is what a helper needs.
type Config struct {
	Listener  net.Listener // of platform/ipc, in service; closed at the end
	Authorize Authorize
	System    func(j *Journal) (System, error)
	StateDir  string       // where the journal and the wish are, kept over a restart
	Log       *logging.Log // nil: nothing is logged
	Version   string
	Rand      io.Reader // see supervisor.Config
	// Ready, if any, is called once requests are taken.
	Ready func()
}

// Helper is a helper at work.
type Helper struct {
	cfg     Config
	journal *Journal
	system  System
	inputs  *mailbox
	hub     *hub
	wish    wishFile
	pulse   pulse

	mu       sync.Mutex // guards what follows
	working  bool       // there is an engine
	whenDown []func()   // to be called when it has ended
}

// New reads what an earlier helper left. Run makes it right.
func New(cfg Config) (*Helper, error) {
	if cfg.Log == nil {
		cfg.Log = logging.New(logging.Config{Entries: 1, Octets: 1})
	}
	j, err := journalOf(cfg.StateDir)
	if err != nil {
		return nil, err
	}
	sys, err := cfg.System(j)
	if err != nil {
		return nil, err
	}
	h := &Helper{cfg: cfg, journal: j, system: sys, inputs: newMailbox(), hub: newHub(), wish: wishOf(cfg.StateDir)}
	h.pulse.beats.Store(1) // it was made
	return h, nil
}

// Tell gives the helper what the machine's network and power do: supervisor.Route,
// Sleep and Wake. It does not wait.
func (h *Helper) Tell(in supervisor.Input) { h.inputs.put(request{in: in}) }

// Run serves until ctx is done, and ends in order then.
func (h *Helper) Run(ctx context.Context) error {
	if err := h.system.Recover(h.journal); err != nil {
		// What cannot be put back must not keep people from connecting.
		h.cfg.Log.Error("not everything that an earlier helper left could be put back", "error", err)
	}
	wish, err := h.wish.read()
	if err != nil {
		h.cfg.Log.Error("what was connected before is not known", "error", err)
	}
	l := newLoop(h)
	l.step(supervisor.Start{Wish: wish})
	server := h.newServer()
	served := make(chan error, 1)
	go func() { served <- server.Serve(wipingListener{h.cfg.Listener}) }()
	if h.cfg.Ready != nil {
		h.cfg.Ready()
	}
	l.run(ctx)
	h.hub.close()
	sctx, cancel := context.WithTimeout(context.Background(), time.Second)
	defer cancel()
	if server.Shutdown(sctx) != nil {
		server.Close()
	}
	if err := <-served; !errors.Is(err, errServerClosed) {
		return err
	}
	return nil
}
