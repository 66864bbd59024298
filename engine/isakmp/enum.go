package isakmp

import "fmt"

// PayloadType is the type of a payload (RFC 2408, 3.1; RFC 3947, 6).
type PayloadType uint8

// The payload types.
const (
	PayloadNone          PayloadType = 0
	PayloadSA            PayloadType = 1
	PayloadProposal      PayloadType = 2
	PayloadTransform     PayloadType = 3
	PayloadKeyExchange   PayloadType = 4
	PayloadID            PayloadType = 5
	PayloadCertificate   PayloadType = 6
	PayloadCertRequest   PayloadType = 7
	PayloadHash          PayloadType = 8
	PayloadSignature     PayloadType = 9
	PayloadNonce         PayloadType = 10
	PayloadNotification  PayloadType = 11
	PayloadDelete        PayloadType = 12
	PayloadVendorID      PayloadType = 13
	PayloadNATD          PayloadType = 20  // RFC 3947
	PayloadNATOA         PayloadType = 21  // RFC 3947
	PayloadNATDDraft     PayloadType = 130 // draft-ietf-ipsec-nat-t-ike-00 to -03
	PayloadNATOADraft    PayloadType = 131 // draft-ietf-ipsec-nat-t-ike-00 to -03
	PayloadFragmentation PayloadType = 132 // [MS-IKEE] 2.2.3, Cisco
)

// String is the RFC's name.
func (t PayloadType) String() string { return name(payloadNames, t, "payload") }

var payloadNames = map[PayloadType]string{
	PayloadNone: "NONE", PayloadSA: "SA", PayloadProposal: "P", PayloadTransform: "T", PayloadKeyExchange: "KE",
	PayloadID: "ID", PayloadCertificate: "CERT", PayloadCertRequest: "CR", PayloadHash: "HASH", PayloadSignature: "SIG",
	PayloadNonce: "NONCE", PayloadNotification: "N", PayloadDelete: "D", PayloadVendorID: "VID",
	PayloadNATD: "NAT-D", PayloadNATOA: "NAT-OA", PayloadNATDDraft: "NAT-D (draft)", PayloadNATOADraft: "NAT-OA (draft)",
	PayloadFragmentation: "FRAG",
}

// ExchangeType is the type of an exchange (RFC 2408, 3.1; RFC 2409, 5).
type ExchangeType uint8

// The exchange types.
const (
	ExchangeBase               ExchangeType = 1
	ExchangeIdentityProtection ExchangeType = 2 // Main Mode
	ExchangeAuthenticationOnly ExchangeType = 3
	ExchangeAggressive         ExchangeType = 4
	ExchangeInformational      ExchangeType = 5
	ExchangeTransaction        ExchangeType = 6 // draft-ietf-ipsec-isakmp-mode-cfg
	ExchangeQuickMode          ExchangeType = 32
	ExchangeNewGroupMode       ExchangeType = 33
)

// String is the RFC's name.
func (t ExchangeType) String() string { return name(exchangeNames, t, "exchange") }

var exchangeNames = map[ExchangeType]string{
	ExchangeBase: "Base", ExchangeIdentityProtection: "Identity Protection", ExchangeAuthenticationOnly: "Authentication Only",
	ExchangeAggressive: "Aggressive", ExchangeInformational: "Informational", ExchangeTransaction: "Transaction",
	ExchangeQuickMode: "Quick Mode", ExchangeNewGroupMode: "New Group Mode",
}

// Flags are the flags of the header (RFC 2408, 3.1).
type Flags uint8

// The flags.
const (
	FlagEncryption     Flags = 1
	FlagCommit         Flags = 2
	FlagAuthentication Flags = 4
)

// Protocol is a security protocol (RFC 2407, 4.4.1).
type Protocol uint8

// The protocols.
const (
	ProtocolISAKMP Protocol = 1
	ProtocolAH     Protocol = 2
	ProtocolESP    Protocol = 3
	ProtocolIPCOMP Protocol = 4
)

// String is the RFC's name.
func (p Protocol) String() string { return name(protocolNames, p, "protocol") }

var protocolNames = map[Protocol]string{
	ProtocolISAKMP: "PROTO_ISAKMP", ProtocolAH: "PROTO_IPSEC_AH", ProtocolESP: "PROTO_IPSEC_ESP", ProtocolIPCOMP: "PROTO_IPCOMP",
}

// TransformID is the algorithm of a transform: in phase 1 always
// TransformKeyIKE, in phase 2 a cipher (RFC 2407, 4.4.2 and 4.4.4; RFC 3602; RFC 4106).
type TransformID uint8

