package enginetest

import (
	"bytes"
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"testing/iotest"
)

const sample = `# strongSwan 5.9.8
# PSK "culvert"

# Main Mode 1
> 0d0a 1f00
  ff
#Main Mode 2
< 00 01

<  02
>FF
# the end
`

func TestParseTranscript(t *testing.T) {
	got, err := ParseTranscript("x.hex", strings.NewReader(sample))
	want := &Transcript{
		Name:   "x.hex",
		Header: "strongSwan 5.9.8\nPSK \"culvert\"",
		Messages: []Message{
			{Sent: true, Data: []byte{0x0d, 0x0a, 0x1f, 0, 0xff}, Note: "Main Mode 1", Line: 5},
			{Data: []byte{0, 1}, Note: "Main Mode 2", Line: 8},
			{Data: []byte{2}, Line: 10},
			{Sent: true, Data: []byte{0xff}, Line: 11},
		},
	}
	if err != nil || !reflect.DeepEqual(got, want) {
		t.Fatalf("ParseTranscript() = %+v, %v, want %+v", got, err, want)
	}
	if sent, want := got.Sent(), [][]byte{{0x0d, 0x0a, 0x1f, 0, 0xff}, {0xff}}; !reflect.DeepEqual(sent, want) {
		t.Errorf("Sent() = %x, want %x", sent, want)
	}
	if received, want := got.Received(), [][]byte{{0, 1}, {2}}; !reflect.DeepEqual(received, want) {
		t.Errorf("Received() = %x, want %x", received, want)
	}
}

func TestTranscriptErrors(t *testing.T) {
	tests := []struct {
		name, text, want string
	}{
		{"no mark", "> 00\nff\n", `enginetest: x.hex:2: a line must start with`},
		{"digit", "# a\n> 00zz\n", `enginetest: x.hex:2: "00zz" is not hexadecimal`},
		{"half an octet", "> 00 0\n", `enginetest: x.hex:1: "0" has half an octet`},
		{"half an octet below", "> 00\n  ff\n  0\n", `enginetest: x.hex:3: "0" has half an octet`},
		{"continues nothing", "  00\n", `enginetest: x.hex:1: a line must start with`},
		{"continues a comment", "> 00\n# a\n  00\n", `enginetest: x.hex:3: a line must start with`},
		{"continues an empty line", "> 00\n\n  00\n", `enginetest: x.hex:3: a line must start with`},
		{"no octets", "> 00\n<\n> 00\n", `enginetest: x.hex:2: a message without octets`},
		{"long line", "# a\n> " + strings.Repeat("00", maxLine/2), `enginetest: x.hex:2: the line is longer than`},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got, err := ParseTranscript("x.hex", strings.NewReader(tt.text))
			var typed *TranscriptError
			if got != nil || !errors.As(err, &typed) || !strings.HasPrefix(err.Error(), tt.want) {
				t.Errorf("ParseTranscript(%.20q) = %v, %v, want %s", tt.text, got, err, tt.want)
			}
		})
	}
	broken := iotest.ErrReader(io.ErrUnexpectedEOF)
	if _, err := ParseTranscript("x.hex", broken); !errors.Is(err, io.ErrUnexpectedEOF) {
		t.Errorf("ParseTranscript of a broken file = %v, want %v", err, io.ErrUnexpectedEOF)
	}
}

func TestLoadTranscript(t *testing.T) {
	path := filepath.Join(t.TempDir(), "a.hex")
	if _, err := LoadTranscript(path); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("LoadTranscript of no file = %v, want %v", err, fs.ErrNotExist)
	}
	long := &Transcript{Name: path, Header: "two\nlines", Messages: []Message{
		{Sent: true, Data: bytes.Repeat([]byte{0xab}, 100), Note: "long\nnote"},
		{Data: []byte{1}},
	}}
	if err := os.WriteFile(path, long.Append(nil), 0o600); err != nil {
		t.Fatal(err)
	}
	got, err := LoadTranscript(path)
	if err != nil {
		t.Fatal(err)
	}
	for i := range got.Messages {
		got.Messages[i].Line = 0
	}
	if !reflect.DeepEqual(got, long) {
		t.Errorf("LoadTranscript() = %+v, want %+v", got, long)
	}
	if again := got.Append([]byte("x")); !bytes.Equal(again, long.Append([]byte("x"))) {
		t.Errorf("Append() = %q, want the same text as before", again)
	}
}

func FuzzParseTranscript(f *testing.F) {
	f.Add(sample)
	f.Add("> 00\n  \tff\r\n<aa")
	f.Fuzz(func(t *testing.T, text string) {
		one, err := ParseTranscript("x", strings.NewReader(text))
		if err != nil {
			return
		}
		two, err := ParseTranscript("x", bytes.NewReader(one.Append(nil)))
		if err != nil {
			t.Fatalf("ParseTranscript(%q) = %v, of what Append made of %q", one.Append(nil), err, text)
		}
		if !reflect.DeepEqual(one.Sent(), two.Sent()) || !reflect.DeepEqual(one.Received(), two.Received()) {
			t.Errorf("%q came back as %q", text, two.Append(nil))
		}
	})
}
