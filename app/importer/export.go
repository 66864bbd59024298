package importer

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/culvert-vpn/culvert/app/profile"
	"github.com/culvert-vpn/culvert/engine/secret"
)

// ExportFormats are those that Export writes.
var ExportFormats = []Format{TOML, MobileConfig, NetworkManager, PowerShell}

// Exported is a profile in another form.
type Exported struct {
	Data    []byte // with the secrets that were given, and no others: the caller wipes it
	LeftOut []Item // what that form has no place for, by the profile's own keys
}

// ErrFormat is a format that Export does not write.
var ErrFormat = fmt.Errorf("importer: a profile is exported as one of %s", strings.Join(formatNames(), ", "))

func formatNames() []string {
	var out []string
	for _, f := range ExportFormats {
		out = append(out, string(f))
	}
	return out
}

// Export writes a valid profile. secrets may be nil: then there is none in it, and
// whoever imports it is asked.
func Export(p *profile.Profile, secrets *profile.Secrets, format Format) (Exported, error) {
	if _, err := check(p); err != nil {
		return Exported{}, err
	}
	if secrets == nil {
		secrets = &profile.Secrets{}
	}
	e := &exporter{p: p, secrets: secrets, carried: map[string]bool{"version": true, "id": true, "name": true, "servers": true, "user": true}}
	write := map[Format]func(*exporter) error{TOML: (*exporter).toml, MobileConfig: (*exporter).mobileConfig, NetworkManager: (*exporter).networkManager, PowerShell: (*exporter).powerShell}[format]
	if write == nil {
		return Exported{}, ErrFormat
	}
	if err := write(e); err != nil {
		clear(e.out)
		return Exported{}, err
	}
	if format != TOML {
		if err := e.rest(format); err != nil {
			return Exported{}, err
		}
	}
	return Exported{Data: e.out, LeftOut: e.leftOut}, nil
}

// exporter is an export on its way.
type exporter struct {
	p       *profile.Profile
	secrets *profile.Secrets
	out     []byte
	carried map[string]bool // keys of the profile that the form has
	leftOut []Item
}

func (e *exporter) printf(format string, args ...any) { e.out = fmt.Appendf(e.out, format, args...) }

// carries notes the keys that were written.
func (e *exporter) carries(keys ...string) {
	for _, k := range keys {
		e.carried[k] = true
	}
}

func (e *exporter) leave(key, value, why string) {
	e.leftOut = append(e.leftOut, Item{Key: key, Value: shown(value), Why: why})
}

// rest is what differs from the defaults and was not written.
func (e *exporter) rest(format Format) error {
	text, err := e.p.Text()
	if err != nil {
		return err
	}
	table := ""
	for line := range strings.Lines(string(text)) {
		line = strings.TrimSuffix(line, "\n")
		if name, ok := strings.CutPrefix(line, "["); ok {
			table = strings.TrimSuffix(name, "]") + "."
			continue
		}
		if key, value, ok := strings.Cut(line, " = "); ok && !e.carried[table+key] {
			e.leave(table+key, value, "This form has no place for it.")
		}
	}
	if len(e.p.Servers) > 1 && format != NetworkManager {
		e.leave("servers", strings.Join(e.p.Servers[1:], ", "), "This form has place for one server.")
	}
	return nil
}

// written is a secret as text; a form of lines takes no other.
func (e *exporter) written(s secret.Secret, key string) (string, bool) {
	if s == nil {
		return "", false
	}
	if !utf8.Valid(s) || slices.ContainsFunc([]rune(string(s)), unicode.IsControl) {
		e.leave(key, "", "It has octets in it that this form cannot have.")
		e.leftOut[len(e.leftOut)-1].Secret = true
		return "", false
	}
	return string(s), true
}

// toml is the profile's own file, and below it the secrets in a table that only
// an import takes.
func (e *exporter) toml() error {
	text, err := e.p.Text()
	if err != nil {
		return err
	}
	e.out = text
	table := false
	for _, s := range []struct {
		key string
		s   secret.Secret
	}{{"psk", e.secrets.PSK}, {"password", e.secrets.Password}, {"tunnel_secret", e.secrets.TunnelSecret}} {
		if value, ok := e.written(s.s, s.key); ok {
			if !table {
				e.printf("\n[secrets]\n")
				table = true
			}
			e.printf("%s = %s\n", s.key, tomlString(value))
		}
	}
	return nil
}

