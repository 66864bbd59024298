package importer

import (
	"maps"
	"slices"
)

// Reason is why a setting was left out: a stable name, for programs. Its words in
// English are its Text. An export has none: its reasons are words alone.
type Reason string

// The reasons.
const (
	whyUnknown        Reason = "unknown"
	whyValue          Reason = "value"
	whySecond         Reason = "second"
	whyCertificate    Reason = "certificate"
	whyKind           Reason = "kind"
	whyIKEv2          Reason = "ikev2"
	whyAllTraffic     Reason = "all-traffic"
	whyComputed       Reason = "computed"
	whyGroup          Reason = "group"
	whyMPPE           Reason = "mppe"
	whyMethod         Reason = "method"
	whyNetwork        Reason = "network"
	whyWords          Reason = "words"
	whyGatewaySide    Reason = "gateway-side"
	whyNoL2TP         Reason = "no-l2tp"
	whyIdentity       Reason = "identity"
	whyCompression    Reason = "compression"
	whySignature      Reason = "signature"
	whyVPNOnly        Reason = "vpn-only"
	whyEAP            Reason = "eap"
	whyProxies        Reason = "proxies"
	whyOnDemand       Reason = "on-demand"
	whyNoMethod       Reason = "no-method"
	whyOneSize        Reason = "one-size"
	whyStrongSwan     Reason = "strongswan"
	whyAccount        Reason = "account"
	whyEncrypts       Reason = "encrypts"
	whyWindowsLogin   Reason = "windows-login"
	whyOtherProtocols Reason = "other-protocols"
	whyByHand         Reason = "by-hand"
	whySuite          Reason = "suites"
	// whyRefused comes with the words of the profile's own reader.
	whyRefused Reason = "refused"
)

// reasons are the words of each.
var reasons = map[Reason]string{
	whyUnknown:        "Culvert does not know this setting.",
	whyValue:          "Culvert does not take this value.",
	whySecond:         "It is there a second time; the first one counts.",
	whyCertificate:    "Culvert cannot use certificates yet; this works only where the gateway also takes a pre-shared key and a password.",
	whyKind:           "This is not L2TP/IPsec, which is all that Culvert speaks.",
	whyIKEv2:          "Culvert speaks IKEv1 only; this works only where the gateway does too.",
	whyAllTraffic:     "Everything goes through the tunnel, this network too.",
	whyComputed:       "It is computed by the script, which is not run.",
	whyGroup:          "Culvert cannot use a group name, which takes Aggressive Mode, yet.",
	whyMPPE:           "Culvert cannot encrypt a second time inside PPP yet; IPsec encrypts everything.",
	whyMethod:         "Culvert cannot log in by this method yet.",
	whyNetwork:        "Culvert cannot send this network through the tunnel.",
	whyWords:          "Culvert does not know what this is.",
	whyGatewaySide:    "This is the gateway's side.",
	whyNoL2TP:         "This is an IPsec tunnel without L2TP.",
	whyIdentity:       "Culvert says its address, as gateways for L2TP expect, and cannot say another name yet.",
	whyCompression:    "Culvert does not compress.",
	whySignature:      "Culvert does not check who signed the file: make sure that you know where it comes from.",
	whyVPNOnly:        "Culvert takes VPN settings only.",
	whyEAP:            "Culvert cannot log in by this method of EAP yet.",
	whyProxies:        "Culvert does not set proxies.",
	whyOnDemand:       "Culvert does not connect on demand.",
	whyNoMethod:       "It refuses every method that Culvert can log in by.",
	whyOneSize:        "Culvert has one size for both directions.",
	whyStrongSwan:     "This is a profile of strongSwan for IKEv2, and Culvert speaks L2TP/IPsec only.",
	whyAccount:        "ChromeOS fills this in from the person's account; it has to be given here.",
	whyEncrypts:       "Culvert always encrypts.",
	whyWindowsLogin:   "Culvert cannot log in as the person who is logged in to Windows; the name and the password have to be given.",
	whyOtherProtocols: "Windows tries other protocols here; Culvert speaks L2TP/IPsec only.",
	whyByHand:         "The networks themselves are not written here in a form that is known; give them by hand.",
	whySuite:          "Culvert does not know these algorithms, or IKEv1 has no number for them.",
	whyRefused:        "Culvert does not take it.",
}

// Text is the reason as a sentence in English.
func (r Reason) Text() string { return reasons[r] }

// Reasons is all of them, for tables of words in other languages.
func Reasons() []Reason { return slices.Sorted(maps.Keys(reasons)) }
