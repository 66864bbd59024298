package importer

import (
	"bytes"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"maps"
	"regexp"
	"slices"
	"strings"

	"howett.net/plist"

	"github.com/culvert-vpn/culvert/app/profile"
)

// Ours: a property list that is deeper or longer is none of a VPN.
const (
	maxDepthXML = 32
	maxElements = 50000
)

const vpnPayload = "com.apple.vpn.managed"

// readMobileConfig reads Apple's configuration profile: a property list, perhaps
// signed, with payloads, some of which are VPNs.
func readMobileConfig(s *source) error {
	data := s.data
	if isDER(data) {
		content, err := unwrap(data)
		if errors.Is(err, ErrEncrypted) {
			return err
		} else if err != nil {
			return &SyntaxError{MobileConfig, err}
		}
		data = content
		s.leave("signature", "", whySignature)
	}
	if bytes.HasPrefix(data, []byte("bplist")) {
		return ErrBinary
	}
	text, err := decodeText(data)
	if err != nil {
		return err
	}
	top, err := readPropertyList(text)
	if err != nil {
		return &SyntaxError{MobileConfig, err}
	}
	if _, encrypted := top["EncryptedPayloadContent"]; encrypted {
		return ErrEncrypted
	}
	return s.payload(top, show(top["PayloadDisplayName"]), 0)
}

// xmlProlog names an encoding that the text no longer has.
var xmlProlog = regexp.MustCompile(`^\s*<\?xml[^>]*\?>`)

// readPropertyList reads an XML property list with a dictionary in it. The library
// follows nesting as deep as it goes, so the text is looked over first.
func readPropertyList(text string) (top map[string]any, err error) {
	text = xmlProlog.ReplaceAllString(text, "")
	if err := looked(text); err != nil {
		return nil, err
	}
	defer func() {
		// The library passes run-time errors on.
		if p := recover(); p != nil {
			top, err = nil, errors.New("it is no property list")
		}
	}()
	if _, err := plist.Unmarshal([]byte(text), &top); err != nil {
		return nil, errors.New("it is no property list") // the library's words may have a value in them
	}
	return top, nil
}

// looked says whether the XML is well-formed, a property list, within bounds, and
// without entities of its own.
func looked(text string) error {
	d := xml.NewDecoder(strings.NewReader(text))
	depth, count := 0, 0
	for {
		token, err := d.Token()
		if errors.Is(err, io.EOF) {
			if count == 0 {
				return errors.New("it is empty")
			}
			return nil
		}
		if err != nil {
			return errors.New("its XML is damaged")
		}
		switch t := token.(type) {
		case xml.StartElement:
			if count == 0 && t.Name.Local != "plist" {
				return errors.New("it is no property list")
			}
			count++
			depth++
		case xml.EndElement:
			depth--
		case xml.Directive:
			if bytes.ContainsAny(t, "[") {
				return errors.New("its XML defines entities, which no property list does")
			}
		}
		if depth > maxDepthXML || count > maxElements {
			return errors.New("it is nested too deep, or too long")
		}
	}
}

// payload reads a dictionary with a PayloadType, and those in it.
func (s *source) payload(p map[string]any, title string, depth int) error {
	kind := show(p["PayloadType"])
	switch {
	case kind == vpnPayload:
		return s.vpn(p, title)
	case depth > 0 && kind != "Configuration":
		why := whyVPNOnly
		if strings.HasPrefix(kind, "com.apple.security.") {
			why = whyCertificate
		} else if strings.HasPrefix(kind, vpnPayload) {
			why = whyKind
		}
		s.leave(kind, show(p["PayloadDisplayName"]), why)
	}
	list, _ := p["PayloadContent"].([]any)
	if in, ok := p["PayloadContent"].(map[string]any); ok {
		list = []any{in}
	}
	for _, v := range list {
		if in, ok := v.(map[string]any); ok && depth < maxDepthXML {
			if err := s.payload(in, title, depth+1); err != nil {
				return err
			}
		}
	}
	return nil
}

