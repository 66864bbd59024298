package l2tp

import (
	"bytes"
	"encoding/hex"
	"errors"
	"reflect"
	"strings"
	"testing"

	"github.com/culvert-vpn/culvert/engine/secret"
)

func TestParseAVP(t *testing.T) {
	tests := []struct {
		name, in string
		want     AVP
		rest     string
		err      error
	}{
		{"Assigned Tunnel ID", "8008 0000 0009 1234", AVP{Mandatory: true, Type: AVPAssignedTunnelID, Value: []byte{0x12, 0x34}}, "", nil},
		{"no value", "8006 0000 0027", AVP{Mandatory: true, Type: AVPSequencingRequired, Value: []byte{}}, "", nil},
		{"hidden, with a follower", "4007 0000 0008 ab 8006", AVP{Hidden: true, Type: AVPVendorName, Value: []byte{0xab}}, "8006", nil},
		{"vendor 9", "0007 0009 0001 ab", AVP{Vendor: 9, Type: 1, Value: []byte{0xab}}, "", nil},
		{"reserved bits", "3c06 0000 0001", AVP{Reserved: 15, Type: 1, Value: []byte{}}, "", nil},
		{"empty", "", AVP{}, "", ErrShort},
		{"cut in the header", "8006 0000 00", AVP{}, "", ErrShort},
		{"length 5", "8005 0000 0009", AVP{}, "", ErrLength},
		{"length 0", "8000 0000 0009", AVP{}, "", ErrLength},
		{"length beyond the message", "8008 0000 0009 12", AVP{}, "", ErrLength},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			in := unhex(t, tt.in)
			a, rest, err := ParseAVP(in)
			if !reflect.DeepEqual(a, tt.want) || !bytes.Equal(rest, unhex(t, tt.rest)) || !errors.Is(err, tt.err) {
				t.Errorf("ParseAVP(%x) = %+v, %x, %v, want %+v, %s, %v", in, a, rest, err, tt.want, tt.rest, tt.err)
			}
			if err == nil {
				if got := append(a.Append(nil), rest...); !bytes.Equal(got, in) {
					t.Errorf("Append(%+v) = %x, want %x", a, got, in)
				}
			}
		})
	}
}

func TestAppendAVPCutsLongValue(t *testing.T) {
	b := AVP{Type: AVPHostName, Value: make([]byte, 2000)}.Append(nil)
	a, rest, err := ParseAVP(b)
	if len(a.Value) != 1017 || len(rest) != 0 || err != nil {
		t.Errorf("a value of 2000 octets came back with %d, rest %d, %v, want 1017, 0, nil", len(a.Value), len(rest), err)
	}
}

// The ciphertexts were made by ten lines of Python (hashlib) written from RFC
// 2661, 4.3, padded with a5; the responses likewise from 4.4.3.
func TestHiddenVectors(t *testing.T) {
	key := secret.Secret("tunnel secret")
	vector := unhex(t, "000102030405060708090a0b0c0d0e0f")
	tests := []struct {
		name   string
		typ    AVPType
		plain  string
		cipher string
	}{
		{"three blocks", AVPVendorName, hex.EncodeToString([]byte("a vendor name of more than one block")),
			"8869a9c46cd0a4bc62bdac84bc7a53b8e9ac8bd1244497e8cb41f9849ea7fc3f4ff19eebd15e0ef8c4cad13868b95537"},
		{"one block", AVPAssignedTunnelID, "1234", "9b7afb1f369b26bdf82d156fe35983b7"},
		{"no padding", AVPAssignedTunnelID, "1234", "9b7afb1f"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			in, want := unhex(t, tt.cipher), unhex(t, tt.plain)
			got, ok := unhide(AVP{Hidden: true, Type: tt.typ, Value: in}, key, vector)
			if !ok || !bytes.Equal(got, want) {
				t.Errorf("unhide(%x) = %x, %v, want %x", in, got, ok, want)
			}
			if len(in)%hiddenPad != 0 {
				return
			}
			h := &hider{secret: key, vector: [16]byte(vector), pad: [hiddenPad]byte(bytes.Repeat([]byte{0xa5}, hiddenPad))}
			if a := h.hide(AVP{Type: tt.typ, Value: want}); !a.Hidden || !bytes.Equal(a.Value, in) {
				t.Errorf("hide(%x) = %x, want %x", want, a.Value, in)
			}
		})
	}
	for typ, want := range map[MessageType]string{SCCRP: "2f7fc2d6bcdb8f5e201247e396a3effb", SCCCN: "99aa9c675a200cda6d91b139e2351631"} {
		challenge := unhex(t, "101112131415161718191a1b1c1d1e1f")
		if got := challengeResponse(typ, key, challenge); hex.EncodeToString(got) != want {
			t.Errorf("challengeResponse(%v) = %x, want %s", typ, got, want)
		}
	}
}

