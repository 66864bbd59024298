// Package gateway is the responder side of Culvert as a program: IKE responder,
// LNS and PPP authenticator for many clients at once, over a userspace TCP/IP
// stack, with a small HTTP service inside. It needs no privilege but for ports
// below 1024 and raw ESP.
//
//	sockets --receive--> ESP, by SPI ----------> Path.Open --IP--> netstack
//	               |                                                  |
//	               +--> IKE by cookie, L2TP by client                 | by inner address
//	                        v                                         v
//	                  control goroutine: a stack.Conn a client     transmit: Path.Seal --> sockets
package gateway

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/culvert-vpn/culvert/engine/dataplane"
	"github.com/culvert-vpn/culvert/engine/dhcp"
	"github.com/culvert-vpn/culvert/engine/netstack"
	"github.com/culvert-vpn/culvert/engine/ppp"
	"github.com/culvert-vpn/culvert/engine/secret"
	"github.com/culvert-vpn/culvert/engine/stack"
	"github.com/culvert-vpn/culvert/engine/suite"
)

// Network opens the gateway's sockets.
type Network interface {
	// Listen gives a socket that is open to all, and its address. Port 0 is the
	// system's choice. For stack.ProtoESP the port means nothing.
	Listen(via stack.Via, local netip.AddrPort) (dataplane.Socket, netip.AddrPort, error)
}

// Config is what a gateway is to be.
type Config struct {
	// Listen is the outer address: a real one, for the gateway's identity and
	// NAT detection are made of it. AnyPort lets the system choose the ports.
	Listen  netip.Addr
	AnyPort bool
	// Plain also serves L2TP without IPsec on UDP 1701, ESP also raw ESP.
	Plain, ESP bool

	PSK          secret.Secret
	Phase1       []suite.Phase1 // nil: suite.AllPhase1
	Phase2       []suite.Phase2
	PFS          suite.Group
	Phase1Life   time.Duration // zero: 8 h
	Phase2Life   time.Duration // zero: 1 h
	DPDInterval  time.Duration // zero: 30 s
	TunnelSecret secret.Secret // nil: no tunnel authentication

	Users map[string]secret.Secret
	// Auth is demanded in that order; nil: MS-CHAPv2, CHAP, PAP, and with Codes
	// EAP-MSCHAPv2 and EAP-GTC.
	Auth []ppp.AuthMethod
	// Codes are of the users who give a one-time code after their password, for
	// which only EAP-GTC has a question: no other method lets them in.
	Codes      map[string]Code
	CodePrompt string // the question; "": "Code: "

	Address netip.Addr   // the gateway's own inner address
	Pool    netip.Prefix // the clients' inner addresses, without Address
	// Pool6 has a network of 64 bits for each client, and the first of it for
	// Address6, the gateway's own; with addresses of 40 to 63 bits. Not valid: no
	// IPv6. A client that there is none left for goes without.
	Pool6    netip.Prefix
	Address6 netip.Addr   // not valid: the first of Pool6
	DNS6     []netip.Addr // nil: Address6
	DNS      []netip.Addr // at most two; nil: Address
	MTU      int          // inner; zero: 1400
	// Routes and Search are what clients are told that ask (DHCPINFORM). The
	// gateway itself routes nothing by them.
	Routes []netip.Prefix
	Search []string
	// MaxClients that may be connected; zero: as many as Pool has addresses.
	MaxClients int

	// HTTP serves /bytes and /digest on port 80 of Address.
	HTTP bool
	// Inside is where the clients' packets go and come from, a TUN with Address
	// and a route to Pool; Close closes it. nil: a stack of its own.
	Inside dataplane.Device

	Rand    io.Reader // nil: crypto/rand
	Network Network
	// Events, if any, gets what happens to each client, from the control
	// goroutine: it must not block.
	Events func(now time.Time, e Event)
}

// Event is something that happened to a client.
type Event struct {
	Client uint64 // counts from 1
	Peer   netip.AddrPort
	Event  stack.Event
}

