package importer

import (
	"strings"
	"unicode"
)

// PowerShell as far as commands with their parameters go: nothing is computed
// and nothing is run. PowerShell takes the quotes and the dashes of a word
// processor for plain ones, and so does this.

// psToken is a piece of a statement.
type psToken struct {
	// 'w' a word, 's' a string, 'p' the name of a parameter, '$' that of a
	// variable, '@' that of a hash table to be spread, 'c' a comment; , ; = and
	// the brackets stand for themselves.
	kind     byte
	text     string
	computed bool // a string with something in it that is not known
}

// Ours: what people paste is a few lines. Variables in strings and lists may
// double with every line.
const (
	maxPSTokens = 20000
	maxPSString = 1 << 16 // octets, with what variables have
	maxPSItems  = 1000    // of an array
)

func isSingle(r rune) bool { return strings.ContainsRune("'‘’‚‛", r) }
func isDouble(r rune) bool { return strings.ContainsRune(`"“”„`, r) }
func isDash(r rune) bool   { return strings.ContainsRune("-–—―", r) }
func isName(r rune) bool   { return r == '_' || unicode.IsLetter(r) || unicode.IsDigit(r) }

// psScanner splits a script into statements of tokens.
type psScanner struct {
	text   []rune
	at     int
	vars   map[string]psValue
	tokens []psToken
	depth  int // of brackets
	total  int
}

func (s *psScanner) peek(n int) rune {
	if s.at+n < len(s.text) {
		return s.text[s.at+n]
	}
	return 0
}

func (s *psScanner) emit(kind byte, text string) {
	s.tokens = append(s.tokens, psToken{kind: kind, text: text})
	s.total++
}

// scan is the next statement; a comment on a line of its own is one too.
func (s *psScanner) scan() ([]psToken, bool) {
	s.tokens, s.depth = nil, 0
	for s.at < len(s.text) && s.total < maxPSTokens {
		r := s.text[s.at]
		switch {
		case r == '\n' || r == ';' || r == '|' || r == '&':
			s.at++
			if s.end(r) {
				return s.tokens, true
			}
		case unicode.IsSpace(r):
			s.at++
		case r == '`' && s.restIsBlank(1): // the line goes on in the next one
			s.skipLine()
		case r == '#':
			text := s.comment()
			if len(s.tokens) == 0 {
				return []psToken{{kind: 'c', text: text}}, true
			}
		case r == '<' && s.peek(1) == '#':
			s.blockComment()
		default:
			s.token(r)
		}
	}
	return s.tokens, len(s.tokens) > 0
}

// end is the end of a line or of a command; it says whether the statement is over.
func (s *psScanner) end(r rune) bool {
	if s.depth > 0 {
		s.emit(';', "")
		return false
	}
	n := len(s.tokens)
	return n > 0 && !(r == '\n' && s.tokens[n-1].kind == ',')
}

func (s *psScanner) token(r rune) {
	switch {
	case isSingle(r):
		s.emit('s', s.single())
	case isDouble(r):
		text, computed := s.double()
		s.emit('s', text)
		s.tokens[len(s.tokens)-1].computed = computed
	case r == '@' && (s.peek(1) == '{' || s.peek(1) == '('):
		s.at++
	case r == '{' || r == '(':
		s.depth++
		s.at++
		s.emit(byte(r), "")
	case r == '}' || r == ')':
		s.depth = max(0, s.depth-1)
		s.at++
		s.emit(byte(r), "")
	case r == ',' || r == '=':
		s.at++
		s.emit(byte(r), "")
	case r == '$' && (isName(s.peek(1)) || s.peek(1) == '{'):
		s.emit('$', s.variable())
	case r == '@' && isName(s.peek(1)):
		s.emit('@', s.variable())
	default:
		s.word(isDash(r) && unicode.IsLetter(s.peek(1)))
	}
}

func (s *psScanner) restIsBlank(from int) bool {
	for i := from; ; i++ {
		switch r := s.peek(i); r {
		case '\n':
			return true
		case ' ', '\t':
		default:
			return false
		}
	}
}

