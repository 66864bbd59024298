package importer

import (
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"slices"
	"strings"
	"unicode/utf8"

	"howett.net/plist"

	"github.com/culvert-vpn/culvert/app/profile"
	"github.com/culvert-vpn/culvert/engine/secret"
	"github.com/culvert-vpn/culvert/engine/suite"
)

// nmSharedKey is a key as NetworkManager-l2tp has it in a keyfile: it writes it
// between quotes for the daemons, so that some need Base64.
func nmSharedKey(s secret.Secret) (string, bool) {
	if s == nil {
		return "", false
	}
	text := string(s)
	odd := func(r rune) bool { return r < ' ' || r > '~' || r == '"' || r == '\\' }
	if !utf8.ValidString(text) || strings.ContainsFunc(text, odd) || strings.HasPrefix(text, "0s") || strings.HasPrefix(text, "0x") || strings.TrimSpace(text) != text {
		return "0s" + base64.StdEncoding.EncodeToString(s), true
	}
	return text, true
}

// mobileConfig is a configuration profile for macOS and iOS. What a payload does
// not say, such as a password, the system asks for when it is installed.
func (e *exporter) mobileConfig() error {
	p := e.p
	ppp := map[string]any{"CommRemoteAddress": p.Servers[0], "AuthName": p.Login()}
	ipsec := map[string]any{"AuthenticationMethod": "SharedSecret"}
	if e.secrets.PSK != nil {
		ipsec["SharedSecret"] = []byte(e.secrets.PSK)
	}
	if password, ok := e.written(e.secrets.Password, "password"); ok {
		ppp["AuthPassword"] = password
	}
	if p.AskPassword {
		ppp["TokenCard"] = 1
	}
	if p.IPsec.Group != "" {
		ipsec["LocalIdentifier"], ipsec["LocalIdentifierType"] = p.IPsec.Group, "KeyID"
	}
	if p.Reconnect.IdleDisconnect != 0 {
		ppp["DisconnectOnIdle"], ppp["DisconnectOnIdleTimer"] = 1, int(p.Reconnect.IdleDisconnect.Std().Seconds())
	}
	all := 1
	if p.Routing.Mode == "split" {
		all = 0
	}
	vpn := map[string]any{
		"PayloadType": vpnPayload, "PayloadVersion": 1, "PayloadIdentifier": "culvert." + p.ID + ".vpn", "PayloadUUID": strings.ToUpper(p.ID),
		"PayloadDisplayName": p.Name, "UserDefinedName": p.Name, "VPNType": "L2TP",
		"PPP": ppp, "IPSec": ipsec, "IPv4": map[string]any{"OverridePrimary": all},
	}
	if dns := e.appleDNS(); len(dns) > 0 {
		vpn["DNS"] = dns
	}
	e.carries("ask_password", "ipsec.group", "reconnect.idle_disconnect")
	if p.Routing.Mode == "split" && len(p.Routing.Include) == 0 {
		e.carries("routing.mode")
	}
	e.noTunnelSecret()
	if !p.IPsec.Enabled {
		e.leave("ipsec.enabled", "false", "Apple's systems have no L2TP without IPsec.")
		e.carries("ipsec.enabled")
	}
	e.carries("domain") // in front of the user's name
	out, err := plist.MarshalIndent(map[string]any{
		"PayloadType": "Configuration", "PayloadVersion": 1, "PayloadIdentifier": "culvert." + p.ID, "PayloadUUID": outerUUID(p.ID),
		"PayloadDisplayName": p.Name, "PayloadContent": []any{vpn},
	}, plist.XMLFormat, "\t")
	if err != nil {
		return fmt.Errorf("importer: %w", err)
	}
	e.out = append(out, '\n')
	return nil
}