// Ours.
const (
	defaultMTU    = 1400
	defaultDPD    = 30 * time.Second
	echoInterval  = 30 * time.Second
	echoFailures  = 4
	controlQueue  = 1024 // L2TP packets of all clients; the newest is dropped beyond it
	maxQueued     = 32   // of them of one client: as many as L2TP lets be in flight, and some more
	strangerQueue = 512  // IKE messages, and what opens plain L2TP
	maxMessage    = 16 << 10
	drainBatch    = 32
	maxHalfOpen   = 128 // clients that have not authenticated
	maxHalfOpenAt = 32  // of them at one address: an office behind a NAT after a power cut
	maxGuests     = 512 // clients that have authenticated and not logged in
	halfOpenTime  = 40 * time.Second
	loginTime     = 2 * time.Minute // without a network; PPP may ask a person for 90 s of it
	patientErrors = 16
	errorPause    = 100 * time.Millisecond
	httpPort      = 80
	closeDeadline = 5 * time.Second
)

// ErrConfig is a Config that cannot be; the error that wraps it says why.
var ErrConfig = errors.New("gateway: impossible configuration")

// Gateway is a gateway at work.
type Gateway struct {
	cfg   Config
	inner dataplane.Device
	stack *netstack.Stack // inner, when it is the gateway's own
	http  *http.Server
	links map[stack.Via]*link
	offer *dhcp.Server // nil: there is nothing to tell

	control   chan message // of clients
	strangers chan message
	table     atomic.Pointer[table]
	wg        sync.WaitGroup
	closing   chan struct{}
	once      sync.Once
	ended     chan struct{}
	stopped   atomic.Bool

	// Dropped counts what belonged to no client, or came while the control
	// goroutine was behind.
	Dropped atomic.Uint64
}

type link struct {
	via    stack.Via
	socket dataplane.Socket
	local  netip.AddrPort
	write  *dataplane.Writer // the control goroutine's
}

// Start opens the sockets and serves until Close.
func Start(cfg Config) (*Gateway, error) {
	if err := cfg.complete(); err != nil {
		return nil, err
	}
	g := &Gateway{cfg: cfg, inner: cfg.Inside, links: map[stack.Via]*link{}, control: make(chan message, controlQueue), strangers: make(chan message, strangerQueue),
		closing: make(chan struct{}), ended: make(chan struct{})}
	g.table.Store(&table{})
	g.offer = cfg.offer()
	if g.inner == nil {
		var err error
		if g.stack, err = netstack.New(netstack.Config{Address: cfg.Address, Address6: cfg.Address6, MTU: cfg.MTU}); err != nil {
			return nil, fmt.Errorf("gateway: inner network: %w", err)
		}
		g.inner = g.stack
	}
	for via, port := range cfg.ports() {
		sock, local, err := cfg.Network.Listen(via, netip.AddrPortFrom(cfg.Listen, port))
		if err != nil {
			g.giveUp()
			return nil, fmt.Errorf("gateway: %v on %v: %w", via, cfg.Listen, err)
		}
		g.links[via] = &link{via, sock, local, dataplane.NewWriter(sock, false)}
	}
	if cfg.HTTP {
		if err := g.serveHTTP(); err != nil {
			g.giveUp()
			return nil, err
		}
	}
	for _, l := range g.links {
		g.wg.Go(func() { g.receive(l) })
	}
	g.wg.Go(g.transmit)
	go g.run()
	return g, nil
}

