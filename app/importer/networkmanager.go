package importer

import (
	"encoding/base64"
	"net/netip"
	"regexp"
	"strconv"
	"strings"
	"time"

	"github.com/culvert-vpn/culvert/app/profile"
	"github.com/culvert-vpn/culvert/engine/suite"
)

// l2tpService is what NetworkManager-l2tp calls itself in [vpn].
const l2tpService = "org.freedesktop.NetworkManager.l2tp"

// readNetworkManager reads a keyfile: one connection a file.
func readNetworkManager(s *source) error {
	parts := map[string]section{}
	for _, sec := range sections(s.text, "#") {
		known := parts[sec.name]
		known.name = sec.name
		known.entries = append(known.entries, sec.entries...)
		parts[sec.name] = known
	}
	service, _ := parts["vpn"].get("service-type")
	if service != l2tpService {
		s.leave("vpn.service-type", service, whyKind)
		return nil
	}
	d, err := s.draft()
	if err != nil {
		return err
	}
	k := &keyfile{draft: d, refused: map[string]bool{}}
	for _, name := range []string{"connection", "vpn", "vpn-secrets", "ipv4", "ipv6"} {
		for _, e := range parts[name].entries {
			k.entry(name, e.key, unescape(e.value))
		}
	}
	k.finish()
	return nil
}

// keyfile is a connection of NetworkManager while it is read.
type keyfile struct {
	*draft
	refused  map[string]bool // methods to log in
	refusals []string        // the settings that refuse them
	ipsec    bool
	never    bool // never-default was there
}

// bookkeeping is what means nothing to another program, or what Culvert does
// anyway, by section and key.
var bookkeeping = regexp.MustCompile(`^(connection\.(type|autoconnect-priority|autoconnect-retries|permissions|timestamp|interface-name|zone|secondaries|metered|stable-id|read-only|gateway-ping-timeout)` +
	`|vpn\.(service-type|persistent|timeout|user-name|password-flags|ipsec-psk-flags|user-certpass-flags|machine-certpass-flags|ephemeral-port|nobsdcomp|nodeflate|no-vj-comp|nopcomp|noaccomp|unit)` +
	`|ipv4\.(method|may-fail|dns-priority|route-metric|dad-timeout|address\d*|addresses\d*)|ipv6\..*)$`)

func (k *keyfile) entry(part, key, value string) {
	full := part + "." + key
	switch {
	case value == "":
	case full == "vpn.password-flags" && value == "2":
		k.set(full, value, "ask_password", func(p *profile.Profile) { p.AskPassword = true })
	case bookkeeping.MatchString(full):
	case full == "connection.id":
		k.name(full, value)
	case full == "connection.uuid":
		k.id(value)
	case full == "connection.autoconnect":
		if yes(value) {
			k.set(full, value, "reconnect.on_start", func(p *profile.Profile) { p.Reconnect.OnStart = true })
		}
	case part == "vpn":
		k.vpn(full, key, value)
	case part == "vpn-secrets":
		k.secretEntry(full, key, value)
	case part == "ipv4":
		k.ipv4(full, key, value)
	default:
		k.leave(full, value, "", whyUnknown)
	}
}

func (k *keyfile) vpn(full, key, value string) {
	switch key {
	case "gateway":
		for server := range strings.SplitSeq(value, ",") {
			k.server(full, server)
		}
	case "user":
		k.user(full, value)
	case "domain":
		k.domain(full, value)
	case "user-auth-type", "machine-auth-type":
		if value == "tls" {
			k.leave(full, value, "ipsec.auth", whyCertificate)
		} else {
			k.note(full, value, map[string]string{"user-auth-type": "ppp.auth", "machine-auth-type": "ipsec.auth"}[key])
		}
	case "user-ca", "user-cert", "user-key", "machine-ca", "machine-cert", "machine-key":
		k.leave(full, value, "ipsec.certificate", whyCertificate)
	case "refuse-eap", "refuse-pap", "refuse-chap", "refuse-mschap", "refuse-mschapv2":
		if yes(value) {
			k.refused[strings.TrimPrefix(key, "refuse-")] = true
			k.refusals = append(k.refusals, key)
		}
	case "require-mppe", "require-mppe-40", "require-mppe-128":
		if yes(value) {
			k.set(full, value, "ppp.mppe", func(p *profile.Profile) { p.PPP.MPPE = "require" })
		}
	case "mru", "mtu":
		k.size(full, value)
	case "lcp-echo-interval", "lcp-echo-failure":
		k.echo(full, value, key == "lcp-echo-interval")
	case "password", "ipsec-psk", "user-certpass", "machine-certpass":
		k.secretEntry(full, key, value) // old versions kept them here
	default:
		if strings.HasPrefix(key, "ipsec-") {
			k.ipsecEntry(full, key, value)
			return
		}
		k.leave(full, value, "", whyUnknown)
	}
}

