package recording

import (
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"net/netip"
	"strconv"
	"strings"
	"time"

	"github.com/culvert-vpn/culvert/engine/dataplane"
	"github.com/culvert-vpn/culvert/engine/ike"
	"github.com/culvert-vpn/culvert/engine/internal/wire"
	"github.com/culvert-vpn/culvert/engine/packet"
	"github.com/culvert-vpn/culvert/engine/ppp"
	"github.com/culvert-vpn/culvert/engine/secret"
	"github.com/culvert-vpn/culvert/engine/stack"
	"github.com/culvert-vpn/culvert/engine/suite"
)

// From the specifications: the gateway's ports.
var ports = map[stack.Via]uint16{stack.Port500: 500, stack.Port4500: 4500, stack.Port1701: 1701}

// Setup is what a connection is made from. A change to what New makes of it
// asks for new recordings.
type Setup struct {
	Gateway string // make and version, for people
	Seed    string // of all randomness; 32 octets count
	Local   netip.AddrPort
	Remote  netip.Addr
	Inside  netip.Addr // what Ping asks for an echo

	IPsec     bool
	PSK       string
	Phase1    []suite.Phase1
	Phase2    []suite.Phase2
	InnerPort uint16

	Auth           []ppp.AuthMethod
	User, Password string
}

// config is a client as the program sets it up.
func (s *Setup) config() stack.Config {
	var seed [32]byte
	copy(seed[:], s.Seed)
	cfg := stack.Config{Role: stack.Client, Rand: rand.NewChaCha8(seed), IPsec: s.IPsec, Local: s.Local, InnerPort: s.InnerPort}
	cfg.Remote = s.peer(stack.Port1701)
	if s.IPsec {
		cfg.Remote = s.peer(stack.Port500)
		cfg.IKE = ike.Config{PSK: secret.Secret(s.PSK), Phase1: s.Phase1, Phase2: s.Phase2, RemoteNATT: s.peer(stack.Port4500),
			Phase1Lifetime: 8 * time.Hour, Phase2Lifetime: time.Hour, DPDInterval: 30 * time.Second}
	}
	cfg.L2TP.HelloInterval = time.Minute
	cfg.PPP = ppp.Config{User: s.User, Password: secret.Secret(s.Password), Auth: s.Auth,
		EchoInterval: 30 * time.Second, EchoFailures: 4, AuthTimeout: 90 * time.Second, IPv6: true}
	return cfg
}

// field is one line of a recording's header.
type field struct {
	key string
	get func() string
	set func(string) error
}

func (s *Setup) fields() []field {
	return []field{
		text("gateway", &s.Gateway),
		text("seed", &s.Seed),
		marshaled("local", &s.Local),
		marshaled("remote", &s.Remote),
		marshaled("inside", &s.Inside),
		{"ipsec", func() string { return strconv.FormatBool(s.IPsec) }, func(v string) (err error) {
			s.IPsec, err = strconv.ParseBool(v)
			return err
		}},
		text("psk", &s.PSK),
		list("phase1", &s.Phase1, suite.ParsePhase1),
		list("phase2", &s.Phase2, suite.ParsePhase2),
		{"inner-port", func() string { return strconv.Itoa(int(s.InnerPort)) }, func(v string) error {
			n, err := strconv.ParseUint(v, 10, 16)
			s.InnerPort = uint16(n)
			return err
		}},
		list("auth", &s.Auth, parseAuth),
		text("user", &s.User),
		text("password", &s.Password),
	}
}

func text(key string, to *string) field {
	return field{key, func() string { return *to }, func(v string) error { *to = v; return nil }}
}

func marshaled[T interface{ String() string }](key string, to *T) field {
	return field{key, func() string { return (*to).String() }, func(v string) error {
		return any(to).(interface{ UnmarshalText([]byte) error }).UnmarshalText([]byte(v))
	}}
}

func list[T fmt.Stringer](key string, to *[]T, parse func(string) (T, error)) field {
	get := func() string {
		var words []string
		for _, v := range *to {
			words = append(words, v.String())
		}
		return strings.Join(words, " ")
	}
	return field{key, get, func(v string) error {
		*to = nil
		for _, w := range strings.Fields(v) {
			t, err := parse(w)
			if err != nil {
				return err
			}
			*to = append(*to, t)
		}
		return nil
	}}
}

func parseAuth(name string) (ppp.AuthMethod, error) {
	for _, m := range []ppp.AuthMethod{ppp.PAP, ppp.CHAPMD5, ppp.MSCHAPv2} {
		if m.String() == name {
			return m, nil
		}
	}
	return 0, fmt.Errorf("recording: no authentication method %q", name)
}

// From the specifications.
const (
	ipv4Header = 20
	icmpHeader = 8
	protoICMP  = 1
	echo       = 8 // ICMP type; the answer's is 0
)

// ping sends an echo request through the data plane, when there is any.
func (c *Conn) ping(now time.Time, out *stack.Output) {
	p := c.stack.Path()
	if p == nil || !p.Network || c.Network == nil {
		return
	}
	c.pings++
	b := packet.NewBatch(1)
	b[0].Set(echoRequest(c.Network.Local, c.setup.Inside, c.pings))
	if p.Seal(now, b) != nil || b[0].Len() == 0 {
		return
	}
	via := stack.Port4500
	if p.Encapsulation == dataplane.Plain {
		via = stack.Port1701
	}
	out.Datagrams = append(out.Datagrams, stack.Datagram{Via: via, Peer: p.Peer, Data: append([]byte(nil), b[0].Bytes()...)})
}

// echoRequest is an ICMP echo request of 84 octets, as ping sends it.
func echoRequest(from, to netip.Addr, n uint16) []byte {
	b := make([]byte, 84)
	b[0], b[8], b[9] = 0x45, 64, protoICMP
	binary.BigEndian.PutUint16(b[2:], uint16(len(b)))
	copy(b[12:16], from.AsSlice())
	copy(b[16:20], to.AsSlice())
	binary.BigEndian.PutUint16(b[10:], ^wire.Sum(0, b[:ipv4Header]))
	m := b[ipv4Header:]
	m[0] = echo
	binary.BigEndian.PutUint16(m[6:], n)
	binary.BigEndian.PutUint16(m[2:], ^wire.Sum(0, m))
	return b
}

// isAnswer says whether an IP packet is an echo reply.
func isAnswer(ip []byte) bool {
	return len(ip) >= ipv4Header+icmpHeader && ip[0] == 0x45 && ip[9] == protoICMP && ip[ipv4Header] == 0
}
