package slaac

import (
	"encoding/binary"
	"fmt"
	"net/netip"
	"testing"
	"time"

	"github.com/culvert-vpn/culvert/engine/dhcp"
	"github.com/culvert-vpn/culvert/engine/internal/wire"
)

var (
	leased   = netip.MustParseAddr("2001:db8:99::1234")
	serverID = []byte{0, 1, 2, 3}
	ourXID   = [3]byte{'x', 'i', 'd'}
)

// answer is what a server says: options behind those that every answer has.
func answer(kind uint8, xid [3]byte, more []byte) []byte {
	m := append([]byte{kind}, xid[:]...)
	m = appendOption(m, optClientID, clientID(ourID))
	m = appendOption(m, optServerID, serverID)
	return reply6(append(m, more...))
}

func reply6(m []byte) []byte {
	udp := binary.BigEndian.AppendUint16(nil, portServer6)
	udp = binary.BigEndian.AppendUint16(udp, portClient6)
	udp = append(append(udp, 0, 0, 0, 0), m...)
	wire.PutLen16(udp, 4, 0)
	return packet{theirs, ours, 64, protoUDP, udp}.append(nil, 6)
}

// ia is an association with that address, for an hour.
func ia(a netip.Addr, more ...byte) []byte {
	b := append([]byte{4, 5, 6, 7}, 0, 0, 0, 0, 0, 0, 0, 0)
	if a.IsValid() {
		lease := append(a.AsSlice(), 0, 0, 7, 8, 0, 0, 14, 16) // 1,800 and 3,600 s
		b = appendOption(b, optIAAddr, lease)
	}
	return appendOption(nil, optIANA, append(b, more...))
}

func leaseOf(kind uint8, xid [3]byte, more []byte) []byte {
	return answer(kind, xid, append(ia(leased), more...))
}

func managed(a *advertisement) { a.managed, a.prefixes = true, nil }

var rapid = appendOption(nil, optRapid, nil)

// A gateway that has other things by DHCPv6 is asked for name servers.
func TestInformation(t *testing.T) {
	b := newBench(t)
	b.hears(says(func(a *advertisement) { a.other = true }))
	p, _ := parsePacket(b.out.Packets[1])
	want := "0222" + "0223" + "002c" // ports, and the length
	if got := fmt.Sprintf("%x", p.payload[:6]); got != want || p.to != allServers || p.from != ours || p.sum(p.payload) != 0xffff {
		t.Errorf("from %v to %v: %s, want %s", p.from, p.to, got, want)
	}
	if got, want := fmt.Sprintf("%x", p.payload[8:]), "0b786964"+"0001000c0003001b"+"0001020304050607"+"000800020000"+"0006000600170018"+"0020"; got != want {
		t.Errorf("asked %s, want\n%s", got, want)
	}
	b.did("icmp 133 to ff02::2 · dhcp 11 · learned " + address + " routes [2001:db8:99:1::/64]")
	b.after(time.Second).did("dhcp 11")
	b.hears(says(func(a *advertisement) { a.other = true })).did("") // once is enough
	dns := netip.MustParseAddr("2001:db8:99::53")
	more := appendOption(nil, optServers, append(dns.AsSlice(), netip.MustParseAddr("fe80::1").AsSlice()...))
	more = appendOption(more, optSearch, dhcp.AppendNames(nil, []string{"Corp.example", "a b"}))
	more = appendOption(more, optRefresh, []byte{0, 0, 0, 1})
	b.hears(answer(msgReply, ourXID, more)).after(pause).did("learned " + address + " routes [2001:db8:99:1::/64] dns [2001:db8:99::53] search [corp.example]")
	b.after(refreshLeast - 2*pause).did("")
	b.after(pause).did("dhcp 11")
}