func (k *keyfile) ipsecEntry(full, key, value string) {
	switch key {
	case "ipsec-enabled":
		k.ipsec = yes(value)
		if k.ipsec {
			k.note(full, value, "ipsec.enabled")
		}
	case "ipsec-remote-id", "ipsec-gateway-id":
		k.remoteID(full, value)
	case "ipsec-group-name":
		k.set(full, value, "ipsec.group", func(p *profile.Profile) { p.IPsec.Group = value })
	case "ipsec-ike":
		k.phase1(full, value)
	case "ipsec-esp":
		k.phase2(full, value)
	case "ipsec-ikelifetime":
		k.lifetime(full, value, true)
	case "ipsec-salifetime":
		k.lifetime(full, value, false)
	case "ipsec-forceencaps":
		if yes(value) {
			k.encapsulate(full, value)
		}
	case "ipsec-pfs":
		k.pfs(full, value)
	case "ipsec-ikev2":
		if yes(value) {
			k.leave(full, value, "", whyIKEv2)
		}
	case "ipsec-ipcomp":
		if yes(value) {
			k.leave(full, value, "", whyCompression)
		}
	case "ipsec-psk-flags":
	default:
		k.leave(full, value, "", whyUnknown)
	}
}

func (k *keyfile) secretEntry(full, key, value string) {
	switch key {
	case "password":
		k.password(full, []byte(value))
	case "ipsec-psk":
		k.psk(full, pskOctets(value))
	case "user-certpass", "machine-certpass":
		k.leaveSecret(full, value, "", whyCertificate)
	default:
		k.leaveSecret(full, value, "", whyUnknown)
	}
}

// pskOctets is a key as the IPsec daemons write it: 0s and Base64, 0x and
// hexadecimal digits, or as it is.
func pskOctets(s string) []byte {
	if rest, ok := strings.CutPrefix(s, "0s"); ok {
		if key, err := base64.StdEncoding.DecodeString(rest); err == nil && len(key) > 0 {
			return key
		}
	}
	return []byte(s)
}

func (k *keyfile) ipv4(full, key, value string) {
	list := splitList(value)
	switch {
	case key == "never-default":
		k.full(full, value, !yes(value))
		k.never = true
	case strings.HasPrefix(key, "route") && strings.Trim(key, "0123456789") == "route":
		network, _, _ := strings.Cut(value, ",")
		k.through(full, value, network)
	case key == "dns":
		k.nameServers(full, value, list)
	case key == "dns-search":
		var search []string
		for _, s := range list {
			if s = strings.TrimPrefix(s, "~"); s != "" {
				search = append(search, s)
			}
		}
		k.search(full, value, search)
	case key == "ignore-auto-dns":
		if yes(value) && len(k.p.DNS.Servers) == 0 {
			k.set(full, value, "dns.mode", func(p *profile.Profile) { p.DNS.Mode = "off" })
		}
	case key == "ignore-auto-routes":
		if yes(value) {
			k.set(full, value, "routing.from_gateway", func(p *profile.Profile) { p.Routing.FromGateway = false })
		}
	default:
		k.leave(full, value, "", whyUnknown)
	}
}

func splitList(s string) []string {
	return strings.FieldsFunc(s, func(r rune) bool { return r == ';' || r == ',' || r == ' ' })
}

func (k *keyfile) finish() {
	if !k.ipsec {
		k.set("vpn.ipsec-enabled", "no", "ipsec.enabled", func(p *profile.Profile) { p.IPsec.Enabled = false })
	}
	if len(k.refusals) > 0 {
		k.refuse("vpn."+strings.Join(k.refusals, ", vpn."), "yes", k.refused)
	}
	if !k.never && len(k.routes) > 0 {
		k.full("ipv4.never-default", "no", true)
	}
}

