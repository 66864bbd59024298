package udp

import (
	"bytes"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"net/netip"
	"slices"
	"testing"
)

// little holds that golden octets are of little-endian machines.
func little(t *testing.T) {
	t.Helper()
	if binary.NativeEndian.Uint16([]byte{1, 0}) != 1 {
		t.Fatal("the golden octets of this test are of a little-endian machine")
	}
}

func TestControl(t *testing.T) {
	little(t)
	for _, c := range []struct {
		name       string
		word       int
		level, typ int32
		width      int
		number     uint32
		want       string
	}{
		{"Linux UDP_SEGMENT", 8, 17, 103, 2, 1460, "1200000000000000" + "11000000" + "67000000" + "b405" + "000000000000"},
		{"Linux UDP_SEGMENT, 32 bits", 4, 17, 103, 2, 1460, "0e000000" + "11000000" + "67000000" + "b405" + "0000"},
		{"Linux UDP_GRO", 8, 17, 104, 4, 1460, "1400000000000000" + "11000000" + "68000000" + "b4050000" + "00000000"},
		{"Windows UDP_SEND_MSG_SIZE", 8, 17, 2, 4, 1460, "1400000000000000" + "11000000" + "02000000" + "b4050000" + "00000000"},
		{"Windows UDP_COALESCED_INFO", 8, 17, 3, 4, 1200, "1400000000000000" + "11000000" + "03000000" + "b0040000" + "00000000"},
		{"Windows UDP_SEND_MSG_SIZE, 32 bits", 4, 17, 2, 4, 1460, "10000000" + "11000000" + "02000000" + "b4050000"},
	} {
		var b control
		for i := range b.b {
			b.b[i] = 0xff
		}
		got := b.b[:putControl(b.b[:], c.word, c.level, c.typ, c.width, c.number)]
		if hex.EncodeToString(got) != c.want {
			t.Errorf("%s: %x, want %s", c.name, got, c.want)
		}
		if c.width == 4 {
			if n := findControl(got, c.word, c.level, c.typ); n != c.number {
				t.Errorf("%s: read back %d, want %d", c.name, n, c.number)
			}
			if n := findControl(got, c.word, c.level, c.typ+1); n != 0 {
				t.Errorf("%s: another type reads %d, want 0", c.name, n)
			}
		}
	}
}

func TestFindControl(t *testing.T) {
	little(t)
	const wanted = "1400000000000000" + "11000000" + "03000000" + "b0040000"
	for _, c := range []struct {
		name string
		in   string
		want uint32
	}{
		{"none", "", 0},
		{"without padding at the end", wanted, 1200},
		{"behind another one", "1100000000000000" + "00000000" + "02000000" + "2a" + "00000000000000" + wanted, 1200},
		{"cut", wanted[:len(wanted)-2], 0},
		{"header only", "1000000000000000" + "11000000" + "03000000", 0},
		{"length of nothing", "0000000000000000" + "11000000" + "03000000" + "b0040000", 0},
		{"length beyond the end", "1500000000000000" + "11000000" + "03000000" + "b0040000", 0},
		{"length without end", "ffffffffffffffff" + "11000000" + "03000000" + "b0040000", 0},
		{"unpadded one at the end", "1100000000000000" + "00000000" + "02000000" + "2a", 0},
	} {
		in, err := hex.DecodeString(c.in)
		if err != nil {
			t.Fatal(err)
		}
		if got := findControl(in, 8, 17, 3); got != c.want {
			t.Errorf("%s: %d, want %d", c.name, got, c.want)
		}
	}
}

func FuzzFindControl(f *testing.F) {
	f.Add([]byte{0x14, 16: 1, 19: 0}, true)
	f.Fuzz(func(_ *testing.T, b []byte, wide bool) {
		findControl(b, map[bool]int{true: 8, false: 4}[wide], 17, 3)
	})
}

