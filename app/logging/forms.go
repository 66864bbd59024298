package logging

import (
	"bytes"
	"encoding/base64"
	"slices"
	"strconv"
	"unicode/utf8"
	"unsafe"
)

// forms are the ways in which a secret comes up in text. They are made in one
// piece of memory and by no function that keeps a copy, as those of fmt,
// encoding/json and net/url do: what is wiped is gone.
type forms struct {
	memory []byte   // all that was made
	list   [][]byte // parts of memory, longest first
}

// Ours: more than what all forms of a secret of one octet have, and of each
// further one. A secret with more would only leave a copy behind.
const (
	formsOnce     = 4 << 10
	formsPerOctet = 1 << 10
)

// newForms is v as it is, quoted by Go, JSON and URLs, also twice over; and as
// octets in hexadecimal, decimal and Base64, as MS-CHAP has them (UTF-16, RFC
// 2759, 8.3) too.
func newForms(v []byte) *forms {
	f := &forms{memory: make([]byte, 0, formsOnce+formsPerOctet*len(v))}
	f.add(func(b []byte) []byte { return append(b, v...) })
	once := f.quoted(v)
	for _, q := range once {
		f.quoted(q) // an error that quotes one that quotes
	}
	f.octets(v)
	if utf8.Valid(v) {
		wide := f.add(func(b []byte) []byte { return appendUTF16(b, v) })
		f.inside(func(b []byte) []byte { return strconv.AppendQuote(b, asString(wide)) })
		f.octets(wide)
	}
	f.list = slices.DeleteFunc(f.list, func(f []byte) bool { return len(f) < minSecret })
	slices.SortFunc(f.list, func(a, b []byte) int {
		if len(a) != len(b) {
			return len(b) - len(a)
		}
		return bytes.Compare(a, b)
	})
	f.list = slices.CompactFunc(f.list, bytes.Equal)
	return f
}

// wipe overwrites all of it.
func (f *forms) wipe() { clear(f.memory) }

// asString is b as a string, without a copy.
func asString(b []byte) string { return unsafe.String(unsafe.SliceData(b), len(b)) }

// add adds what appending makes.
func (f *forms) add(appending func([]byte) []byte) []byte {
	from := len(f.memory)
	f.memory = appending(f.memory)
	made := f.memory[from:len(f.memory):len(f.memory)]
	f.list = append(f.list, made)
	return made
}

// inside adds what appending makes, without the quotation marks around it.
func (f *forms) inside(appending func([]byte) []byte) []byte {
	made := f.add(appending)
	made = made[1 : len(made)-1]
	f.list[len(f.list)-1] = made
	return made
}

// quoted adds v inside the quotation marks of several languages, without these.
func (f *forms) quoted(v []byte) [][]byte {
	out := [][]byte{
		f.inside(func(b []byte) []byte { return strconv.AppendQuote(b, asString(v)) }),
		f.inside(func(b []byte) []byte { return strconv.AppendQuoteToASCII(b, asString(v)) }),
	}
	for _, u := range []struct{ plain, space string }{{"", "+"}, {"$&+=:@", "%20"}, {"$&+,;=", "%20"}} {
		out = append(out, f.add(func(b []byte) []byte { return appendURL(b, v, u.plain, u.space) }))
	}
	for _, html := range []bool{true, false} {
		out = append(out, f.add(func(b []byte) []byte { return appendJSON(b, v, html) }))
	}
	return out
}

// From the specification: what URLs leave as it is everywhere (RFC 3986, 2.3).
const unreserved = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_.~"

const upperHex, lowerHex = "0123456789ABCDEF", "0123456789abcdef"

// appendURL is v as net/url escapes it in a query, a path or a password; plain is
// what else stays as it is there.
func appendURL(b, v []byte, plain, space string) []byte {
	for _, c := range v {
		switch {
		case c == ' ':
			b = append(b, space...)
		case bytes.IndexByte([]byte(unreserved), c) >= 0 || bytes.IndexByte([]byte(plain), c) >= 0:
			b = append(b, c)
		default:
			b = append(b, '%', upperHex[c>>4], upperHex[c&15])
		}
	}
	return b
}

