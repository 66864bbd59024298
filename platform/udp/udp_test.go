package udp

import (
	"bytes"
	"errors"
	"net"
	"net/netip"
	"runtime"
	"syscall"
	"testing"
	"time"
)

var loopback = netip.MustParseAddrPort("127.0.0.1:0")

func open(t *testing.T, local, remote netip.AddrPort) *Socket {
	t.Helper()
	s, err := Open(local, remote, Options{Buffer: 1 << 20})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	if err := s.conn.SetDeadline(time.Now().Add(20 * time.Second)); err != nil {
		t.Fatal(err)
	}
	return s
}

// readAll reads n datagrams.
func readAll(t *testing.T, s *Socket, n int) (data [][]byte, peers []netip.AddrPort) {
	t.Helper()
	bufs, sizes, segments, from := make([][]byte, 16), make([]int, 16), make([]int, 16), make([]netip.AddrPort, 16)
	for i := range bufs {
		bufs[i] = make([]byte, 1<<16)
	}
	for len(data) < n {
		clear(segments)
		got, err := s.ReadBatch(bufs, sizes, segments, from)
		if err != nil {
			t.Fatalf("after %d datagrams: %v", len(data), err)
		}
		for i := range got {
			for b, first := bufs[i][:sizes[i]], true; first || len(b) > 0; first = false {
				n := len(b)
				if segments[i] > 0 {
					n = min(segments[i], n)
				}
				data, peers = append(data, bytes.Clone(b[:n])), append(peers, from[i])
				b = b[n:]
			}
		}
	}
	return data, peers
}

// sizes that make single datagrams, runs, runs with a short end, and empty ones.
var batchSizes = map[string][]int{
	"one":           {1},
	"empty":         {0},
	"run":           {1400, 1400, 1400},
	"short end":     {1400, 1400, 7, 1400, 1400},
	"growing":       {1, 2, 3, 4, 1400},
	"with empty":    {0, 1400, 1400, 0, 1400},
	"longer than a": bytesOf(150, 1000),
	"beyond 64 KB":  bytesOf(60, 1460),
	"with fragment": {3000, 3000, 100, 3000},
}

func bytesOf(n, size int) []int {
	s := make([]int, n)
	for i := range s {
		s[i] = size
	}
	return s
}

func payloads(sizes []int) [][]byte {
	out := make([][]byte, len(sizes))
	for i, n := range sizes {
		out[i] = bytes.Repeat([]byte{byte(i + 1)}, n)
	}
	return out
}

func TestBatches(t *testing.T) {
	for _, addr := range []string{"127.0.0.1:0", "[::1]:0"} {
		local := netip.MustParseAddrPort(addr)
		for name, sizes := range batchSizes {
			t.Run(addr+" "+name, func(t *testing.T) {
				server := open(t, local, netip.AddrPort{})
				client := open(t, netip.AddrPort{}, server.Local())
				want := payloads(sizes)
				if err := client.WriteBatch(want, nil); err != nil {
					t.Fatal(err)
				}
				got, peers := readAll(t, server, len(want))
				for i := range want {
					if !bytes.Equal(got[i], want[i]) || peers[i] != client.Local() {
						t.Fatalf("datagram %d: %d octets from %v, want %d from %v", i, len(got[i]), peers[i], len(want[i]), client.Local())
					}
				}
				// And back, from a socket that is not connected.
				to := make([]netip.AddrPort, len(want))
				for i := range to {
					to[i] = peers[0]
				}
				if err := server.WriteBatch(want, to); err != nil {
					t.Fatal(err)
				}
				got, _ = readAll(t, client, len(want))
				for i := range want {
					if !bytes.Equal(got[i], want[i]) {
						t.Fatalf("answer %d: %d octets, want %d", i, len(got[i]), len(want[i]))
					}
				}
			})
		}
	}
}

// A socket for all addresses takes both families and names IPv4 as IPv4.
func TestDualStack(t *testing.T) {
	server := open(t, netip.AddrPort{}, netip.AddrPort{})
	for _, addr := range []string{"127.0.0.1", "::1"} {
		client := open(t, netip.AddrPort{}, netip.AddrPortFrom(netip.MustParseAddr(addr), server.Local().Port()))
		if err := client.WriteBatch([][]byte{[]byte("hello")}, nil); err != nil {
			t.Fatal(err)
		}
		_, peers := readAll(t, server, 1)
		if peers[0] != client.Local() {
			t.Errorf("peer %v, want %v", peers[0], client.Local())
		}
		if err := server.WriteBatch([][]byte{[]byte("you"), []byte("too")}, []netip.AddrPort{peers[0], peers[0]}); err != nil {
			t.Fatal(err)
		}
		if got, _ := readAll(t, client, 2); string(got[1]) != "too" {
			t.Errorf("answer %q", got)
		}
	}
}

