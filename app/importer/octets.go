package importer

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"strings"
	"unicode/utf16"
	"unicode/utf8"
)

// high is what Windows-1252 has from 0x80 to 0x9f; above it is Latin-1.
var high = []rune("€\u0081‚ƒ„…†‡ˆ‰Š‹Œ\u008dŽ\u008f\u0090‘’“”•–—˜™š›œ\u009džŸ")

// decodeText is data as UTF-8, without a byte order mark and with \n at the end
// of lines. Windows writes scripts and phone books as UTF-16 or in its code page.
func decodeText(data []byte) (string, error) {
	if len(data) > maxText {
		return "", ErrTooLarge
	}
	var text string
	switch {
	case bytes.HasPrefix(data, []byte{0xff, 0xfe}):
		text = decode16(data[2:], binary.LittleEndian)
	case bytes.HasPrefix(data, []byte{0xfe, 0xff}):
		text = decode16(data[2:], binary.BigEndian)
	case utf8.Valid(data):
		text = string(bytes.TrimPrefix(data, []byte("\ufeff")))
	default:
		var b strings.Builder
		for _, c := range data {
			r := rune(c)
			if c >= 0x80 && c < 0xa0 {
				r = high[c-0x80]
			}
			b.WriteRune(r)
		}
		text = b.String()
	}
	return strings.ReplaceAll(strings.ReplaceAll(text, "\r\n", "\n"), "\r", "\n"), nil
}

// decode16 reads UTF-16; an odd octet at the end is lost.
func decode16(data []byte, order binary.ByteOrder) string {
	units := make([]uint16, len(data)/2)
	for i := range units {
		units[i] = order.Uint16(data[2*i:])
	}
	return string(utf16.Decode(units))
}

// baseName is the last part of a path of any system.
func baseName(name string) string {
	return name[strings.LastIndexAny(name, `/\`)+1:]
}

// shown is a value as a list has it: one line, and not too long.
func shown(value string) string {
	value = strings.Map(func(r rune) rune {
		switch {
		case r == utf8.RuneError:
			return '?'
		case r < ' ' || r >= 0x7f && r < 0xa0:
			return ' '
		case r >= 0x200e && r <= 0x200f || r >= 0x2028 && r <= 0x202e || r >= 0x2066 && r <= 0x2069:
			return -1 // they turn the text around them
		}
		return r
	}, strings.ToValidUTF8(value, "?"))
	return cut(value, maxShown)
}

// cut is s with at most so many octets, and an ellipsis if that is less.
func cut(s string, most int) string {
	if len(s) <= most {
		return s
	}
	for most > 0 && !utf8.RuneStart(s[most]) {
		most--
	}
	return s[:most] + "…"
}

func show(v any) string {
	switch v := v.(type) {
	case nil:
		return ""
	case []byte:
		return fmt.Sprintf("%d octets", len(v))
	case []any:
		parts := make([]string, 0, min(len(v), 20))
		for _, e := range v[:min(len(v), 20)] {
			parts = append(parts, show(e))
		}
		return strings.Join(parts, ", ")
	case map[string]any:
		return fmt.Sprintf("%d settings", len(v))
	}
	return fmt.Sprint(v)
}