func TestHiddenRoundTrip(t *testing.T) {
	h := &hider{secret: secret.Secret("s"), vector: [16]byte{1, 2, 3}, pad: [hiddenPad]byte{9, 9}}
	for n := range 1100 {
		value := bytes.Repeat([]byte{byte(n)}, n)
		a := h.hide(AVP{Mandatory: true, Type: AVPChallenge, Value: value})
		parsed, _, err := ParseAVP(a.Append(nil))
		if err != nil {
			t.Fatalf("%d octets: %v", n, err)
		}
		got, ok := unhide(parsed, h.secret, h.vector[:])
		if want := value[:min(n, 1015)]; !ok || !bytes.Equal(got, want) {
			t.Fatalf("%d octets came back as %d, %v", n, len(got), ok)
		}
	}
	for _, bad := range []string{"", "00", "ffff"} {
		if v, ok := unhide(AVP{Value: unhex(t, bad)}, h.secret, h.vector[:]); ok {
			t.Errorf("unhide(%s) = %x, want refusal", bad, v)
		}
	}
}

func TestParseMessage(t *testing.T) {
	tests := []struct {
		name, in string
		want     Message // present is not compared
		err      error
	}{
		{"HELLO", "8008 0000 0000 0006", Message{Type: HELLO, Mandatory: true}, nil},
		{"SCCRP of SoftEther", "8008 0000 0000 0002 8008 0000 0002 0100 800a 0000 0003 00000003 800a 0000 0004 00000003" +
			"8008 0000 0007 766d 000a 0000 0008 4c325450 8008 0000 0009 0001 8008 0000 000a 0010",
			Message{Type: SCCRP, Mandatory: true, Version: 0x100, FramingCapabilities: 3, BearerCapabilities: 3, HostName: "vm",
				Vendor: "L2TP", AssignedTunnel: 1, Window: 16}, nil},
		{"StopCCN of SoftEther, Result Code malformed", "8008 0000 0000 0004 8008 0000 0009 0001 800e 0000 0001 0000060000000000",
			Message{Type: StopCCN, Mandatory: true, AssignedTunnel: 1, Result: 6}, nil},
		{"CDN of SoftEther after a bad login", "8008 0000 0000 000e 8008 0000 000e 0001 800a 0000 0001 00030000 000b 0000 002e 000fc02101",
			Message{Type: CDN, Mandatory: true, AssignedSession: 1, Result: 3, PPPCause: 15, PPPProtocol: 0xc021}, nil},
		{"StopCCN of xl2tpd", "8008 0000 0000 0004 8008 0000 0009 0001 800f 0000 0001 0001 0000 4279 650a 21",
			Message{Type: StopCCN, Mandatory: true, AssignedTunnel: 1, Result: 1, Text: "Bye !"}, nil},
		{"StopCCN with a short Result Code", "8008 0000 0000 0004 8008 0000 0001 0006", Message{Type: StopCCN, Mandatory: true, Result: 6}, nil},
		{"StopCCN with rubbish behind", "8008 0000 0000 0004 8008 0000 0001 0006 ffff", Message{Type: StopCCN, Mandatory: true, Result: 6}, nil},
		{"StopCCN, Q.931 in CDN", "8008 0000 0000 000e 8009 0000 000c 001000", Message{Type: CDN, Mandatory: true, Q931: 16}, nil},
		{"ICRQ, Call Serial Number of 2 octets", "8008 0000 0000 000a 8008 0000 000e 0007 8008 0000 000f 0001",
			Message{Type: ICRQ, Mandatory: true, AssignedSession: 7}, nil},
		{"ICCN with proxy AVPs", "8008 0000 0000 000c 800a 0000 0018 000f4240 800a 0000 0013 00000001 0008 0000 001a 0104 0008 0000 001d 0004 8006 0000 0027",
			Message{Type: ICCN, Mandatory: true, TxSpeed: 1000000, FramingType: 1}, nil},
		{"unknown optional", "8008 0000 0000 0003 0008 0000 0063 0001 0006 0009 0001", Message{Type: SCCCN, Mandatory: true}, nil},
		{"unknown mandatory", "8008 0000 0000 0003 8008 0000 0063 0001", Message{Type: SCCCN, Mandatory: true,
			Unknown: &AVP{Mandatory: true, Type: 99}}, nil},
		{"mandatory of a vendor", "8008 0000 0000 0003 8006 0009 0001", Message{Type: SCCCN, Mandatory: true,
			Unknown: &AVP{Mandatory: true, Vendor: 9, Type: 1}}, nil},
		{"a reserved bit makes it unknown", "8008 0000 0000 0003 a406 0000 0007", Message{Type: SCCCN, Mandatory: true,
			Unknown: &AVP{Mandatory: true, Reserved: 9, Type: AVPHostName}}, nil},
		{"hidden without Random Vector", "8008 0000 0000 0003 c00a 0000 000d 00000000", Message{Type: SCCCN, Mandatory: true, Unreadable: true}, nil},
		{"hidden with the wrong secret", "8008 0000 0000 0003 8007 0000 0024 01 c00a 0000 000d 00000000", Message{Type: SCCCN, Mandatory: true, Unreadable: true}, nil},
		{"hidden, optional, unreadable", "8008 0000 0000 0003 400a 0000 0008 00000000", Message{Type: SCCCN, Mandatory: true}, nil},
		{"empty Random Vector", "8008 0000 0000 0003 8006 0000 0024", Message{Type: SCCCN, Mandatory: true}, ErrLength},
		{"type not first", "8008 0000 0009 0001 8008 0000 0000 0006", Message{}, ErrNoMessageType},
		{"type hidden", "c008 0000 0000 0006", Message{}, ErrNoMessageType},
		{"type of a vendor", "8008 0001 0000 0006", Message{}, ErrNoMessageType},
		{"type with a reserved bit", "8408 0000 0000 0006", Message{}, ErrNoMessageType},
		{"type of one octet", "8007 0000 0000 06", Message{}, ErrNoMessageType},
		{"nothing", "", Message{}, ErrShort},
		{"Assigned Tunnel ID missing", "8008 0000 0000 0001", Message{Type: SCCRQ, Mandatory: true}, ErrMissingAVP},
		{"Assigned Tunnel ID of zero", "8008 0000 0000 0002 8008 0000 0009 0000", Message{Type: SCCRP, Mandatory: true}, ErrMissingAVP},
		{"Assigned Session ID of zero", "8008 0000 0000 000b 8008 0000 000e 0000", Message{Type: ICRP, Mandatory: true}, ErrMissingAVP},
		{"Assigned Session ID of four octets", "8008 0000 0000 000b 800a 0000 000e 00000001", Message{Type: ICRP, Mandatory: true}, ErrLength},
		{"Challenge Response of 15 octets", "8008 0000 0000 0003 8015 0000 000d 000102030405060708090a0b0c0d0e",
			Message{Type: SCCCN, Mandatory: true, Response: []byte{0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14}}, ErrLength},
		{"Tie Breaker of one octet", "8008 0000 0000 0001 0007 0000 0005 01", Message{Type: SCCRQ, Mandatory: true, TieBreaker: []byte{1}}, ErrLength},
		{"cut AVP", "8008 0000 0000 0001 8008 0000 0009 00", Message{Type: SCCRQ, Mandatory: true}, ErrLength},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			in := unhex(t, tt.in)
			got, err := ParseMessage(in, secret.Secret("x"))
			got.present = 0
			if !reflect.DeepEqual(got, tt.want) || !errors.Is(err, tt.err) {
				t.Errorf("ParseMessage(%x) = %+v, %v, want %+v, %v", in, got, err, tt.want, tt.err)
			}
		})
	}
}

