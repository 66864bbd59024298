package profile

import (
	"slices"

	"github.com/culvert-vpn/culvert/engine/suite"
)

// Preset is what is known of a make of gateway: where to start, not what is
// possible. A key of the profile goes before it.
type Preset struct {
	Name   string // in profiles
	Title  string // for people
	Phase1 []suite.Phase1
	Phase2 []suite.Phase2
	PFS    suite.Group // 0: off
	Auth   []AuthMethod
}

// anyAuth is safest first: with MS-CHAPv2 both ends prove themselves, and PAP
// hands over the password. Gateways ask for what they want; the order is for
// those that leave a choice.
var anyAuth = []AuthMethod{MSCHAPv2, CHAP, PAP}

// presets is in the order of a menu.
var presets = []Preset{
	{
		// The union of what Windows 11 and macOS offer, with GCM in front.
		Name: "auto", Title: "Any gateway",
		Phase1: suite.DefaultPhase1(), Phase2: suite.DefaultPhase2(), Auth: anyAuth,
	}, {
		// What Windows 11 sends (ne-lab.com/platform/windows/2024/02/933):
		// for a gateway that somebody set up for Windows clients only. Its
		// single DES is left out.
		Name: "windows", Title: "Gateway for Windows clients",
		Phase1: suite.MustPhase1("aes256-sha1-ecp384", "aes128-sha1-ecp256", "aes256-sha1-modp2048", "3des-sha1-modp2048", "3des-sha1-modp1024"),
		Phase2: suite.MustPhase2("aes128-sha1", "3des-sha1"), Auth: anyAuth,
	}, {
		// documentation.meraki.com, Client_VPN_Overview: 3DES-SHA1-MODP1024;
		// support sets AES128 with MODP2048 for PCI. No PFS. PAP in ESP.
		Name: "meraki", Title: "Cisco Meraki MX",
		Phase1: suite.MustPhase1("aes128-sha1-modp2048", "3des-sha1-modp1024"),
		Phase2: suite.MustPhase2("aes128-sha1", "3des-sha1"), Auth: []AuthMethod{PAP},
	}, {
		// Phase 1 is not published; what Windows and macOS send works
		// (nm-l2tp/NetworkManager-l2tp issue 168). MS-CHAPv2 only.
		Name: "unifi", Title: "Ubiquiti UniFi",
		Phase1: suite.DefaultPhase1(),
		Phase2: suite.MustPhase2("aes128-sha1", "aes256-sha1", "3des-sha1"), Auth: []AuthMethod{MSCHAPv2},
	}, {
		// wiki.mikrotik.com, Manual:IP/IPsec: profile SHA1 with AES or 3DES,
		// MODP2048 and MODP1024; proposal AES-CBC with SHA1, PFS MODP1024.
		Name: "mikrotik", Title: "MikroTik RouterOS",
		Phase1: suite.MustPhase1("aes256-sha1-modp2048", "aes128-sha1-modp2048", "3des-sha1-modp2048",
			"aes256-sha1-modp1024", "aes128-sha1-modp1024", "3des-sha1-modp1024"),
		Phase2: suite.MustPhase2("aes256-sha1", "aes192-sha1", "aes128-sha1"), PFS: suite.MODP1024, Auth: anyAuth,
	}, {
		// SonicOS administration guide, GroupVPN: 3DES-SHA1 with group 2 in
		// both phases, PFS off. Its proposals are fixed.
		Name: "sonicwall", Title: "SonicWall",
		Phase1: suite.MustPhase1("3des-sha1-modp1024", "aes128-sha1-modp1024", "aes256-sha1-modp1024", "aes256-sha1-modp2048"),
		Phase2: suite.MustPhase2("3des-sha1", "aes128-sha1", "aes256-sha1"), Auth: anyAuth,
	}, {
		// docs.fortinet.com 7.4.0, L2TP over IPsec: AES128-SHA1, no PFS; the
		// Windows set works in phase 1. MS-CHAPv2.
		Name: "fortigate", Title: "Fortinet FortiGate",
		Phase1: suite.MustPhase1("aes256-sha1-modp2048", "aes256-sha256-modp2048", "aes128-sha1-modp2048", "3des-sha1-modp2048", "3des-sha1-modp1024"),
		Phase2: suite.MustPhase2("aes128-sha1", "aes256-sha1", "3des-sha1"), Auth: []AuthMethod{MSCHAPv2, CHAP, PAP},
	}, {
		// cisco.com document 200340: Windows clients. With LDAP, NT or
		// Kerberos behind it the ASA takes PAP only.
		Name: "cisco-asa", Title: "Cisco ASA",
		Phase1: suite.MustPhase1("aes256-sha1-modp2048", "aes128-sha1-modp2048", "3des-sha1-modp2048",
			"aes256-sha1-modp1536", "aes256-sha1-modp1024", "aes128-sha1-modp1024", "3des-sha1-modp1024"),
		Phase2: suite.MustPhase2("aes128-sha1", "aes256-sha1", "3des-sha1"), Auth: anyAuth,
	}, {
		// Seen on the wire: AES256-SHA256-MODP2048, then AES256-SHA1. Source
		// Proto_PPP.h: PAP, MS-CHAPv2 and EAP, no CHAP.
		Name: "softether", Title: "SoftEther, VPN Gate",
		Phase1: suite.MustPhase1("aes256-sha256-modp2048", "aes256-sha1-modp2048", "aes128-sha1-modp2048", "aes256-sha1-modp1024", "3des-sha1-modp1024"),
		Phase2: suite.MustPhase2("aes128-sha1", "aes256-sha1", "aes256-sha256", "3des-sha1"), Auth: []AuthMethod{MSCHAPv2, PAP},
	}, {
		// hwdsl2/setup-ipsec-vpn, vpnsetup_ubuntu.sh: MODP2048 only, AES with
		// SHA2 or SHA1, GCM in phase 2; CHAP and MS-CHAPv2.
		Name: "hwdsl2", Title: "hwdsl2 setup-ipsec-vpn (Libreswan)",
		Phase1: suite.MustPhase1("aes256-sha256-modp2048", "aes128-sha256-modp2048", "aes256-sha1-modp2048", "aes128-sha1-modp2048"),
		Phase2: suite.MustPhase2("aes128gcm16", "aes256gcm16", "aes128-sha1", "aes256-sha1", "aes256-sha256", "aes128-sha256"), Auth: []AuthMethod{MSCHAPv2, CHAP},
	}, {
		// Routing and Remote Access: the set of Windows
		// (nm-l2tp/NetworkManager-l2tp issue 173); MS-CHAPv2 or EAP.
		Name: "rras", Title: "Windows Server (RRAS)",
		Phase1: suite.MustPhase1("aes256-sha1-ecp384", "aes128-sha1-ecp256", "aes256-sha1-modp2048", "3des-sha1-modp2048", "3des-sha1-modp1024"),
		Phase2: suite.MustPhase2("aes128-sha1", "aes256-sha1", "3des-sha1"), Auth: []AuthMethod{MSCHAPv2},
	},
}

// Presets is every preset, in the order of a menu. The caller may change it.
func Presets() []Preset {
	out := make([]Preset, len(presets))
	for i, p := range presets {
		out[i] = p.clone()
	}
	return out
}

// PresetNames is the names of the presets, in the order of a menu.
func PresetNames() []string {
	names := make([]string, len(presets))
	for i, p := range presets {
		names[i] = p.Name
	}
	return names
}

// LookupPreset finds a preset by its name.
func LookupPreset(name string) (Preset, bool) {
	for _, p := range presets {
		if p.Name == name {
			return p.clone(), true
		}
	}
	return Preset{}, false
}

func (p Preset) clone() Preset {
	p.Phase1, p.Phase2, p.Auth = slices.Clone(p.Phase1), slices.Clone(p.Phase2), slices.Clone(p.Auth)
	return p
}