// vpn reads one VPN.
func (s *source) vpn(p map[string]any, title string) error {
	name := show(p["UserDefinedName"])
	if kind := show(p["VPNType"]); kind != "L2TP" {
		s.leave(strings.TrimSpace(name+" VPNType"), kind, whyKind)
		return nil
	}
	d, err := s.draft()
	if err != nil {
		return err
	}
	for _, key := range []string{"UserDefinedName", "PayloadDisplayName"} {
		if n := show(p[key]); n != "" && d.p.Name == "" {
			d.name(key, n)
		}
	}
	if d.p.Name == "" {
		d.name("PayloadDisplayName", title)
	}
	d.id(show(p["PayloadUUID"]))
	for _, key := range slices.Sorted(maps.Keys(p)) {
		in, nested := p[key].(map[string]any)
		switch {
		case nested && slices.Contains([]string{"PPP", "IPSec", "IPv4", "DNS", "Proxies"}, key):
			for _, k := range slices.Sorted(maps.Keys(in)) {
				d.apple(key+"."+k, in[k])
			}
		case strings.HasPrefix(key, "Payload") || slices.Contains([]string{"UserDefinedName", "VPNType", "VendorConfig", "EAP", "OverridePrimary"}, key):
		default:
			d.leave(key, show(p[key]), "", whyUnknown)
		}
	}
	if v, ok := p["IPv4"].(map[string]any); !ok || v["OverridePrimary"] == nil {
		// Apple's default: only the gateway's own network.
		d.full("IPv4.OverridePrimary", "", show(p["OverridePrimary"]) == "true")
	}
	return nil
}

// apple is one setting of a VPN.
func (d *draft) apple(key string, v any) {
	value := show(v)
	switch key {
	case "PPP.CommRemoteAddress":
		d.server(key, value)
	case "PPP.AuthName":
		d.user(key, value)
	case "PPP.AuthPassword":
		d.password(key, data(v))
	case "IPSec.SharedSecret":
		d.psk(key, data(v))
	case "IPSec.AuthenticationMethod":
		if value == "SharedSecret" {
			d.note(key, value, "ipsec.auth")
		} else {
			d.leave(key, value, "ipsec.auth", whyCertificate)
		}
	case "IPSec.LocalIdentifier":
		if value != "" {
			d.set(key, value, "ipsec.group", func(p *profile.Profile) { p.IPsec.Group = value })
		}
	case "IPSec.PayloadCertificateUUID":
		d.leave(key, value, "ipsec.certificate", whyCertificate)
	case "IPv4.OverridePrimary":
		d.full(key, value, yes(value))
	case "PPP.AuthProtocol", "PPP.AuthEAPPlugins":
		if value != "" {
			d.leave(key, value, "ppp.auth", whyEAP)
		}
	case "PPP.TokenCard":
		if yes(value) {
			d.set(key, value, "ask_password", func(p *profile.Profile) { p.AskPassword = true })
		}
	case "PPP.DisconnectOnIdle":
	case "PPP.DisconnectOnIdleTimer":
		d.idle(key, value)
	case "DNS.ServerAddresses":
		d.nameServers(key, value, stringList(v))
	case "DNS.SearchDomains":
		d.search(key, value, stringList(v))
	case "DNS.DomainName":
		if len(d.p.DNS.Search) == 0 {
			d.search(key, value, stringList([]any{v}))
		}
	case "DNS.SupplementalMatchDomains":
		if list := stringList(v); len(list) > 0 {
			d.set(key, value, "dns.domains", func(p *profile.Profile) { p.DNS.Domains = list })
		}
	default:
		d.appleOther(key, value)
	}
}

// appleOther is what Culvert has nothing for; switches that are off need nothing.
func (d *draft) appleOther(key, value string) {
	off := value == "" || value == "0" || value == "false"
	switch {
	case off || key == "IPSec.LocalIdentifierType" || key == "IPSec.PromptForVPNPIN":
	case strings.HasPrefix(key, "PPP.CCP"):
		d.set(key, value, "ppp.mppe", func(p *profile.Profile) { p.PPP.MPPE = "require" })
	case strings.HasPrefix(key, "Proxies."):
		d.leave(key, value, "", whyProxies)
	case strings.HasPrefix(key, "IPSec.OnDemand"):
		d.leave(key, value, "reconnect.on_start", whyOnDemand)
	default:
		d.leave(key, value, "", whyUnknown)
	}
}

// data is a secret: wild files have strings where Apple has data.
func data(v any) []byte {
	switch v := v.(type) {
	case []byte:
		return v
	case string:
		return []byte(v)
	case uint64, int64: // <integer>1234</integer>
		return fmt.Append(nil, v)
	}
	return nil
}

func stringList(v any) []string {
	list, _ := v.([]any)
	var out []string
	for _, e := range list {
		if s := text(e); s != "" {
			out = append(out, s)
		}
	}
	return out
}
