package importer

import (
	"regexp"
	"slices"
	"strings"
)

// On Linux a connection is spread over files: ipsec.conf (or a conn below
// ipsec.d), ipsec.secrets, xl2tpd.conf, a file of options for pppd, and
// chap-secrets. People paste them one after another, often out of a guide with
// here-documents, so the lines say by their form what they belong to.

// daemons is what the files say.
type daemons struct {
	conns   []section
	lacs    []section
	keys    []sharedKey
	logins  [][3]string // client, server, secret
	options []entry     // of pppd

	mode string // what the lines belong to: conn, xl2tpd, chap, options, skip
}

// sharedKey is a line of ipsec.secrets.
type sharedKey struct {
	ids   []string
	kind  string // PSK, RSA, …
	value string
}

var (
	connLine   = regexp.MustCompile(`^(conn|config|ca)[ \t]+([^\s#]+)[ \t]*(?:#.*)?$`)
	headerLine = regexp.MustCompile(`^\[(lac|lns)[ \t]+([^\]]+)\]$|^\[(global)\]$`)
	secretLine = regexp.MustCompile(`^([^:"'=]*|[^"=]*[ \t]):[ \t]*(PSK|RSA|ECDSA|P12|PKCS8|XAUTH|EAP|NTLM|PIN)[ \t]+(.*)$`)
	fileLine   = regexp.MustCompile(`^(?:#|.*<<|.*\btee\b|.*>)`)
	fileName   = regexp.MustCompile(`(?:^|[\s/>"'])((?:ipsec\.(?:conf|secrets)|xl2tpd\.conf|(?:chap|pap|l2tp)-secrets|options[.\w-]*|[\w-]+\.secrets))\b`)
	hereEnd    = regexp.MustCompile(`^(EOF|END|EOT)$`)
)

func readIPsecConf(s *source) error {
	w := &daemons{}
	w.mode = modeOf(s.name)
	for line := range strings.Lines(s.text) {
		w.line(strings.TrimSuffix(line, "\n"))
	}
	w.inherit()
	used := map[int]bool{}
	for _, c := range w.conns {
		if err := s.conn(w, c, used); err != nil {
			return err
		}
	}
	for i, lac := range w.lacs {
		if !used[i] {
			d, err := s.draft()
			if err != nil {
				return err
			}
			d.name("[lac]", lac.name)
			d.daemons(w, section{}, lac)
		}
	}
	if len(s.drafts) == 0 && len(s.result.LeftOut) == 0 && (len(w.keys) > 0 || len(w.options) > 0) {
		d, err := s.draft()
		if err != nil {
			return err
		}
		d.daemons(w, section{}, section{})
	}
	return nil
}

// modeOf is what a file with that name has.
func modeOf(name string) string {
	switch {
	case strings.HasSuffix(name, "-secrets"):
		return "chap"
	case strings.HasPrefix(name, "options"):
		return "options"
	}
	return ""
}

func (w *daemons) line(line string) {
	bare := strings.TrimSpace(line)
	if fileLine.MatchString(bare) && !strings.Contains(bare, "PSK") {
		if m := fileName.FindStringSubmatch(bare); m != nil {
			w.mode = modeOf(m[1])
			return
		}
	}
	if bare == "" || bare[0] == '#' || bare[0] == ';' {
		return
	}
	if hereEnd.MatchString(bare) {
		w.mode = ""
		return
	}
	if w.mode != "chap" && w.mode != "options" {
		if w.header(bare) {
			return
		}
		if m := secretLine.FindStringSubmatch(bare); m != nil {
			w.keys = append(w.keys, sharedKey{strings.Fields(strings.NewReplacer(`"`, "", "'", "").Replace(m[1])), m[2], m[3]})
			w.mode = ""
			return
		}
	}
	key, value, assigned := strings.Cut(bare, "=")
	switch {
	case w.mode == "skip" && (assigned || line[0] == ' ' || line[0] == '\t'):
	case (w.mode == "conn" || w.mode == "xl2tpd") && assigned:
		into := &w.conns
		if w.mode == "xl2tpd" {
			into = &w.lacs
		}
		if sec := &(*into)[len(*into)-1]; len(sec.entries) < maxItems {
			sec.entries = append(sec.entries, entry{strings.ToLower(strings.TrimSpace(key)), unquote(trimComment(value))})
		}
	case w.mode == "chap":
		w.login(pppWords(bare))
	default:
		w.option(pppWords(bare))
	}
}

// header is the beginning of a part.
func (w *daemons) header(bare string) bool {
	if m := connLine.FindStringSubmatch(bare); m != nil {
		w.mode = "skip"
		if m[1] == "conn" {
			w.mode = "conn"
			w.conns = append(w.conns, section{name: m[2]})
		}
		return true
	}
	m := headerLine.FindStringSubmatch(bare)
	if m == nil {
		return false
	}
	w.mode = "skip"
	if m[1] == "lac" && m[2] != "default" {
		w.mode = "xl2tpd"
		w.lacs = append(w.lacs, section{name: strings.TrimSpace(m[2])})
	}
	return true
}

