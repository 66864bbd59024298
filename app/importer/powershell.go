package importer

import (
	"regexp"
	"slices"
	"strings"

	"github.com/culvert-vpn/culvert/app/profile"
	"github.com/culvert-vpn/culvert/engine/suite"
)

// psValue is the value of a parameter or of a variable.
type psValue struct {
	items    []string // one, or those of an array
	computed bool     // an expression, or a variable that is not known
	none     bool     // a switch without a value
}

// text is the value as one string.
func (v psValue) text() string { return strings.Join(v.items, ",") }

// on is the value of a switch.
func (v psValue) on() bool { return v.none || yes(v.text()) }

type psParam struct {
	name  string // lower case, without the dash; of an argument without a name: ""
	value psValue
}

// psReader is a script while it is read.
type psReader struct {
	*psScanner
	tables map[string][]psParam // hash tables in variables
	byName map[string]*psDraft
	order  []*psDraft
}

// psDraft is a connection of Windows.
type psDraft struct {
	*draft
	other string // another TunnelType than L2TP
	main  psTransforms
}

// psTransforms is Set-VpnConnectionIPsecConfiguration.
type psTransforms struct{ auth, cipher, group, encryption, integrity, pfs string }

// readPowerShell reads commands as people paste them: Add-VpnConnection,
// Set-VpnConnection, Set-VpnConnectionIPsecConfiguration, Add-VpnConnectionRoute
// and rasdial, with variables and hash tables that have plain values.
func readPowerShell(s *source) error {
	p := &psReader{psScanner: &psScanner{text: []rune(s.text), vars: map[string]psValue{}}, tables: map[string][]psParam{}, byName: map[string]*psDraft{}}
	for {
		tokens, ok := p.scan()
		if !ok {
			break
		}
		p.statement(tokens)
		if len(p.order) > maxProfiles {
			return ErrTooLarge
		}
	}
	for _, d := range p.order {
		if d.other != "" {
			s.leave(strings.TrimSpace(d.p.Name+" -TunnelType"), d.other, whyKind)
			continue
		}
		d.transforms()
		s.drafts = append(s.drafts, d.draft)
	}
	return nil
}

// A commented-out rasdial is where an export has the name of the user.
var rasdialComment = regexp.MustCompile(`(?i)^#[ \t]*(rasdial(\.exe)?[ \t].*)$`)

func (p *psReader) statement(t []psToken) {
	if t[0].kind == 'c' {
		if m := rasdialComment.FindStringSubmatch(t[0].text); m != nil {
			inner := &psScanner{text: []rune(m[1]), vars: p.vars}
			if tokens, ok := inner.scan(); ok {
				p.command(tokens)
			}
		}
		return
	}
	if t[0].kind == '$' && len(t) > 1 && t[1].kind == '=' {
		p.assign(t[0].text, t[2:])
		return
	}
	p.command(t)
}

// assign is $name = value, or = @{ … }.
func (p *psReader) assign(name string, t []psToken) {
	delete(p.vars, name)
	delete(p.tables, name)
	if len(t) > 0 && t[0].kind == '{' {
		p.tables[name] = p.table(t[1:])
		return
	}
	v, rest := p.value(t)
	v.computed = v.computed || len(rest) > 0 || len(v.items) == 0
	p.vars[name] = v
}

// table is the entries of a hash table.
func (p *psReader) table(t []psToken) []psParam {
	var out []psParam
	for len(t) > 2 && t[0].kind != '}' {
		if t[0].kind != 'w' && t[0].kind != 's' || t[1].kind != '=' {
			t = t[1:]
			continue
		}
		key := strings.ToLower(t[0].text)
		v, rest := p.value(t[2:])
		out = append(out, psParam{key, v})
		t = rest
	}
	return out
}

