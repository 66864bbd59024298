package isakmp

import (
	"bytes"
	"encoding/hex"
	"errors"
	"reflect"
	"strings"
	"testing"
)

// unhex reads hexadecimal with any white space in it.
func unhex(t testing.TB, s string) []byte {
	t.Helper()
	b, err := hex.DecodeString(strings.Join(strings.Fields(s), ""))
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// A Main Mode message 1: one proposal with AES-256-SHA1-MODP1024 and
// 3DES-MD5-MODP1024 for 28800 s (in long form), and the vendor ID of RFC 3947.
const mainMode1 = `
 0102030405060708 0000000000000000 01 10 02 00 00000000 0000008c
 0d 00 005c 00000001 00000001
   00 00 0050 01 01 00 02
     03 00 0024 01 01 0000 8001 0007 8002 0002 8003 0001 8004 0002 800b 0001 800c 7080 800e 0100
     00 00 0024 02 01 0000 8001 0005 8002 0001 8003 0001 8004 0002 800b 0001 000c 0004 00007080
 00 00 0014 4a131c81070358455c5728f20e95452f`

func mainMode1Want() Message {
	tail := func(life Attribute, more ...Attribute) []Attribute {
		return append([]Attribute{BasicAttribute(IKEAuth, IKEPreSharedKey), BasicAttribute(IKEGroup, 2), BasicAttribute(IKELifeType, LifeSeconds), life}, more...)
	}
	sa := SA{DOIIPsec, SituationIdentityOnly, []Proposal{{1, ProtocolISAKMP, nil, []Transform{
		{1, TransformKeyIKE, append([]Attribute{BasicAttribute(IKEEncryption, IKEAESCBC), BasicAttribute(IKEHash, IKESHA1)},
			tail(BasicAttribute(IKELifeDuration, 28800), BasicAttribute(IKEKeyLength, 256))...)},
		{2, TransformKeyIKE, append([]Attribute{BasicAttribute(IKEEncryption, IKE3DES), BasicAttribute(IKEHash, IKEMD5)},
			tail(Attribute{IKELifeDuration, false, []byte{0, 0, 0x70, 0x80}})...)},
	}}}}
	vid, _ := hex.DecodeString("4a131c81070358455c5728f20e95452f")
	return Message{
		Header:   Header{Initiator: Cookie{1, 2, 3, 4, 5, 6, 7, 8}, Version: Version1, Exchange: ExchangeIdentityProtection, Length: 140},
		Payloads: []Payload{{PayloadSA, sa.Append(nil)}, {PayloadVendorID, vid}},
	}
}

func TestParseMainMode1(t *testing.T) {
	b := unhex(t, mainMode1)
	m, err := Parse(b)
	if err != nil {
		t.Fatalf("Parse(%x) = %v, want nil", b, err)
	}
	want := mainMode1Want()
	if got := want.Append(nil); !bytes.Equal(got, b) {
		t.Errorf("Append() = %x, want %x", got, b)
	}
	if got := m.Append([]byte{9}); !bytes.Equal(got[1:], b) {
		t.Errorf("Parse and Append = %x, want %x", got[1:], b)
	}
	sa, err := ParseSA(m.Payloads[0].Body)
	if err != nil || len(sa.Proposals) != 1 || len(sa.Proposals[0].Transforms) != 2 {
		t.Fatalf("ParseSA(%x) = %+v, %v, want one proposal of two transforms", m.Payloads[0].Body, sa, err)
	}
	life := sa.Proposals[0].Transforms[1].Attributes[5]
	if v, ok := life.Number(); !ok || v != 28800 || life.Basic || life.Type != IKELifeDuration {
		t.Errorf("long attribute = %+v with number %d, want 28800", life, v)
	}
	if p, ok := Find(m.Payloads, PayloadVendorID); !ok || len(p.Body) != 16 {
		t.Errorf("Find(VID) = %x, %v, want 16 octets", p.Body, ok)
	}
	if _, ok := Find(m.Payloads, PayloadNonce); ok {
		t.Error("Find(NONCE) found one")
	}
}

func TestParseEncrypted(t *testing.T) {
	b := unhex(t, "0102030405060708 1112131415161718 05 10 02 01 00000000 00000024 a0a1a2a3a4a5a6a7")
	m, err := Parse(b)
	if err != nil || !bytes.Equal(m.Encrypted, b[28:]) || m.NextPayload != PayloadID || m.Payloads != nil {
		t.Fatalf("Parse(%x) = %+v, %v, want 8 octets of ciphertext before an ID", b, m, err)
	}
	if got := m.Append(nil); !bytes.Equal(got, b) {
		t.Errorf("Append() = %x, want %x", got, b)
	}
}

// Certificates, signatures, drafts' numbers and unknown payloads are passed over, not refused.
func TestParsePassesUnknownPayloads(t *testing.T) {
	b := unhex(t, `0102030405060708 1112131415161718 06 10 02 00 00000000 00000047
		07 00 0006 04aa  09 00 0005 04  82 00 0008 01020304  83 00 0006 aabb  fa 00 000c 0100000001020304  00 00 0006 cafe`)
	m, err := Parse(b)
	if err != nil {
		t.Fatalf("Parse(%x) = %v, want nil", b, err)
	}
	var got []PayloadType
	for _, p := range m.Payloads {
		got = append(got, p.Type)
	}
	want := []PayloadType{PayloadCertificate, PayloadCertRequest, PayloadSignature, PayloadNATDDraft, PayloadNATOADraft, 250}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("payloads = %v, want %v", got, want)
	}
}