// login is a line of chap-secrets.
func (w *daemons) login(words []string) {
	if len(words) >= 3 {
		w.logins = append(w.logins, [3]string{words[0], words[1], words[2]})
	}
}

// option is one of pppd's, which are words of lower case; a line of chap-secrets
// has others and a star.
func (w *daemons) option(words []string) {
	switch {
	case len(words) == 0:
	case len(words) >= 3 && (words[1] == "*" || len(words) > 3 && words[3] == "*"):
		w.login(words)
	case len(words) == 1:
		w.options = append(w.options, entry{words[0], ""})
	case len(words) == 2:
		w.options = append(w.options, entry{words[0], words[1]})
	}
}

// pppWords splits a line as pppd does: quotes, a backslash, a comment.
func pppWords(line string) []string {
	var out []string
	var b strings.Builder
	var quote rune
	in, escaped := false, false
	for _, r := range line {
		switch {
		case escaped:
			b.WriteRune(r)
			escaped = false
		case r == '\\':
			in, escaped = true, true
		case quote != 0 && r == quote:
			quote = 0
		case quote != 0:
			b.WriteRune(r)
		case r == '"' || r == '\'':
			in, quote = true, r
		case r == '#' && !in:
			return out
		case r == ' ' || r == '\t':
			if in {
				out = append(out, b.String())
				b.Reset()
			}
			in = false
		default:
			in = true
			b.WriteRune(r)
		}
	}
	if in {
		out = append(out, b.String())
	}
	return out
}

// trimComment takes away a comment behind a value.
func trimComment(s string) string {
	if i := strings.Index(s, " #"); i >= 0 {
		s = s[:i]
	}
	return strings.TrimSpace(s)
}

func unquote(s string) string {
	if len(s) >= 2 && (s[0] == '"' || s[0] == '\'') && s[len(s)-1] == s[0] {
		return s[1 : len(s)-1]
	}
	return s
}

// inherit gives every conn what %default and its also= have.
func (w *daemons) inherit() {
	byName := map[string]section{}
	for _, c := range w.conns {
		byName[c.name] = c
	}
	var out []section
	also := map[string]bool{}
	for _, c := range w.conns {
		if c.name == "%default" {
			continue
		}
		whole := section{name: c.name}
		seen := map[string]bool{}
		for todo := []string{c.name, "%default"}; len(todo) > 0 && len(seen) < maxProfiles; {
			name := todo[0]
			todo = todo[1:]
			if seen[name] {
				continue
			}
			seen[name] = true
			for _, e := range byName[name].entries {
				if e.key == "also" {
					also[e.value] = true
					todo = append([]string{e.value}, todo...)
				} else if _, there := whole.get(e.key); !there && len(whole.entries) < maxItems {
					whole.entries = append(whole.entries, e)
				}
			}
		}
		out = append(out, whole)
	}
	w.conns = slices.DeleteFunc(out, func(c section) bool {
		_, right := c.get("right")
		return also[c.name] && !right // a part for others only
	})
}

// conn reads one conn as a connection, with the lac that goes with it.
func (s *source) conn(w *daemons, c section, used map[int]bool) error {
	side := "right"
	right, _ := c.get("right")
	if left, _ := c.get("left"); strings.HasPrefix(right, "%") && left != "" && !strings.HasPrefix(left, "%") {
		side = "left"
	}
	peer, _ := c.get(side)
	lac := -1
	for i, l := range w.lacs {
		if lns, _ := l.get("lns"); lns == peer || len(w.lacs) == 1 && len(w.conns) == 1 {
			lac = i
		}
	}
	kind, _ := c.get("type")
	port, _ := c.get(side + "protoport")
	l2tp := kind == "transport" || lac >= 0 || strings.HasSuffix(port, "1701") || strings.HasSuffix(port, "l2tp")
	switch {
	case strings.HasPrefix(peer, "%") && lac < 0:
		s.leave("conn "+c.name, side+"="+peer, whyGatewaySide)
		return nil
	case !l2tp:
		s.leave("conn "+c.name, kind, whyNoL2TP)
		return nil
	}
	d, err := s.draft()
	if err != nil {
		return err
	}
	d.name("conn", c.name)
	l := section{}
	if lac >= 0 {
		used[lac] = true
		l = w.lacs[lac]
	}
	if side == "left" {
		c = swapped(c)
	}
	d.daemons(w, c, l)
	return nil
}

// swapped is a conn seen from the other side.
func swapped(c section) section {
	out := section{name: c.name}
	for _, e := range c.entries {
		if rest, ok := strings.CutPrefix(e.key, "left"); ok {
			e.key = "right" + rest
		} else if rest, ok := strings.CutPrefix(e.key, "right"); ok {
			e.key = "left" + rest
		}
		out.entries = append(out.entries, e)
	}
	return out
}