// complete fills in what is zero and checks the rest.
func (cfg *Config) complete() error {
	if cfg.Rand == nil {
		cfg.Rand = rand.Reader
	}
	if cfg.Phase1 == nil {
		cfg.Phase1 = suite.AllPhase1()
	}
	if cfg.Phase2 == nil {
		cfg.Phase2 = suite.AllPhase2()
	}
	if cfg.Auth == nil {
		cfg.Auth = []ppp.AuthMethod{ppp.MSCHAPv2, ppp.CHAPMD5, ppp.PAP}
		if len(cfg.Codes) > 0 {
			cfg.Auth = []ppp.AuthMethod{ppp.EAPMSCHAPv2, ppp.EAPGTC}
		}
	}
	if cfg.MTU == 0 {
		cfg.MTU = defaultMTU
	}
	if cfg.DPDInterval == 0 {
		cfg.DPDInterval = defaultDPD
	}
	if cfg.DNS == nil {
		cfg.DNS = []netip.Addr{cfg.Address}
	}
	if err := cfg.complete6(); err != nil {
		return err
	}
	switch {
	case !cfg.Listen.IsValid() || cfg.Listen.IsUnspecified():
		return fmt.Errorf("%w: listen needs a real address of this machine", ErrConfig)
	case len(cfg.PSK) == 0:
		return fmt.Errorf("%w: no pre-shared key", ErrConfig)
	case !cfg.Address.Is4() || !cfg.Pool.Addr().Is4() || cfg.Pool.Bits() > 30:
		return fmt.Errorf("%w: the inner address and the pool are IPv4, the pool at least a /30", ErrConfig)
	case len(cfg.DNS) > 2:
		return fmt.Errorf("%w: at most two DNS servers", ErrConfig)
	case len(cfg.Codes) > 0 && !slices.Contains(cfg.Auth, ppp.EAPGTC):
		return fmt.Errorf("%w: codes take the method EAP-GTC", ErrConfig)
	}
	for user := range cfg.Codes {
		if _, ok := cfg.Users[user]; !ok {
			return fmt.Errorf("%w: a code of %q, who is no user", ErrConfig, user)
		}
	}
	if offer := cfg.offer(); offer != nil {
		if err := offer.Check(); err != nil {
			return fmt.Errorf("%w: %w", ErrConfig, err)
		}
	}
	return nil
}

// offer is what clients are told that ask; nil: nothing.
func (cfg *Config) offer() *dhcp.Server {
	if len(cfg.Routes)+len(cfg.Search) == 0 {
		return nil
	}
	s := &dhcp.Server{Address: cfg.Address, MTU: cfg.MTU, Options: dhcp.Options{Routes: cfg.Routes, DNS: cfg.DNS}}
	for _, name := range cfg.Search {
		s.Options.Search = append(s.Options.Search, strings.ToLower(strings.Trim(name, ".")))
	}
	return s
}

// ports are the sockets to open.
func (cfg *Config) ports() map[stack.Via]uint16 {
	p := map[stack.Via]uint16{stack.Port500: 500, stack.Port4500: 4500}
	if cfg.Plain {
		p[stack.Port1701] = 1701
	}
	if cfg.AnyPort {
		for via := range p {
			p[via] = 0
		}
	}
	if cfg.ESP {
		p[stack.ProtoESP] = 0
	}
	return p
}

// Addr is where the gateway listens for via.
func (g *Gateway) Addr(via stack.Via) netip.AddrPort {
	if l := g.links[via]; l != nil {
		return l.local
	}
	return netip.AddrPort{}
}

// Inner is the network behind the gateway, for services in it; nil with
// Config.Inside.
func (g *Gateway) Inner() *netstack.Stack { return g.stack }

// Clients is the number of clients that IP flows for.
func (g *Gateway) Clients() int { return len(g.table.Load().byAddr) }

// Close ends all connections in order and then the gateway: after five seconds
// at most.
func (g *Gateway) Close() error {
	g.once.Do(func() { close(g.closing) })
	<-g.ended
	return nil
}

// giveUp undoes a Start that fails; Inside stays the caller's.
func (g *Gateway) giveUp() {
	g.stopServing()
	if g.stack != nil {
		g.stack.Close()
	}
}

// stopServing ends what serves the outside, and the service inside.
func (g *Gateway) stopServing() {
	g.stopped.Store(true)
	for _, l := range g.links {
		l.socket.Close()
	}
	if g.http != nil {
		ctx, cancel := context.WithTimeout(context.Background(), time.Second)
		defer cancel()
		if g.http.Shutdown(ctx) != nil {
			g.http.Close()
		}
	}
}

// serveHTTP is the service inside.
func (g *Gateway) serveHTTP() error {
	var l net.Listener
	var err error
	if g.stack != nil {
		l, err = g.stack.ListenTCP(httpPort)
	} else {
		l, err = net.Listen("tcp", netip.AddrPortFrom(g.cfg.Address, httpPort).String())
	}
	if err != nil {
		return fmt.Errorf("gateway: inner HTTP service: %w", err)
	}
	g.http = newServer()
	g.wg.Go(func() {
		if err := g.http.Serve(l); !errors.Is(err, http.ErrServerClosed) && !errors.Is(err, net.ErrClosed) {
			l.Close()
		}
	})
	return nil
}