func TestParseBad(t *testing.T) {
	const cookies = "0102030405060708 1112131415161718 "
	tests := []struct {
		name, in string
		want     error
	}{
		{"empty", "", ErrShort},
		{"half a header", "0102030405060708 00", ErrShort},
		{"IKEv2", cookies + "21 20 22 08 00000000 0000001c", ErrVersion},
		{"longer than it says", cookies + "00 10 02 00 00000000 0000001c 00", ErrLength},
		{"shorter than it says", cookies + "00 10 02 00 00000000 0000001d", ErrLength},
		{"enormous length", cookies + "00 10 02 00 00000000 ffffffff", ErrLength},
		{"payload missing", cookies + "0a 10 02 00 00000000 0000001c", ErrShort},
		{"payload of length 0", cookies + "0a 10 02 00 00000000 00000020 00000000", ErrLength},
		{"payload of length 3", cookies + "0a 10 02 00 00000000 00000020 00000003", ErrLength},
		{"payload too long", cookies + "0a 10 02 00 00000000 00000021 00000006 aa", ErrShort},
		{"octets after the payloads", cookies + "0a 10 02 00 00000000 00000022 00000005 aa bb", ErrLength},
		{"too many payloads", cookies + "0d 10 02 00 00000000 00000124" + strings.Repeat("0d000004", 66), ErrLimit},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			b := unhex(t, tt.in)
			if m, err := Parse(b); !errors.Is(err, tt.want) {
				t.Errorf("Parse(%x) = %+v, %v, want %v", b, m, err, tt.want)
			}
		})
	}
}

func TestParsePayloadsLeavesPadding(t *testing.T) {
	b := unhex(t, "00000006 cafe 000000000000")
	p, n, err := ParsePayloads(PayloadHash, b)
	if err != nil || n != 6 || len(p) != 1 || !bytes.Equal(p[0].Body, []byte{0xca, 0xfe}) {
		t.Errorf("ParsePayloads(%x) = %v, %d, %v, want one payload in 6 octets", b, p, n, err)
	}
}

