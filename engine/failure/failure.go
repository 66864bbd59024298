// Package failure names the stages of a connection and the ways in which each
// can fail: the typed codes that travel from the wire to what a person reads.
// It has no words for people.
package failure

import (
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
)

// Stage is a step of connecting that a person sees.
type Stage uint8

// The stages, in their order.
const (
	Resolve Stage = iota + 1
	Phase1
	Phase2
	Tunnel
	Session
	Link
	Authenticate
	Network
	Routes
	Connected // what fails from here on was a connection
)

var stageNames = [...]string{0: "none", Resolve: "resolve", Phase1: "phase1", Phase2: "phase2", Tunnel: "tunnel", Session: "session",
	Link: "link", Authenticate: "authenticate", Network: "network", Routes: "routes", Connected: "connected"}

// String is the stage's name in events.
func (s Stage) String() string {
	if int(s) >= len(stageNames) {
		s = 0
	}
	return stageNames[s]
}

// MarshalText is the stage's name in events.
func (s Stage) MarshalText() ([]byte, error) { return []byte(s.String()), nil }

// UnmarshalText reads what MarshalText writes.
func (s *Stage) UnmarshalText(text []byte) error {
	i := slices.Index(stageNames[:], string(text))
	if i < 0 {
		return fmt.Errorf("failure: %q is no stage", text)
	}
	*s = Stage(i)
	return nil
}

// Code is one way to fail. Its text is stable: scripts compare it.
type Code string

// The failure codes, by stage.
const (
	DNSNotFound Code = "dns.not-found"
	DNSNoAnswer Code = "dns.no-answer"

	IKENoAnswer            Code = "ike.no-answer"
	IKEUnreachable         Code = "ike.unreachable"
	IKENotIKE              Code = "ike.not-ike"
	IKENoProposal          Code = "ike.no-proposal"
	IKEPort4500Blocked     Code = "ike.port-4500-blocked"
	IKEPSKMismatch         Code = "ike.psk-mismatch"
	IKEIdentityRejected    Code = "ike.identity-rejected"
	IKECertificateUntrust  Code = "ike.certificate-untrusted"
	IKECertificateExpired  Code = "ike.certificate-expired"
	IKECertificateRejected Code = "ike.certificate-rejected"
	IKEAggressiveRefused   Code = "ike.aggressive-refused"

	IPsecNoProposal        Code = "ipsec.no-proposal"
	IPsecSelectorsRejected Code = "ipsec.selectors-rejected"
	IPsecNoAnswer          Code = "ipsec.no-answer"
	IPsecSameNAT           Code = "ipsec.same-nat"

	L2TPNoAnswer        Code = "l2tp.no-answer"
	L2TPRefused         Code = "l2tp.refused"
	L2TPAuthFailed      Code = "l2tp.auth-failed"
	L2TPVersion         Code = "l2tp.version"
	L2TPSessionRefused  Code = "l2tp.session-refused"
	L2TPSessionNoAnswer Code = "l2tp.session-no-answer"

	PPPNoAnswer          Code = "ppp.no-answer"
	PPPLoopback          Code = "ppp.loopback"
	PPPNegotiationFailed Code = "ppp.negotiation-failed"
	PPPAuthMethodRefused Code = "ppp.auth-method-refused"
	PPPBadCredentials    Code = "ppp.bad-credentials"
	PPPPasswordExpired   Code = "ppp.password-expired"
	PPPAccountDisabled   Code = "ppp.account-disabled"
	PPPNoDialIn          Code = "ppp.no-dial-in"
	PPPLogonHours        Code = "ppp.logon-hours"
	PPPApprovalTimeout   Code = "ppp.approval-timeout"
	PPPServerNotGenuine  Code = "ppp.server-not-genuine"
	PPPSessionRefused    Code = "ppp.session-refused"
	PPPNoAddress         Code = "ppp.no-address"
	PPPIPCPRejected      Code = "ppp.ipcp-rejected"
	PPPMPPERequired      Code = "ppp.mppe-required"

	OSPermission Code = "os.permission"
	OSTUN        Code = "os.tun"
	OSRoutes     Code = "os.routes"
	OSDNS        Code = "os.dns"
	OSFirewall   Code = "os.firewall"

	PathDead         Code = "path.dead"
	PathMTU          Code = "path.mtu"
	GatewayClosed    Code = "gateway.closed"
	GatewayRestarted Code = "gateway.restarted"
	NetworkChanged   Code = "network.changed"
)

// Failure is how a connection ended badly. It is an error.
type Failure struct {
	Stage    Stage
	Code     Code
	Evidence []string // what was seen, for the log and for support: never a secret
	Err      error    // the protocol's or the system's own error, if any
}

// OfSystem is the failure that an error of the operating system is, of that code
// unless rights are missing: they go before anything else.
func OfSystem(at Stage, code Code, err error) *Failure {
	if errors.Is(err, os.ErrPermission) {
		code = OSPermission
	}
	return &Failure{Stage: at, Code: code, Evidence: []string{err.Error()}, Err: err}
}

// Unwrap is the protocol's or the system's own error.
func (f *Failure) Unwrap() error { return f.Err }

// Error is for logs: the words for people are elsewhere.
func (f *Failure) Error() string {
	s := f.Stage.String() + ": " + string(f.Code)
	if len(f.Evidence) > 0 {
		s += " (" + strings.Join(f.Evidence, "; ") + ")"
	}
	return s
}
