package importer

import (
	"strings"

	"github.com/culvert-vpn/culvert/app/profile"
)

// readText reads a mail or a note: what stands behind the words that people use
// for a server, a user, a key and a password.
func readText(s *source) error {
	f := findLabels(s.text)
	if !f.worth() {
		return ErrUnknown
	}
	d, err := s.draft()
	if err != nil {
		return err
	}
	for _, k := range f.known {
		d.labelled(k)
	}
	for _, label := range f.unknown {
		// Nobody knows what stands behind it: perhaps another password.
		d.leave(label, "", "", whyWords)
		d.leftOut[len(d.leftOut)-1].Secret = true
	}
	return nil
}

// labelled is one finding.
func (d *draft) labelled(k found) {
	value := k.value
	switch k.field {
	case "servers":
		if value = strings.TrimRight(firstWord(value), ".,;)"); plausible(value) || len(d.p.Servers) == 0 {
			d.server(k.label, value)
		}
	case "psk":
		d.psk(k.label, []byte(value))
	case "password":
		d.password(k.label, []byte(value))
	case "user":
		d.user(k.label, value)
	case "domain":
		d.domain(k.label, value)
	case "name":
		d.name(k.label, value)
	case "ipsec.group":
		d.set(k.label, value, k.field, func(p *profile.Profile) { p.IPsec.Group = value })
	case "dns.servers":
		d.nameServers(k.label, value, splitList(value))
	case "kind":
		d.kind(k.label, value)
	case "methods":
		d.methods(k.label, value, methodsIn(value))
	}
}

// kind is the protocol, where a text says it.
func (d *draft) kind(key, value string) {
	switch lower := strings.ToLower(value); {
	case strings.Contains(lower, "l2tp"):
		d.note(key, value, "")
	case strings.Contains(lower, "ikev2") || strings.Contains(lower, "pptp") || strings.Contains(lower, "sstp") || strings.Contains(lower, "openvpn") ||
		strings.Contains(lower, "wireguard") || strings.Contains(lower, "anyconnect"):
		d.leave(key, value, "", whyKind)
	}
}

// methodsIn finds the methods to log in that a text names.
func methodsIn(s string) []profile.AuthMethod {
	s = strings.NewReplacer("-", "", " ", "", "_", "").Replace(strings.ToLower(s))
	var out []profile.AuthMethod
	for _, m := range []struct {
		word string
		m    profile.AuthMethod
	}{{"eapmschapv2", "eap-mschapv2"}, {"mschapv2", profile.MSCHAPv2}, {"mschap", "mschap"}, {"chap", profile.CHAP}, {"pap", profile.PAP}} {
		if strings.Contains(s, m.word) {
			out = append(out, m.m)
			s = strings.ReplaceAll(s, m.word, "/")
		}
	}
	return out
}

func firstWord(s string) string {
	if w := strings.Fields(s); len(w) > 0 {
		return w[0]
	}
	return ""
}
