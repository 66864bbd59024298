package viewmodel

// The fields that are no key of a profile file: the servers are one key there, and
// secrets are none.
const (
	FieldServer       = "server"       // the first of servers
	FieldMoreServers  = "more_servers" // the others
	FieldPassword     = "password"
	FieldPSK          = "psk"
	FieldTunnelSecret = "tunnel_secret"
)

// FieldKind is how a field is filled in.
type FieldKind uint8

// The kinds of fields.
const (
	TextField   FieldKind = iota + 1
	ListField             // several texts, one a line
	ChoiceField           // a Select
	TickField             // a Check; Value is "true" or "false"
	NumberField
	SpanField   // of time: "30s", "8h"
	SecretField // never in the profile
)

// fieldSpec is what the editor knows of a field. What it may hold only app/profile
// knows: see availability.
type fieldSpec struct {
	key     string
	section string
	kind    FieldKind
	choices []string // of a ChoiceField, or to choose from in a ListField
	sample  string   // a value that is right, to show and to ask app/profile with
	help    bool     // it has a sentence
	needs   values   // what other fields have to hold for it to mean anything
	unless  values   // and may not
}

// values is what the fields hold, by their keys.
type values map[string]string

// means says that a field means something beside the others. One that does not is
// neither shown nor kept.
func (s *fieldSpec) means(v values) bool {
	for key, text := range s.needs {
		if v[key] != text {
			return false
		}
	}
	for key, text := range s.unless {
		if v[key] == text {
			return false
		}
	}
	return true
}

var (
	encrypted       = values{"ipsec.enabled": "true"}
	withKey         = values{"ipsec.enabled": "true", "ipsec.auth": "psk"}
	withCertificate = values{"ipsec.enabled": "true", "ipsec.auth": "certificate"}
	withoutNames    = values{"dns.mode": "off"}
)

var groups = []string{"modp1024", "modp1536", "modp2048", "modp3072", "modp4096", "ecp256", "ecp384", "ecp521"}

// sections is the order of the editor's parts. Only the first one is always open.
var sections = []string{"always", "name", "ipsec", "l2tp", "ppp", "routing", "dns", "reconnect"}

