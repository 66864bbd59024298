package importer

import (
	"encoding/hex"
	"regexp"
	"slices"
	"strings"

	"github.com/culvert-vpn/culvert/app/profile"
)

// daemons is one connection out of all files.
func (d *draft) daemons(w *daemons, c, lac section) {
	for _, e := range c.entries {
		d.connEntry(e.key, e.value)
	}
	refused := map[string]bool{}
	var refusals []string
	refuse := func(key, method string) {
		refused[method] = true
		refusals = append(refusals, key)
	}
	for _, e := range lac.entries {
		d.lacEntry(e.key, e.value, refuse)
	}
	for _, e := range w.options {
		d.pppOption(e.key, e.value, refuse)
	}
	if len(refusals) > 0 {
		d.refuse(strings.Join(refusals, ", "), "", refused)
	}
	d.sharedKeys(w.keys)
	d.loginSecrets(w.logins)
}

// connNoise is what a daemon needs to be told and Culvert does anyway.
var connNoise = regexp.MustCompile(`^(type|auto|left|leftprotoport|rightprotoport|leftnexthop|rightnexthop|keyingtries|rekey|rekeymargin|rekeyfuzz|reauth|dpdaction|dpdtimeout|dpdtimeout|fragmentation|ikefrag` +
	`|closeaction|mark|mobike|overlapmime|nat-ikev1-method|leftfirewall|lefthostaccess|installpolicy|rightsendcert|leftsendcert|sha2-truncbug|rightauth|leftauth|rightallowany|narrowing|priority|decap-dscp)$`)

func (d *draft) connEntry(key, value string) {
	switch key {
	case "right":
		if !strings.HasPrefix(value, "%") {
			d.server(key, value)
		}
	case "rightid":
		d.remoteID(key, value)
	case "ike":
		d.phase1(key, value)
	case "esp", "phase2alg":
		d.phase2(key, value)
	case "ikelifetime":
		d.lifetime(key, value, true)
	case "lifetime", "salifetime", "keylife":
		d.lifetime(key, value, false)
	case "encapsulation", "forceencaps":
		if yes(value) {
			d.encapsulate(key, value)
		}
	case "pfs":
		d.pfs(key, value)
	case "dpddelay":
		if t, ok := span(value); ok {
			d.set(key, value, "ipsec.dpd_interval", func(p *profile.Profile) { p.IPsec.DPDInterval = t })
		}
	case "authby":
		if value == "secret" || value == "psk" {
			d.note(key, value, "ipsec.auth")
		} else {
			d.leave(key, value, "ipsec.auth", whyCertificate)
		}
	case "aggressive", "aggrmode":
		if yes(value) {
			d.leave(key, value, "ipsec.group", whyGroup)
		}
	case "leftid":
		if !strings.HasPrefix(value, "%") {
			d.leave(key, value, "ipsec.group", whyIdentity)
		}
	case "keyexchange", "ikev2":
		if strings.Contains(value, "ikev2") || value == "yes" || value == "insist" {
			d.leave(key, value, "", whyIKEv2)
		}
	case "leftcert", "leftrsasigkey", "rightrsasigkey", "rightca", "leftca", "rightcert":
		d.leave(key, value, "ipsec.certificate", whyCertificate)
	case "compress":
		if yes(value) {
			d.leave(key, value, "", whyCompression)
		}
	default:
		if !connNoise.MatchString(key) {
			d.leave(key, value, "", whyUnknown)
		}
	}
}

// lacEntry is one setting of xl2tpd.
func (d *draft) lacEntry(key, value string, refuse func(key, method string)) {
	switch key {
	case "lns":
		for server := range strings.SplitSeq(value, ",") {
			d.server(key, server)
		}
	case "name":
		d.user(key, value)
	case "refuse pap", "refuse chap":
		if yes(value) {
			refuse(key, strings.TrimPrefix(key, "refuse "))
		}
	case "autodial":
		if yes(value) {
			d.set(key, value, "reconnect.on_start", func(p *profile.Profile) { p.Reconnect.OnStart = true })
		}
	case "challenge":
		if yes(value) {
			d.set(key, value, "l2tp.tunnel_auth", func(p *profile.Profile) { p.L2TP.TunnelAuth = true })
		}
	case "redial", "redial timeout", "max redials", "pppoptfile", "ppp debug", "length bit", "tunnel rws", "require pap", "require chap", "require authentication",
		"flow bit", "hidden bit", "rx bps", "tx bps", "bps", "hostname", "local ip", "remote ip":
	default:
		d.leave("[lac] "+key, value, "", whyUnknown)
	}
}

