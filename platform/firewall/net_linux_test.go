package firewall

import (
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// A program learns that it has no way out within moments, not after minutes.
func TestRefusedAtOnce(t *testing.T) {
	newLab(t)
	set(t, newSystemManager(t), Config{KillSwitch: true})
	for _, c := range []struct {
		addr string
		want error
	}{
		{net.JoinHostPort(server4, "443"), unix.EHOSTUNREACH},
		{net.JoinHostPort(server6, "443"), unix.EACCES},
	} {
		begin := time.Now()
		conn, err := net.DialTimeout("tcp", c.addr, 20*time.Second)
		if err == nil {
			conn.Close()
		}
		if took := time.Since(begin); !errors.Is(err, c.want) || took > 5*time.Second {
			t.Errorf("dial %s = %v after %v, want %v at once", c.addr, err, took, c.want)
		}
	}
	// Loopback goes on.
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer ln.Close()
	conn, err := net.DialTimeout("tcp", ln.Addr().String(), 5*time.Second)
	if err != nil {
		t.Fatalf("loopback: %v", err)
	}
	conn.Close()
}

// open connects the client with a listener in the namespace outside.
func (l *lab) open(t *testing.T, addr string) (client, server net.Conn) {
	t.Helper()
	var ln net.Listener
	l.outside.Do(func() {
		var err error
		if ln, err = net.Listen("tcp", addr); err != nil {
			t.Error(err)
		}
	})
	defer ln.Close()
	client, err := net.DialTimeout("tcp", addr, 10*time.Second)
	if err != nil {
		t.Fatal(err)
	}
	server, err = ln.Accept()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { client.Close(); server.Close() })
	for _, c := range []net.Conn{client, server} {
		if err := c.SetDeadline(time.Now().Add(20 * time.Second)); err != nil {
			t.Fatal(err)
		}
	}
	talk(t, client, server)
	talk(t, server, client)
	return client, server
}

func talk(t *testing.T, from, to net.Conn) {
	t.Helper()
	if _, err := from.Write([]byte("hello")); err != nil {
		t.Fatal(err)
	}
	if _, err := io.ReadFull(to, make([]byte, 5)); err != nil {
		t.Fatal(err)
	}
}

// Connections from before are cut, the program is told, and the peer hears
// nothing any more. With Inbound too: also when the peer is the first to speak.
func TestOpenConnections(t *testing.T) {
	for _, inbound := range []bool{false, true} {
		for _, addr := range []string{"203.0.113.9:80", "[2001:db8:9::9]:80"} {
			for _, first := range []string{"client", "server"} {
				t.Run(fmt.Sprintf("inbound=%v/%s/%s first", inbound, addr, first), func(t *testing.T) {
					l := newLab(t)
					client, server := l.open(t, addr)
					cfg := connected()
					cfg.Inbound = inbound
					set(t, newSystemManager(t), cfg)
					l.settle(t)
					l.out.reset()
					if first == "server" {
						if _, err := server.Write([]byte("still there?")); err != nil {
							t.Fatal(err)
						}
					}
					// The acknowledgement of what the server said may have
					// ended it already.
					_, err := client.Write([]byte("hello"))
					if err == nil {
						_, err = io.Copy(io.Discard, client)
					}
					if !errors.Is(err, unix.ECONNRESET) {
						t.Errorf("the program sees %v, want a reset", err)
					}
					l.settle(t)
					if n := l.out.count(to(server4, server6)); n != 0 {
						t.Errorf("%d packets left", n)
					}
				})
			}
		}
	}
}