func (s *psScanner) skipLine() {
	s.comment()
	s.at++
}

// comment is the rest of the line.
func (s *psScanner) comment() string {
	from := s.at
	for s.at < len(s.text) && s.text[s.at] != '\n' {
		s.at++
	}
	return string(s.text[from:s.at])
}

func (s *psScanner) blockComment() {
	for s.at += 2; s.at < len(s.text); s.at++ {
		if s.text[s.at] == '#' && s.peek(1) == '>' {
			s.at += 2
			return
		}
	}
}

// single is a string without expansion; a quote in it is doubled.
func (s *psScanner) single() string {
	var b strings.Builder
	for s.at++; s.at < len(s.text); s.at++ {
		if isSingle(s.text[s.at]) {
			if !isSingle(s.peek(1)) {
				s.at++
				break
			}
			s.at++
		}
		b.WriteRune(s.text[s.at])
	}
	return b.String()
}

var psEscapes = map[rune]rune{'n': '\n', 't': '\t', 'r': '\r', '0': 0, 'a': 7, 'b': 8, 'f': 12, 'v': 11}

// double is a string with backtick escapes and variables.
func (s *psScanner) double() (text string, computed bool) {
	var b strings.Builder
	for s.at++; s.at < len(s.text); s.at++ {
		r := s.text[s.at]
		switch {
		case r == '`' && s.peek(1) != 0:
			s.at++
			if e, ok := psEscapes[s.text[s.at]]; ok {
				b.WriteRune(e)
			} else {
				b.WriteRune(s.text[s.at])
			}
		case isDouble(r) && !isDouble(s.peek(1)):
			s.at++
			return b.String(), computed
		case isDouble(r):
			s.at++
			b.WriteRune(s.text[s.at])
		case r == '$' && (isName(s.peek(1)) || s.peek(1) == '{'):
			v, known := s.vars[s.variable()]
			s.at-- // the loop goes on behind it
			value := v.text()
			if b.Len()+len(value) > maxPSString {
				known, value = false, ""
			}
			computed = computed || !known || v.computed
			b.WriteString(value)
		case r == '$' && s.peek(1) == '(':
			computed = true
			b.WriteRune(r)
		default:
			b.WriteRune(r)
		}
	}
	return b.String(), computed
}

// variable reads $name, ${name} or @name; its name in lower case.
func (s *psScanner) variable() string {
	s.at++
	braced := s.peek(0) == '{'
	if braced {
		s.at++
	}
	from := s.at
	for s.at < len(s.text) && (isName(s.text[s.at]) || s.text[s.at] == ':' || braced && s.text[s.at] != '}' && s.text[s.at] != '\n') {
		s.at++
	}
	name := strings.ToLower(string(s.text[from:s.at]))
	if braced && s.peek(0) == '}' {
		s.at++
	}
	return name
}

// word is anything without quotes: a command, a parameter, a number.
func (s *psScanner) word(parameter bool) {
	var b strings.Builder
	// In a hash table the equals sign is behind a key; elsewhere it is part of
	// the word, as in Base64.
	stop := ",;|(){}"
	if s.depth > 0 {
		stop += "="
	}
	for first := true; s.at < len(s.text); first = false {
		r := s.text[s.at]
		if unicode.IsSpace(r) || !first && strings.ContainsRune(stop, r) || isDouble(r) || r == '`' && s.restIsBlank(1) {
			break
		}
		if parameter && r == ':' {
			s.at++
			break
		}
		if r == '`' && s.peek(1) != 0 {
			s.at++
			r = s.text[s.at]
		}
		b.WriteRune(r)
		s.at++
	}
	if b.Len() == 0 {
		s.at++ // nothing that begins a word
		return
	}
	if parameter {
		name := []rune(b.String())
		s.emit('p', strings.ToLower(string(name[1:])))
		return
	}
	s.emit('w', b.String())
}
