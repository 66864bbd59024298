package importer

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/culvert-vpn/culvert/app/profile"
)

// readONC reads ChromeOS' Open Network Configuration, and tells the JSON of
// strongSwan's Android client from it.
func readONC(s *source) error {
	var top map[string]any
	if err := json.Unmarshal([]byte(s.text), &top); err != nil {
		return &SyntaxError{ONC, errors.New("it is no JSON object")}
	}
	if kind := show(top["type"]); strings.HasPrefix(kind, "ikev2") {
		s.leave("type", kind, whyStrongSwan)
		return nil
	}
	if show(top["Type"]) == "EncryptedConfiguration" {
		return ErrEncrypted
	}
	networks, _ := top["NetworkConfigurations"].([]any)
	if networks == nil && top["VPN"] != nil {
		networks = []any{top} // one of them alone
	}
	if networks == nil {
		return ErrUnknown
	}
	if certs, _ := top["Certificates"].([]any); len(certs) > 0 {
		s.leave("Certificates", fmt.Sprintf("%d of them", len(certs)), whyCertificate)
	}
	for i, n := range networks {
		network, _ := n.(map[string]any)
		vpn, _ := network["VPN"].(map[string]any)
		kind := show(vpn["Type"])
		if kind != "L2TP-IPsec" {
			key := fmt.Sprintf("NetworkConfigurations.%d.Type", i)
			s.leave(key, strings.TrimSpace(show(network["Type"])+" "+kind), whyKind)
			continue
		}
		d, err := s.draft()
		if err != nil {
			return err
		}
		d.name("Name", show(network["Name"]))
		d.id(show(network["GUID"]))
		d.onc("VPN", vpn)
		for _, key := range slices.Sorted(maps.Keys(network)) {
			if !slices.Contains([]string{"Name", "GUID", "Type", "VPN", "Priority", "Source", "Remove"}, key) {
				d.leave(key, show(network[key]), "", whyUnknown)
			}
		}
	}
	return nil
}

// onc reads an object of settings and those in it.
func (d *draft) onc(path string, object map[string]any) {
	for _, key := range slices.Sorted(maps.Keys(object)) {
		full, v := path+"."+key, object[key]
		if in, ok := v.(map[string]any); ok && (full == "VPN.IPsec" || full == "VPN.L2TP") {
			d.onc(full, in)
			continue
		}
		d.oncEntry(full, show(v), v)
	}
}

func (d *draft) oncEntry(full, value string, v any) {
	if strings.Contains(value, "${") {
		d.leave(full, value, "", whyAccount)
		return
	}
	switch full {
	case "VPN.Type", "VPN.IPsec.SaveCredentials", "VPN.L2TP.SaveCredentials":
	case "VPN.Host":
		d.server(full, value)
	case "VPN.AutoConnect":
		if yes(value) {
			d.set(full, value, "reconnect.on_start", func(p *profile.Profile) { p.Reconnect.OnStart = true })
		}
	case "VPN.IPsec.AuthenticationType":
		if value == "PSK" {
			d.note(full, value, "ipsec.auth")
		} else {
			d.leave(full, value, "ipsec.auth", whyCertificate)
		}
	case "VPN.IPsec.IKEVersion":
		if value == "1" {
			d.note(full, value, "")
		} else {
			d.leave(full, value, "", whyIKEv2)
		}
	case "VPN.IPsec.PSK":
		d.psk(full, []byte(text(v)))
	case "VPN.IPsec.Group":
		if value != "" {
			d.set(full, value, "ipsec.group", func(p *profile.Profile) { p.IPsec.Group = value })
		}
	case "VPN.IPsec.ServerCARef", "VPN.IPsec.ServerCARefs", "VPN.IPsec.ServerCAPEMs", "VPN.IPsec.ClientCertType", "VPN.IPsec.ClientCertRef",
		"VPN.IPsec.ClientCertPKCS11Id", "VPN.IPsec.ClientCertPattern":
		if value != "" && value != "None" {
			d.leave(full, value, "ipsec.certificate", whyCertificate)
		}
	case "VPN.L2TP.Username":
		d.user(full, value)
	case "VPN.L2TP.Password":
		d.password(full, []byte(text(v)))
	case "VPN.L2TP.LcpEchoDisabled":
		if yes(value) {
			d.set(full, value, "ppp.echo_interval", func(p *profile.Profile) { p.PPP.EchoInterval = 0 })
		}
	default:
		d.leave(full, value, "", whyUnknown)
	}
}

// text is a value that has to be a string, whole.
func text(v any) string {
	s, _ := v.(string)
	return s
}