func (e *exporter) appleDNS() map[string]any {
	d, dns := e.p.DNS, map[string]any{}
	if len(d.Servers) > 0 {
		dns["ServerAddresses"] = d.Servers
		e.carries("dns.servers", "dns.mode")
	}
	if len(d.Search) > 0 {
		dns["SearchDomains"] = d.Search
		e.carries("dns.search")
	}
	if len(d.Domains) > 0 {
		dns["SupplementalMatchDomains"] = d.Domains
		e.carries("dns.domains")
	}
	return dns
}

func (e *exporter) noTunnelSecret() {
	if e.secrets.TunnelSecret != nil {
		e.leave("tunnel_secret", "", "This form has no place for it.")
		e.leftOut[len(e.leftOut)-1].Secret = true
	}
}

// outerUUID is that of the file around a payload: another one, and the same each
// time, so that installing it again replaces it (RFC 9562, 5.8).
func outerUUID(id string) string {
	b := sha256.Sum256([]byte("culvert configuration profile " + id))
	b[6], b[8] = b[6]&0x0f|0x80, b[8]&0x3f|0x80
	return strings.ToUpper(fmt.Sprintf("%x-%x-%x-%x-%x", b[:4], b[4:6], b[6:8], b[8:10], b[10:16]))
}

// powerShell is commands for Windows 10 and later.
func (e *exporter) powerShell() error {
	p := e.p
	name := psQuote(p.Name)
	psk, havePSK := e.written(e.secrets.PSK, "psk")
	e.printf("# Makes a connection in Windows: paste it into PowerShell.\n")
	if havePSK {
		e.printf("$psk = %s\n", psQuote(psk))
	} else {
		e.printf("$psk = Read-Host 'Pre-shared key'\n")
	}
	e.printf("Add-VpnConnection -Name %s -ServerAddress %s -TunnelType L2tp -L2tpPsk $psk", name, psQuote(p.Servers[0]))
	auth, level := p.PPP.Auth, "Optional"
	if len(auth) == 0 && p.Preset != "auto" {
		auth = p.AuthMethods() // Windows would take MS-CHAPv2 alone
	}
	if methods := psMethods(auth); methods != "" {
		e.printf(" -AuthenticationMethod %s", methods)
		if strings.Count(methods, ",")+1 == len(auth) {
			e.carries("ppp.auth") // but for their order, which the gateway decides
		}
		if methods == "MSChapv2" {
			level = "Required" // which Windows refuses beside PAP and CHAP
		}
	}
	e.printf(" -EncryptionLevel %s", level)
	if p.Routing.Mode == "split" {
		e.printf(" -SplitTunneling")
		e.carries("routing.mode", "routing.include")
	}
	if p.Reconnect.IdleDisconnect != 0 {
		e.printf(" -IdleDisconnectSeconds %d", int(p.Reconnect.IdleDisconnect.Std().Seconds()))
		e.carries("reconnect.idle_disconnect")
	}
	if len(p.DNS.Search) == 1 {
		e.printf(" -DnsSuffix %s", psQuote(p.DNS.Search[0]))
		e.carries("dns.search")
	}
	e.printf(" -RememberCredential -Force\n")
	for _, r := range p.Routing.Include {
		e.printf("Add-VpnConnectionRoute -ConnectionName %s -DestinationPrefix %s\n", name, r)
	}
	e.psSuites(name)
	e.noTunnelSecret()
	if !p.IPsec.Enabled {
		e.leave("ipsec.enabled", "false", "Windows has no L2TP without IPsec, but by a change of its registry.")
		e.carries("ipsec.enabled")
	}
	e.carries("domain") // in front of the user's name
	e.printf("\n# Connects; the star asks for the password:\n# rasdial %s %s", name, psQuote(p.Login()))
	password, ok := e.written(e.secrets.Password, "password")
	if ok && password == "*" {
		e.leave("password", "", "Windows takes a star for the wish to be asked.")
		e.leftOut[len(e.leftOut)-1].Secret = true
		ok = false
	}
	if ok {
		e.printf(" %s\n", psQuote(password))
	} else {
		e.printf(" *\n")
	}
	return nil
}