// The transforms.
const (
	TransformKeyIKE TransformID = 1 // of PROTO_ISAKMP

	TransformDES      TransformID = 2 // of PROTO_IPSEC_ESP, as all that follow
	Transform3DES     TransformID = 3
	TransformNull     TransformID = 11
	TransformAES      TransformID = 12
	TransformAESGCM16 TransformID = 20
)

// AttributeType is the type of an attribute. Its numbers mean one thing in
// phase 1 (IKE…) and another in phase 2 (IPsec…).
type AttributeType uint16

// The attributes of phase 1 (RFC 2409, appendix A).
const (
	IKEEncryption   AttributeType = 1
	IKEHash         AttributeType = 2
	IKEAuth         AttributeType = 3
	IKEGroup        AttributeType = 4
	IKEGroupType    AttributeType = 5
	IKELifeType     AttributeType = 11
	IKELifeDuration AttributeType = 12
	IKEPRF          AttributeType = 13
	IKEKeyLength    AttributeType = 14
)

// The attributes of phase 2 (RFC 2407, 4.5; RFC 4304).
const (
	IPsecLifeType         AttributeType = 1
	IPsecLifeDuration     AttributeType = 2
	IPsecGroup            AttributeType = 3
	IPsecEncapsulation    AttributeType = 4
	IPsecAuth             AttributeType = 5
	IPsecKeyLength        AttributeType = 6
	IPsecKeyRounds        AttributeType = 7
	IPsecExtendedSequence AttributeType = 11
)

// The values of IKEEncryption (RFC 2409, appendix A; RFC 3602).
const (
	IKEDES    = 1
	IKE3DES   = 5
	IKEAESCBC = 7
)

// The values of IKEHash (RFC 2409, appendix A; RFC 4868).
const (
	IKEMD5    = 1
	IKESHA1   = 2
	IKESHA256 = 4
	IKESHA384 = 5
	IKESHA512 = 6
)

// IKEPreSharedKey is the value of IKEAuth for a pre-shared key (RFC 2409, appendix A).
const IKEPreSharedKey = 1

// The values of the life types, the same in both phases.
const (
	LifeSeconds   = 1
	LifeKilobytes = 2
)

// The values of IPsecEncapsulation (RFC 2407, 4.5; RFC 3947, 5.1, and its drafts).
const (
	EncapsulationTunnel            = 1
	EncapsulationTransport         = 2
	EncapsulationUDPTunnel         = 3
	EncapsulationUDPTransport      = 4
	EncapsulationUDPTunnelDraft    = 61443
	EncapsulationUDPTransportDraft = 61444
)

// The values of IPsecAuth (RFC 2407, 4.5; RFC 4868).
const (
	AuthHMACMD5    = 1
	AuthHMACSHA1   = 2
	AuthHMACSHA256 = 5
	AuthHMACSHA384 = 6
	AuthHMACSHA512 = 7
)

// IDType is the type of an identification (RFC 2407, 4.6.2.1).
type IDType uint8

// The identification types.
const (
	IDIPv4Addr       IDType = 1
	IDFQDN           IDType = 2
	IDUserFQDN       IDType = 3
	IDIPv4AddrSubnet IDType = 4
	IDIPv6Addr       IDType = 5
	IDIPv6AddrSubnet IDType = 6
	IDIPv4AddrRange  IDType = 7
	IDIPv6AddrRange  IDType = 8
	IDDERASN1DN      IDType = 9
	IDDERASN1GN      IDType = 10
	IDKeyID          IDType = 11
)

// String is the RFC's name.
func (t IDType) String() string { return name(idNames, t, "ID") }

var idNames = map[IDType]string{
	IDIPv4Addr: "ID_IPV4_ADDR", IDFQDN: "ID_FQDN", IDUserFQDN: "ID_USER_FQDN", IDIPv4AddrSubnet: "ID_IPV4_ADDR_SUBNET",
	IDIPv6Addr: "ID_IPV6_ADDR", IDIPv6AddrSubnet: "ID_IPV6_ADDR_SUBNET", IDIPv4AddrRange: "ID_IPV4_ADDR_RANGE",
	IDIPv6AddrRange: "ID_IPV6_ADDR_RANGE", IDDERASN1DN: "ID_DER_ASN1_DN", IDDERASN1GN: "ID_DER_ASN1_GN", IDKeyID: "ID_KEY_ID",
}

// NotifyType is what a notification says (RFC 2408, 3.14.1; RFC 2407, 4.6.3; RFC 3706, 5.2).
type NotifyType uint16