// Connections that others open are answered only where Inbound permits it.
func TestInbound(t *testing.T) {
	l := newLab(t)
	m := newSystemManager(t)
	ln, err := net.Listen("tcp", ":7000")
	if err != nil {
		t.Fatal(err)
	}
	defer ln.Close()
	dial := func(addr string) error {
		var err error
		l.outside.Do(func() {
			var c net.Conn
			d := net.Dialer{Timeout: 20 * time.Second, LocalAddr: &net.TCPAddr{IP: net.ParseIP(server4)}}
			if strings.HasPrefix(addr, "[") {
				d.LocalAddr = &net.TCPAddr{IP: net.ParseIP(server6)}
			}
			if c, err = d.Dial("tcp", addr); err == nil {
				c.Close()
			}
		})
		return err
	}
	cfg := connected()
	cfg.Inbound = true
	set(t, m, cfg)
	for _, addr := range []string{"192.0.2.10:7000", "[2001:db8::10]:7000"} {
		if err := dial(addr); err != nil {
			t.Errorf("Inbound: dial %s = %v", addr, err)
		}
	}
	l.out.reset()
	l.ping(t, "198.51.100.2")
	if !l.out.wait(to("198.51.100.2")) {
		t.Error("Inbound: no answer to a ping")
	}
	cfg.Inbound = false
	set(t, m, cfg)
	l.out.reset()
	l.ping(t, "198.51.100.2")
	for _, addr := range []string{"192.0.2.10:7001", "[2001:db8::10]:7000"} {
		l.outside.Do(func() {
			a := netip.MustParseAddrPort(addr)
			if err := (packet{to: a.Addr().String(), proto: protoTCP, port: int(a.Port())}).send(""); err != nil {
				t.Error(err)
			}
		})
	}
	l.settle(t)
	if n := l.out.count(func(f []byte) bool {
		_, ip := destination(f)
		return ip && !icmp6(icmp6NeighbourAdv)(f) && !icmp6(icmp6NeighbourSolic)(f)
	}); n != 0 {
		t.Errorf("without Inbound: %d packets answered", n)
	}
}

// ping has the outside send an echo request from an address of its own.
func (l *lab) ping(t *testing.T, from string) {
	t.Helper()
	l.outside.Do(func() {
		fd, err := unix.Socket(unix.AF_INET, unix.SOCK_RAW|unix.SOCK_CLOEXEC, protoICMP)
		if err == nil {
			defer unix.Close(fd)
			err = unix.Bind(fd, sockaddr(netip.MustParseAddr(from), 0))
		}
		if err == nil {
			err = unix.Sendto(fd, echo(8, "ping"), 0, sockaddr(netip.MustParseAddr("192.0.2.10"), 0))
		}
		if err != nil {
			t.Error(err)
		}
	})
}

// A neighbour cannot reach the tunnel's address from outside.
func TestTunnelAddress(t *testing.T) {
	l := newLab(t)
	m := newSystemManager(t)
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer unix.Close(fd)
	if err := unix.Bind(fd, sockaddr(netip.MustParseAddr("10.99.0.10"), 7000)); err != nil {
		t.Fatal(err)
	}
	probe := func(what string) {
		l.outside.Do(func() {
			if err := (packet{to: "10.99.0.10", proto: protoUDP, port: 7000, dev: map[bool]string{true: "in0", false: "out0"}[what == "tunnel"]}).send(what); err != nil {
				t.Error(err)
			}
		})
	}
	receive := func() string {
		b := make([]byte, 100)
		n, _, err := unix.Recvfrom(fd, b, 0)
		if err != nil {
			t.Fatal(err)
		}
		return string(b[:n])
	}
	l.outside.IP("route add 10.99.0.10/32 via 192.0.2.10 dev out0 metric 5")
	for _, dev := range []string{"all", "eth0"} {
		sysctl(t, "ipv4/conf/"+dev+"/rp_filter", "0")
	}
	probe("outside")
	if got := receive(); got != "outside" {
		t.Fatalf("without rules: %q, want what came from outside", got)
	}
	set(t, m, connected())
	probe("outside")
	probe("tunnel")
	if got := receive(); got != "tunnel" {
		t.Errorf("got %q, want what came through the tunnel only", got)
	}
}

