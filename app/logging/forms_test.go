package logging

import (
	"bytes"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"testing"
	"unicode/utf16"
	"unicode/utf8"
)

// reference is what newForms makes, by functions that leave copies: v quoted by Go, JSON
// and URLs, also twice over; and as octets in hexadecimal, decimal and Base64,
// as MS-CHAP has them (UTF-16, RFC 2759, 8.3) too.
func reference(v []byte) [][]byte {
	all := [][]byte{v}
	once := quoted(v)
	all = append(all, once...)
	for _, q := range once {
		all = append(all, quoted(q)...) // an error that quotes one that quotes
	}
	all = append(all, octets(v)...)
	if wide := utf16LE(v); wide != nil {
		all = append(all, wide, []byte(strings.Trim(strconv.Quote(string(wide)), `"`)))
		all = append(all, octets(wide)...)
	}
	all = slices.DeleteFunc(all, func(f []byte) bool { return len(f) < minSecret })
	slices.SortFunc(all, func(a, b []byte) int {
		if len(a) != len(b) {
			return len(b) - len(a)
		}
		return bytes.Compare(a, b)
	})
	all = slices.CompactFunc(all, bytes.Equal)
	own := make([][]byte, len(all))
	for i, f := range all {
		own[i] = bytes.Clone(f) // v itself is the caller's
	}
	return own
}

// quoted is v inside the quotation marks of several languages, without these.
func quoted(v []byte) [][]byte {
	s := string(v)
	inside := func(q string) []byte { return []byte(q[1 : len(q)-1]) }
	out := [][]byte{
		inside(strconv.Quote(s)),
		inside(strconv.QuoteToASCII(s)),
		[]byte(url.QueryEscape(s)),
		[]byte(url.PathEscape(s)),
		[]byte(url.UserPassword("", s).String()[1:]), // behind the colon
	}
	for _, html := range []bool{true, false} {
		var b bytes.Buffer
		e := json.NewEncoder(&b)
		e.SetEscapeHTML(html)
		if e.Encode(s) == nil {
			out = append(out, inside(strings.TrimSuffix(b.String(), "\n")))
		}
	}
	return out
}

// octets is v as programs print octets.
func octets(v []byte) [][]byte {
	var out [][]byte
	add := func(s string) { out = append(out, []byte(s)) }
	for _, x := range []string{hex.EncodeToString(v), strings.ToUpper(hex.EncodeToString(v))} {
		add(x)
	}
	for _, format := range []string{"% x", "% X"} {
		spaced := fmt.Sprintf(format, v)
		add(spaced)
		add(strings.ReplaceAll(spaced, " ", ":"))
		add(strings.ReplaceAll(spaced, " ", "-"))
	}
	decimal := strings.Trim(fmt.Sprint(v), "[]") // a slice printed with %v
	add(decimal)
	add(strings.ReplaceAll(decimal, " ", ","))
	add(strings.ReplaceAll(decimal, " ", ", "))
	goSyntax := strings.TrimSuffix(strings.TrimPrefix(fmt.Sprintf("%#v", v), "[]byte{"), "}")
	add(goSyntax)
	add(strings.ReplaceAll(goSyntax, "0x", `\x`))
	add(hexEscaped(v))
	for _, e := range []*base64.Encoding{base64.RawStdEncoding, base64.RawURLEncoding} {
		out = append(out, refBase64(e, v)...)
	}
	return out
}

// hexEscaped is v with every octet escaped, as \x68\x75.
func hexEscaped(v []byte) string {
	var b strings.Builder
	for _, c := range v {
		fmt.Fprintf(&b, `\x%02x`, c)
	}
	return b.String()
}

// refBase64 is the part of a Base64 text that shows v, for each of the three
// places that v may have in what was encoded.
func refBase64(e *base64.Encoding, v []byte) [][]byte {
	var out [][]byte
	for before := range 3 {
		text := e.EncodeToString(append(make([]byte, before), v...))
		from := (before*8 + 5) / 6 // the characters that are all v's begin here
		to := (before + len(v)) * 8 / 6
		out = append(out, []byte(text[from:to]))
	}
	return out
}

// utf16LE is v, if it is text, as Windows stores it.
func utf16LE(v []byte) []byte {
	if !utf8.Valid(v) {
		return nil
	}
	var out []byte
	for _, u := range utf16.Encode([]rune(string(v))) {
		out = append(out, byte(u), byte(u>>8))
	}
	return out
}

func TestFormsInMemory(t *testing.T) {
	for _, v := range []string{"hush", "correct \"horse\" <&> \\ 'ä' µ/?;,@:=+$~", "tab\tnew\nline\r\b\f\x01\x7f", "\xff\xfe bad \xc3", "\u2028\u2029 \U0001F511 key",
		"a much longer secret, of the kind that a manager of passwords makes: 0123456789 0123456789 0123456789"} {
		f := newForms([]byte(v))
		var got, want []string
		for _, form := range f.list {
			got = append(got, string(form))
		}
		for _, form := range reference([]byte(v)) {
			want = append(want, string(form))
		}
		if !slices.Equal(got, want) {
			t.Errorf("forms of %q:\n%q\nwant\n%q", v, got, want)
		}
		if len(f.memory) > formsOnce+formsPerOctet*len(v) {
			t.Errorf("%d octets have forms of %d, want %d at most: a copy is left", len(v), len(f.memory), formsOnce+formsPerOctet*len(v))
		}
		memory := f.memory
		f.wipe()
		if got := bytes.Trim(memory, "\x00"); len(got) > 0 {
			t.Errorf("forms of %q: %q is left", v, got)
		}
	}
}