func TestParseSABad(t *testing.T) {
	const head = "00000001 00000001 "
	tests := []struct {
		name, in string
		want     error
	}{
		{"empty", "", ErrShort},
		{"no proposal", head, ErrShort},
		{"other DOI", "00000002 00000001 00000008 01010000", ErrSyntax},
		{"other situation", "00000001 00000002 00000008 01010000", ErrSyntax},
		{"proposal of length 2", head + "00000002", ErrLength},
		{"proposal beyond the end", head + "00000014 01010001 00000008", ErrShort},
		{"no transforms", head + "00000008 01010000", ErrLength},
		{"fewer transforms than announced", head + "00000010 01010002 00000008 01010000", ErrLength},
		{"more transforms than announced", head + "00000018 01010001 03000008 01010000 00000008 02010000", ErrLength},
		{"SPI beyond the end", head + "00000009 0103ff01 aa", ErrShort},
		{"proposal after a proposal's end", head + "00000010 01010001 00000008 01010000 ff", ErrLength},
		{"nonce after a proposal", head + "0a000010 01010001 00000008 01010000", ErrSyntax},
		{"nonce after a transform", head + "00000010 01010001 0a000008 01010000", ErrSyntax},
		{"attribute cut short", head + "00000013 01010001 0000000b 01010000 800100", ErrShort},
		{"long attribute beyond the end", head + "00000014 01010001 0000000c 01010000 000c0004", ErrShort},
		{"too many attributes", head + "00000094 01010001 0000008c 01010000" + strings.Repeat("80010001", 33), ErrLimit},
		{"too many proposals", head + strings.Repeat("02000010 01010001 00000008 01010000", 33), ErrLimit},
		{"too many transforms", head + strings.Repeat("02000648 010100c8"+strings.Repeat("03000008 01010000", 199)+"00000008 01010000", 2) +
			"00000010 01010001 00000008 01010000", ErrLimit},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			b := unhex(t, tt.in)
			if sa, err := ParseSA(b); !errors.Is(err, tt.want) {
				t.Errorf("ParseSA(%x) = %+v, %v, want %v", b, sa, err, tt.want)
			}
		})
	}
}

func TestIdentification(t *testing.T) {
	tests := []struct {
		name, in, want string
		err            error
	}{
		{"address with port", "01 11 06a5 c6336401", "ID_IPV4_ADDR 198.51.100.1", nil},
		{"SoftEther's zero address", "01 00 0000 00000000", "ID_IPV4_ADDR 0.0.0.0", nil},
		{"IPv6", "05 00 0000 20010db8000000000000000000000001", "ID_IPV6_ADDR 2001:db8::1", nil},
		{"name", "02 00 0000 67772e6578616d706c65", `ID_FQDN "gw.example"`, nil},
		{"key ID", "0b 00 0000 abcd", "ID_KEY_ID abcd", nil},
		{"unknown type", "c8 00 0000 01", "ID(200) 01", nil},
		{"subnet", "04 00 0000 0a000000ff000000", "ID_IPV4_ADDR_SUBNET 0a000000ff000000", nil},
		{"too short", "01 11 06", "", ErrShort},
		{"address of 3 octets", "01 00 0000 010203", "", ErrLength},
		{"address of 5 octets", "01 00 0000 0102030405", "", ErrLength},
		{"IPv6 of 4 octets", "05 00 0000 01020304", "", ErrLength},
		{"subnet of 4 octets", "04 00 0000 01020304", "", ErrLength},
		{"IPv6 range of 31 octets", "08 00 0000 " + strings.Repeat("00", 31), "", ErrLength},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			b := unhex(t, tt.in)
			id, err := ParseIdentification(b)
			if !errors.Is(err, tt.err) {
				t.Fatalf("ParseIdentification(%x) = %v, want %v", b, err, tt.err)
			}
			if err != nil {
				return
			}
			if id.String() != tt.want {
				t.Errorf("ParseIdentification(%x) = %v, want %v", b, id, tt.want)
			}
			if got := id.Append(nil); !bytes.Equal(got, b) {
				t.Errorf("Append() = %x, want %x", got, b)
			}
		})
	}
}

