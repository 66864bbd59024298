package importer

import (
	"bytes"
	"encoding/json"
	"regexp"
	"strings"

	"github.com/pelletier/go-toml/v2"
)

var (
	inVPNSection  = regexp.MustCompile(`(?m)^[ \t]*\[vpn\][ \t]*$`)
	inPhoneBook   = regexp.MustCompile(`(?mi)^[ \t]*(MEDIA=rastapi|VpnStrategy=\d|PhoneNumber=)`)
	inIPsecConf   = regexp.MustCompile(`(?m)^[ \t]*(conn[ \t]+[^\s#]+[ \t]*(#.*)?$|\[lac[ \t]|config[ \t]+setup)`)
	inIPsecSecret = regexp.MustCompile(`(?m)^[^#\n:]*:[ \t]*PSK[ \t]+("|0s|0x|')`)
	inPowerShell  = regexp.MustCompile(`(?i)\b((Add|Set)-VpnConnection\w*|rasdial(\.exe)?[ \t]+["'\w])`)
	inTOML        = regexp.MustCompile(`(?m)^[ \t]*(servers[ \t]*=[ \t]*\[|version[ \t]*=[ \t]*\d)`)
	partNames     = regexp.MustCompile(`(?i)^(ipsec\.(conf|secrets)|xl2tpd\.conf|(chap|pap|l2tp)-secrets|options([.-].*)?|.*\.(conf|secrets)|peers)$`)
)

// looksLikePart says that a file has a name of the ipsec.conf family.
func looksLikePart(name string) bool { return partNames.MatchString(baseName(name)) }

// detect says what data is, and gives it as text.
func detect(name string, data []byte) (Format, string, error) {
	if len(data) > MaxInput {
		return "", "", ErrTooLarge
	}
	switch {
	case bytes.HasPrefix(data, []byte("bplist")):
		return MobileConfig, "", nil
	case isDER(data):
		return MobileConfig, "", nil
	case bytes.Contains(data[:min(len(data), 4096)], []byte("<plist")):
		return MobileConfig, "", nil
	}
	text, err := decodeText(data)
	if err != nil {
		return "", "", err
	}
	trimmed := strings.TrimSpace(text)
	switch {
	case strings.HasPrefix(trimmed, "<") && strings.Contains(text, "<plist"):
		return MobileConfig, text, nil
	case strings.HasPrefix(trimmed, "{") && json.Valid([]byte(trimmed)):
		return ONC, text, nil
	case inVPNSection.MatchString(text):
		return NetworkManager, text, nil
	case inPhoneBook.MatchString(text):
		return Rasphone, text, nil
	case inIPsecConf.MatchString(text) || inIPsecSecret.MatchString(text):
		return IPsecConf, text, nil
	case inTOML.MatchString(text) && isTOML(name, text):
		return TOML, text, nil
	case inPowerShell.MatchString(text):
		return PowerShell, text, nil
	case strings.HasSuffix(strings.ToLower(name), ".toml"):
		return TOML, text, nil
	case !strings.ContainsRune(text, 0) && findLabels(text).worth():
		return Text, text, nil
	}
	return "", text, ErrUnknown
}

// isTOML tells a profile from a text that has such a line.
func isTOML(name, text string) bool {
	if strings.HasSuffix(strings.ToLower(name), ".toml") {
		return true
	}
	var any map[string]any
	return toml.Unmarshal([]byte(text), &any) == nil
}