// A gateway without a prefix for addresses leases one.
func TestLease(t *testing.T) {
	t.Run("rapid", func(t *testing.T) {
		b := newBench(t)
		b.hears(says(managed)).did("icmp 133 to ff02::2 · dhcp 1")
		b.hears(leaseOf(msgReply, ourXID, nil)).did("drop") // not asked for
		b.hears(leaseOf(msgReply, ourXID, rapid)).did("learned 2001:db8:99::1234")
	})
	t.Run("in four steps", func(t *testing.T) {
		b := newBench(t)
		b.hears(says(managed)).did("icmp 133 to ff02::2 · dhcp 1")
		for _, d := range []time.Duration{1, 2, 4} {
			b.after(d * time.Second).did("dhcp 1")
		}
		b.hears(leaseOf(msgAdvertise, ourXID, nil)).did("dhcp 3")
		b.hears(leaseOf(msgAdvertise, ourXID, nil)).did("drop")
		b.hears(leaseOf(msgReply, ourXID, nil)).did("learned 2001:db8:99::1234")
		neighbour := icmp(theirs, ours, typeNeighbour, append(make([]byte, 4), leased.AsSlice()...))
		b.hears(neighbour).did("icmp 136 to fe80::1")
		b.hears(says(managed))
		b.after(15*time.Minute - 1).did("")
		b.after(1).did("dhcp 5") // T1
		b.hears(says(managed)).hears(leaseOf(msgReply, ourXID, nil)).did("")
		b.after(15 * time.Minute).did("dhcp 5")
		b.after(9*time.Minute - 1).hears(says(managed))
		b.out.Reset()
		b.after(1).did("dhcp 6") // T2
		b.after(20 * time.Minute).hears(says(managed))
		b.out.Reset()
		b.after(16 * time.Minute) // the end
		if got := b.out.Events[len(b.out.Events)-1]; got.(Learned).Network.Address.IsValid() || b.c.dhcp.asking != msgSolicit {
			t.Errorf("at the end of the lease: %+v, asking %d", got, b.c.dhcp.asking)
		}
	})
	t.Run("silence", func(t *testing.T) {
		b := newBench(t)
		b.hears(says(managed)).hears(leaseOf(msgAdvertise, ourXID, nil))
		b.out.Reset()
		b.after(5 * time.Minute)
		if b.c.dhcp.asking != msgSolicit || len(b.out.Packets) > 30 {
			t.Errorf("asking %d after %d packets", b.c.dhcp.asking, len(b.out.Packets))
		}
	})
	t.Run("a prefix is enough", func(t *testing.T) {
		b := newBench(t)
		b.hears(says(func(a *advertisement) { a.managed = true })).did("icmp 133 to ff02::2 · dhcp 11 · learned " + address + " routes [2001:db8:99:1::/64]")
	})
	t.Run("refused", func(t *testing.T) {
		b := newBench(t)
		b.hears(says(managed)).hears(leaseOf(msgReply, ourXID, rapid)).after(15 * time.Minute)
		b.out.Reset()
		b.hears(answer(msgReply, ourXID, ia(netip.Addr{}, 0, optStatus, 0, 2, 0, 3))) // NoBinding
		b.did("dhcp 1 · learned nothing")
	})
}

// What is no answer of a server's to us changes nothing.
func TestForeignServer(t *testing.T) {
	edit := func(at int, v byte) []byte { ip := leaseOf(msgReply, ourXID, rapid); ip[at] = v; return ip }
	noServer := appendOption(append([]byte{msgReply}, ourXID[:]...), optClientID, clientID(ourID))
	mine := appendOption(append([]byte{msgReply}, ourXID[:]...), optClientID, clientID(peerID))
	status := appendOption(nil, optStatus, []byte{0, 2})
	for name, ip := range map[string][]byte{
		"another question's": leaseOf(msgReply, [3]byte{1}, rapid), "no address": answer(msgReply, ourXID, append(ia(netip.Addr{}), rapid...)),
		"another's": reply6(append(append(appendOption(mine, optServerID, serverID), ia(leased)...), rapid...)), "nobody's": reply6(append(append(noServer, ia(leased)...), rapid...)),
		"a status": leaseOf(msgReply, ourXID, append(status, rapid...)), "a wrong checksum": edit(46, 1), "a wrong length": edit(45, 1), "to another port": edit(43, 1),
		"of another association":   answer(msgReply, ourXID, append(appendOption(nil, optIANA, make([]byte, 12)), rapid...)),
		"an option beyond the end": answer(msgReply, ourXID, append(ia(leased), 0, 14, 0, 1)), "a request": leaseOf(msgRequest, ourXID, rapid),
		"a link-local address": answer(msgReply, ourXID, append(ia(netip.MustParseAddr("fe80::1")), rapid...)),
	} {
		t.Run(name, func(t *testing.T) {
			b := newBench(t).hears(says(managed))
			b.out.Reset()
			b.hears(ip).did("drop")
			b.hears(leaseOf(msgReply, ourXID, rapid)).did("learned 2001:db8:99::1234")
		})
	}
}

// FuzzParseReply reads any message as a server's.
func FuzzParseReply(f *testing.F) {
	f.Add(leaseOf(msgReply, ourXID, rapid)[ipHeader+udpHeader:])
	f.Fuzz(func(t *testing.T, b []byte) {
		m, err := parseReply(b, ourID[4:])
		if err == nil && (m.address.IsValid() && !isServer(m.address) || len(m.servers) > maxServers || len(m.search) > maxSearch || m.refresh < refreshLeast) {
			t.Fatalf("parseReply(%x) = %+v", b, m)
		}
	})
}

// FuzzParseAdvertisement reads what it writes.
func FuzzParseAdvertisement(f *testing.F) {
	f.Add(says()[ipHeader+icmpHeader:])
	f.Fuzz(func(t *testing.T, body []byte) {
		if len(body) > maxPacket-100 {
			return
		}
		p, err := parsePacket(icmp(theirs, allNodes, typeAdvertisement, body))
		if err != nil {
			t.Fatal(err)
		}
		a, err := parseAdvertisement(p)
		if err != nil {
			return
		}
		p, err = parsePacket(icmp(theirs, allNodes, typeAdvertisement, a.append(nil)))
		if err != nil {
			return // names of a compressed list may take more room
		}
		if b, err := parseAdvertisement(p); err != nil || fmt.Sprintf("%+v", b) != fmt.Sprintf("%+v", a) {
			t.Fatalf("%+v reads as %+v, %v", a, b, err)
		}
	})
}