// appendJSON is v as encoding/json writes a string.
func appendJSON(b, v []byte, html bool) []byte {
	for i := 0; i < len(v); {
		r, n := utf8.DecodeRune(v[i:])
		switch c := v[i]; {
		case r == utf8.RuneError && n == 1:
			b = append(b, `\ufffd`...)
		case c == '"' || c == '\\':
			b = append(b, '\\', c)
		case c == '\b':
			b = append(b, `\b`...)
		case c == '\f':
			b = append(b, `\f`...)
		case c == '\n':
			b = append(b, `\n`...)
		case c == '\r':
			b = append(b, `\r`...)
		case c == '\t':
			b = append(b, `\t`...)
		case c < ' ' || html && (c == '<' || c == '>' || c == '&'):
			b = append(b, '\\', 'u', '0', '0', lowerHex[c>>4], lowerHex[c&15])
		case r == '\u2028' || r == '\u2029': // they end lines in JavaScript
			b = append(b, '\\', 'u', '2', '0', '2', lowerHex[r&15])
		default:
			b = append(b, v[i:i+n]...)
		}
		i += n
	}
	return b
}

// octets adds v as programs print octets.
func (f *forms) octets(v []byte) {
	for _, digits := range []string{lowerHex, upperHex} {
		for _, between := range []string{"", " ", ":", "-"} {
			f.add(func(b []byte) []byte { return appendHex(b, v, digits, "", between) })
		}
	}
	for _, between := range []string{" ", ",", ", "} { // a slice printed with %v
		f.add(func(b []byte) []byte {
			for i, c := range v {
				if i > 0 {
					b = append(b, between...)
				}
				b = strconv.AppendUint(b, uint64(c), 10)
			}
			return b
		})
	}
	for _, before := range []string{"0x", `\x`} { // as %#v
		f.add(func(b []byte) []byte {
			for i, c := range v {
				if i > 0 {
					b = append(b, ", "...)
				}
				b = strconv.AppendUint(append(b, before...), uint64(c), 16)
			}
			return b
		})
	}
	f.add(func(b []byte) []byte { return appendHex(b, v, lowerHex, `\x`, "") })
	for _, e := range []*base64.Encoding{base64.RawStdEncoding, base64.RawURLEncoding} {
		f.insideBase64(e, v)
	}
}

func appendHex(b, v []byte, digits, before, between string) []byte {
	for i, c := range v {
		if i > 0 {
			b = append(b, between...)
		}
		b = append(append(b, before...), digits[c>>4], digits[c&15])
	}
	return b
}

// insideBase64 adds the part of a Base64 text that shows v, for each of the three
// places that v may have in what was encoded.
func (f *forms) insideBase64(e *base64.Encoding, v []byte) {
	for before := range 3 {
		shifted := f.memory
		from := len(shifted)
		shifted = append(append(shifted, make([]byte, before)...), v...)
		f.memory = e.AppendEncode(shifted, shifted[from:])
		made := f.memory[len(shifted):]
		first := (before*8 + 5) / 6 // the characters that are all v's begin here
		last := (before + len(v)) * 8 / 6
		f.list = append(f.list, made[first:last:last])
	}
}

// appendUTF16 is v as Windows stores it.
func appendUTF16(b, v []byte) []byte {
	for i := 0; i < len(v); {
		r, n := utf8.DecodeRune(v[i:])
		i += n
		if r < 0x10000 {
			b = append(b, byte(r), byte(r>>8))
			continue
		}
		r -= 0x10000
		high, low := 0xd800|r>>10, 0xdc00|r&0x3ff
		b = append(b, byte(high), byte(high>>8), byte(low), byte(low>>8))
	}
	return b
}