// IPv6 finds its neighbours and is found, and says which groups it is in.
func TestNeighbours(t *testing.T) {
	l := newLab(t)
	cfg := connecting()
	cfg.Gateways = append(cfg.Gateways, addrs("2001:db8::99")...)
	set(t, newSystemManager(t), cfg)
	l.out.reset()
	if err := (packet{to: "2001:db8::99", proto: protoUDP, port: 4500, mark: DefaultMark}).send("to a stranger"); err != nil {
		t.Fatal(err)
	}
	if !l.out.wait(with("to a stranger")) {
		t.Error("a gateway on the link cannot be found")
	}
	l.outside.Do(func() {
		run(t, "ip -6 neigh flush dev out0")
		if err := (packet{to: "2001:db8::10", proto: protoUDP, port: 9999}).send("from a stranger"); err != nil {
			t.Error(err)
		}
	})
	if !l.out.wait(icmp6(icmp6NeighbourAdv)) {
		t.Error("the machine does not tell its neighbours that it is there")
	}
	l.out.reset()
	run(t, "ip addr add 2001:db8::1234/64 dev eth0")
	// The report has a hop-by-hop header (RFC 3810, 5): type behind eight octets.
	if !l.out.wait(func(f []byte) bool {
		return len(f) > 62 && f[20] == 0 && f[54] == protoICMPv6 && f[62] == icmp6MLD2Report
	}) {
		t.Error("no multicast listener report")
	}
	l.out.reset()
	run(t, "ip link set eth0 down")
	run(t, "ip link set eth0 up")
	if !l.out.wait(icmp6(icmp6RouterSolicit)) {
		t.Error("no router solicitation")
	}
}

// What containers and virtual machines send is held to the same.
func TestForward(t *testing.T) {
	l := newLab(t)
	m := newSystemManager(t)
	local := Config{KillSwitch: true, LocalNetwork: true}
	for _, s := range []struct {
		name    string
		cfg     Config
		dst     string
		want    string
		port    int
		answers bool
	}{
		{"open", Config{}, server4, outside, 9999, false},
		{"blocked", Config{KillSwitch: true}, server4, nowhere, 9999, false},
		{"gateway of ours", connecting(), "198.51.100.1", nowhere, 4500, false},
		{"connected", connected(), server4, nowhere, 9999, false},
		{"through the tunnel", connected(), "10.99.0.1", inTunnel, 9999, true},
		{"names", withoutIPv6(), server4, nowhere, 53, false},
		{"no names", withoutIPv6(), server4, outside, 9999, false},
		{"local network", local, "192.168.77.1", outside, 9999, false},
		{"not the local network", local, server4, nowhere, 9999, false},
	} {
		set(t, m, s.cfg)
		l.out.reset()
		l.in.reset()
		l.container.Do(func() {
			if err := (packet{to: s.dst, proto: protoUDP, port: s.port}).send("from a container"); err != nil {
				t.Error(err)
			}
		})
		like := with("from a container")
		switch s.want {
		case outside:
			if !l.out.wait(like) {
				t.Errorf("%s: did not come out", s.name)
			}
		case inTunnel:
			if !l.in.wait(like) {
				t.Errorf("%s: did not come through the tunnel", s.name)
			}
		}
		l.settle(t)
		if n := l.out.count(like); s.want != outside && n != 0 {
			t.Errorf("%s: came out", s.name)
		}
		if s.answers {
			l.container.Do(func() { run(t, "ping -c 1 -W 10 "+s.dst) })
		}
	}
}

// Somebody else's rules send a packet another way after the output hook has
// seen it leave by the tunnel.
func TestRerouted(t *testing.T) {
	l := newLab(t)
	m := newSystemManager(t)
	run(t, "ip route add default via 192.0.2.1 dev eth0 table 100")
	run(t, "ip rule add fwmark 9 lookup 100")
	nftScript(t, `table inet other {
		chain mangle {
			type route hook output priority mangle; policy accept;
			ip daddr 10.99.0.77 meta mark set 9
		}
	}`)
	p := packet{to: "10.99.0.77", proto: protoUDP, port: 9999}
	if got, err := l.went(t, p); got != outside {
		t.Fatalf("without rules of ours: went %s (%v), want %s", got, err, outside)
	}
	set(t, m, connected())
	if got, err := l.went(t, p); got != nowhere {
		t.Errorf("went %s (%v), want %s", got, err, nowhere)
	}
}

