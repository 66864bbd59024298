package l2tp

import (
	"bytes"
	"encoding/hex"
	"errors"
	"strings"
	"testing"
)

// unhex decodes hex text with spaces.
func unhex(t testing.TB, s string) []byte {
	t.Helper()
	b, err := hex.DecodeString(strings.ReplaceAll(s, " ", ""))
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func TestParseHeader(t *testing.T) {
	zlb := Header{Tunnel: 0x0102, Session: 0x0304, Ns: 5, Nr: 6}
	tests := []struct {
		name, in string
		want     Header
		body     string
		err      error
	}{
		{"ZLB", "c802 000c 0102 0304 0005 0006", zlb, "", nil},
		{"body", "c802 000e 0102 0304 0005 0006 abcd", zlb, "abcd", nil},
		{"padding behind the length", "c802 000d 0102 0304 0005 0006 abcd", zlb, "ab", nil},
		{"reserved bits and P are ignored", "fdf2 000c 0102 0304 0005 0006", zlb, "", nil},
		{"empty", "", Header{}, "", ErrShort},
		{"one octet", "c8", Header{}, "", ErrShort},
		{"cut in Nr", "c802 000c 0102 0304 0005 00", Header{}, "", ErrShort},
		{"data", "4002 000c 0102 0304 0005 0006", Header{}, "", ErrNotControl},
		{"L2F", "c801 000c 0102 0304 0005 0006", Header{}, "", ErrVersion},
		{"L2TPv3", "c803 000c 0000 0000 0005 0006", Header{}, "", ErrVersion},
		{"no L", "8802 0102 0304 0005 0006 0000", Header{}, "", ErrFlags},
		{"no S", "c002 000c 0102 0304 0005 0006", Header{}, "", ErrFlags},
		{"offset", "ca02 000c 0102 0304 0005 0006", Header{}, "", ErrFlags},
		{"length beyond the packet", "c802 000d 0102 0304 0005 0006", Header{}, "", ErrLength},
		{"length within the header", "c802 000b 0102 0304 0005 0006", Header{}, "", ErrLength},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			in := unhex(t, tt.in)
			h, body, err := ParseHeader(in)
			if h != tt.want || !bytes.Equal(body, unhex(t, tt.body)) || !errors.Is(err, tt.err) {
				t.Errorf("ParseHeader(%x) = %+v, %x, %v, want %+v, %s, %v", in, h, body, err, tt.want, tt.body, tt.err)
			}
		})
	}
}

func TestAppendHeader(t *testing.T) {
	got := Header{Tunnel: 0x0102, Session: 0x0304, Ns: 0xffff, Nr: 6}.Append([]byte{0xee}, 20)
	if want := unhex(t, "ee c802 0020 0102 0304 ffff 0006"); !bytes.Equal(got, want) {
		t.Errorf("Append = %x, want %x", got, want)
	}
}

