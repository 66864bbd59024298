package supervisor

import (
	"github.com/culvert-vpn/culvert/app/api"
	"github.com/culvert-vpn/culvert/engine/failure"
)

// Action is what a failure is followed by, where nobody is asked.
type Action uint8

// The actions.
const (
	Stop  Action = iota + 1 // trying again changes nothing, or does harm
	Ask                     // only another secret helps
	Retry                   // it may pass by itself
)

// String is the action's name in logs.
func (a Action) String() string {
	switch a {
	case Stop:
		return "stop"
	case Ask:
		return "ask"
	case Retry:
		return "retry"
	}
	return "none"
}

// Verdict is what to do about a failure of a connection that is to stay up.
type Verdict struct {
	Do Action
	// Ask is the secret to ask for; "" with Do Ask: all that the profile needs.
	Ask api.SecretName
	// Soon is a gateway that is silent or has just gone: after a connection that
	// lasted it is tried again at once, and at first every few seconds. A gateway
	// that speaks and says no is given time.
	Soon bool
	Why  string // the reason, for the log
}

// Judge says what to do about a failure. What nobody knows is not tried again: it
// may be a wrong password by another name.
func Judge(code api.Code) Verdict {
	if v, ok := verdicts[code]; ok {
		return v
	}
	return Verdict{Do: Stop, Why: "an unknown failure may count against the account"}
}

const (
	whySilent  = "the gateway or the way to it may come back"
	whyBusy    = "the gateway may still hold the earlier connection, or be full"
	whyConfig  = "profile and gateway do not fit: the same try ends the same way"
	whyAdmin   = "only an administrator of the gateway can change that, and further tries may lock the account"
	whyGuess   = "each try with a wrong secret counts as a guess, and may lock the account or the address"
	whyMachine = "this computer does not allow it: the same try ends the same way"
	whyRace    = "the system may be changing its network at this moment"
	whyLost    = "it was up, so it can be again"
)

var verdicts = map[api.Code]Verdict{
	failure.DNSNotFound: {Do: Retry, Soon: true, Why: "a network that asks for a login first does not know the name yet"},
	failure.DNSNoAnswer: {Do: Retry, Soon: true, Why: whySilent},

	failure.IKENoAnswer:            {Do: Retry, Soon: true, Why: whySilent},
	failure.IKEUnreachable:         {Do: Retry, Soon: true, Why: whySilent},
	failure.IKENotIKE:              {Do: Retry, Why: "a network that asks for a login first answers in the gateway's place"},
	failure.IKEPort4500Blocked:     {Do: Retry, Why: "another network may let it through"},
	failure.IKENoProposal:          {Do: Stop, Why: whyConfig},
	failure.IKEPSKMismatch:         {Do: Ask, Ask: api.PSK, Why: whyGuess},
	failure.IKEIdentityRejected:    {Do: Stop, Why: whyConfig},
	failure.IKECertificateUntrust:  {Do: Stop, Why: "somebody may be pretending to be the gateway"},
	failure.IKECertificateExpired:  {Do: Stop, Why: whyConfig},
	failure.IKECertificateRejected: {Do: Stop, Why: whyAdmin},
	failure.IKEAggressiveRefused:   {Do: Stop, Why: whyConfig},

	failure.IPsecNoProposal:        {Do: Stop, Why: whyConfig},
	failure.IPsecSelectorsRejected: {Do: Stop, Why: whyConfig},
	failure.IPsecNoAnswer:          {Do: Retry, Soon: true, Why: whySilent},
	failure.IPsecSameNAT:           {Do: Retry, Why: "the other device may leave"},

	failure.L2TPNoAnswer:        {Do: Retry, Soon: true, Why: whySilent},
	failure.L2TPRefused:         {Do: Retry, Why: whyBusy},
	failure.L2TPAuthFailed:      {Do: Ask, Ask: api.TunnelSecret, Why: whyGuess},
	failure.L2TPVersion:         {Do: Stop, Why: whyConfig},
	failure.L2TPSessionRefused:  {Do: Retry, Why: whyBusy},
	failure.L2TPSessionNoAnswer: {Do: Retry, Why: whySilent},

	failure.PPPNoAnswer:          {Do: Retry, Why: whySilent},
	failure.PPPLoopback:          {Do: Stop, Why: whyConfig},
	failure.PPPNegotiationFailed: {Do: Stop, Why: whyConfig},
	failure.PPPAuthMethodRefused: {Do: Stop, Why: whyConfig},
	failure.PPPBadCredentials:    {Do: Ask, Ask: api.Password, Why: whyGuess},
	failure.PPPPasswordExpired:   {Do: Ask, Ask: api.Password, Why: whyGuess},
	failure.PPPAccountDisabled:   {Do: Stop, Why: whyAdmin},
	failure.PPPNoDialIn:          {Do: Stop, Why: whyAdmin},
	failure.PPPLogonHours:        {Do: Stop, Why: whyAdmin},
	failure.PPPApprovalTimeout:   {Do: Stop, Why: "each try sends another request to a phone whose owner did not answer the last one"},
	failure.PPPServerNotGenuine:  {Do: Stop, Why: "somebody may be pretending to be the gateway"},
	failure.PPPSessionRefused:    {Do: Retry, Why: whyBusy},
	failure.PPPNoAddress:         {Do: Retry, Why: whyBusy},
	failure.PPPIPCPRejected:      {Do: Stop, Why: whyAdmin},
	failure.PPPMPPERequired:      {Do: Stop, Why: whyConfig},

	failure.OSPermission: {Do: Stop, Why: whyMachine},
	failure.OSTUN:        {Do: Stop, Why: whyMachine},
	failure.OSRoutes:     {Do: Retry, Why: whyRace},
	failure.OSDNS:        {Do: Retry, Why: whyRace},
	failure.OSFirewall:   {Do: Stop, Why: whyMachine},

	failure.PathDead:         {Do: Retry, Soon: true, Why: whyLost},
	failure.PathMTU:          {Do: Retry, Soon: true, Why: "smaller packets come through"},
	failure.GatewayClosed:    {Do: Retry, Why: whyLost},
	failure.GatewayRestarted: {Do: Retry, Soon: true, Why: whyLost},
	failure.NetworkChanged:   {Do: Retry, Soon: true, Why: whyLost},

	api.ConnectionIdle: {Do: Stop, Why: "nobody used it, and the profile wants it to end then"},

	api.HelperNotRunning:    {Do: Stop, Why: whyMachine},
	api.HelperNotAllowed:    {Do: Stop, Why: whyMachine},
	api.ProfileInvalid:      {Do: Stop, Why: "only a person can mend the profile"},
	api.KeychainUnavailable: {Do: Ask, Why: "a person knows the secrets as well"},
	api.SecretMissing:       {Do: Ask, Why: "a person knows the secrets"},
}
