package logging

import (
	"os"
	"slices"
	"strings"

	"github.com/culvert-vpn/culvert/engine/secret"
)

// Anonymous is text for others to read: words that name a person, this computer's
// name, the home directory and the user's name on this system are masked, in all
// forms in which they may come up. Words that every report has are not.
func Anonymous(text string, words ...string) string {
	words = slices.Clone(words)
	if name, err := os.Hostname(); err == nil {
		words = append(words, name)
	}
	if home, err := os.UserHomeDir(); err == nil && len(home) > 1 {
		words = append(words, home)
	}
	for _, v := range []string{"USER", "LOGNAME", "USERNAME"} {
		words = append(words, os.Getenv(v))
	}
	// The home directory before the name that is in it.
	slices.SortStableFunc(words, func(a, b string) int { return len(b) - len(a) })
	var hide Secrets
	for _, w := range words {
		if !slices.Contains(common, w) {
			defer hide.Add(secret.Secret(w))()
			text = maskWord(text, w)
		}
	}
	return hide.Mask(text)
}

// common are names that tell of nobody, and occur in every report.
var common = []string{"", "root", "user", "localhost", "culvert", "vpn", "gateway"}

// maskWord masks a short name, which is looked for as a whole word: it may be a
// part of any other.
func maskWord(text, word string) string {
	isWord := func(b byte) bool {
		return b == '_' || b >= '0' && b <= '9' || b >= 'a' && b <= 'z' || b >= 'A' && b <= 'Z' || b >= 0x80
	}
	var out strings.Builder
	for {
		i := strings.Index(text, word)
		if i < 0 {
			out.WriteString(text)
			return out.String()
		}
		end := i + len(word)
		out.WriteString(text[:i])
		if i > 0 && isWord(text[i-1]) || end < len(text) && isWord(text[end]) {
			out.WriteString(word)
		} else {
			out.WriteString(Masked)
		}
		text = text[end:]
	}
}