func TestSockaddr(t *testing.T) {
	little(t)
	const linux6, windows6 = 10, 23
	for _, c := range []struct {
		name    string
		addr    string
		family6 uint16
		inet6   bool
		want    string
		back    string // "": as addr
	}{
		{"IPv4", "192.0.2.1:4500", linux6, false, "0200" + "1194" + "c0000201" + "0000000000000000", ""},
		{"IPv4 as mapped, on an IPv4 socket", "[::ffff:192.0.2.1]:4500", linux6, false, "0200" + "1194" + "c0000201" + "0000000000000000", "192.0.2.1:4500"},
		{"IPv6, Linux", "[2001:db8::1]:500", linux6, true, "0a00" + "01f4" + "00000000" + "20010db8000000000000000000000001" + "00000000", ""},
		{"IPv6, Windows", "[2001:db8::1]:500", windows6, true, "1700" + "01f4" + "00000000" + "20010db8000000000000000000000001" + "00000000", ""},
		{"scope", "[fe80::1%7]:500", windows6, true, "1700" + "01f4" + "00000000" + "fe800000000000000000000000000001" + "07000000", ""},
		{"IPv4 on an IPv6 socket", "192.0.2.1:4500", windows6, true, "1700" + "1194" + "00000000" + "00000000000000000000ffffc0000201" + "00000000", ""},
	} {
		var s sockaddr
		for i := range s.b {
			s.b[i] = 0xff
		}
		addr := netip.MustParseAddrPort(c.addr)
		if got := s.b[:s.put(addr, c.family6, c.inet6)]; hex.EncodeToString(got) != c.want {
			t.Errorf("%s: %x, want %s", c.name, got, c.want)
		}
		want := addr
		if c.back != "" {
			want = netip.MustParseAddrPort(c.back)
		}
		if got := s.get(c.family6); got != want {
			t.Errorf("%s: read back %v, want %v", c.name, got, want)
		}
	}
	if got := new(sockaddr).get(linux6); got.IsValid() {
		t.Errorf("nothing reads as %v", got)
	}
}

func TestRuns(t *testing.T) {
	a, b := netip.MustParseAddrPort("192.0.2.1:1"), netip.MustParseAddrPort("192.0.2.2:1")
	for _, c := range []struct {
		name  string
		sizes []int
		peers []netip.AddrPort
		want  int
	}{
		{"one", []int{5}, nil, 1},
		{"equal", []int{5, 5, 5}, nil, 3},
		{"a shorter one ends it", []int{5, 5, 4, 5}, nil, 3},
		{"a longer one is not in it", []int{5, 5, 6}, nil, 2},
		{"an empty one is not in it", []int{5, 0, 5}, nil, 1},
		{"empty ones", []int{0, 0}, nil, 1},
		{"64 at most", bytesOf(100, 5), nil, 64},
		{"one datagram at most", bytesOf(64, 1460), nil, 44},
		{"another peer", []int{5, 5, 5}, []netip.AddrPort{a, a, b}, 2},
	} {
		if got := run(payloads(c.sizes), c.peers, 0); got != c.want {
			t.Errorf("%s: run(%v) = %d, want %d", c.name, c.sizes, got, c.want)
		}
	}
}

// What is tried of a batch, in order, when the system gives such errors.
func TestSendAll(t *testing.T) {
	type try [2]int // the first datagram and how many
	type answer struct {
		at  try
		nth int // the how-manieth time that it is tried, from 1; 0: each time
		v   verdict
	}
	for _, c := range []struct {
		name    string
		sizes   []int
		runs    bool
		answers []answer
		want    []try
		fails   bool
		left    bool // runs are still allowed
	}{
		{"runs", []int{5, 5, 5, 7, 7}, true, nil, []try{{0, 3}, {3, 2}}, false, true},
		{"no runs", []int{5, 5, 5}, false, nil, []try{{0, 1}, {1, 1}, {2, 1}}, false, false},
		{"a run is refused", []int{5, 5, 7, 7}, true, []answer{{try{0, 2}, 0, verdictSingly}}, []try{{0, 2}, {0, 1}, {1, 1}, {2, 2}}, false, true},
		{"runs are refused", []int{5, 5, 7, 7}, true, []answer{{try{0, 2}, 0, verdictNoRuns}}, []try{{0, 2}, {0, 1}, {1, 1}, {2, 1}, {3, 1}}, false, false},
		{"one is lost", []int{5, 6, 7}, true, []answer{{try{1, 1}, 0, verdictLost}}, []try{{0, 1}, {1, 1}, {2, 1}}, true, true},
		{"one that runs are refused for", []int{5, 6}, true, []answer{{try{0, 1}, 0, verdictSingly}}, []try{{0, 1}, {1, 1}}, true, true},
		{"one of before", []int{5, 5, 6}, true, []answer{{try{0, 2}, 1, verdictEarlier}}, []try{{0, 2}, {0, 2}, {2, 1}}, true, true},
		{"each time one of before", []int{5, 6}, true, []answer{{try{0, 1}, 0, verdictEarlier}}, []try{{0, 1}, {0, 1}, {1, 1}}, true, true},
		{"closed", []int{5, 6, 7}, true, []answer{{try{1, 1}, 0, verdictClosed}}, []try{{0, 1}, {1, 1}}, true, true},
	} {
		runs := c.runs
		var got []try
		err := sendAll(payloads(c.sizes), nil, &runs, func(i, n int) (verdict, error) {
			got = append(got, try{i, n})
			times := 0
			for _, g := range got {
				if g == (try{i, n}) {
					times++
				}
			}
			for _, a := range c.answers {
				if a.at == (try{i, n}) && (a.nth == 0 || a.nth == times) {
					return a.v, errors.New("refused")
				}
			}
			return verdictLost, nil
		})
		if !slices.Equal(got, c.want) || (err != nil) != c.fails || runs != c.left {
			t.Errorf("%s: tried %v, error %v, runs %t, want %v, %t, %t", c.name, got, err, runs, c.want, c.fails, c.left)
		}
	}
}

