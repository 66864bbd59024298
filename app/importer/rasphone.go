package importer

import (
	"regexp"
	"strconv"
	"strings"

	"github.com/culvert-vpn/culvert/app/profile"
)

// From the specification (MS-RRASM, 2.2.2.2.11): what VpnStrategy says.
var strategies = map[string]struct {
	l2tp bool   // L2TP is the only one, or the first
	also bool   // it is among them
	name string // of the others
}{
	"0": {also: true, name: "automatic"}, "1": {name: "PPTP"}, "2": {also: true, name: "PPTP first"},
	"3": {l2tp: true, also: true}, "4": {l2tp: true, also: true}, "5": {name: "SSTP"}, "6": {also: true, name: "SSTP first"},
	"7": {name: "IKEv2"}, "8": {also: true, name: "IKEv2 first"}, "14": {also: true, name: "IKEv2 and SSTP first"},
}

// phoneBookVPN is the Type of a VPN; modems and PPPoE have others.
const phoneBookVPN = "2"

// readRasphone reads a phone book: a section is a connection. Windows keeps the
// secrets and the user's name elsewhere.
func readRasphone(s *source) error {
	for _, sec := range sections(s.text, "") {
		kind, _ := sec.fold("Type")
		strategy, _ := sec.fold("VpnStrategy")
		how := strategies[strategy]
		if kind != phoneBookVPN && kind != "" {
			s.leave("["+sec.name+"] Type", kind, whyKind)
			continue
		}
		if !how.also {
			s.leave("["+sec.name+"] VpnStrategy", strategy, whyKind)
			continue
		}
		d, err := s.draft()
		if err != nil {
			return err
		}
		d.name("section", sec.name)
		if how.l2tp {
			d.note("VpnStrategy", strategy, "")
		} else {
			d.leave("VpnStrategy", strategy, "", whyOtherProtocols)
		}
		for _, e := range sec.entries {
			d.phoneBook(e.key, strings.TrimSpace(e.value))
		}
		d.phoneBookDNS(sec)
	}
	return nil
}

// phoneBookNoise is what means nothing elsewhere, what repeats another setting,
// and what is about other protocols.
var phoneBookNoise = regexp.MustCompile(`(?i)^(Encoding|PBVersion|Type|VpnStrategy|DialParamsUID|Guid|LowDateTime|HighDateTime|UseRasCredentials|BaseProtocol|ExcludedProtocols|LcpExtensions` +
	`|DataEncryption|SwCompression|NegotiateMultilinkAlways|Skip\w+|DialMode|DialPercent|DialSeconds|HangUp\w+|OverridePref|Redial\w+|CallbackMode|CustomDial\w*|CustomRasDialDll` +
	`|ForceSecureCompartment|DisableIKENameEkuCheck|AuthenticateServer|ShareMsFilePrint|BindMsNetClient|SharedPhoneNumbers|GlobalDeviceSettings|Prerequisite\w+|Preferred\w+` +
	`|Preview\w+|ShowDialingProgress|ShowMonitorIconInTaskBar|CustomAuthData|TypicalAuth|IpInterfaceMetric|IpHeaderCompression|IpAssign|IpNameAssign|IpFrameSize|IpDns\w*|IpWins\w*` +
	`|IpNBTFlags|TcpWindowSize|UseFlags|IpSecFlags|Ipv6\w*|DisableClassBasedDefaultRoute|DisableMobility|NetworkOutageTime|IDI|IDR|ImsConfig|IdiType|IdrType|ProvisionType` +
	`|CacheCredentials|NumCustomPolicy|NumEku|UseMachineRootCert|Disable_IKEv2_Fragmentation|PlumbIKEv2TSAsRoutes|NumServers|ServerListFriendlyName|RouteVersion|NumNrptRules` +
	`|AutoTiggerCapable|AutoTriggerCapable|NumAppIds|NumClassicAppIds|SecurityDescriptor|ApnInfo\w*|DeviceComplianceEnabled|DeviceComplianceSso\w*|FlagsSet|Options|Num\w*DnsSuffixes` +
	`|DisableDefaultDnsSuffixes|NumTrustedNetworks|NumDnsSearchSuffixes|PowershellCreatedProfile|ProxyFlags|ProxySettingsModified|ProvisioningAuthority|AuthTypeOTP|GREKeyDefined|NumPerAppTrafficFilters` +
	`|AlwaysOnCapable|DeviceTunnel|PrivateNetwork|ManagementApp|NETCOMPONENTS|ms_\w+|MEDIA|Port|Device|AreaCode|CountryCode|CountryID|UseDialingRules|Comment|FriendlyName` +
	`|LastSelectedPhone|PromoteAlternates|TryNextAlternateOnFail|UsePrefixSuffix|ShowAuthSettings)$`)