// refuse takes the methods to log in that are not refused.
func (d *draft) refuse(key, value string, refused map[string]bool) {
	var left []profile.AuthMethod
	for _, m := range []profile.AuthMethod{profile.MSCHAPv2, profile.CHAP, profile.PAP} {
		if !refused[string(m)] {
			left = append(left, m)
		}
	}
	if len(left) == 0 && !refused["eap"] {
		left = []profile.AuthMethod{profile.EAPMSCHAPv2, profile.EAPMD5}
	}
	switch {
	case len(left) == 0:
		d.leave(key, value, "ppp.auth", whyNoMethod)
	case len(left) == 3:
		d.note(key, value, "ppp.auth")
	default:
		d.methods(key, value, left)
	}
}

func (d *draft) remoteID(key, value string) {
	value = strings.TrimPrefix(strings.Trim(value, `"' `), "@")
	if value == "" || value == "%any" {
		return
	}
	d.set(key, value, "ipsec.remote_id", func(p *profile.Profile) { p.IPsec.RemoteID = value })
}

func (d *draft) encapsulate(key, value string) {
	d.set(key, value, "ipsec.encapsulation", func(p *profile.Profile) { p.IPsec.Encapsulation = "udp" })
}

// pfs is a switch: the group is then the gateway's to say.
func (d *draft) pfs(key, value string) {
	off := !yes(value)
	d.set(key, value, "ipsec.pfs", func(p *profile.Profile) {
		if off {
			p.IPsec.PFS = profile.PFS{}
		}
	})
}

// group is a group of PFS by its name in profiles.
func (d *draft) group(key, value string, g suite.Group) {
	d.set(key, value, "ipsec.pfs", func(p *profile.Profile) { p.IPsec.PFS = profile.PFS{Group: g} })
}

// lifetime is that of phase 1 or of phase 2.
func (d *draft) lifetime(key, value string, first bool) {
	t, ok := span(value)
	switch {
	case !ok:
		d.leave(key, value, map[bool]string{true: "ipsec.phase1_lifetime", false: "ipsec.phase2_lifetime"}[first], whyValue)
	case first:
		d.set(key, value, "ipsec.phase1_lifetime", func(p *profile.Profile) { p.IPsec.Phase1Lifetime = t })
	default:
		d.set(key, value, "ipsec.phase2_lifetime", func(p *profile.Profile) { p.IPsec.Phase2Lifetime = t })
	}
}

// span reads "3600", "60m", "8h", "1d".
func span(s string) (profile.Duration, bool) {
	s = strings.TrimSpace(s)
	unit := time.Second
	if s != "" {
		if u, ok := map[byte]time.Duration{'s': time.Second, 'm': time.Minute, 'h': time.Hour, 'd': 24 * time.Hour}[s[len(s)-1]]; ok {
			unit, s = u, s[:len(s)-1]
		}
	}
	n, err := strconv.ParseUint(s, 10, 31)
	return profile.Duration(time.Duration(n) * unit), err == nil
}

// size is the largest packet inside.
func (d *draft) size(key, value string) {
	n, err := strconv.Atoi(strings.TrimSpace(value))
	switch {
	case err != nil:
		d.leave(key, value, "ppp.mru", whyValue)
	case n == 0:
	case d.p.PPP.MRU != 0 && d.p.PPP.MRU != n:
		d.leave(key, value, "ppp.mru", whyOneSize)
	default:
		d.set(key, value, "ppp.mru", func(p *profile.Profile) { p.PPP.MRU = n })
	}
}

// echo is the interval of LCP's echoes, or how many may stay without an answer.
func (d *draft) echo(key, value string, interval bool) {
	n, err := strconv.ParseUint(strings.TrimSpace(value), 10, 16)
	field := "ppp.echo_failures"
	if interval {
		field = "ppp.echo_interval"
	}
	switch {
	case err != nil:
		d.leave(key, value, field, whyValue)
	case interval:
		d.set(key, value, field, func(p *profile.Profile) { p.PPP.EchoInterval = profile.Duration(n) * profile.Duration(time.Second) })
	case n == 0: // never
		d.set(key, value, "ppp.echo_interval", func(p *profile.Profile) { p.PPP.EchoInterval = 0 })
	default:
		d.set(key, value, field, func(p *profile.Profile) { p.PPP.EchoFailures = int(n) })
	}
}

// wanted is an address to ask the gateway for.
func (d *draft) wanted(key, value string) {
	if a, err := netip.ParseAddr(value); err == nil && !a.IsUnspecified() {
		d.set(key, value, "ppp.address", func(p *profile.Profile) { p.PPP.Address = a })
	}
}