// value reads a value at the beginning of t, and gives what follows it.
func (p *psReader) value(t []psToken) (psValue, []psToken) {
	var v psValue
	for len(t) > 0 {
		if len(v.items) > maxPSItems {
			v = psValue{computed: true}
		}
		switch t[0].kind {
		case 'w', 's':
			v.items = append(v.items, t[0].text)
			v.computed = v.computed || t[0].computed
		case '$':
			known, ok := p.vars[t[0].text]
			switch name := t[0].text; {
			case name == "true" || name == "false" || name == "null":
				known = psValue{items: []string{"$" + name}}
			case !ok:
				known = psValue{items: []string{"$" + name}, computed: true}
			}
			v.items = append(v.items, known.items...)
			v.computed = v.computed || known.computed
		case '(':
			end := closing(t)
			in, rest := p.value(t[1:end])
			v.items = append(v.items, in.items...)
			v.computed = v.computed || in.computed || len(rest) > 0 || len(in.items) == 0
			t = t[end:]
			if len(t) == 0 {
				return v, nil
			}
		default:
			return v, t
		}
		t = t[1:]
		if len(t) == 0 || t[0].kind != ',' {
			return v, t
		}
		t = t[1:]
	}
	return v, t
}

// closing is where the bracket at the beginning of t ends.
func closing(t []psToken) int {
	depth := 0
	for i, e := range t {
		switch e.kind {
		case '(', '{':
			depth++
		case ')', '}':
			if depth--; depth == 0 {
				return i
			}
		}
	}
	return len(t)
}

// params is the arguments of a command.
func (p *psReader) params(t []psToken) []psParam {
	var out []psParam
	for len(t) > 0 {
		switch t[0].kind {
		case '@':
			out = append(out, p.tables[t[0].text]...)
			t = t[1:]
		case 'p':
			name := t[0].text
			t = t[1:]
			v := psValue{none: true}
			if len(t) > 0 && slices.Contains([]byte{'w', 's', '$', '('}, t[0].kind) && !switches[full(name)] {
				v, t = p.value(t)
			} else if len(t) > 0 && t[0].kind == '$' { // -SplitTunneling:$false
				v, t = p.value(t)
			}
			out = append(out, psParam{name, v})
		case 'w', 's', '$', '(':
			var v psValue
			v, t = p.value(t)
			out = append(out, psParam{"", v})
		default:
			t = t[1:]
		}
	}
	return out
}

// psNames are the parameters by their whole names.
var psNames = []string{"name", "connectionname", "serveraddress", "tunneltype", "l2tppsk", "authenticationmethod", "encryptionlevel", "splittunneling", "alluserconnection",
	"remembercredential", "usewinlogoncredential", "idledisconnectseconds", "dnssuffix", "eapconfigxmlstream", "machinecertificateissuerfilter", "machinecertificateekufilter", "serverlist",
	"force", "passthru", "whatif", "confirm", "destinationprefix", "routemetric", "authenticationtransformconstants", "ciphertransformconstants", "dhgroup", "encryptionmethod",
	"integritycheckmethod", "pfsgroup", "dnssuffixsearchlist", "erroraction", "cimsession", "throttlelimit", "asjob", "verbose"}

var switches = map[string]bool{"splittunneling": true, "alluserconnection": true, "remembercredential": true, "usewinlogoncredential": true, "force": true, "passthru": true,
	"whatif": true, "confirm": true, "asjob": true, "verbose": true}

// full is the whole name of a parameter: PowerShell takes any beginning of it that
// is one's alone among those of a command, and so the first one here.
func full(name string) string {
	if slices.Contains(psNames, name) || name == "" {
		return name
	}
	for _, n := range psNames {
		if strings.HasPrefix(n, name) {
			return n
		}
	}
	return name
}

// command reads one that is about a VPN.
func (p *psReader) command(t []psToken) {
	if t[0].kind != 'w' {
		return
	}
	name := strings.ToLower(t[0].text)
	params := p.params(t[1:])
	switch name {
	case "rasdial", "rasdial.exe":
		p.rasdial(params)
	case "add-vpnconnection", "set-vpnconnection", "set-vpnconnectionipsecconfiguration", "add-vpnconnectionroute", "add-vpnconnectiontriggerdnsconfiguration":
		d := p.connection(params)
		for i, a := range params {
			a.name = full(a.name)
			if a.name == "" {
				a.name = positional(name, params[:i])
			}
			d.param(name, a)
		}
	}
}

// positional is what an argument without a name is: the first one the name, the
// second one the server or the network.
func positional(command string, before []psParam) string {
	n := 0
	for _, a := range before {
		if a.name == "" {
			n++
		}
	}
	switch {
	case n == 0:
		return "name"
	case n == 1 && strings.HasSuffix(command, "route"):
		return "destinationprefix"
	case n == 1 && command == "add-vpnconnection":
		return "serveraddress"
	}
	return ""
}