// fieldSpecs is every key of a profile file and every secret, in the order of the
// editor.
var fieldSpecs = []fieldSpec{
	{key: FieldServer, section: "always", kind: TextField, sample: "vpn.example.com", help: true},
	{key: "user", section: "always", kind: TextField, sample: "alice", help: true},
	{key: FieldPassword, section: "always", kind: SecretField},
	{key: "ask_password", section: "always", kind: TickField},
	{key: FieldPSK, section: "always", kind: SecretField, help: true, needs: withKey},
	{key: "preset", section: "always", kind: ChoiceField, help: true},

	{key: "name", section: "name", kind: TextField, sample: "Office", help: true},
	{key: FieldMoreServers, section: "name", kind: ListField, sample: "vpn2.example.com", help: true},
	{key: "domain", section: "name", kind: TextField, sample: "COMPANY", help: true},

	{key: "ipsec.enabled", section: "ipsec", kind: TickField, help: true},
	{key: "ipsec.auth", section: "ipsec", kind: ChoiceField, choices: []string{"psk", "certificate"}, needs: encrypted},
	{key: "ipsec.certificate", section: "ipsec", kind: TextField, sample: "alice.p12", help: true, needs: withCertificate},
	{key: "ipsec.ca", section: "ipsec", kind: TextField, sample: "ca.pem", help: true, needs: withCertificate},
	{key: "ipsec.group", section: "ipsec", kind: TextField, sample: "staff", help: true, needs: encrypted},
	{key: "ipsec.remote_id", section: "ipsec", kind: TextField, sample: "gw.example.com", help: true, needs: encrypted},
	{key: "ipsec.phase1", section: "ipsec", kind: ListField, sample: "aes256-sha256-modp2048", help: true, needs: encrypted},
	{key: "ipsec.phase2", section: "ipsec", kind: ListField, sample: "aes256-sha1", help: true, needs: encrypted},
	{key: "ipsec.pfs", section: "ipsec", kind: ChoiceField, choices: append([]string{"auto", "off"}, groups...), help: true, needs: encrypted},
	{key: "ipsec.encapsulation", section: "ipsec", kind: ChoiceField, choices: []string{"auto", "udp", "esp"}, needs: encrypted},
	{key: "ipsec.phase1_lifetime", section: "ipsec", kind: SpanField, sample: "8h", needs: encrypted},
	{key: "ipsec.phase2_lifetime", section: "ipsec", kind: SpanField, sample: "1h", needs: encrypted},
	{key: "ipsec.dpd_interval", section: "ipsec", kind: SpanField, sample: "30s", help: true, needs: encrypted},
	{key: "ipsec.source_ports", section: "ipsec", kind: ChoiceField, choices: []string{"ephemeral", "standard"}, needs: encrypted},

	{key: "l2tp.hello_interval", section: "l2tp", kind: SpanField, sample: "60s", help: true},
	{key: "l2tp.tunnel_auth", section: "l2tp", kind: TickField, help: true},
	{key: FieldTunnelSecret, section: "l2tp", kind: SecretField, help: true, needs: values{"l2tp.tunnel_auth": "true"}},
	{key: "l2tp.source_port", section: "l2tp", kind: NumberField, sample: "1701", help: true},
	{key: "l2tp.data_sequencing", section: "l2tp", kind: TickField},

	{key: "ppp.auth", section: "ppp", kind: ListField, choices: []string{"mschapv2", "chap", "pap", "eap-mschapv2", "eap-md5", "eap-gtc", "eap-tls", "mschap"}, sample: "mschapv2", help: true},
	{key: "ppp.mru", section: "ppp", kind: NumberField, sample: "1280", help: true},
	{key: "ppp.mppe", section: "ppp", kind: ChoiceField, choices: []string{"auto", "off", "require"}, help: true},
	{key: "ppp.echo_interval", section: "ppp", kind: SpanField, sample: "30s", help: true},
	{key: "ppp.echo_failures", section: "ppp", kind: NumberField, sample: "4", help: true},
	{key: "ppp.auth_timeout", section: "ppp", kind: SpanField, sample: "90s", help: true},
	{key: "ppp.address", section: "ppp", kind: TextField, sample: "10.99.0.10", help: true},

	{key: "routing.mode", section: "routing", kind: ChoiceField, choices: []string{"full", "split"}},
	{key: "routing.include", section: "routing", kind: ListField, sample: "10.0.0.0/8", help: true, needs: values{"routing.mode": "split"}},
	{key: "routing.exclude", section: "routing", kind: ListField, sample: "192.0.2.0/24", help: true, needs: values{"routing.mode": "full"}},
	{key: "routing.from_gateway", section: "routing", kind: TickField, help: true},
	{key: "routing.local_network", section: "routing", kind: TickField, help: true},
	{key: "routing.ipv6", section: "routing", kind: ChoiceField, choices: []string{"auto", "block", "leave"}, help: true},
	{key: "routing.kill_switch", section: "routing", kind: TickField, help: true},

	{key: "dns.mode", section: "dns", kind: ChoiceField, choices: []string{"auto", "manual", "off"}},
	{key: "dns.servers", section: "dns", kind: ListField, sample: "10.99.0.1", needs: values{"dns.mode": "manual"}},
	{key: "dns.search", section: "dns", kind: ListField, sample: "corp.example.com", help: true, unless: withoutNames},
	{key: "dns.domains", section: "dns", kind: ListField, sample: "corp.example.com", help: true, unless: withoutNames},

	{key: "reconnect.on_drop", section: "reconnect", kind: TickField},
	{key: "reconnect.on_start", section: "reconnect", kind: TickField},
	{key: "reconnect.idle_disconnect", section: "reconnect", kind: SpanField, sample: "30m", help: true},
}

// specOf finds a field; nil: there is none.
func specOf(key string) *fieldSpec {
	for i := range fieldSpecs {
		if fieldSpecs[i].key == key {
			return &fieldSpecs[i]
		}
	}
	return nil
}
