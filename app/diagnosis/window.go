package diagnosis

import (
	"cmp"

	"github.com/culvert-vpn/culvert/app/api"
	"github.com/culvert-vpn/culvert/engine/failure"
)

// Window explains code to who has fields and buttons instead of a profile file and
// a terminal. Its texts may have the places {{.Server}} and {{.User}}, for names of
// the profile.
func Window(code api.Code) Entry {
	e, w := Lookup(code), windows[code]
	e.Title, e.Cause, e.Advice = cmp.Or(w.Title, e.Title), cmp.Or(w.Cause, e.Cause), cmp.Or(w.Advice, e.Advice)
	return e
}

// windows is what a window says differently; an empty text is that of the table.
var windows = map[api.Code]Entry{
	failure.DNSNotFound: {
		Cause:  "The name {{.Server}} is misspelled, or it is only known inside another network.",
		Advice: "Check the server name, letter by letter.",
	},
	failure.DNSNoAnswer: {
		Advice: "Check that this computer is online, then try again.",
	},

	failure.IKENoAnswer: {
		Title:  "No VPN server answered at {{.Server}}",
		Cause:  "This network may block VPN, the server may be off, or its name is wrong. Some gateways also stay silent when they do not know this client.",
		Advice: "Try another network, such as a phone's hotspot. If that changes nothing, check the server name.",
	},
	failure.IKEUnreachable: {
		Title:  "{{.Server}} cannot be reached",
		Cause:  "No VPN of this kind runs there, or there is no way from here to there.",
		Advice: "Check the server name, and that this computer is online. Ask your administrator whether L2TP/IPsec is switched on.",
	},
	failure.IKENotIKE: {
		Title:  "{{.Server}} is not a VPN gateway of this kind",
		Advice: "Check the server name, and ask your administrator whether L2TP/IPsec is switched on.",
	},
	failure.IKENoProposal: {
		Cause:  "The gateway allows none of the kinds that this profile offers.",
		Advice: "Culvert can try older ones. If that does not help, choose the make of the gateway in the profile.",
	},
	failure.IKEPort4500Blocked: {
		Title:  "The gateway answers, but then the line goes silent",
		Cause:  "This network or a firewall blocks UDP port 4500. A gateway that says nothing about a wrong pre-shared key looks the same.",
		Advice: "Try another network. If that changes nothing, check the pre-shared key.",
	},
	failure.IKEPSKMismatch: {
		Advice: "Type the pre-shared key again, exactly as you were given it, without spaces around it.",
	},
	failure.IKEIdentityRejected: {
		Advice: "Ask your administrator whether the gateway wants a group name, and check the expected gateway identity in the profile.",
	},
	failure.IKECertificateUntrust: {
		Advice: "Ask your administrator for the certificate of the authority, and choose it in the profile.",
	},
	failure.IKECertificateExpired: {
		Advice: "Check the date of this computer. If it is right, ask your administrator for a new certificate.",
	},
	failure.IKECertificateRejected: {
		Advice: "Check that the profile names the right certificate, or ask your administrator for a new one.",
	},
	failure.IKEAggressiveRefused: {
		Advice: "Culvert can try without it. If the group name is needed, ask your administrator to allow Aggressive Mode.",
	},

	failure.IPsecNoProposal: {
		Cause:  "The pre-shared key is right, but the gateway allows none of the kinds that this profile offers.",
		Advice: "Culvert can try others. If that does not help, choose the make of the gateway in the profile.",
	},
	failure.IPsecSelectorsRejected: {
		Advice: "Culvert can try a fixed port. If that does not help, ask your administrator whether L2TP is switched on.",
	},
	failure.IPsecSameNAT: {
		Advice: "Disconnect the other device, or connect from another network. Culvert can also try other ports.",
	},

	failure.L2TPRefused:        {Advice: "Wait a minute and try again. The gateway's reason is in the details."},
	failure.L2TPAuthFailed:     {Advice: "Type the tunnel secret again, or ask your administrator whether there is one."},
	failure.L2TPVersion:        {Advice: "Ask your administrator for the right server. Culvert can also try other settings."},
	failure.L2TPSessionRefused: {Advice: "Try again later. The gateway's reason is in the details."},

	failure.PPPNoAnswer: {
		Advice: "Try again, from another network if you can. If it stays, choose 1280 as the largest packet in the profile.",
	},
	failure.PPPLoopback: {
		Advice: "Culvert can try other settings. If that does not help, ask your administrator to look at the gateway.",
	},
	failure.PPPNegotiationFailed: {
		Advice: "Culvert can try other settings. If that does not help, choose the make of the gateway in the profile.",
	},
	failure.PPPAuthMethodRefused: {
		Cause:  "It insists on a way that this profile does not allow.",
		Advice: "Allow the way that the details name. If they name TLS or PEAP, ask your administrator for another way.",
	},
	failure.PPPBadCredentials: {
		Cause:  "The gateway did not accept this password for {{.User}}. The pre-shared key is right.",
		Advice: "Type the password again and watch Caps Lock. If your company uses Windows accounts, put its name in front: COMPANY\\{{.User}}.",
	},
	failure.PPPPasswordExpired: {
		Advice: "Change the password where you normally do, for example on an office computer, then type the new one here.",
	},
	failure.PPPAccountDisabled: {
		Cause:  "The gateway knows {{.User}}, but the account is switched off.",
		Advice: "Ask your administrator to switch the account on.",
	},
	failure.PPPNoDialIn:   {Advice: "Ask your administrator for that permission."},
	failure.PPPLogonHours: {Advice: "Try again during those hours, or ask your administrator."},
	failure.PPPApprovalTimeout: {
		Cause:  "The gateway was waiting, most likely for a yes on a phone.",
		Advice: "Try again and approve the sign-in on the phone. The profile can allow more time for it.",
	},
	failure.PPPServerNotGenuine: {
		Advice: "Do not try again from this network. Tell your administrator.",
	},
	failure.PPPSessionRefused: {
		Advice: "Disconnect other devices that use this user name. If that does not help, ask your administrator.",
	},
	failure.PPPNoAddress: {
		Advice: "Try again later, or ask your administrator to allow more addresses.",
	},
	failure.PPPIPCPRejected: {
		Advice: "Culvert can try other settings. If that does not help, ask your administrator to allow IPv4 for this user.",
	},
	failure.PPPMPPERequired: {
		Cause:  "It was made for another kind of VPN and adds nothing inside this one.",
		Advice: "Culvert can try to agree. If that does not help, ask your administrator not to require MPPE.",
	},

	failure.OSPermission: {
		Cause:  "The helper lacks the rights to make a network interface and routes.",
		Advice: "Repair Culvert; this takes an administrator of this computer.",
	},
	failure.OSTUN: {
		Cause:  "Another program holds it, or a part of the system is missing.",
		Advice: "Disconnect other VPNs and repair Culvert.",
	},
	failure.OSRoutes: {
		Advice: "Disconnect other VPNs, then repair Culvert. The route is in the details.",
	},
	failure.OSDNS: {
		Advice: "Repair Culvert, or switch DNS off in the profile to connect without it. The reason is in the details.",
	},
	failure.OSFirewall: {
		Advice: "Switch the other program off, then repair Culvert. The reason is in the details.",
	},

	failure.PathMTU: {
		Advice: "Culvert can connect again with smaller packets.",
	},

	api.ConnectionIdle: {
		Advice: "Connect again when you need it, or allow a longer time in the profile.",
	},
	api.HelperNotRunning: {
		Title:  "One part is not running",
		Cause:  "The helper makes the connection, and it does not answer.",
		Advice: "It starts with this computer; now it has to be started once.",
	},
	api.HelperNotAllowed: {
		Title:  "You may not use the helper yet",
		Advice: "An administrator of this computer can allow it with their password.",
	},
	api.ProfileInvalid: {
		Advice: "Open the profile: the fields that need a look are marked.",
	},
	api.KeychainUnavailable: {
		Title:  "There is no keychain here",
		Cause:  "Culvert has no safe place for passwords, or it is locked.",
		Advice: "Unlock the keychain, or let Culvert ask each time.",
	},
	api.SecretMissing: {
		Title:  "A password or key is missing",
		Cause:  "It is not in the keychain, and the gateway wants it.",
		Advice: "Type it now.",
	},
}