func TestAppendMessage(t *testing.T) {
	tests := []struct {
		name string
		m    Message
		want string
	}{
		{"SCCRQ", Message{Type: SCCRQ, Version: 0x100, FramingCapabilities: 3, HostName: "pc", Vendor: "V", AssignedTunnel: 0x1234, Window: 8},
			"8008 0000 0000 0001 8008 0000 0002 0100 800a 0000 0003 00000003 800a 0000 0004 00000000 8008 0000 0007 7063" +
				"0007 0000 0008 56 8008 0000 0009 1234 8008 0000 000a 0008"},
		{"StopCCN", Message{Type: StopCCN, AssignedTunnel: 1, Result: 2, Code: 8, Text: "x"}, "8008 0000 0000 0004 8008 0000 0009 0001 800b 0000 0001 0002 0008 78"},
		{"ICRQ", Message{Type: ICRQ, AssignedSession: 2, CallSerial: 0x01020304}, "8008 0000 0000 000a 8008 0000 000e 0002 800a 0000 000f 01020304"},
		{"ICCN", Message{Type: ICCN, TxSpeed: 1, FramingType: 1, present: 1 << AVPSequencingRequired},
			"8008 0000 0000 000c 800a 0000 0018 00000001 800a 0000 0013 00000001 8006 0000 0027"},
		{"CDN", Message{Type: CDN, AssignedSession: 2, Result: 3}, "8008 0000 0000 000e 800a 0000 0001 0003 0000 8008 0000 000e 0002"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if got := tt.m.Append(nil); !bytes.Equal(got, unhex(t, tt.want)) {
				t.Errorf("Append(%+v) = %x, want %s", tt.m, got, tt.want)
			}
		})
	}
}