func TestNotificationAndDelete(t *testing.T) {
	b := unhex(t, "00000001 01 10 8d28 0102030405060708 1112131415161718 00000007")
	n, err := ParseNotification(b)
	if err != nil || n.Type != RUThere || n.Protocol != ProtocolISAKMP || len(n.SPI) != 16 || len(n.Data) != 4 {
		t.Errorf("ParseNotification(%x) = %+v, %v, want R-U-THERE 7", b, n, err)
	}
	if got := n.Append(nil); !bytes.Equal(got, b) {
		t.Errorf("Append() = %x, want %x", got, b)
	}
	b = unhex(t, "00000001 03 04 0002 01020304 05060708")
	d, err := ParseDelete(b)
	if err != nil || d.Protocol != ProtocolESP || len(d.SPIs) != 2 || !bytes.Equal(d.SPIs[1], []byte{5, 6, 7, 8}) {
		t.Errorf("ParseDelete(%x) = %+v, %v, want two SPIs", b, d, err)
	}
	if got := d.Append(nil); !bytes.Equal(got, b) {
		t.Errorf("Append() = %x, want %x", got, b)
	}
	for _, tt := range []struct {
		name, in string
		want     error
	}{
		{"short", "00000001 03", ErrShort},
		{"an SPI missing", "00000001 03 04 0002 01020304", ErrLength},
		{"octets after the SPIs", "00000001 03 04 0001 01020304 05", ErrLength},
		{"SPIs of no length", "00000001 03 00 0001", ErrLength},
		{"no SPIs", "00000001 03 04 0000", ErrLength}, // found by FuzzParse: came out of Append as another message
		{"too many", "00000001 03 01 0101" + strings.Repeat("00", 257), ErrLimit},
	} {
		if d, err := ParseDelete(unhex(t, tt.in)); !errors.Is(err, tt.want) {
			t.Errorf("%s: ParseDelete(%s) = %+v, %v, want %v", tt.name, tt.in, d, err, tt.want)
		}
	}
	for _, in := range []string{"", "00000001 01 04 000e 0102"} {
		if n, err := ParseNotification(unhex(t, in)); !errors.Is(err, ErrShort) {
			t.Errorf("ParseNotification(%s) = %+v, %v, want ErrShort", in, n, err)
		}
	}
}

func TestFragmentAndNATOA(t *testing.T) {
	b := unhex(t, "0001 03 01 cafe")
	f, err := ParseFragment(b)
	if want := (Fragment{1, 3, true, []byte{0xca, 0xfe}}); err != nil || !reflect.DeepEqual(f, want) {
		t.Errorf("ParseFragment(%x) = %+v, %v, want %+v", b, f, err, want)
	}
	if got := f.Append(nil); !bytes.Equal(got, b) {
		t.Errorf("Append() = %x, want %x", got, b)
	}
	for in, want := range map[string]error{"0001 01": ErrShort, "0001 00 00 aa": ErrSyntax, "0001 01 00": ErrSyntax} {
		if f, err := ParseFragment(unhex(t, in)); !errors.Is(err, want) {
			t.Errorf("ParseFragment(%s) = %+v, %v, want %v", in, f, err, want)
		}
	}
	b = unhex(t, "01 00 0000 c0000201")
	a, err := ParseNATOA(b)
	if err != nil || a.String() != "192.0.2.1" {
		t.Errorf("ParseNATOA(%x) = %v, %v, want 192.0.2.1", b, a, err)
	}
	if got := AppendNATOA(nil, a); !bytes.Equal(got, b) {
		t.Errorf("AppendNATOA(%v) = %x, want %x", a, got, b)
	}
	for in, want := range map[string]error{"02 00 0000 c0000201": ErrSyntax, "01 00": ErrShort} {
		if a, err := ParseNATOA(unhex(t, in)); !errors.Is(err, want) {
			t.Errorf("ParseNATOA(%s) = %v, %v, want %v", in, a, err, want)
		}
	}
}

