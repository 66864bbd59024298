package l2tp

import (
	"encoding/binary"
	"fmt"
)

// An attribute-value pair (RFC 2661, 4.1):
//
//	 0                   1                   2                   3
//	 0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1
//	+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
//	|M|H| rsvd  |      Length       |           Vendor ID           |
//	|         Attribute Type        |        Attribute Value ...    |
//	+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+

// From the specification (RFC 2661, 4.1).
const (
	avpMandatory   = 0x8000
	avpHidden      = 0x4000
	avpLengthMask  = 0x03ff
	avpHeaderLen   = 6
	avpMaxValueLen = avpLengthMask - avpHeaderLen
)

// AVPType is the Attribute Type of an AVP of vendor 0 (RFC 2661, 4.4).
type AVPType uint16

// The Attribute Types of RFC 2661, 4.4, and the one of RFC 3145.
const (
	AVPMessageType         AVPType = 0
	AVPResultCode          AVPType = 1
	AVPProtocolVersion     AVPType = 2
	AVPFramingCapabilities AVPType = 3
	AVPBearerCapabilities  AVPType = 4
	AVPTieBreaker          AVPType = 5
	AVPFirmwareRevision    AVPType = 6
	AVPHostName            AVPType = 7
	AVPVendorName          AVPType = 8
	AVPAssignedTunnelID    AVPType = 9
	AVPReceiveWindowSize   AVPType = 10
	AVPChallenge           AVPType = 11
	AVPQ931CauseCode       AVPType = 12
	AVPChallengeResponse   AVPType = 13
	AVPAssignedSessionID   AVPType = 14
	AVPCallSerialNumber    AVPType = 15
	AVPMinimumBPS          AVPType = 16
	AVPMaximumBPS          AVPType = 17
	AVPBearerType          AVPType = 18
	AVPFramingType         AVPType = 19
	AVPCalledNumber        AVPType = 21
	AVPCallingNumber       AVPType = 22
	AVPSubAddress          AVPType = 23
	AVPTxConnectSpeed      AVPType = 24
	AVPPhysicalChannelID   AVPType = 25
	AVPInitialLCPConfReq   AVPType = 26
	AVPLastSentLCPConfReq  AVPType = 27
	AVPLastRecvLCPConfReq  AVPType = 28
	AVPProxyAuthenType     AVPType = 29
	AVPProxyAuthenName     AVPType = 30
	AVPProxyAuthenChal     AVPType = 31
	AVPProxyAuthenID       AVPType = 32
	AVPProxyAuthenResponse AVPType = 33
	AVPCallErrors          AVPType = 34
	AVPACCM                AVPType = 35
	AVPRandomVector        AVPType = 36
	AVPPrivateGroupID      AVPType = 37
	AVPRxConnectSpeed      AVPType = 38
	AVPSequencingRequired  AVPType = 39
	AVPPPPDisconnectCause  AVPType = 46 // RFC 3145
)