// pppNoise is what pppd has to be told for any such connection.
var pppNoise = regexp.MustCompile(`^(noauth|nodetach|lock|debug|dump|logfile|logfd|ipcp-accept-(local|remote)|ipcp-max-\w+|lcp-max-\w+|noipdefault|usepeerdns|nodeflate|nobsdcomp|noccp|nomppe|nopcomp|noaccomp|novj|novjccomp|crtscts|modem|hide-password` +
	`|connect-delay|proxyarp|persist|maxfail|holdoff|ipparam|linkname|remotename|plugin|silent|asyncmap|local|default-asyncmap|nopersist|unit|idle|noipv6|require-(mschap-v2|mschap|chap|pap|eap)|\+ipv6|ktune|noktune|replacedefaultroute|0\.0\.0\.0|:)$`)

// pppOption is one of pppd's options. What is no word of pppd at all is a line
// of a guide around the files.
func (d *draft) pppOption(key, value string, refuse func(key, method string)) {
	switch key {
	case "name", "user":
		d.user(key, value)
	case "password":
		d.password(key, []byte(value))
	case "mtu", "mru":
		d.size(key, value)
	case "lcp-echo-interval", "lcp-echo-failure":
		d.echo(key, value, key == "lcp-echo-interval")
	case "refuse-pap", "refuse-chap", "refuse-mschap", "refuse-mschap-v2", "refuse-eap", "-pap", "-chap", "-mschap", "-mschap-v2":
		method := strings.TrimPrefix(strings.TrimPrefix(key, "refuse"), "-")
		refuse(key, strings.ReplaceAll(method, "mschap-v2", "mschapv2"))
	case "require-mppe", "+mppe", "mppe", "require-mppe-128", "require-mppe-40", "+mppe-128", "+mppe-40":
		d.set(key, value, "ppp.mppe", func(p *profile.Profile) { p.PPP.MPPE = "require" })
	case "defaultroute":
		d.full(key, value, true)
	case "nodefaultroute":
		d.full(key, value, false)
	default:
		if !pppNoise.MatchString(key) && strings.Contains(key, "-") && value != "" && len(d.leftOut) < maxUnknown {
			d.leave(key, value, "", whyUnknown)
		}
	}
}

// sharedKeys takes the key that fits: one with the gateway's name, else one for
// anybody, else the only one.
func (d *draft) sharedKeys(keys []sharedKey) {
	best, rank := -1, 0
	for i, k := range keys {
		r := 1
		switch {
		case k.kind != "PSK":
			r = 0
		case slices.ContainsFunc(k.ids, func(id string) bool {
			id = strings.TrimPrefix(id, "@")
			return slices.Contains(d.p.Servers, id) || d.p.IPsec.RemoteID != "" && id == d.p.IPsec.RemoteID
		}):
			r = 3
		case !slices.ContainsFunc(k.ids, func(id string) bool { return !strings.HasPrefix(id, "%") && id != "0.0.0.0" }):
			r = 2
		}
		if r > rank {
			best, rank = i, r
		}
	}
	for i, k := range keys {
		words := pppWords(k.value)
		switch {
		case len(words) == 0:
		case i == best:
			d.psk("PSK", sharedOctets(k.value))
		case k.kind != "PSK":
			d.leaveSecret(k.kind, words[0], "", whyCertificate)
		default:
			// Of another connection; it must not show either.
			d.hidden = append(d.hidden, words[0])
		}
	}
}

// sharedOctets is a key with its quotes, in Base64 or in hexadecimal digits.
func sharedOctets(s string) []byte {
	s = strings.TrimSpace(s)
	if rest, ok := strings.CutPrefix(s, "0x"); ok {
		if key, err := hex.DecodeString(firstWord(rest)); err == nil && len(key) > 0 {
			return key
		}
	}
	if strings.HasPrefix(s, "0s") {
		return pskOctets(firstWord(s))
	}
	// No escapes: what is between the quotes is the key.
	if s != "" && (s[0] == '"' || s[0] == '\'') {
		if end := strings.IndexByte(s[1:], s[0]); end >= 0 {
			return []byte(s[1 : end+1])
		}
	}
	return []byte(firstWord(s))
}

// loginSecrets takes the password of chap-secrets that goes with the user.
func (d *draft) loginSecrets(logins [][3]string) {
	for _, l := range logins {
		if d.secrets.Password == nil && (d.p.User == "" || l[0] == d.p.User || l[0] == "*") {
			if l[0] != "*" {
				d.user("client", l[0])
			}
			d.password("secret", []byte(l[2]))
			continue
		}
		d.hidden = append(d.hidden, l[2])
	}
}
