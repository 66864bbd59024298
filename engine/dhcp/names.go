package dhcp

import "strings"

// Ours: more than a search list of MaxSearch names can take.
const maxNameSteps = 4096

// IsName says that s is a domain name in lower case (RFC 1035, 2.3.1, with the
// underscore of RFC 2782). Names end up in files and scripts of root.
func IsName(s string) bool {
	if s == "" || len(s) > maxName {
		return false
	}
	for label := range strings.SplitSeq(s, ".") {
		if label == "" || len(label) > maxLabel || label[0] == '-' || strings.Trim(label, "abcdefghijklmnopqrstuvwxyz0123456789-_") != "" {
			return false
		}
	}
	return true
}

// ParseNames reads a search list (RFC 3397): names of RFC 1035 one behind the
// other, compressed within the option. What was read before an error counts.
//
// The library's own reader takes no pointer to a name that ends in a pointer,
// and copies without a bound.
func ParseNames(b []byte) (names []string, ok bool) {
	steps := 0
	for at := 0; at < len(b); {
		var name []string
		next, length := 0, 0 // behind this name, once known; of its text
		for pos := at; ; {
			if steps++; pos >= len(b) || steps > maxNameSteps {
				return names, false
			}
			n := int(b[pos])
			pos++
			if n == 0 {
				if next == 0 {
					next = pos
				}
				break
			}
			switch n >> 6 {
			case 0:
				if length += n + 1; pos+n > len(b) || length > maxName+1 {
					return names, false
				}
				name = append(name, string(b[pos:pos+n]))
				pos += n
			case 3:
				if pos == len(b) {
					return names, false
				}
				to := n&0x3f<<8 | int(b[pos])
				if to >= pos-1 { // only back: so it ends
					return names, false
				}
				if next == 0 {
					next = pos + 1
				}
				pos = to
			default: // RFC 1035, 4.1.4: reserved
				return names, false
			}
		}
		if len(name) > 0 {
			names = append(names, strings.Join(name, "."))
		}
		at = next
	}
	return names, true
}

// AppendNames writes a search list, without compression.
func AppendNames(dst []byte, names []string) []byte {
	for _, name := range names {
		for label := range strings.SplitSeq(name, ".") {
			dst = append(append(dst, byte(len(label))), label...)
		}
		dst = append(dst, 0)
	}
	return dst
}