// tomlString is a basic string: what is not plain is escaped.
func tomlString(s string) string {
	return `"` + strings.NewReplacer(`\`, `\\`, `"`, `\"`).Replace(s) + `"`
}

// networkManager is a keyfile for NetworkManager-l2tp.
func (e *exporter) networkManager() error {
	p := e.p
	e.printf("[connection]\nid=%s\nuuid=%s\ntype=vpn\nautoconnect=%t\n", escape(p.Name), p.ID, p.Reconnect.OnStart)
	e.printf("\n[vpn]\nservice-type=%s\ngateway=%s\nuser=%s\n", l2tpService, strings.Join(p.Servers[:1], ""), escape(p.User))
	if len(p.Servers) > 1 {
		e.leave("servers", strings.Join(p.Servers[1:], ", "), "This form has place for one server.")
	}
	line := func(key, value string) {
		if value != "" {
			e.printf("%s=%s\n", key, escape(value))
		}
	}
	line("domain", p.Domain)
	line("user-auth-type", "password")
	if p.IPsec.Enabled {
		e.printf("ipsec-enabled=yes\nmachine-auth-type=psk\n")
	}
	line("ipsec-remote-id", p.IPsec.RemoteID)
	line("ipsec-ike", names(p.IPsec.Phase1))
	line("ipsec-esp", names(p.IPsec.Phase2))
	d := profile.Default()
	if p.IPsec.Phase1Lifetime != d.IPsec.Phase1Lifetime {
		e.printf("ipsec-ikelifetime=%d\n", int(p.IPsec.Phase1Lifetime.Std().Seconds()))
	}
	if p.IPsec.Phase2Lifetime != d.IPsec.Phase2Lifetime {
		e.printf("ipsec-salifetime=%d\n", int(p.IPsec.Phase2Lifetime.Std().Seconds()))
	}
	if p.IPsec.Encapsulation == "udp" {
		e.printf("ipsec-forceencaps=yes\n")
		e.carries("ipsec.encapsulation")
	}
	if p.IPsec.PFS == (profile.PFS{}) {
		e.printf("ipsec-pfs=no\n")
		e.carries("ipsec.pfs")
	}
	e.carries("domain", "ipsec.enabled", "ipsec.remote_id", "ipsec.phase1", "ipsec.phase2", "ipsec.phase1_lifetime", "ipsec.phase2_lifetime", "reconnect.on_start")
	e.nmPPP()
	e.nmSecrets()
	e.nmAddresses()
	return nil
}

func (e *exporter) nmPPP() {
	p, d := e.p, profile.Default()
	if len(p.PPP.Auth) > 0 {
		for _, m := range []profile.AuthMethod{profile.PAP, profile.CHAP, profile.MSCHAPv2} {
			if !slices.Contains(p.PPP.Auth, m) {
				e.printf("refuse-%s=yes\n", m)
			}
		}
		if !slices.ContainsFunc(p.PPP.Auth, func(m profile.AuthMethod) bool { return strings.HasPrefix(string(m), "eap-") }) {
			e.carries("ppp.auth") // but for their order, which the gateway decides
		}
	}
	if p.PPP.MPPE == "require" {
		e.printf("require-mppe=yes\n")
		e.carries("ppp.mppe")
	}
	if p.PPP.MRU != 0 {
		e.printf("mru=%d\nmtu=%d\n", p.PPP.MRU, p.PPP.MRU)
	}
	if p.PPP.EchoInterval != d.PPP.EchoInterval {
		e.printf("lcp-echo-interval=%d\n", int(p.PPP.EchoInterval.Std().Seconds()))
	}
	if p.PPP.EchoFailures != d.PPP.EchoFailures {
		e.printf("lcp-echo-failure=%d\n", p.PPP.EchoFailures)
	}
	e.carries("ppp.mru", "ppp.echo_interval", "ppp.echo_failures")
}

func (e *exporter) nmSecrets() {
	flags := func(key string, have bool) {
		flag := 1 // an agent has it, or asks
		switch {
		case have:
			flag = 0
		case key == "password" && e.p.AskPassword:
			flag = 2
		}
		e.printf("%s-flags=%d\n", key, flag)
	}
	e.carries("ask_password")
	password, havePassword := e.written(e.secrets.Password, "password")
	psk, havePSK := nmSharedKey(e.secrets.PSK)
	flags("password", havePassword)
	if e.p.IPsec.Enabled {
		flags("ipsec-psk", havePSK)
	}
	if e.secrets.TunnelSecret != nil {
		e.leave("tunnel_secret", "", "This form has no place for it.")
		e.leftOut[len(e.leftOut)-1].Secret = true
	}
	if !havePassword && !havePSK {
		return
	}
	e.printf("\n[vpn-secrets]\n")
	if havePassword {
		e.printf("password=%s\n", escape(password))
	}
	if havePSK {
		e.printf("ipsec-psk=%s\n", escape(psk))
	}
}

// nmAddresses writes what is of IPv4 and of IPv6, which is left out unless
// networks of it are wanted.
func (e *exporter) nmAddresses() {
	p := e.p
	var four, six []netip.Prefix
	for _, r := range p.Routing.Include {
		if r.Addr().Is4() {
			four = append(four, r)
		} else {
			six = append(six, r)
		}
	}
	e.printf("\n[ipv4]\nmethod=auto\n")
	if p.Routing.Mode == "split" {
		e.printf("never-default=true\n")
		e.routes(four)
		e.carries("routing.mode", "routing.include")
	}
	if !p.Routing.FromGateway {
		e.printf("ignore-auto-routes=true\n")
		e.carries("routing.from_gateway")
	}
	if len(p.DNS.Servers) > 0 {
		e.printf("dns=%s;\n", strings.Join(p.DNS.Servers, ";"))
		e.carries("dns.servers", "dns.mode")
	}
	if p.DNS.Mode != "auto" {
		e.printf("ignore-auto-dns=true\n")
	}
	if p.DNS.Mode == "off" {
		e.carries("dns.mode")
	}
	if len(p.DNS.Search) > 0 {
		e.printf("dns-search=%s;\n", strings.Join(p.DNS.Search, ";"))
		e.carries("dns.search")
	}
	if p.Routing.Mode != "split" || len(six) == 0 {
		e.printf("\n[ipv6]\nmethod=disabled\n")
		return
	}
	e.printf("\n[ipv6]\nmethod=auto\nnever-default=true\n")
	e.routes(six)
}

// routes writes networks as a keyfile counts them.
func (e *exporter) routes(list []netip.Prefix) {
	for i, r := range list {
		e.printf("route%d=%s\n", i+1, r)
	}
}

func names[S interface{ MarshalText() ([]byte, error) }](suites []S) string {
	out := make([]string, len(suites))
	for i, s := range suites {
		text, _ := s.MarshalText() // never fails: a name
		out[i] = string(text)
	}
	return strings.Join(out, ",")
}
