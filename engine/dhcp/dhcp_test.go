package dhcp

import (
	"bytes"
	"encoding/hex"
	"errors"
	"fmt"
	"net/netip"
	"strings"
	"testing"

	"github.com/culvert-vpn/culvert/engine/internal/wire"
	"github.com/insomniacslk/dhcp/dhcpv4"
)

var (
	client = netip.MustParseAddr("10.99.0.10")
	peer   = netip.MustParseAddr("10.99.0.1")
)

// unhex reads octets as RFC 3442 writes them, and as hex.
func unhex(t *testing.T, s string) []byte {
	t.Helper()
	b, err := hex.DecodeString(strings.ReplaceAll(s, " ", ""))
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// message is a DHCP message with the given octets as its options.
func message(options string) []byte {
	b := make([]byte, headerLen, headerLen+4+len(options))
	b[0], b[1], b[2] = bootReply, 1, 6
	copy(b[xidAt:], "\x12\x34\x56\x78")
	copy(b[12:], client.AsSlice())
	return append(append(b, 99, 130, 83, 99), options...)
}

// option is an option of a message, split as RFC 3396 has it.
func option(code byte, data []byte) string {
	s := ""
	for len(data) > 255 {
		s += string([]byte{code, 255}) + string(data[:255])
		data = data[255:]
	}
	return s + string([]byte{code, byte(len(data))}) + string(data)
}

const (
	typeACK = "\x35\x01\x05"
	end     = "\xff"
)

func TestRoutes(t *testing.T) {
	const router = "0a630001"
	for _, c := range []struct {
		name    string
		c121    string
		c249    string
		want    string
		refused int
	}{
		// The examples of RFC 3442.
		{"default", "00" + router, "", "[0.0.0.0/0]", 0},
		{"10.0.0.0/8", "08 0a" + router, "", "[10.0.0.0/8]", 0},
		{"10.0.0.0/24", "18 0a0000" + router, "", "[10.0.0.0/24]", 0},
		{"10.17.0.0/16", "10 0a11" + router, "", "[10.17.0.0/16]", 0},
		{"10.27.129.0/24", "18 0a1b81" + router, "", "[10.27.129.0/24]", 0},
		{"10.229.0.128/25", "19 0ae50080" + router, "", "[10.229.0.128/25]", 0},
		{"10.198.122.47/32", "20 0ac67a2f" + router, "", "[10.198.122.47/32]", 0},

		{"several", "08 0a" + router + "0c ac10" + router, "", "[10.0.0.0/8 172.16.0.0/12]", 0},
		{"the router is on the link", "08 0a 00000000", "", "[10.0.0.0/8]", 0},
		{"Microsoft's number", "", "18 c0a814" + router, "[192.168.20.0/24]", 0},
		{"both: the standard one", "08 0a" + router, "18 c0a814" + router, "[10.0.0.0/8]", 0},
		{"both, the standard one malformed", "08 0a" + router + "21", "18 c0a814" + router, "[192.168.20.0/24]", 1},
		{"the same twice", "08 0a" + router + "08 0a" + router, "", "[10.0.0.0/8]", 0},
		{"bits beyond the width", "0c acff" + router, "", "[172.240.0.0/12]", 0},
		{"half the Internet", "01 00" + router + "01 80" + router, "", "[0.0.0.0/1 128.0.0.0/1]", 0},
		{"none", "", "", "[]", 0},

		{"no network", "08 7f" + router + "20 7f000001" + router + "08 00" + router + "10 a9fe" + router + "04 e0" + router + "20 ffffffff" + router + "08 0a" + router, "", "[10.0.0.0/8]", 6},
		{"wider than an address", "21 0a00000000" + router, "", "[]", 1},
		{"too short for the network", "18 0a00", "", "[]", 1},
		{"no router", "08 0a", "", "[]", 1},
		{"half a router", "08 0a 0a63", "", "[]", 1},
		{"one octet left over", "08 0a" + router + "08", "", "[]", 1},
	} {
		t.Run(c.name, func(t *testing.T) {
			text := typeACK
			if c.c121 != "" {
				text += option(121, unhex(t, c.c121))
			}
			if c.c249 != "" {
				text += option(249, unhex(t, c.c249))
			}
			m, err := parseMessage(message(text + end))
			if err != nil {
				t.Fatal(err)
			}
			o := optionsOf(m)
			if got := fmt.Sprint(o.Routes); got != c.want || o.Refused != c.refused {
				t.Errorf("Routes = %s, %d refused, want %s, %d", got, o.Refused, c.want, c.refused)
			}
		})
	}
}

// A long list comes in several options of one number (RFC 3396), and in the
// fields of others (RFC 2132, 9.3); there is an end to what is taken.
func TestLongOptions(t *testing.T) {
	var data []byte
	for i := range MaxRoutes + 10 {
		data = append(data, 24, 10, byte(i>>8), byte(i), 10, 99, 0, 1)
	}
	m, err := parseMessage(message(typeACK + option(121, data) + end))
	if err != nil {
		t.Fatal(err)
	}
	if o := optionsOf(m); len(o.Routes) != MaxRoutes || o.Refused != 10 {
		t.Errorf("%d routes and %d refused, want %d and 10", len(o.Routes), o.Refused, MaxRoutes)
	}

	b := message(typeACK + "\x34\x01\x03" + option(121, []byte{8, 10, 10, 99}) + end)
	copy(b[fileAt:], option(121, []byte{0, 1, 12, 172, 16})+end)
	copy(b[snameAt:], option(121, []byte{10, 99, 0, 1})+end)
	if m, err = parseMessage(b); err != nil {
		t.Fatal(err)
	}
	if o := optionsOf(m); fmt.Sprint(o.Routes) != "[10.0.0.0/8 172.16.0.0/12]" {
		t.Errorf("overloaded: %v", o.Routes)
	}
	copy(b[fileAt:], "\x79\xff")
	if _, err = parseMessage(b); !errors.Is(err, ErrMalformed) {
		t.Errorf("an option beyond its field gives %v", err)
	}
}

func TestNames(t *testing.T) {
	long := strings.Repeat("\x3f"+strings.Repeat("a", 63), 4) + "\x00"
	for _, c := range []struct {
		name    string
		c15     string
		c119    string
		want    string
		refused int
	}{
		{"domain", "corp.example", "", "corp.example", 0},
		{"as a C string, in capitals, with a dot", "Corp.Example.\x00", "", "corp.example", 0},
		{"several in one", "a.example b.example", "", "a.example b.example", 0},
		// RFC 3397, 2: eng.apple.com. and marketing.apple.com.
		{"RFC 3397", "", "\x03eng\x05apple\x03com\x00\x09marketing\xc0\x04", "eng.apple.com marketing.apple.com", 0},
		{"domain, then the list", "apple.com", "\x03eng\x05apple\x03com\x00\xc0\x04", "apple.com eng.apple.com", 0},
		{"a pointer to a name with a pointer", "", "\x01b\x01c\x00\x01a\xc0\x00\x01d\xc0\x05", "b.c a.b.c d.a.b.c", 0},
		{"the root", "", "\x00\x01b\x00", "b", 0},
		{"a pointer to itself", "", "\x01a\x00\xc0\x03", "a", 1},
		{"a pointer forward", "", "\xc0\x02\x01a\x00", "", 1},
		{"a pointer beyond", "", "\x01a\xcf\xff", "", 1},
		{"half a pointer", "", "\x01a\xc0", "", 1},
		{"a loop by way of a label", "", "\x01a\xc0\x00", "", 1},
		{"without an end", "", "\x01a", "", 1},
		{"a label beyond the end", "", "\x05a", "", 1},
		{"a reserved kind of label", "", "\x41a\x00", "", 1},
		{"a name that is too long", "", long, "", 1},
		{"no name", "a;rm -rf /", "\x03a\nb\x00\x02-a\x00\x03a b\x00", "", 6},
		{"dots only", "...", "", "", 1},
	} {
		t.Run(c.name, func(t *testing.T) {
			text := typeACK
			if c.c15 != "" {
				text += option(15, []byte(c.c15))
			}
			if c.c119 != "" {
				text += option(119, []byte(c.c119))
			}
			m, err := parseMessage(message(text + end))
			if err != nil {
				t.Fatal(err)
			}
			o := optionsOf(m)
			if got := strings.Join(o.Search, " "); got != c.want || o.Refused != c.refused {
				t.Errorf("Search = %q, %d refused, want %q, %d", got, o.Refused, c.want, c.refused)
			}
		})
	}
	// Every octet of it points back over all of what is in front.
	bomb := []byte(strings.Repeat("\x01a", 120) + "\x00" + strings.Repeat("\xc0\x00", 2000))
	if names, ok := ParseNames(bomb); ok || len(names) > MaxSearch+1 {
		t.Errorf("%d names of a list that is all pointers", len(names))
	}
}

func TestServers(t *testing.T) {
	m, err := parseMessage(message(typeACK + option(6, unhex(t, "0a630001 7f000001 0a630001 00000000 ffffffff e0000001 08080808 01")) + end))
	if err != nil {
		t.Fatal(err)
	}
	if o := optionsOf(m); fmt.Sprint(o.DNS) != "[10.99.0.1 8.8.8.8]" || o.Refused != 5 {
		t.Errorf("DNS = %v, %d refused", o.DNS, o.Refused)
	}
	var many []byte
	for i := range byte(MaxServers + 1) {
		many = append(many, 9, 9, 9, i)
	}
	m.Options.Update(dhcpv4.OptGeneric(dhcpv4.OptionDomainNameServer, many))
	if o := optionsOf(m); len(o.DNS) != MaxServers || o.Refused != 1 {
		t.Errorf("%d servers, %d refused", len(o.DNS), o.Refused)
	}
}

func TestDatagram(t *testing.T) {
	want := unhex(t, "4500 0021 0000 4000 4011 0000 0a63000a 0a630001 0044 0043 000d 0000 68656c6c6f") // but for the checksums
	d := datagram{netip.AddrPortFrom(client, 68), netip.AddrPortFrom(peer, 67), []byte("hello")}
	got := d.packet()
	if wire.Sum(0, got[:ipHeader]) != 0xffff || wire.Sum(uint32(protoUDP+len(got)-ipHeader), got[12:]) != 0xffff {
		t.Errorf("checksums of %x do not fit", got)
	}
	copy(want[10:12], got[10:12])
	copy(want[26:28], got[26:28])
	if !bytes.Equal(got, want) {
		t.Errorf("packet() = %x, want %x", got, want)
	}
	if back, ok := parseDatagram(append(got, "and padding"...)); !ok || back.from != d.from || back.to != d.to || string(back.payload) != "hello" {
		t.Errorf("parseDatagram = %+v, %t", back, ok)
	}
	for name, change := range map[string]func(b []byte){
		"IPv6":              func(b []byte) { b[0] = 0x65 },
		"TCP":               func(b []byte) { b[9] = 6 },
		"first fragment":    func(b []byte) { b[6] = 0x20 },
		"later fragment":    func(b []byte) { b[7] = 1 },
		"short header":      func(b []byte) { b[0] = 0x44 },
		"header beyond":     func(b []byte) { b[0] = 0x4f },
		"longer than it is": func(b []byte) { b[3]++ },
		"no room for UDP":   func(b []byte) { b[3] = 27 },
		"UDP longer":        func(b []byte) { b[25]++ },
		"UDP shorter":       func(b []byte) { b[25] = 7 },
	} {
		b := bytes.Clone(got)
		if change(b); bytes.Equal(b, got) {
			t.Fatal("nothing changed")
		}
		if d, ok := parseDatagram(b); ok {
			t.Errorf("%s: %+v", name, d)
		}
	}
	for n := range got {
		if _, ok := parseDatagram(got[:n]); ok {
			t.Errorf("the first %d octets are a packet", n)
		}
	}
}

// Answers is asked for each packet while a question is open.
func TestAnswersCostsNothing(t *testing.T) {
	ip := datagram{netip.AddrPortFrom(peer, portServer), netip.AddrPortFrom(client, portClient), message(typeACK + end)}.packet()
	yes := true
	if n := testing.AllocsPerRun(100, func() { yes = Answers(ip, 0x12345678) && !Answers(ip, 0x12345679) && yes }); n != 0 || !yes {
		t.Errorf("Answers: %t, %v allocations", yes, n)
	}
}

// FuzzParse takes any octets for the options of an answer.
func FuzzParse(f *testing.F) {
	f.Add([]byte(typeACK + end))
	f.Add([]byte(typeACK + option(121, []byte{8, 10, 10, 99, 0, 1}) + option(249, []byte{8, 10, 10, 99, 0, 1}) + end))
	f.Add([]byte(typeACK + option(119, []byte("\x03eng\x05apple\x03com\x00\x09marketing\xc0\x04")) + option(15, []byte("a.b c")) + end))
	f.Add([]byte(typeACK + "\x34\x01\x03" + option(6, []byte{9, 9, 9, 9}) + end))
	f.Fuzz(func(t *testing.T, options []byte) {
		m, err := parseMessage(message(string(options)))
		if err != nil {
			if !errors.Is(err, ErrMalformed) {
				t.Fatalf("parseMessage: %v", err)
			}
			return
		}
		o := optionsOf(m)
		if len(o.Routes) > MaxRoutes || len(o.Search) > MaxSearch || len(o.DNS) > MaxServers {
			t.Fatalf("%d routes, %d names, %d servers", len(o.Routes), len(o.Search), len(o.DNS))
		}
		for _, p := range o.Routes {
			if !p.Addr().Is4() || p != p.Masked() || !routable(p) {
				t.Fatalf("route %v", p)
			}
		}
		for _, s := range o.Search {
			if !IsName(s) {
				t.Fatalf("name %q", s)
			}
		}
		for _, a := range o.DNS {
			if !host(a) {
				t.Fatalf("server %v", a)
			}
		}
		// What was taken can be said again, and is the same then.
		s := Server{Address: peer, Options: o, MTU: 65000}
		if err := s.Check(); err != nil {
			t.Fatalf("Check of %+v: %v", o, err)
		}
	})
}
