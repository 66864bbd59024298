// Package doctor looks whether this computer can connect and, for a profile,
// whether its gateway can be reached and knows the same encryption. It changes
// nothing, and asks a gateway no more than the first question of a connection.
package doctor

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"strings"
	"time"

	"github.com/culvert-vpn/culvert/app/api"
	"github.com/culvert-vpn/culvert/app/client"
	"github.com/culvert-vpn/culvert/app/diagnosis"
	"github.com/culvert-vpn/culvert/app/profile"
	"github.com/culvert-vpn/culvert/engine/failure"
)

// Verdict is what a finding means for connecting.
type Verdict uint8

// The verdicts.
const (
	Good Verdict = iota + 1
	Note         // worth knowing, and in nobody's way
	Bad
)

// String is the verdict's name in JSON.
func (v Verdict) String() string {
	switch v {
	case Good:
		return "good"
	case Note:
		return "note"
	case Bad:
		return "bad"
	}
	return "none"
}

// MarshalText is String.
func (v Verdict) MarshalText() ([]byte, error) { return []byte(v.String()), nil }

// Part is what a check is about.
type Part string

// The parts, in their order.
const (
	Service    Part = "service"
	Tun        Part = "tun"
	Resolver   Part = "resolver"
	Ports      Part = "ports"
	Others     Part = "others"
	Name       Part = "name"
	Gateway    Part = "gateway"
	Encryption Part = "encryption"
)

// Check is one thing that was looked at.
type Check struct {
	Part     Part     `json:"check"`
	Verdict  Verdict  `json:"verdict"`
	Code     api.Code `json:"code,omitempty"` // of the failure that connecting would end with
	Found    string   `json:"found"`          // without a full stop
	Advice   string   `json:"advice,omitempty"`
	Evidence []string `json:"evidence,omitempty"`
}

// Helper is the service; *client.Client is one.
type Helper interface {
	Version(ctx context.Context) (string, error)
	State(ctx context.Context) (api.Status, error)
}

// Config is what to look at. Its functions are those of the system, or a test's.
type Config struct {
	Helper  Helper
	Version string           // of this program
	Profile *profile.Profile // nil: this computer alone

	Lookup func(ctx context.Context, host string) ([]netip.Addr, error)
	// Dial opens a connected UDP socket.
	Dial func(ctx context.Context, remote netip.AddrPort) (net.Conn, error)
	// Machine looks at the system; wanted says that the profile wants the standard
	// ports for itself.
	Machine func(ctx context.Context, wanted bool) []Check
	// IKEPort and NATTPort are the gateway's; 0: 500 and 4500.
	IKEPort, NATTPort uint16
	// Member says that the user is in the helper's group by now.
	Member func() bool
	Pause  time.Duration // before a question is repeated; 0: a second
}

// Run looks at everything, one after the other, and reports each check as it is
// done.
func Run(ctx context.Context, cfg Config, report func(Check)) {
	for _, c := range service(ctx, cfg) {
		report(c)
	}
	p := cfg.Profile
	for _, c := range cfg.Machine(ctx, p != nil && p.IPsec.SourcePorts == "standard") {
		report(c)
	}
	if p == nil {
		return
	}
	for _, server := range p.Servers {
		if ctx.Err() != nil {
			return
		}
		addr, c := resolve(ctx, cfg, server)
		report(c)
		if !addr.IsValid() {
			continue
		}
		if !p.IPsec.Enabled {
			report(found(Encryption, Note, diagnosis.EncryptionOff))
			return
		}
		for _, c := range path(ctx, cfg, addr) {
			report(c)
		}
	}
}

// found is a check by its finding.
func found(p Part, v Verdict, f diagnosis.Finding, args ...any) Check {
	c := Check{Part: p, Verdict: v}
	c.Found, c.Advice = diagnosis.Explain(f, args...)
	return c
}

// failed is a check that connecting would fail at.
func failed(p Part, code api.Code, evidence ...string) Check {
	e := diagnosis.Lookup(code)
	return Check{Part: p, Verdict: Bad, Code: code, Found: e.Title, Advice: e.Advice, Evidence: evidence}
}

// service looks at the helper.
func service(ctx context.Context, cfg Config) []Check {
	version, err := cfg.Helper.Version(ctx)
	var e *client.Error
	switch {
	case errors.As(err, &e) && e.Code == api.HelperNotAllowed && cfg.Member != nil && cfg.Member():
		c := found(Service, Bad, diagnosis.ServiceSignIn)
		c.Code = e.Code
		return []Check{c}
	case errors.As(err, &e) && e.Code == api.HelperNotAllowed:
		return []Check{failed(Service, e.Code)}
	case err != nil:
		return []Check{failed(Service, api.HelperNotRunning, err.Error())}
	}
	out := []Check{found(Service, Good, diagnosis.ServiceSame)}
	out[0].Evidence = []string{version}
	if version != cfg.Version {
		out[0] = found(Service, Note, diagnosis.ServiceOther, version, cfg.Version)
	}
	if s, err := cfg.Helper.State(ctx); err == nil {
		switch s.State {
		case api.Blocked:
			out = append(out, found(Service, Note, diagnosis.ServiceBlocked))
		case api.Connected:
			out = append(out, found(Service, Good, diagnosis.ServiceConnected, s.Profile.Name))
		}
	}
	return out
}

// resolve looks a gateway up.
func resolve(ctx context.Context, cfg Config, server string) (netip.Addr, Check) {
	if a, err := netip.ParseAddr(server); err == nil {
		return a, found(Name, Good, diagnosis.NameAddress, server)
	}
	addrs, err := cfg.Lookup(ctx, server)
	if err != nil || len(addrs) == 0 {
		code := failure.DNSNoAnswer
		var dns *net.DNSError
		if err == nil || errors.As(err, &dns) && dns.IsNotFound {
			code = failure.DNSNotFound
		}
		return netip.Addr{}, failed(Name, code, fmt.Sprintf("%s: %v", server, err))
	}
	best := addrs[0].Unmap()
	var text []string
	for _, a := range addrs { // as connecting does: IPv4 first
		a = a.Unmap()
		if a.Is4() && !best.Is4() {
			best = a
		}
		text = append(text, a.String())
	}
	return best, found(Name, Good, diagnosis.NameFound, server, strings.Join(text, ", "))
}
