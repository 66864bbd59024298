package diagnosis

import (
	"github.com/culvert-vpn/culvert/app/api"
	"github.com/culvert-vpn/culvert/engine/failure"
)

// table follows the order of the stages. The numbers of Windows are those of
// its raserror.h.
var table = map[api.Code]Entry{
	failure.DNSNotFound: {
		"The server name was not found",
		"The name is misspelled, or it is only known inside another network.",
		"Check the server name in the profile.", 868},
	failure.DNSNoAnswer: {
		"The server name could not be looked up",
		"The name servers of this network do not answer, most likely because there is no internet connection.",
		"Check that this computer is online, then try again.", 868},

	failure.IKENoAnswer: {
		"No VPN server answered",
		"The gateway is off, its address is wrong, or this network blocks VPN connections (UDP port 500). Some gateways also stay silent when they do not know this client.",
		"Check the server name, and try another network such as a phone's hotspot.", 809},
	failure.IKEUnreachable: {
		"No VPN server can be reached at this address",
		"No VPN of this kind runs there (connection refused), or there is no way from here to there (unreachable); the evidence says which.",
		"Check the server name, and ask whether L2TP/IPsec is switched on there. If there is no way, check that this computer is online.", 809},
	failure.IKENotIKE: {
		"This computer is not a VPN server of this kind",
		"Something answered at this address, but it does not speak L2TP/IPsec.",
		"Check the server name, and ask whether L2TP/IPsec is switched on there.", 789},
	failure.IKENoProposal: {
		"The gateway wants another kind of encryption",
		"None of the encryption settings that were offered is allowed by the gateway.",
		"Choose the make of the gateway in the profile, or ask its administrator which settings it uses and name them under ipsec.phase1.", 788},
	failure.IKEPort4500Blocked: {
		"The gateway answers, but not on UDP port 4500",
		"This network or a firewall in front of the gateway blocks UDP port 4500. A gateway that stays silent at a wrong pre-shared key looks the same.",
		"Try another network; if it stays, check the pre-shared key, and have UDP port 4500 opened at the gateway.", 809},
	failure.IKEPSKMismatch: {
		"The pre-shared key is wrong, most likely",
		"The gateway could not make sense of what was encrypted with this key, which is what a wrong key looks like.",
		"Enter the pre-shared key again, exactly as you were given it, without spaces around it.", 789},
	failure.IKEIdentityRejected: {
		"The gateway does not accept this client, or is not the expected one",
		"The gateway expects another group or identity, or the identity it shows differs from the one in the profile.",
		"Check ipsec.remote_id in the profile, and ask the administrator whether the gateway wants a group name.", 789},
	failure.IKECertificateUntrust: {
		"The gateway's certificate is not trusted",
		"It was issued by an authority that the profile does not name.",
		"Ask the administrator for the certificate of the authority.", 787},
	failure.IKECertificateExpired: {
		"A certificate has expired",
		"The certificate of the gateway or of this computer is past its date, or a clock is wrong.",
		"Check the date of this computer; if it is right, have the certificate renewed.", 787},
	failure.IKECertificateRejected: {
		"The gateway refused this computer's certificate",
		"The gateway does not know or no longer accepts the certificate.",
		"Ask the administrator for a new certificate.", 790},
	failure.IKEAggressiveRefused: {
		"The gateway does not accept a group name",
		"With a group name the connection starts in another way, which this gateway has switched off.",
		"Remove the group name from the profile, or have Aggressive Mode switched on at the gateway.", 789},

	failure.IPsecNoProposal: {
		"The gateway refused the encryption of the data",
		"The pre-shared key is right, but none of the settings offered for the data is allowed.",
		"Choose the make of the gateway in the profile, or ask its administrator which settings it uses and name them under ipsec.phase2 and ipsec.pfs.", 788},
	failure.IPsecSelectorsRejected: {
		"The gateway refused what the tunnel is for",
		"The gateway wants the client to use a fixed port, or allows no L2TP through its encryption.",
		"Set l2tp.source_port to 1701 in the profile, and ask whether L2TP is switched on at the gateway.", 789},
	failure.IPsecNoAnswer: {
		"The gateway stopped answering during the set-up",
		"The pre-shared key is right, but the gateway did not agree on the encryption of the data. It may be overloaded, or still hold an older connection.",
		"Wait a minute and try again.", 792},
	failure.IPsecSameNAT: {
		"Another device behind the same router seems to be connected",
		"This gateway tells clients apart by their internet address only, and the other device has the same one.",
		"Disconnect the other device, or connect from another network.", 809},

	failure.L2TPNoAnswer: {
		"Encryption is up, but the L2TP service is silent",
		"The service is switched off, a firewall at the gateway blocks UDP port 1701, or the gateway still holds an older connection.",
		"Wait a minute and try again; if it stays, ask whether L2TP runs on the gateway.", 809},
	failure.L2TPRefused: {
		"The gateway refused the tunnel",
		"It is full, is shutting down, or already has a connection from here.",
		"Wait a minute and try again; the gateway's reason is in the evidence.", 651},
	failure.L2TPAuthFailed: {
		"The tunnel secret is wrong",
		"This gateway has a secret of its own for L2TP, next to the pre-shared key.",
		"Check tunnel_secret and l2tp.tunnel_auth, or ask the administrator whether there is such a secret.", 651},
	failure.L2TPVersion: {
		"The gateway speaks another version of L2TP",
		"It does not accept version 2, which every L2TP/IPsec client uses.",
		"Ask the administrator for the right gateway, and keep the log.", 651},
	failure.L2TPSessionRefused: {
		"The gateway refused the call",
		"All its lines are busy, a licence is used up, or a rule forbids it.",
		"Try again later; the gateway's reason is in the evidence.", 651},
	failure.L2TPSessionNoAnswer: {
		"The gateway did not answer the call",
		"The tunnel stands, but the gateway set up no call in it. It may be overloaded.",
		"Wait a minute and try again.", 678},

	failure.PPPNoAnswer: {
		"The connection stands, but no data comes through",
		"Something on the way drops larger packets, or the gateway's own network part is not running.",
		"Try another network; set ppp.mru to 1280 in the profile; then ask the administrator.", 718},
	failure.PPPLoopback: {
		"The connection leads back to this computer",
		"What this computer sends comes back to it instead of reaching the gateway.",
		"Ask the administrator to look at the gateway's L2TP settings.", 737},
	failure.PPPNegotiationFailed: {
		"The gateway and Culvert could not agree on the connection",
		"Each insisted on a setting that the other refused.",
		"Choose the make of the gateway in the profile, and keep the log for the administrator.", 732},

	failure.PPPAuthMethodRefused: {
		"The gateway wants another way of signing in",
		"It insists on a method that the profile does not allow.",
		"Add the method named in the evidence to ppp.auth in the profile. If it names TLS or PEAP, ask the administrator for another one.", 919},
	failure.PPPBadCredentials: {
		"Wrong user name or password",
		"The gateway knows this way of signing in, but not this user with this password. Where it asked for a code, that may have been wrong, used or too old.",
		"Enter both again. Some gateways want the domain as well, or user@hub.", 691},
	failure.PPPPasswordExpired: {
		"The password has expired",
		"The gateway asks for a new password. Some gateways say the same about a wrong one.",
		"Change the password where you normally do, for example on an office computer, then try again.", 648},
	failure.PPPAccountDisabled: {
		"The account is disabled",
		"The gateway knows the user, but the account is switched off.",
		"Ask the administrator to switch the account on.", 647},
	failure.PPPNoDialIn: {
		"The account may not use the VPN",
		"The password is right, but the account has no permission for remote access.",
		"Ask the administrator for that permission.", 649},
	failure.PPPLogonHours: {
		"The account may not sign in at this time",
		"The gateway limits this account to certain hours.",
		"Try again during those hours, or ask the administrator.", 646},
	failure.PPPApprovalTimeout: {
		"Nobody approved the sign-in in time",
		"The gateway was waiting, most likely for a confirmation on a phone or for another server.",
		"Try again and confirm the request on the phone; a longer wait can be set with ppp.auth_timeout.", 718},
	failure.PPPServerNotGenuine: {
		"The gateway could not prove that it knows the password",
		"A genuine gateway can always do that. Somebody may be pretending to be the gateway, or its user database is broken.",
		"Do not try again from this network. Tell the administrator.", 778},

	failure.PPPSessionRefused: {
		"The sign-in is right, but the gateway refused the session",
		"It has no free address or licence, or the user is not in the right group.",
		"Disconnect other devices of the same user, then ask the administrator.", 628},
	failure.PPPNoAddress: {
		"The gateway has no free address",
		"Every address that it may give to clients is taken, or none is set up.",
		"Try again later, or ask the administrator to enlarge the address pool.", 738},
	failure.PPPIPCPRejected: {
		"The gateway offers no IPv4 network",
		"It accepted the sign-in but refused to set up IPv4 for this connection.",
		"Ask the administrator to switch IPv4 on for this user.", 733},
	failure.PPPMPPERequired: {
		"The gateway insists on a second, outdated encryption",
		"Besides IPsec it demands MPPE, which was made for another kind of VPN.",
		"Ask the administrator to make MPPE optional; inside IPsec it adds nothing.", 742},

	failure.OSPermission: {
		"Culvert may not change this computer's network",
		"Making a network interface and routes takes administrator rights.",
		"Connect through the service instead, or run the same command with sudo.", 0},
	failure.OSTUN: {
		"The network interface could not be made",
		"The system offers no TUN device, or another program holds it.",
		"On Linux run: modprobe tun. In a container, pass /dev/net/tun into it.", 0},
	failure.OSRoutes: {
		"The routes could not be set",
		"Another VPN or a network manager has set routes that are in the way.",
		"Disconnect other VPNs and try again; the route is in the evidence.", 0},
	failure.OSDNS: {
		"The name servers could not be set",
		"The system's resolver refused the change.",
		"Set dns.mode to off in the profile to connect without them; the reason is in the evidence.", 0},
	failure.OSFirewall: {
		"The firewall could not be set",
		"Another firewall program is in the way.",
		"Switch the other program off and try again; the reason is in the evidence.", 0},

	failure.PathDead: {
		"The connection was lost",
		"The gateway has not answered for a while: the network changed, or the gateway is gone.",
		"Check that this computer is online, then connect again.", 829},
	failure.PathMTU: {
		"Larger packets no longer come through",
		"Something on the way drops them without a word, so that some pages never load.",
		"Set ppp.mru to 1280 in the profile and connect again.", 0},
	failure.GatewayClosed: {
		"The gateway ended the connection",
		"An administrator or a time limit ended it, or the same user connected from elsewhere.",
		"Connect again; if it keeps happening, ask the administrator.", 629},
	failure.GatewayRestarted: {
		"The gateway has restarted",
		"It no longer knows this connection.",
		"Connect again.", 829},
	failure.NetworkChanged: {
		"This computer's network has changed",
		"It moved to another network, or woke up from sleep.",
		"Connect again.", 829},

	api.ConnectionIdle: {
		"The connection was idle",
		"Nothing went through it for as long as the profile allows, so Culvert has disconnected.",
		"Connect again when you need it, or allow a longer time: reconnect.idle_disconnect.", 828},

	api.HelperNotRunning: {
		"The helper is not running",
		"The part of Culvert that changes the network did not answer.",
		startService, 0},
	api.HelperNotAllowed: {
		"You may not use the helper",
		"The helper answers only to certain users of this computer.",
		joinUsers, 0},
	api.ProfileInvalid: {
		"The profile cannot be used",
		"The file cannot be read, or some of its settings are unknown, wrong or not supported yet.",
		"Mend what the evidence names.", 0},
	api.KeychainUnavailable: {
		"There is no keychain to keep passwords in",
		"This desktop runs no keychain, or it is locked.",
		"Unlock the keychain, or have Culvert ask for the password each time.", 0},
	api.SecretMissing: {
		"A secret is missing or cannot be used",
		"The profile needs a key or a password that was not given, or the file with the secrets has a fault.",
		"Do what the evidence says.", 0},
}
