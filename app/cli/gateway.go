package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"syscall"
	"time"

	"github.com/culvert-vpn/culvert/app/diagnosis"
	"github.com/culvert-vpn/culvert/app/dial"
	"github.com/culvert-vpn/culvert/app/profile"
	"github.com/culvert-vpn/culvert/engine/failure"
	"github.com/culvert-vpn/culvert/engine/gateway"
	"github.com/culvert-vpn/culvert/engine/stack"
	"github.com/culvert-vpn/culvert/engine/suite"
)

var gatewayCommand = &command{
	name: "gateway", args: "--config FILE", short: "the embedded gateway, for other clients, until Ctrl+C",
	long:    gatewayHelp,
	options: []option{{"config", "FILE", "the gateway's configuration"}},
	run: func(ctx context.Context, c *call) int {
		if !c.parse() {
			return exitUsage
		}
		file := c.given["config"]
		if file == "" {
			c.usage("give --config FILE")
			return exitUsage
		}
		return serve(ctx, c, file)
	},
}

const gatewayHelp = `FILE is TOML and must not be readable by others (chmod 600). All that is needed:

` + gatewayExample + `
What else may be set, above [users], with its default:

` + gatewayDefaults + `
Users who have to give a one-time code after their password, as from an app on a phone:

` + gatewayCodes + `
Inside, clients reach the gateway's own address, which serves HTTP to measure with: GET /bytes?n=N and
POST /digest. It leads nowhere else. Ports 500 and 4500 may take root, and so does raw ESP.`

const gatewayExample = `    listen = "198.51.100.1"        # an address of this machine, the one that clients connect to
    psk = "the group's key"

    [users]
    alice = "correct horse battery staple"
    "CORP\\bob" = "another one"    # as the client sends it, with its domain
`

const gatewayCodes = `    [totp]
    alice = "JBSWY3DPEHPK3PXP"     # the key that the app has, in Base32 (RFC 6238: SHA-1, six digits, 30 s)

    [codes]
    "CORP\\bob" = "424242"         # the same code each time, for tests
`

const gatewayDefaults = `    ports = "standard"             # 500 and 4500; any: the system's choice, which takes no root
    plain = false                  # also L2TP without IPsec, on port 1701
    esp = false                    # also raw ESP (IP protocol 50), for clients without NAT traversal
    phase1 = []                    # such as ["aes256-sha256-modp2048"]; empty: all that is not broken
    phase2 = []                    # such as ["aes128gcm16"]
    pfs = "off"                    # or a group, such as "modp2048"
    phase1_lifetime = "8h"
    phase2_lifetime = "1h"
    dpd_interval = "30s"
    auth = []                      # demanded in this order; empty: mschapv2, chap, pap, and with codes eap-mschapv2, eap-gtc;
                                   # also eap-md5. Users with a code get in by eap-gtc alone
    code_prompt = "Code: "         # how these are asked
    address = "10.99.0.1"          # the gateway's own inside
    pool = "10.99.0.0/24"          # the clients' inside
    dns = []                       # two at most; empty: address
    pool6 = ""                     # such as "2001:db8:99::/56": IPv6 too, for each client a /64 of it
    address6 = ""                  # the gateway's own, in the first /64 of pool6; empty: its ::1
    dns6 = []                      # empty: address6
    routes = []                    # told to clients that ask, such as ["10.20.0.0/16"]
    search = []                    # told to clients that ask, such as ["corp.example.com"]
    mtu = 1400
    max_clients = 0                # 0: as many as pool has addresses
    http = true
    inside = "stack"               # a network in this program, or "tun": the machine's, so that
                                   # clients reach what it reaches and forwards to; takes root
`

func serve(ctx context.Context, c *call, file string) int {
	conf, err := profile.LoadGateway(file)
	if err != nil {
		fmt.Fprintln(c.Err, "The gateway's configuration cannot be used:")
		for _, f := range faults(err) {
			fmt.Fprintf(c.Err, "  %s\n", f)
		}
		return exitUsage
	}
	lines := make(chan string, eventQueue)
	cfg, err := gatewayConfig(conf)
	if err != nil {
		return notServing(c, err)
	}
	cfg.Network = dial.Sockets{}
	cfg.Events = func(_ time.Time, e gateway.Event) {
		if s := clientLine(e); s != "" {
			select {
			case lines <- s:
			default: // whoever reads is too slow; clients go first
			}
		}
	}
	if conf.Inside == "tun" {
		if cfg.Inside, err = inside(conf); err != nil {
			return notServing(c, err)
		}
	}
	g, err := gateway.Start(cfg)
	if err != nil {
		if cfg.Inside != nil {
			err = errors.Join(err, cfg.Inside.Close())
		}
		return notServing(c, err)
	}
	printGateway(c.Out, g, conf)
	for {
		select {
		case s := <-lines:
			fmt.Fprintln(c.Out, s)
		case <-ctx.Done():
			fmt.Fprintln(c.Out, "Closing: the clients are told.")
			return closeGateway(c, g)
		}
	}
}