// A flush by somebody else, or any change to our table, is noticed, and the
// next Set mends it.
func TestIntact(t *testing.T) {
	l := newLab(t)
	m := newSystemManager(t)
	for _, spoil := range []string{
		"flush ruleset",
		"delete table inet culvert",
		"flush table inet culvert",
		"flush chain inet culvert postrouting",
		"insert rule inet culvert leaving accept",
		"add table inet culvert { flags dormant; }",
		"add chain inet culvert output { policy accept; }",
	} {
		set(t, m, connected())
		if ok, err := m.Intact(); !ok || err != nil {
			t.Errorf("Intact = %v, %v, want true", ok, err)
		}
		nftScript(t, spoil)
		if ok, err := m.Intact(); ok || err != nil {
			t.Errorf("after %s: Intact = %v, %v, want false", spoil, ok, err)
		}
		set(t, m, connected())
		if ok, err := m.Intact(); !ok || err != nil {
			t.Errorf("after %s and Set: Intact = %v, %v, want true", spoil, ok, err)
		}
		if got, err := l.went(t, probes["server UDP"]); got != nowhere {
			t.Errorf("after %s and Set: went %s (%v), want %s", spoil, got, err, nowhere)
		}
	}
	// A table of the same name with other chains, as another version's.
	if err := m.Clear(); err != nil {
		t.Fatal(err)
	}
	nftScript(t, `table inet culvert {
		chain output { type nat hook output priority 7; policy accept; }
		chain old {
			accept
		}
	}`)
	set(t, m, connected())
	if ok, err := m.Intact(); !ok || err != nil {
		t.Errorf("in the place of another version's: Intact = %v, %v, want true", ok, err)
	}
	if got := run(t, "nft list ruleset"); strings.Contains(got, "old") {
		t.Errorf("another version's chain is left:\n%s", got)
	}
}

// Beside others' rules: what they drop stays dropped, what they accept does not
// pass us, and theirs are as before after Clear.
func TestBesideOthers(t *testing.T) {
	l := newLab(t)
	m := newSystemManager(t)
	nftScript(t, `table inet firewalld {
		chain output {
			type filter hook output priority filter + 10; policy accept;
			ip daddr 10.99.0.1 udp dport 9999 drop
			accept
		}
	}
	table ip filter {
		chain OUTPUT {
			type filter hook output priority filter; policy accept;
			accept
		}
	}
	table inet early {
		chain output {
			type filter hook output priority raw; policy accept;
			accept
		}
	}`)
	before := run(t, "nft list ruleset")
	set(t, m, connected())
	for name, want := range map[string]string{"server UDP": nowhere, "gateway 4500": outside, "tunnel UDP": nowhere, "tunnel ping": inTunnel} {
		if got, err := l.went(t, probes[name]); got != want {
			t.Errorf("%s went %s (%v), want %s", name, got, err, want)
		}
	}
	if err := m.Clear(); err != nil {
		t.Fatal(err)
	}
	if got := run(t, "nft list ruleset"); got != before {
		t.Errorf("after Clear:\n%s\nwant\n%s", got, before)
	}
}

func TestLocalPrefixes(t *testing.T) {
	newLab(t)
	run(t, "ip addr add 198.51.0.7/16 dev eth0")
	got, err := LocalPrefixes("culvert0")
	if err != nil {
		t.Fatal(err)
	}
	want := []netip.Prefix{netip.MustParsePrefix("192.0.2.0/24"), netip.MustParsePrefix("198.51.0.0/22"), netip.MustParsePrefix("2001:db8::/64")}
	if fmt.Sprint(got) != fmt.Sprint(want) {
		t.Errorf("LocalPrefixes = %v, want %v", got, want)
	}
}