func TestAttributeNumber(t *testing.T) {
	for _, tt := range []struct {
		in   []byte
		want uint64
		ok   bool
	}{
		{nil, 0, false}, {[]byte{1}, 1, true}, {[]byte{1, 0}, 256, true},
		{[]byte{0, 0, 0, 0, 0, 0, 1, 0}, 256, true}, {make([]byte, 9), 0, false},
	} {
		if got, ok := (Attribute{Value: tt.in}).Number(); got != tt.want || ok != tt.ok {
			t.Errorf("Number(%x) = %d, %v, want %d, %v", tt.in, got, ok, tt.want, tt.ok)
		}
	}
	if a := NumberAttribute(IKELifeDuration, 86400); a.Basic || !bytes.Equal(a.Value, []byte{0, 1, 0x51, 0x80}) {
		t.Errorf("NumberAttribute(86400) = %+v, want the long form", a)
	}
	if a := NumberAttribute(IKELifeDuration, 3600); !a.Basic {
		t.Errorf("NumberAttribute(3600) = %+v, want the short form", a)
	}
}

func TestNames(t *testing.T) {
	for _, tt := range []struct{ got, want string }{
		{NoProposalChosen.String(), "NO-PROPOSAL-CHOSEN"}, {NotifyType(40000).String(), "notification(40000)"},
		{PayloadNATD.String(), "NAT-D"}, {PayloadType(99).String(), "payload(99)"}, {ExchangeQuickMode.String(), "Quick Mode"},
		{ProtocolESP.String(), "PROTO_IPSEC_ESP"}, {IDKeyID.String(), "ID_KEY_ID"}, {Cookie{1}.String(), "0100000000000000"},
	} {
		if tt.got != tt.want {
			t.Errorf("String() = %q, want %q", tt.got, tt.want)
		}
	}
	if !NoProposalChosen.IsError() || Connected.IsError() || NotifyType(0).IsError() {
		t.Error("IsError takes a status for an error, or the other way round")
	}
}

func TestParseHeaderAllocatesNothing(t *testing.T) {
	b := unhex(t, mainMode1)
	if n := testing.AllocsPerRun(100, func() { _, _ = ParseHeader(b) }); n != 0 {
		t.Errorf("ParseHeader allocates %v times, want 0", n)
	}
}

// FuzzParse: whatever parses must come out of Append as it went in, but for
// the reserved octets, and every body must be readable or refused, not panic.
func FuzzParse(f *testing.F) {
	f.Add(unhex(f, mainMode1))
	f.Add(unhex(f, "0102030405060708 1112131415161718 05 10 02 01 00000000 00000024 a0a1a2a3a4a5a6a7"))
	f.Add(unhex(f, "0102030405060708 1112131415161718 0b 10 05 00 01020304 00000028 0000000c 00000001 0100000e"))
	f.Add(unhex(f, "0102030405060708 1112131415161718 84 10 02 00 00000000 00000026 0000000a 0001 01 01 cafe"))
	f.Fuzz(func(t *testing.T, b []byte) {
		m, err := Parse(b)
		if err != nil {
			return
		}
		again, err := Parse(m.Append(nil))
		if err != nil || !reflect.DeepEqual(again, m) {
			t.Fatalf("Parse(Append(%+v)) = %+v, %v", m, again, err)
		}
		for _, p := range m.Payloads {
			roundTrip(t, p.Body, ParseSA, SA.Append)
			roundTrip(t, p.Body, ParseIdentification, Identification.Append)
			roundTrip(t, p.Body, ParseNotification, Notification.Append)
			roundTrip(t, p.Body, ParseDelete, Delete.Append)
			roundTrip(t, p.Body, ParseFragment, Fragment.Append)
			_, _ = ParseNATOA(p.Body)
		}
	})
}

func roundTrip[T any](t *testing.T, b []byte, parse func([]byte) (T, error), write func(T, []byte) []byte) {
	t.Helper()
	v, err := parse(b)
	if err != nil {
		return
	}
	again, err := parse(write(v, nil))
	if err != nil || !reflect.DeepEqual(again, v) {
		t.Fatalf("parsed %x to %+v, wrote and parsed it to %+v, %v", b, v, again, err)
	}
}