func TestParseData(t *testing.T) {
	plain := DataHeader{Tunnel: 0x0102, Session: 0x0304}
	sequenced := plain
	sequenced.Sequenced, sequenced.Ns = true, 7
	urgent := plain
	urgent.Priority = true
	tests := []struct {
		name, in string
		want     DataHeader
		payload  string
		err      error
	}{
		{"bare", "0002 0102 0304 ff03", plain, "ff03", nil},
		{"no payload", "0002 0102 0304", plain, "", nil},
		{"L, as SoftEther sends", "4002 000a 0102 0304 ff03", plain, "ff03", nil},
		{"L, with padding of the lower layer", "4002 0009 0102 0304 ff03", plain, "ff", nil},
		{"S", "0802 0102 0304 0007 9999 ff03", sequenced, "ff03", nil},
		{"P", "0102 0102 0304 ff03", urgent, "ff03", nil},
		{"O of zero", "0202 0102 0304 0000 ff03", plain, "ff03", nil},
		{"O of two", "0202 0102 0304 0002 aaaa ff03", plain, "ff03", nil},
		{"L, S and O", "4a02 0012 0102 0304 0007 0000 0002 aaaa ff03", sequenced, "ff03", nil},
		{"reserved bits", "34f2 0102 0304 ff03", plain, "ff03", nil},
		{"empty", "", DataHeader{}, "", ErrShort},
		{"cut in the session id", "0002 0102 03", DataHeader{}, "", ErrShort},
		{"L, cut in the session id", "4002 0007 0102 03", DataHeader{}, "", ErrShort},
		{"length within the header", "4002 0007 0102 0304", DataHeader{}, "", ErrShort},
		{"length zero", "4002 0000 0102 0304", DataHeader{}, "", ErrShort},
		{"length beyond the packet", "4002 000b 0102 0304 ff03", DataHeader{}, "", ErrLength},
		{"cut in Ns", "0802 0102 0304 0007", DataHeader{}, "", ErrShort},
		{"cut in the offset", "0202 0102 0304 00", DataHeader{}, "", ErrShort},
		{"offset beyond the packet", "0202 0102 0304 0003 aaaa", DataHeader{}, "", ErrShort},
		{"offset beyond the length", "4202 000c 0102 0304 0003 0000 ffff", DataHeader{}, "", ErrShort},
		{"control", "c802 000c 0102 0304 0005 0006", DataHeader{}, "", ErrControl},
		{"L2F", "0001 0102 0304", DataHeader{}, "", ErrVersion},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			in := unhex(t, tt.in)
			h, payload, err := ParseData(in)
			if !errors.Is(err, tt.err) {
				t.Fatalf("ParseData(%x) gave error %v, want %v", in, err, tt.err)
			}
			if err == nil && h != tt.want || !bytes.Equal(payload, unhex(t, tt.payload)) {
				t.Errorf("ParseData(%x) = %+v, %x, want %+v, %s", in, h, payload, tt.want, tt.payload)
			}
		})
	}
}

func TestAppendData(t *testing.T) {
	if got, want := AppendData(nil, 0x0102, 0xfffe), unhex(t, "0002 0102 fffe"); !bytes.Equal(got, want) {
		t.Errorf("AppendData = %x, want %x", got, want)
	}
	got := AppendSequencedData(nil, 0x0102, 0xfffe, 0xff01)
	if want := unhex(t, "0802 0102 fffe ff01 0000"); !bytes.Equal(got, want) {
		t.Errorf("AppendSequencedData = %x, want %x", got, want)
	}
	h, payload, err := ParseData(append(got, 0xab))
	want := DataHeader{Tunnel: 0x0102, Session: 0xfffe, Ns: 0xff01, Sequenced: true}
	if h != want || len(payload) != 1 || err != nil {
		t.Errorf("ParseData(%x) = %+v, %x, %v, want %+v", got, h, payload, err, want)
	}
}

func TestIsControl(t *testing.T) {
	for in, want := range map[string]bool{"": false, "c802": true, "80": true, "4002": false, "0002": false} {
		if got := IsControl(unhex(t, in)); got != want {
			t.Errorf("IsControl(%s) = %v, want %v", in, got, want)
		}
	}
}

func TestDataAllocatesNothing(t *testing.T) {
	in := unhex(t, "4a02 0012 0102 0304 0007 0000 0002 aaaa ff03")
	bad := unhex(t, "4002 000b 0102 0304 ff03")
	dst := make([]byte, 0, 16)
	var sum int
	n := testing.AllocsPerRun(100, func() {
		h, payload, _ := ParseData(in)
		_, _, err := ParseData(bad)
		sum += int(h.Session) + len(payload)
		if err == nil || !IsControl([]byte{0x80}) {
			sum++
		}
		dst = AppendData(dst[:0], 1, 2)
		dst = AppendSequencedData(dst[:0], 1, 2, 3)
	})
	if n != 0 || sum == 0 {
		t.Errorf("ParseData and AppendData allocated %v times, want 0", n)
	}
}

func BenchmarkParseData(b *testing.B) {
	in := append(AppendData(nil, 1, 2), make([]byte, 1400)...)
	for b.Loop() {
		if _, _, err := ParseData(in); err != nil {
			b.Fatal(err)
		}
	}
}