func TestDrain(t *testing.T) {
	refused := errors.New("refused")
	type result struct {
		ready bool
		n     int
		err   error
	}
	for _, c := range []struct {
		name  string
		queue []error // nil: a datagram
		want  []result
	}{
		{"empty", nil, []result{{false, 0, nil}}},
		{"some", []error{nil, nil}, []result{{true, 2, nil}, {false, 0, nil}}},
		{"more than there is room", []error{nil, nil, nil, nil, nil}, []result{{true, 4, nil}, {true, 1, nil}, {false, 0, nil}}},
		{"an error", []error{refused, nil}, []result{{true, 0, refused}, {true, 1, nil}}},
		{"an error behind datagrams waits", []error{nil, nil, refused, nil}, []result{{true, 2, nil}, {true, 0, refused}, {true, 1, nil}}},
	} {
		var d drainer
		queue := c.queue
		for k, want := range c.want {
			ready := d.drain(4, func(i int) (bool, error) {
				if len(queue) == 0 {
					return false, nil
				}
				err := queue[0]
				queue = queue[1:]
				if err == nil && i > 3 {
					t.Errorf("%s: read into buffer %d of 4", c.name, i)
				}
				return err == nil, err
			})
			if got := (result{ready, d.n, d.err}); got != want {
				t.Errorf("%s: call %d gives %v, want %v", c.name, k, got, want)
			}
		}
	}
}

func TestJoinWatch(t *testing.T) {
	var w joinWatch
	for i, c := range []struct {
		n, size int
		want    bool
	}{
		{1472, 0, true}, {64000, 1460, true}, {0, 0, true},
		{4000, 0, true}, {2920, 0, true}, {100, 0, true}, {2920, 1460, true},
		{2920, 0, false}, // the third
		{100, 0, false}, {64000, 1460, false},
	} {
		if got := w.ok(c.n, c.size); got != c.want {
			t.Errorf("datagram %d, of %d octets in pieces of %d: %t, want %t", i, c.n, c.size, got, c.want)
		}
	}
}

func TestSetBuffer(t *testing.T) {
	for _, c := range []struct{ limit, want int }{{8 << 20, 7 << 20}, {6 << 20, 7 << 19}, {1 << 20, 7 << 17}, {0, 0}} {
		got, tries := 0, 0
		setBuffer(func(size int) error {
			if tries++; size > c.limit {
				return errors.New("too much")
			}
			got = size
			return nil
		}, 7<<20)
		if got != c.want || tries > 6 {
			t.Errorf("where %d is allowed: %d after %d tries, want %d", c.limit, got, tries, c.want)
		}
	}
}

func TestStripIPv4(t *testing.T) {
	for _, c := range []struct {
		name string
		in   []byte
		want string
	}{
		{"plain", append(append([]byte{0x45}, make([]byte, 19)...), "esp"...), "esp"},
		{"options", append(append([]byte{0x46}, make([]byte, 23)...), "esp"...), "esp"},
		{"header only", append([]byte{0x45}, make([]byte, 19)...), ""},
		{"short", []byte{0x45, 0}, ""},
		{"empty", nil, ""},
		{"length below the smallest", append([]byte{0x44}, make([]byte, 30)...), ""},
	} {
		b := bytes.Clone(c.in)
		if n := stripIPv4(b, len(b)); string(b[:n]) != c.want {
			t.Errorf("%s: stripIPv4(%x) = %q, want %q", c.name, c.in, b[:n], c.want)
		}
	}
}