var avpNames = map[AVPType]string{
	AVPMessageType: "Message Type", AVPResultCode: "Result Code", AVPProtocolVersion: "Protocol Version",
	AVPFramingCapabilities: "Framing Capabilities", AVPBearerCapabilities: "Bearer Capabilities",
	AVPTieBreaker: "Tie Breaker", AVPFirmwareRevision: "Firmware Revision", AVPHostName: "Host Name",
	AVPVendorName: "Vendor Name", AVPAssignedTunnelID: "Assigned Tunnel ID", AVPReceiveWindowSize: "Receive Window Size",
	AVPChallenge: "Challenge", AVPQ931CauseCode: "Q.931 Cause Code", AVPChallengeResponse: "Challenge Response",
	AVPAssignedSessionID: "Assigned Session ID", AVPCallSerialNumber: "Call Serial Number", AVPMinimumBPS: "Minimum BPS",
	AVPMaximumBPS: "Maximum BPS", AVPBearerType: "Bearer Type", AVPFramingType: "Framing Type",
	AVPCalledNumber: "Called Number", AVPCallingNumber: "Calling Number", AVPSubAddress: "Sub-Address",
	AVPTxConnectSpeed: "(Tx) Connect Speed", AVPPhysicalChannelID: "Physical Channel ID",
	AVPInitialLCPConfReq: "Initial Received LCP CONFREQ", AVPLastSentLCPConfReq: "Last Sent LCP CONFREQ",
	AVPLastRecvLCPConfReq: "Last Received LCP CONFREQ", AVPProxyAuthenType: "Proxy Authen Type",
	AVPProxyAuthenName: "Proxy Authen Name", AVPProxyAuthenChal: "Proxy Authen Challenge", AVPProxyAuthenID: "Proxy Authen ID",
	AVPProxyAuthenResponse: "Proxy Authen Response", AVPCallErrors: "Call Errors", AVPACCM: "ACCM",
	AVPRandomVector: "Random Vector", AVPPrivateGroupID: "Private Group ID", AVPRxConnectSpeed: "Rx Connect Speed",
	AVPSequencingRequired: "Sequencing Required", AVPPPPDisconnectCause: "PPP Disconnect Cause Code",
}

// String is the RFC's name of the attribute.
func (t AVPType) String() string {
	if name, ok := avpNames[t]; ok {
		return name
	}
	return fmt.Sprintf("attribute %d", uint16(t))
}

// known reports whether this end recognizes the attribute, if only to ignore it.
func (t AVPType) known() bool { _, ok := avpNames[t]; return ok }

// AVP is one attribute-value pair (RFC 2661, 4.1).
type AVP struct {
	Mandatory bool
	Hidden    bool  // Value is still in the form of RFC 2661, 4.3
	Reserved  uint8 // the four reserved bits: other than zero makes the AVP an unrecognized one
	Vendor    uint16
	Type      AVPType
	Value     []byte
}

// recognized: RFC 2661, 4.1 counts an AVP with a reserved bit as unrecognized.
func (a AVP) recognized() bool { return a.Vendor == 0 && a.Reserved == 0 && a.Type.known() }

// name says which attribute it is, for the Result Code of RFC 2661, 4.4.2.
func (a AVP) name() string {
	if a.Vendor != 0 {
		return fmt.Sprintf("attribute %d of vendor %d", uint16(a.Type), a.Vendor)
	}
	return fmt.Sprintf("attribute %d", uint16(a.Type))
}

// ParseAVP reads the AVP at the front of b (RFC 2661, 4.1) and returns what
// follows it. Value is a view into b.
func ParseAVP(b []byte) (a AVP, rest []byte, err error) {
	if len(b) < avpHeaderLen {
		return a, nil, ErrShort
	}
	flags := binary.BigEndian.Uint16(b)
	n := int(flags & avpLengthMask)
	if n < avpHeaderLen || n > len(b) {
		return a, nil, ErrLength
	}
	a = AVP{
		Mandatory: flags&avpMandatory != 0,
		Hidden:    flags&avpHidden != 0,
		Reserved:  uint8(flags>>10) & 0xf,
		Vendor:    binary.BigEndian.Uint16(b[2:]),
		Type:      AVPType(binary.BigEndian.Uint16(b[4:])),
		Value:     b[avpHeaderLen:n:n],
	}
	return a, b[n:], nil
}

// Append appends the AVP. A value beyond 1017 octets, the most that fits the
// length field, is cut.
func (a AVP) Append(dst []byte) []byte {
	v := a.Value[:min(len(a.Value), avpMaxValueLen)]
	flags := uint16(avpHeaderLen+len(v)) | uint16(a.Reserved&0xf)<<10
	if a.Mandatory {
		flags |= avpMandatory
	}
	if a.Hidden {
		flags |= avpHidden
	}
	dst = binary.BigEndian.AppendUint16(dst, flags)
	dst = binary.BigEndian.AppendUint16(dst, a.Vendor)
	dst = binary.BigEndian.AppendUint16(dst, uint16(a.Type))
	return append(dst, v...)
}