// One batch to two peers: what goes to each arrives there, in order.
func TestTwoPeers(t *testing.T) {
	server := open(t, loopback, netip.AddrPort{})
	a, b := open(t, loopback, server.Local()), open(t, loopback, server.Local())
	var bufs [][]byte
	var peers []netip.AddrPort
	for i := range 40 {
		bufs = append(bufs, bytes.Repeat([]byte{byte(i)}, 500))
		peers = append(peers, []netip.AddrPort{a.Local(), b.Local()}[i/4%2])
	}
	if err := server.WriteBatch(bufs, peers); err != nil {
		t.Fatal(err)
	}
	for _, s := range []*Socket{a, b} {
		got, _ := readAll(t, s, 20)
		k := 0
		for i := range bufs {
			if peers[i] == s.Local() {
				if !bytes.Equal(got[k], bufs[i]) {
					t.Fatalf("datagram %d of %v is %d, want %d", k, s.Local(), got[k][0], i)
				}
				k++
			}
		}
	}
}

// ICMP errors arrive typed, cost no datagram, and do not end the socket.
func TestRefused(t *testing.T) {
	server := open(t, loopback, netip.AddrPort{})
	addr := server.Local()
	client := open(t, loopback, addr)
	server.Close()
	if err := client.WriteBatch([][]byte{[]byte("a")}, nil); err != nil {
		t.Fatal(err)
	}
	bufs, sizes := [][]byte{make([]byte, 100)}, make([]int, 1)
	if _, err := client.ReadBatch(bufs, sizes, make([]int, len(sizes)), nil); !errors.Is(err, syscall.ECONNREFUSED) {
		t.Fatalf("ReadBatch = %v, want ECONNREFUSED", err)
	}
	server = open(t, addr, netip.AddrPort{})
	if err := client.WriteBatch([][]byte{[]byte("b")}, nil); err != nil {
		t.Fatal(err)
	}
	if got, _ := readAll(t, server, 1); string(got[0]) != "b" {
		t.Errorf("got %q", got[0])
	}
}

func TestCloseEndsRead(t *testing.T) {
	s := open(t, loopback, netip.AddrPort{})
	ended := make(chan error)
	go func() {
		_, err := s.ReadBatch([][]byte{make([]byte, 100)}, make([]int, 1), make([]int, 1), nil)
		ended <- err
	}()
	runtime.Gosched()
	s.Close()
	if err := <-ended; !errors.Is(err, net.ErrClosed) {
		t.Errorf("ReadBatch = %v, want net.ErrClosed", err)
	}
	if err := s.WriteBatch([][]byte{{1}}, []netip.AddrPort{loopback}); !errors.Is(err, net.ErrClosed) {
		t.Errorf("WriteBatch = %v, want net.ErrClosed", err)
	}
}

func TestLocalAddr(t *testing.T) {
	for _, a := range []string{"127.0.0.1", "::1"} {
		remote := netip.MustParseAddr(a)
		if got, err := LocalAddr(remote); err != nil || got != remote {
			t.Errorf("LocalAddr(%v) = %v, %v", remote, got, err)
		}
	}
}

// What waits is read as one batch.
func TestBurstIsOneBatch(t *testing.T) {
	server := open(t, loopback, netip.AddrPort{})
	client := open(t, loopback, server.Local())
	want := payloads([]int{100, 101, 102, 103, 104, 105, 106})
	if err := client.WriteBatch(want, nil); err != nil {
		t.Fatal(err)
	}
	bufs, sizes, peers := payloads(bytesOf(8, 200)), make([]int, 8), make([]netip.AddrPort, 8)
	n, err := server.ReadBatch(bufs, sizes, make([]int, 8), peers)
	if err != nil || n != len(want) {
		t.Fatalf("ReadBatch = %d, %v, want %d", n, err, len(want))
	}
	for i := range want {
		if !bytes.Equal(bufs[i][:sizes[i]], want[i]) || peers[i] != client.Local() {
			t.Errorf("datagram %d: %d octets from %v, want %d from %v", i, sizes[i], peers[i], len(want[i]), client.Local())
		}
	}
}

func TestLongDatagramIsCut(t *testing.T) {
	server := open(t, loopback, netip.AddrPort{})
	client := open(t, loopback, server.Local())
	if err := client.WriteBatch([][]byte{[]byte("short"), []byte("longer than its buffer")}, nil); err != nil {
		t.Fatal(err)
	}
	bufs, sizes := [][]byte{make([]byte, 6), make([]byte, 6)}, make([]int, 2)
	n, err := server.ReadBatch(bufs, sizes, make([]int, 2), nil)
	if err != nil || n != 2 || string(bufs[0][:sizes[0]]) != "short" || string(bufs[1][:sizes[1]]) != "longer" {
		t.Errorf("ReadBatch = %d, %v: %q and %q", n, err, bufs[0][:sizes[0]], bufs[1][:sizes[1]])
	}
}