// connection is the one that a command names, or a new one.
func (p *psReader) connection(params []psParam) *psDraft {
	name := ""
	for _, a := range params {
		if n := full(a.name); (n == "name" || n == "connectionname" || n == "" && name == "") && len(a.value.items) > 0 && !a.value.computed {
			name = a.value.text()
			if n != "" {
				break
			}
		}
	}
	key := strings.ToLower(name)
	d := p.byName[key]
	if d == nil {
		d = &psDraft{draft: newDraft()}
		p.byName[key] = d
		p.order = append(p.order, d)
		d.name("-Name", name)
	}
	return d
}

// rasdial is "rasdial NAME [USER [PASSWORD]]"; a star asks for the password.
func (p *psReader) rasdial(params []psParam) {
	var args []psValue
	for _, a := range params {
		if a.name == "" && !strings.HasPrefix(a.value.text(), "/") {
			args = append(args, a.value)
		}
	}
	if len(args) == 0 {
		return
	}
	d := p.connection([]psParam{{"name", args[0]}})
	for i, a := range args[1:] {
		switch {
		case a.computed || i == 1 && a.text() == "*" || i > 1:
		case i == 0:
			d.user("rasdial", a.text())
		default:
			d.password("rasdial", []byte(a.text()))
		}
	}
}

// param is one parameter of a command. Name and switches that only Windows needs
// are nothing to show.
func (d *psDraft) param(command string, a psParam) {
	key, value := "-"+psTitle(a.name), a.value.text()
	if a.value.computed {
		if a.name != "name" && a.name != "connectionname" {
			d.leaveSecret(key, value, "", whyComputed)
		}
		return
	}
	switch a.name {
	case "name", "connectionname", "force", "passthru", "whatif", "confirm", "verbose", "asjob", "erroraction", "alluserconnection", "remembercredential", "routemetric":
	case "serveraddress":
		d.server(key, value)
	case "tunneltype":
		d.tunnelType(key, value)
	case "l2tppsk":
		d.psk(key, []byte(value))
	case "authenticationmethod":
		d.windowsMethods(key, a.value.items)
	case "encryptionlevel":
		if strings.EqualFold(value, "NoEncryption") {
			d.leave(key, value, "", whyEncrypts)
		} else {
			d.note(key, value, "ipsec.enabled")
		}
	case "splittunneling":
		d.full(key, map[bool]string{true: "on", false: "off"}[a.value.on()], !a.value.on())
	case "destinationprefix":
		d.through(key, value, value)
	case "usewinlogoncredential":
		if a.value.on() {
			d.leave(key, value, "", whyWindowsLogin)
		}
	case "idledisconnectseconds":
		d.idle(key, value)
	case "dnssuffix", "dnssuffixsearchlist":
		d.search(key, value, splitList(value))
	case "eapconfigxmlstream":
		d.leave(key, value, "ppp.auth", whyEAP)
	case "machinecertificateissuerfilter", "machinecertificateekufilter":
		d.leave(key, value, "ipsec.certificate", whyCertificate)
	case "authenticationtransformconstants":
		d.main.auth = value
	case "ciphertransformconstants":
		d.main.cipher = value
	case "dhgroup":
		d.main.group = value
	case "encryptionmethod":
		d.main.encryption = value
	case "integritycheckmethod":
		d.main.integrity = value
	case "pfsgroup":
		d.main.pfs = value
	default:
		d.leave(key, value, "", whyUnknown)
	}
}

// psTitle is a parameter as Windows writes it.
func psTitle(name string) string {
	titles := []string{"Name", "ConnectionName", "ServerAddress", "TunnelType", "L2tpPsk", "AuthenticationMethod", "EncryptionLevel", "SplitTunneling", "UseWinlogonCredential", "IdleDisconnectSeconds",
		"DnsSuffix", "DnsSuffixSearchList", "EapConfigXmlStream", "MachineCertificateIssuerFilter", "MachineCertificateEKUFilter", "DestinationPrefix"}
	for _, t := range titles {
		if strings.EqualFold(t, name) {
			return t
		}
	}
	return name
}

