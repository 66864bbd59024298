package ike

import (
	"fmt"
	"strings"

	"github.com/culvert-vpn/culvert/engine/isakmp"
)

// Reason is why a relation ended.
type Reason uint8

// The reasons.
const (
	NoAnswer          Reason = 1
	NotIKE            Reason = 2 // what answers on port 500 is not IKEv1
	NoProposal        Reason = 3
	PSKMismatch       Reason = 4
	IdentityRejected  Reason = 5
	Port4500Blocked   Reason = 6
	Phase2NoProposal  Reason = 7
	SelectorsRejected Reason = 8
	Phase2NoAnswer    Reason = 9
	PeerDead          Reason = 10 // it does not answer DPD
	PeerClosed        Reason = 11 // it deleted everything
	NATTMissing       Reason = 12
	Malformed         Reason = 13 // authenticated, and makes no sense
	Refused           Reason = 14 // a notification that fits nowhere above
	Internal          Reason = 15 // the source of randomness failed, or a Config is unusable
)

var reasonNames = [...]string{
	NoAnswer: "no answer", NotIKE: "peer does not speak IKEv1", NoProposal: "no proposal chosen", PSKMismatch: "pre-shared key mismatch",
	IdentityRejected: "identity rejected", Port4500Blocked: "UDP port 4500 blocked", Phase2NoProposal: "no proposal chosen",
	SelectorsRejected: "identities rejected", Phase2NoAnswer: "no answer", PeerDead: "peer is dead", PeerClosed: "closed by peer",
	NATTMissing: "peer has no NAT traversal", Malformed: "malformed answer", Refused: "refused by peer", Internal: "internal error",
}

// String names the reason.
func (r Reason) String() string {
	if int(r) < len(reasonNames) && reasonNames[r] != "" {
		return reasonNames[r]
	}
	return fmt.Sprintf("reason(%d)", uint8(r))
}

// Error is how a relation ended badly.
type Error struct {
	Phase  int // 1 or 2
	Reason Reason
	// Notify is what the peer said, 0 if nothing. Unless Authenticated it may
	// be anyone's word.
	Notify        isakmp.NotifyType
	Authenticated bool
	Offered       string // the suites that were offered, ours or the peer's
	Detail        string
}

// Error says what was tried and what came back.
func (e *Error) Error() string {
	var b strings.Builder
	fmt.Fprintf(&b, "ike: phase %d: %v", e.Phase, e.Reason)
	if e.Offered != "" {
		fmt.Fprintf(&b, "; offered %s", e.Offered)
	}
	if e.Notify != 0 {
		fmt.Fprintf(&b, "; peer sent %v", e.Notify)
	}
	if e.Detail != "" {
		fmt.Fprintf(&b, "; %s", e.Detail)
	}
	return b.String()
}

// phase1Reason is what an error notification means during Main Mode.
func phase1Reason(t isakmp.NotifyType) Reason {
	switch t {
	case isakmp.NoProposalChosen, isakmp.AttributesNotSupp, isakmp.BadProposalSyntax, isakmp.InvalidTransformID, isakmp.InvalidProtocolID,
		isakmp.InvalidKeyInformation:
		return NoProposal
	case isakmp.InvalidIDInformation:
		return IdentityRejected
	case isakmp.InvalidHash, isakmp.AuthenticationFailed, isakmp.PayloadMalformed, isakmp.InvalidPayloadType, isakmp.UnequalPayloadLengths,
		isakmp.InvalidFlags, isakmp.InvalidSignature:
		// What decrypts to noise has bad payloads, types and lengths.
		return PSKMismatch
	case isakmp.InvalidMajorVersion, isakmp.InvalidMinorVersion:
		return NotIKE
	}
	return Refused
}

// phase2Reason is what an error notification means during Quick Mode.
func phase2Reason(t isakmp.NotifyType) Reason {
	switch t {
	case isakmp.NoProposalChosen, isakmp.AttributesNotSupp, isakmp.BadProposalSyntax, isakmp.InvalidTransformID, isakmp.InvalidProtocolID,
		isakmp.InvalidKeyInformation:
		return Phase2NoProposal
	case isakmp.InvalidIDInformation:
		return SelectorsRejected
	}
	return Refused
}

// suiteNames lists suites for an Error.
func suiteNames[S fmt.Stringer](list []S) string {
	names := make([]string, len(list))
	for i, s := range list {
		names[i] = s.String()
	}
	return strings.Join(names, " ")
}
