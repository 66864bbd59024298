package recording

import (
	"net/netip"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/culvert-vpn/culvert/engine/enginetest"
	"github.com/culvert-vpn/culvert/engine/ppp"
	"github.com/culvert-vpn/culvert/engine/stack"
	"github.com/culvert-vpn/culvert/engine/suite"
)

func TestFile(t *testing.T) {
	r := &Recording{Setup: Setup{Gateway: "one of theirs 1.0", Seed: "a seed", Local: netip.MustParseAddrPort("192.0.2.1:40500"),
		Remote: netip.MustParseAddr("198.51.100.1"), Inside: netip.MustParseAddr("10.0.0.1"), IPsec: true, PSK: "lab-psk",
		Phase1: suite.DefaultPhase1(), Phase2: suite.DefaultPhase2(), InnerPort: 50123,
		Auth: []ppp.AuthMethod{ppp.MSCHAPv2, ppp.CHAPMD5, ppp.PAP}, User: "alice", Password: "correct horse"}}
	to := func(via stack.Via, data ...byte) stack.Datagram {
		return stack.Datagram{Via: via, Peer: r.Setup.peer(via), Data: data}
	}
	r.Calls = []Call{
		{Action: Start, Sent: []stack.Datagram{to(stack.Port500, 1, 2), to(stack.Port4500, 3)}},
		{At: 1001 * time.Microsecond, Action: Handle, Via: stack.Port500, Data: []byte{4}, Events: []string{`phase1 suite="x"`, "data octets=5"}},
		{At: 1002 * time.Microsecond, Action: Advance},
		{At: 3 * time.Hour, Action: Close, Events: []string{"down"}, Sent: []stack.Datagram{to(stack.Port1701, 6)}},
	}
	text := r.Transcript().Append(nil)
	got := parse(t, string(text))
	if !reflect.DeepEqual(got, r) {
		t.Errorf("from\n%s\n%+v, want %+v", text, got, r)
	}
}

func parse(t *testing.T, text string) *Recording {
	t.Helper()
	tr, err := enginetest.ParseTranscript("test", strings.NewReader(text))
	if err != nil {
		t.Fatal(err)
	}
	r, err := Parse(tr)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func TestBadFile(t *testing.T) {
	const header = "# local: 192.0.2.1:1\n# remote: 192.0.2.2\n\n"
	for _, tt := range []struct{ name, text, want string }{
		{"no addresses", "# user: alice\n\n# 0 start\n# to udp/500\n> 00\n", "no addresses"},
		{"a bad field", "# local: here\n\n> 00\n", "local: "},
		{"an unknown method", header[:len(header)-1] + "# auth: EAP\n\n> 00\n", "auth: "},
		{"no messages", header, "nothing in it"},
		{"no call", header + "# to udp/500\n> 00\n", "without a call"},
		{"no way", header + "# 0 start\n> 00\n", "how this message went"},
		{"received by no call", header + "# 0 start\n< 00\n", "how this message went"},
		{"no time", header + "# soon start\n> 00\n", "no time"},
		{"no such call", header + "# 0 stop\n> 00\n", "no call"},
		{"two calls, one message", header + "# 0 from udp/500\n# 1 from udp/500\n< 00\n", "without its message"},
		{"an event of nothing", header + "# = down\n> 00\n", "event without a call"},
	} {
		tr, err := enginetest.ParseTranscript("test", strings.NewReader(tt.text))
		if err != nil {
			t.Fatalf("%s: %v", tt.name, err)
		}
		if _, err := Parse(tr); err == nil || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%s: %v, want %q in it", tt.name, err, tt.want)
		}
	}
}

// What comes out otherwise than recorded is told.
func TestSame(t *testing.T) {
	sent := []stack.Datagram{{Via: stack.Port500, Data: []byte{1}}}
	want := Call{Sent: sent, Events: []string{`phase1 suite="x"`}}
	for _, tt := range []struct {
		name string
		got  Call
		same bool
	}{
		{"the same", want, true},
		{"more detail", Call{Sent: sent, Events: []string{`phase1 suite="x" nat="none"`}}, true},
		{"other detail", Call{Sent: sent, Events: []string{`phase1 suite="y"`}}, false},
		{"no event", Call{Sent: sent}, false},
		{"nothing sent", Call{Events: want.Events}, false},
		{"more sent", Call{Sent: append(sent, sent...), Events: want.Events}, false},
		{"another octet", Call{Sent: []stack.Datagram{{Via: stack.Port500, Data: []byte{2}}}, Events: want.Events}, false},
		{"another way", Call{Sent: []stack.Datagram{{Via: stack.Port4500, Data: []byte{1}}}, Events: want.Events}, false},
	} {
		if err := want.same(tt.got); (err == nil) != tt.same {
			t.Errorf("%s: %v", tt.name, err)
		}
	}
}