// closeGateway ends it in order, or with a second wish at once: it leaves
// nothing behind in either case.
func closeGateway(c *call, g *gateway.Gateway) int {
	closed := make(chan error, 1)
	go func() { closed <- g.Close() }() // ends by itself, or with the process
	select {
	case err := <-closed:
		if err != nil {
			fmt.Fprintf(c.Err, "culvert gateway: %v\n", err)
			return exitInternal
		}
	case <-c.hurry:
	}
	return exitDone
}

// notServing says why the gateway did not start, and what to do.
func notServing(c *call, err error) int {
	fmt.Fprintf(c.Err, "culvert %v\n", err)
	switch {
	case errors.Is(err, gateway.ErrConfig):
		return exitUsage
	case errors.Is(err, syscall.EADDRNOTAVAIL):
		fmt.Fprintln(c.Err, "listen has to be an address of this machine.")
		return exitUsage
	case errors.Is(err, syscall.EADDRINUSE):
		fmt.Fprintln(c.Err, "Another IPsec program uses the port: stop it, or set ports = \"any\".")
	case errors.Is(err, os.ErrPermission):
		fmt.Fprintln(c.Err, "Ports below 1024, raw ESP and inside = \"tun\" take root.")
	}
	return exitInternal
}

func printGateway(w io.Writer, g *gateway.Gateway, conf *profile.Gateway) {
	fmt.Fprintf(w, "Serving L2TP/IPsec on %v (IKE) and %v (NAT traversal)", g.Addr(stack.Port500), g.Addr(stack.Port4500))
	if conf.ESP {
		fmt.Fprint(w, ", raw ESP")
	}
	if a := g.Addr(stack.Port1701); a.IsValid() {
		fmt.Fprintf(w, ", and L2TP without IPsec on %v", a)
	}
	six := ""
	if conf.Pool6.IsValid() {
		six = fmt.Sprintf(" and %v", conf.Pool6)
	}
	fmt.Fprintf(w, ".\nInside: %v, clients from %v%s, users: %d.\n", conf.Address, conf.Pool, six, len(conf.Users))
}

func gatewayConfig(conf *profile.Gateway) (gateway.Config, error) {
	cfg := gateway.Config{
		Listen: conf.Listen, AnyPort: conf.Ports == "any", Plain: conf.Plain, ESP: conf.ESP,
		PSK: conf.PSK, TunnelSecret: conf.TunnelSecret, PFS: conf.PFS.Group,
		Phase1Life: conf.Phase1Lifetime.Std(), Phase2Life: conf.Phase2Lifetime.Std(), DPDInterval: conf.DPDInterval.Std(),
		Users: conf.Users, Address: conf.Address, Pool: conf.Pool, DNS: conf.DNS, Pool6: conf.Pool6, Address6: conf.Address6, DNS6: conf.DNS6, Routes: conf.Routes, Search: conf.Search,
		MTU: conf.MTU, MaxClients: conf.MaxClients, HTTP: conf.HTTP, CodePrompt: conf.CodePrompt, Codes: map[string]gateway.Code{},
	}
	for user, code := range conf.Codes {
		cfg.Codes[user] = gateway.Code{Fixed: code}
	}
	for user, text := range conf.TOTP {
		key, err := gateway.ParseTOTP(text)
		if err != nil {
			return cfg, fmt.Errorf("%w: totp.%s: %w", gateway.ErrConfig, clean(user), err)
		}
		cfg.Codes[user] = gateway.Code{TOTP: key}
	}
	for _, s := range conf.Phase1 {
		cfg.Phase1 = append(cfg.Phase1, suite.Phase1(s))
	}
	for _, s := range conf.Phase2 {
		cfg.Phase2 = append(cfg.Phase2, suite.Phase2(s))
	}
	for _, m := range conf.Auth {
		cfg.Auth = append(cfg.Auth, dial.AuthMethods[m])
	}
	return cfg, nil
}

// clientLine is what is worth a line of what happens to a client.
func clientLine(e gateway.Event) string {
	who := fmt.Sprintf("client %d at %v: ", e.Client, e.Peer)
	switch x := e.Event.(type) {
	case stack.StageDone:
		if x.Stage == failure.Phase1 {
			return who + "phase 1 is up"
		}
	case stack.NetworkUp:
		return who + fmt.Sprintf("%s has %v, %s", clean(x.Network.User), x.Network.Peer, x.Network.Suite)
	case stack.Down:
		if x.Failure == nil {
			return who + "gone"
		}
		return who + fmt.Sprintf("gone: %s (%s)", diagnosis.Lookup(x.Failure.Code).Title, clean(x.Failure.Error()))
	}
	return ""
}