// What is hidden comes back with the secret, and nothing of it shows.
func TestHiddenMessage(t *testing.T) {
	m := Message{Type: SCCRQ, Mandatory: true, Version: 0x100, FramingCapabilities: 3, HostName: "pc", Vendor: "a vendor", Firmware: 7,
		AssignedTunnel: 0x1234, Window: 8, Challenge: []byte("challenge"), TieBreaker: []byte("12345678")}
	key := secret.Secret("tunnel secret")
	b := m.append(nil, &hider{secret: key, vector: [16]byte{1}})
	for _, plain := range []string{"a vendor", "challenge", "\x00\x09\x12\x34"} {
		if bytes.Contains(b, []byte(plain)) {
			t.Errorf("%q shows in %x", plain, b)
		}
	}
	got, err := ParseMessage(b, key)
	got.present = 0
	if !reflect.DeepEqual(got, m) || err != nil {
		t.Errorf("ParseMessage = %+v, %v, want %+v", got, err, m)
	}
	if got, err := ParseMessage(b, nil); !got.Unreadable || err != nil {
		t.Errorf("without the secret ParseMessage = %+v, %v, want Unreadable", got, err)
	}
}

func TestClean(t *testing.T) {
	for in, want := range map[string]string{
		"Goodbye!\x00\n":            "Goodbye!",
		"a\r\nb\tc":                 "a  b c",
		"\x1b[31mred":               "[31mred",
		"gr\u00fc\u00dfe \u202edne": "gr\u00fc\u00dfe dne",
		"\xff\xfeok\xc3":            "ok",
		strings.Repeat("x", 5000):   strings.Repeat("x", maxText),
	} {
		if got := clean([]byte(in)); got != want {
			t.Errorf("clean(%q) = %q, want %q", in, got, want)
		}
	}
}

func TestErrorText(t *testing.T) {
	err := &Error{Reason: SessionRefused, Message: CDN, Result: 2, Code: 4, Text: "full", PPPCause: 15, PPPProtocol: 0xc021}
	want := `l2tp: session refused; peer sent CDN, result 2 (general error), error 4 (insufficient resources): "full", PPP cause 15 of protocol c021`
	if got := err.Error(); got != want {
		t.Errorf("Error() = %s, want %s", got, want)
	}
	if got := (&Error{Reason: NoAnswer}).Error(); got != "l2tp: no answer" {
		t.Errorf("Error() = %s, want l2tp: no answer", got)
	}
	if got := (&Error{Reason: 99, Message: StopCCN, Local: true, Result: 99}).Error(); got != "l2tp: none; we sent StopCCN, result 99 (unknown)" {
		t.Errorf("Error() = %s", got)
	}
}

func FuzzParse(f *testing.F) {
	for _, s := range []string{"8008000000000006", "800800000000000480080000000900018" + "00e00000001" + "0000060000000000",
		"8008000000000003" + "800700000024" + "01" + "c00a0000000d" + "00000000"} {
		b, _ := hex.DecodeString(s)
		f.Add(b)
	}
	key := secret.Secret("s")
	m := Message{Type: SCCRQ, HostName: "pc", AssignedTunnel: 1, Challenge: []byte{1}}
	f.Add(m.append(nil, &hider{secret: key}))
	f.Add(Header{Tunnel: 1}.Append(nil, 0))
	f.Fuzz(func(t *testing.T, b []byte) {
		if h, body, err := ParseHeader(b); err == nil {
			again, body2, err := ParseHeader(append(h.Append(nil, len(body)), body...))
			if again != h || !bytes.Equal(body, body2) || err != nil {
				t.Errorf("header of %x: %+v came back as %+v, %v", b, h, again, err)
			}
		}
		if _, payload, err := ParseData(b); err == nil && len(payload) > len(b)-dataHeaderLen {
			t.Errorf("ParseData(%x): payload of %d octets", b, len(payload))
		}
		IsNewTunnel(b)
		m, err := ParseMessage(b, key)
		if err != nil || m.Unknown != nil || m.Unreadable || !m.Type.known() {
			return
		}
		again, err := ParseMessage(m.Append(nil), key)
		if err != nil || again.Type != m.Type {
			t.Errorf("message of %x: %+v came back as %+v, %v", b, m, again, err)
		}
		if (m.Type == SCCRQ || m.Type == SCCRP) && (again.AssignedTunnel != m.AssignedTunnel || !bytes.Equal(again.Challenge, m.Challenge)) {
			t.Errorf("message of %x: %+v came back as %+v", b, m, again)
		}
		// A Result of 0 with a text of four octets may look like SoftEther's.
		if (m.Type == StopCCN || m.Type == CDN) && m.Result != 0 && (again.Result != m.Result || again.Code != m.Code || again.Text != m.Text) {
			t.Errorf("message of %x: %+v came back as %+v", b, m, again)
		}
	})
}