// The notifications: errors up to 16383, status after it.
const (
	InvalidPayloadType    NotifyType = 1
	DOINotSupported       NotifyType = 2
	SituationNotSupported NotifyType = 3
	InvalidCookie         NotifyType = 4
	InvalidMajorVersion   NotifyType = 5
	InvalidMinorVersion   NotifyType = 6
	InvalidExchangeType   NotifyType = 7
	InvalidFlags          NotifyType = 8
	InvalidMessageID      NotifyType = 9
	InvalidProtocolID     NotifyType = 10
	InvalidSPI            NotifyType = 11
	InvalidTransformID    NotifyType = 12
	AttributesNotSupp     NotifyType = 13
	NoProposalChosen      NotifyType = 14
	BadProposalSyntax     NotifyType = 15
	PayloadMalformed      NotifyType = 16
	InvalidKeyInformation NotifyType = 17
	InvalidIDInformation  NotifyType = 18
	InvalidCertEncoding   NotifyType = 19
	InvalidCertificate    NotifyType = 20
	CertTypeUnsupported   NotifyType = 21
	InvalidCertAuthority  NotifyType = 22
	InvalidHash           NotifyType = 23
	AuthenticationFailed  NotifyType = 24
	InvalidSignature      NotifyType = 25
	AddressNotification   NotifyType = 26
	NotifySALifetime      NotifyType = 27
	CertificateUnavail    NotifyType = 28
	UnsupportedExchange   NotifyType = 29
	UnequalPayloadLengths NotifyType = 30
	Connected             NotifyType = 16384
	ResponderLifetime     NotifyType = 24576
	ReplayStatus          NotifyType = 24577
	InitialContact        NotifyType = 24578
	RUThere               NotifyType = 36136
	RUThereAck            NotifyType = 36137
)

// IsError says that the notification reports a failure.
func (t NotifyType) IsError() bool { return t > 0 && t < Connected }

// String is the RFC's name.
func (t NotifyType) String() string { return name(notifyNames, t, "notification") }

var notifyNames = map[NotifyType]string{
	InvalidPayloadType: "INVALID-PAYLOAD-TYPE", DOINotSupported: "DOI-NOT-SUPPORTED", SituationNotSupported: "SITUATION-NOT-SUPPORTED",
	InvalidCookie: "INVALID-COOKIE", InvalidMajorVersion: "INVALID-MAJOR-VERSION", InvalidMinorVersion: "INVALID-MINOR-VERSION",
	InvalidExchangeType: "INVALID-EXCHANGE-TYPE", InvalidFlags: "INVALID-FLAGS", InvalidMessageID: "INVALID-MESSAGE-ID",
	InvalidProtocolID: "INVALID-PROTOCOL-ID", InvalidSPI: "INVALID-SPI", InvalidTransformID: "INVALID-TRANSFORM-ID",
	AttributesNotSupp: "ATTRIBUTES-NOT-SUPPORTED", NoProposalChosen: "NO-PROPOSAL-CHOSEN", BadProposalSyntax: "BAD-PROPOSAL-SYNTAX",
	PayloadMalformed: "PAYLOAD-MALFORMED", InvalidKeyInformation: "INVALID-KEY-INFORMATION", InvalidIDInformation: "INVALID-ID-INFORMATION",
	InvalidCertEncoding: "INVALID-CERT-ENCODING", InvalidCertificate: "INVALID-CERTIFICATE", CertTypeUnsupported: "CERT-TYPE-UNSUPPORTED",
	InvalidCertAuthority: "INVALID-CERT-AUTHORITY", InvalidHash: "INVALID-HASH-INFORMATION", AuthenticationFailed: "AUTHENTICATION-FAILED",
	InvalidSignature: "INVALID-SIGNATURE", AddressNotification: "ADDRESS-NOTIFICATION", NotifySALifetime: "NOTIFY-SA-LIFETIME",
	CertificateUnavail: "CERTIFICATE-UNAVAILABLE", UnsupportedExchange: "UNSUPPORTED-EXCHANGE-TYPE", UnequalPayloadLengths: "UNEQUAL-PAYLOAD-LENGTHS",
	Connected: "CONNECTED", ResponderLifetime: "RESPONDER-LIFETIME", ReplayStatus: "REPLAY-STATUS", InitialContact: "INITIAL-CONTACT",
	RUThere: "R-U-THERE", RUThereAck: "R-U-THERE-ACK",
}

// name is the name of v, or its number after the kind of thing it is.
func name[T ~uint8 | ~uint16](names map[T]string, v T, kind string) string {
	if s, ok := names[v]; ok {
		return s
	}
	return fmt.Sprintf("%s(%d)", kind, v)
}