// phoneBook is one entry of a connection.
func (d *draft) phoneBook(key, value string) {
	switch strings.ToLower(key) {
	case "phonenumber", "serverlistservername":
		d.server(key, value)
	case "ipprioritizeremote":
		d.full(key, value, value != "0")
	case "authrestrictions":
		d.restrictions(key, value)
	case "customauthkey":
		if value != "" && value != "0" && value != "-1" {
			d.leave(key, value, "ppp.auth", whyEAP)
		}
	case "ipaddress":
		d.wanted(key, value)
	case "idledisconnectseconds":
		d.idle(key, value)
	case "autologon":
		if value == "1" {
			d.leave(key, value, "", whyWindowsLogin)
		}
	case "presharedkey":
		d.psk(key, []byte(value))
	case "numroutes":
		if value != "" && value != "0" {
			d.leave(key, value, "routing.include", whyByHand)
		}
	default:
		if value != "" && value != "0" && !phoneBookNoise.MatchString(key) {
			d.leave(key, value, "", whyUnknown)
		}
	}
}

// restrictions is AuthRestrictions: the methods that may be used. The bits are
// those seen in phone books: 8 PAP, 16 SPAP, 32 CHAP, 64 MS-CHAP, 128 EAP, 512
// MS-CHAPv2.
func (d *draft) restrictions(key, value string) {
	bits, err := strconv.ParseUint(value, 10, 32)
	if err != nil {
		d.leave(key, value, "ppp.auth", whyValue)
		return
	}
	var methods []profile.AuthMethod
	for _, m := range []struct {
		bit uint64
		m   profile.AuthMethod
	}{{512, profile.MSCHAPv2}, {128, "eap-mschapv2"}, {64, "mschap"}, {32, profile.CHAP}, {8, profile.PAP}} {
		if bits&m.bit != 0 {
			methods = append(methods, m.m)
		}
	}
	d.methods(key, value, methods)
}

// idle is after how many seconds without traffic to disconnect.
func (d *draft) idle(key, value string) {
	if t, ok := span(value); !ok {
		d.leave(key, value, "reconnect.idle_disconnect", whyValue)
	} else if t != 0 {
		d.set(key, value, "reconnect.idle_disconnect", func(p *profile.Profile) { p.Reconnect.IdleDisconnect = t })
	}
}

// phoneBookDNS is the resolvers, which are in force only with IpNameAssign=2.
func (d *draft) phoneBookDNS(sec section) {
	if suffix, _ := sec.fold("IpDnsSuffix"); suffix != "" {
		d.search("IpDnsSuffix", suffix, splitList(suffix))
	}
	if assign, _ := sec.fold("IpNameAssign"); assign != "2" {
		return
	}
	var servers []string
	for _, key := range []string{"IpDnsAddress", "IpDns2Address"} {
		if a, _ := sec.fold(key); a != "" && a != "0.0.0.0" {
			servers = append(servers, strings.TrimSpace(a))
		}
	}
	d.nameServers("IpDnsAddress, IpDns2Address", strings.Join(servers, " "), servers)
}
