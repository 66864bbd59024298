package diagnosis

import "fmt"

// Finding is what a check of this computer, or of the way to a gateway, came to.
type Finding string

// The findings that are no failures of a connection: those have codes.
const (
	ServiceSame       Finding = "service.same"
	ServiceOther      Finding = "service.other-version"
	ServiceSignIn     Finding = "service.sign-in-again"
	ServiceBlocked    Finding = "service.blocked"
	ServiceConnected  Finding = "service.connected"
	TunThere          Finding = "tun.there"
	TunMissing        Finding = "tun.missing"
	TunUnknown        Finding = "tun.unknown"
	ResolverKnown     Finding = "resolver.known"
	ResolverUnknown   Finding = "resolver.unknown"
	PortsFree         Finding = "ports.free"
	PortsHeld         Finding = "ports.held"
	PortsWanted       Finding = "ports.wanted"
	PortsUnknown      Finding = "ports.unknown"
	OthersRun         Finding = "others.run"
	OthersNone        Finding = "others.none"
	NameFound         Finding = "name.found"
	NameAddress       Finding = "name.address"
	GatewayAnswers    Finding = "gateway.answers"
	GatewayQuiet4500  Finding = "gateway.quiet-4500"
	GatewayQuietBoth  Finding = "gateway.quiet-both"
	GatewayAnswersNAT Finding = "gateway.answers-4500"
	EncryptionMatches Finding = "encryption.matches"
	EncryptionWeak    Finding = "encryption.weak"
	EncryptionUnclear Finding = "encryption.unclear"
	EncryptionOff     Finding = "encryption.off"
)

// findings are the words: what was found, a format, and what to do.
var findings = map[Finding]struct{ found, advice string }{
	ServiceSame:      {"The helper runs, and is of the same version", ""},
	ServiceOther:     {"The helper is of another version: it is %s, and this program is %s", "Restart the helper: sudo systemctl restart culvertd."},
	ServiceSignIn:    {"You are in the group culvert, but signed in before you were", "Sign out and in again."},
	ServiceBlocked:   {"The kill switch keeps the network closed", "Open it: culvert down."},
	ServiceConnected: {"“%s” is connected", ""},
	TunThere:         {"Network interfaces can be made: %s is there", ""},
	TunMissing:       {"There is no %s, which the network interface is made with: %v", "Run: sudo modprobe tun. In a container, pass /dev/net/tun into it."},
	TunUnknown:       {"Whether the network interface can be made shows when connecting", ""},
	ResolverKnown:    {"Names are looked up by %s: %s", ""},
	ResolverUnknown:  {"What looks names up is not known: %v", "Set dns.mode to off in the profile if connecting fails because of it."},
	PortsFree:        {"No other program has UDP port 500 or 4500", ""},
	PortsHeld:        {"UDP port %s is another program's: %s", "That is in nobody's way: Culvert sends from ports of its own."},
	PortsWanted:      {"UDP port %s is another program's: %s", "The profile wants that port: end the other program, or set ipsec.source_ports to ephemeral."},
	PortsUnknown:     {"Who has UDP ports 500 and 4500 is not known here", ""},
	OthersRun:        {"Other VPN programs run: %s", "They may be connected at the same time, but not for the same networks."},
	OthersNone:       {"No other VPN program runs", ""},
	NameAddress:      {"%s is an address, and needs no look-up", ""},
	NameFound:        {"%s is found: %s", ""},
	GatewayAnswers:   {"A gateway answers at %s on UDP port 500%s", ""},
	GatewayQuiet4500: {"There is no answer at %s on UDP port 4500", "Some gateways answer there only later. If connecting fails, have UDP port 4500 opened, or try another network."},
	GatewayQuietBoth: {"There is no answer at %s on UDP port 4500 either%s", ""},

	GatewayAnswersNAT: {"The gateway answers at %s on UDP port 4500, too", ""},
	EncryptionMatches: {"The encryption matches: the gateway chose %s", ""},
	EncryptionWeak:    {"The encryption matches, but is outdated: the gateway chose %s", "Ask the administrator for AES with MODP2048 or better."},
	EncryptionUnclear: {"The gateway neither took nor refused the encryption: it says %s", "Keep this for its administrator."},
	EncryptionOff:     {"The profile has ipsec.enabled = false: nothing is encrypted, and there is nothing to ask", "Switch it on unless the gateway cannot do it."},
}

// Explain is a finding in words: what was found, without a full stop, and what to
// do, which may be nothing. The arguments are those of the finding's format.
func Explain(f Finding, args ...any) (found, advice string) {
	e := findings[f]
	return fmt.Sprintf(e.found, args...), e.advice
}