func (d *psDraft) tunnelType(key, value string) {
	switch strings.ToLower(value) {
	case "l2tp":
		d.other = ""
		d.note(key, value, "")
	case "automatic":
		d.leave(key, value, "", whyOtherProtocols)
	default:
		d.other = value
	}
}

// windowsMethods is AuthenticationMethod.
func (d *psDraft) windowsMethods(key string, values []string) {
	var methods []profile.AuthMethod
	for _, v := range values {
		switch strings.ToLower(v) {
		case "mschapv2":
			methods = append(methods, profile.MSCHAPv2)
		case "chap":
			methods = append(methods, profile.CHAP)
		case "pap":
			methods = append(methods, profile.PAP)
		case "eap":
			methods = append(methods, "eap-mschapv2")
		case "machinecertificate":
			d.leave(key, v, "ipsec.auth", whyCertificate)
		default:
			d.leave(key, v, "ppp.auth", whyUnknown)
		}
	}
	d.methods(key, strings.Join(values, ","), methods)
}

// Windows' names of algorithms, as profiles have them.
var (
	psCiphers = map[string]string{"des": "des", "des3": "3des", "aes128": "aes128", "aes192": "aes192", "aes256": "aes256", "gcmaes128": "aes128gcm16", "gcmaes192": "aes192gcm16", "gcmaes256": "aes256gcm16"}
	psHashes  = map[string]string{"md5": "md5", "md596": "md5", "sha1": "sha1", "sha196": "sha1", "sha256": "sha256", "sha256128": "sha256", "sha384": "sha384"}
	psGroups  = map[string]suite.Group{"group1": suite.MODP768, "group2": suite.MODP1024, "group14": suite.MODP2048, "ecp256": suite.ECP256, "ecp384": suite.ECP384,
		"pfs1": suite.MODP768, "pfs2": suite.MODP1024, "pfs2048": suite.MODP2048}
)

// transforms is what Set-VpnConnectionIPsecConfiguration has named.
func (d *psDraft) transforms() {
	t := d.main
	if t.encryption != "" || t.integrity != "" || t.group != "" {
		group := psGroups[strings.ToLower(t.group)]
		value := strings.Trim(t.encryption+" "+t.integrity+" "+t.group, " ")
		name := psCiphers[strings.ToLower(t.encryption)] + "-" + psHashes[strings.ToLower(t.integrity)] + "-" + group.String()
		if s, err := suite.ParsePhase1(name); err != nil {
			d.leave("-EncryptionMethod -IntegrityCheckMethod -DHGroup", value, "ipsec.phase1", whySuite)
		} else {
			d.set("-EncryptionMethod -IntegrityCheckMethod -DHGroup", value, "ipsec.phase1", func(p *profile.Profile) { p.IPsec.Phase1 = []profile.IKESuite{profile.IKESuite(s)} })
		}
	}
	if t.cipher != "" || t.auth != "" {
		name := psCiphers[strings.ToLower(t.cipher)]
		if hash := psHashes[strings.ToLower(t.auth)]; !strings.HasSuffix(name, "gcm16") {
			name += "-" + hash
		}
		value := strings.Trim(t.cipher+" "+t.auth, " ")
		if s, err := suite.ParsePhase2(name); err != nil {
			d.leave("-CipherTransformConstants -AuthenticationTransformConstants", value, "ipsec.phase2", whySuite)
		} else {
			d.set("-CipherTransformConstants -AuthenticationTransformConstants", value, "ipsec.phase2", func(p *profile.Profile) { p.IPsec.Phase2 = []profile.ESPSuite{profile.ESPSuite(s)} })
		}
	}
	switch pfs := strings.ToLower(t.pfs); {
	case pfs == "":
	case pfs == "none":
		d.set("-PfsGroup", t.pfs, "ipsec.pfs", func(p *profile.Profile) { p.IPsec.PFS = profile.PFS{} })
	case pfs == "pfsmm" && psGroups[strings.ToLower(t.group)] != 0:
		d.group("-PfsGroup", t.pfs, psGroups[strings.ToLower(t.group)])
	case psGroups[pfs] != 0:
		d.group("-PfsGroup", t.pfs, psGroups[pfs])
	default:
		d.leave("-PfsGroup", t.pfs, "ipsec.pfs", whySuite)
	}
}