// psSuites is the algorithms: Windows takes one suite of each phase, and knows
// not all of them.
func (e *exporter) psSuites(name string) {
	p := e.p
	if len(p.IPsec.Phase1) == 0 || len(p.IPsec.Phase2) == 0 {
		return // both are asked for, or Windows' own are used
	}
	one, two := suite.Phase1(p.IPsec.Phase1[0]), suite.Phase2(p.IPsec.Phase2[0])
	words := strings.Split(one.String(), "-")
	espWords := strings.Split(two.String(), "-")
	encryption, integrity := psName(psCiphers, words[0], "aes", "des"), psName(psHashes, words[1], "sha1", "sha256", "sha384", "md5")
	cipher := psName(psCiphers, espWords[0], "gcm", "aes", "des")
	auth := cipher // of GCM both are the same
	if len(espWords) > 1 {
		auth = psName(psHashes, espWords[1], "md596", "sha196", "sha256128")
	}
	group, pfs := psGroup(one.Group, "group", "ecp"), "None"
	if !p.IPsec.PFS.Auto && p.IPsec.PFS.Group != 0 {
		pfs = psGroup(p.IPsec.PFS.Group, "pfs", "ecp")
	}
	if encryption == "" || integrity == "" || cipher == "" || auth == "" || group == "" || pfs == "" {
		return
	}
	e.printf("Set-VpnConnectionIPsecConfiguration -ConnectionName %s -EncryptionMethod %s -IntegrityCheckMethod %s -DHGroup %s -CipherTransformConstants %s -AuthenticationTransformConstants %s -PfsGroup %s -Force\n",
		name, encryption, integrity, group, cipher, auth, pfs)
	const first = "Windows takes one; the first is in it."
	if len(p.IPsec.Phase1) > 1 {
		e.leave("ipsec.phase1", names(p.IPsec.Phase1), first)
	}
	if len(p.IPsec.Phase2) > 1 {
		e.leave("ipsec.phase2", names(p.IPsec.Phase2), first)
	}
	e.carries("ipsec.phase1", "ipsec.phase2")
	if !p.IPsec.PFS.Auto {
		e.carries("ipsec.pfs")
	}
}

// psName is Windows' name of an algorithm, out of those with such a beginning.
func psName(of map[string]string, ours string, beginnings ...string) string {
	for _, b := range beginnings {
		for theirs, o := range of {
			if o == ours && strings.HasPrefix(theirs, b) && (b == "aes" || b == "des" || b == "gcm" || theirs == b) {
				return strings.ToUpper(theirs)
			}
		}
	}
	return ""
}

func psGroup(g suite.Group, beginnings ...string) string {
	for _, b := range beginnings {
		for theirs, o := range psGroups {
			if o == g && strings.HasPrefix(theirs, b) {
				return strings.ToUpper(theirs)
			}
		}
	}
	return ""
}

func psMethods(methods []profile.AuthMethod) string {
	var out []string
	for _, m := range []struct {
		ours   profile.AuthMethod
		theirs string
	}{{profile.MSCHAPv2, "MSChapv2"}, {profile.CHAP, "Chap"}, {profile.PAP, "Pap"}} {
		if slices.Contains(methods, m.ours) {
			out = append(out, m.theirs)
		}
	}
	if len(out) == 0 && slices.Contains(methods, profile.EAPMSCHAPv2) {
		return "Eap" // EAP-MSCHAPv2, where nothing else is said
	}
	return strings.Join(out, ",")
}

// psQuote is a string without expansion; whatever PowerShell takes for its quote
// is doubled.
func psQuote(s string) string {
	var b strings.Builder
	b.WriteByte('\'')
	for _, r := range s {
		if isSingle(r) {
			b.WriteRune(r)
		}
		b.WriteRune(r)
	}
	return b.String() + "'"
}
