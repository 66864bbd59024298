package enginetest

import (
	"bufio"
	"bytes"
	"encoding/hex"
	"fmt"
	"io"
	"os"
	"strings"
)

// maxLine is the longest line of a transcript: two digits for each octet of
// the largest datagram, and some spaces.
const maxLine = 1 << 18

// Transcript is an exchange with a real peer, as recorded in a file:
//
//	# strongSwan 5.9.8, Debian 12; PSK "culvert"
//	> 0d0a 1f00 ...      what we sent
//	< 0d0a 1f00 ...      what the peer sent
//	  00ff               goes on with the line above
//
// Spaces between digits mean nothing, empty lines neither.
type Transcript struct {
	Name     string // the file
	Header   string // the comment before an empty line at the top, without "# "
	Messages []Message
}

// Message is one datagram or frame of a Transcript.
type Message struct {
	Sent bool // by us; otherwise by the peer
	Data []byte
	Note string // the comment lines right above, without "# "
	Line int    // in the file, from 1; 0 for a message that was not read
}

// TranscriptError says where a transcript is wrong.
type TranscriptError struct {
	Name   string
	Line   int
	Reason string
}

// Error is file, line and reason.
func (e *TranscriptError) Error() string {
	return fmt.Sprintf("enginetest: %s:%d: %s", e.Name, e.Line, e.Reason)
}

// LoadTranscript reads a transcript file.
func LoadTranscript(path string) (*Transcript, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("enginetest: %w", err)
	}
	defer f.Close()
	return ParseTranscript(path, f)
}

// ParseTranscript reads a transcript; name is for errors. What is wrong with
// its text is a *TranscriptError.
func ParseTranscript(name string, r io.Reader) (*Transcript, error) {
	p := transcriptParser{t: &Transcript{Name: name}}
	lines := bufio.NewScanner(r)
	lines.Buffer(nil, maxLine)
	for lines.Scan() {
		p.line++
		if reason := p.parse(lines.Text()); reason != "" {
			return nil, &TranscriptError{name, p.line, reason}
		}
	}
	switch err := lines.Err(); err {
	case nil:
	case bufio.ErrTooLong:
		return nil, &TranscriptError{name, p.line + 1, fmt.Sprintf("the line is longer than %d octets", maxLine)}
	default:
		return nil, fmt.Errorf("enginetest: read %s: %w", name, err)
	}
	for _, m := range p.t.Messages {
		if len(m.Data) == 0 {
			return nil, &TranscriptError{name, m.Line, "a message without octets"}
		}
	}
	return p.t, nil
}

type transcriptParser struct {
	t    *Transcript
	line int
	note []string // comment lines that belong to what follows
	open bool     // the line above is a message's
}

// parse takes one line and returns what is wrong with it.
func (p *transcriptParser) parse(line string) (wrong string) {
	text := strings.TrimSpace(line)
	more := p.open && text != "" && strings.TrimLeft(line, " \t") != line
	p.open = false
	switch {
	case text == "":
		if len(p.t.Messages) == 0 && p.t.Header == "" {
			p.t.Header = strings.Join(p.note, "\n")
		}
		p.note = nil
		return ""
	case text[0] == '#':
		p.note = append(p.note, strings.TrimPrefix(strings.TrimPrefix(text, "#"), " "))
		return ""
	case more:
	case text[0] == '>' || text[0] == '<':
		p.t.Messages = append(p.t.Messages, Message{Sent: text[0] == '>', Line: p.line, Note: strings.Join(p.note, "\n")})
		p.note = nil
		text = text[1:]
	default:
		return `a line must start with ">" (sent), "<" (received) or "#" (comment), or go on with a message in a line indented under it`
	}
	octets, wrong := parseHex(text)
	m := &p.t.Messages[len(p.t.Messages)-1]
	m.Data = append(m.Data, octets...)
	p.open = true
	return wrong
}

// parseHex reads hexadecimal digits with spaces anywhere between octets.
func parseHex(text string) (octets []byte, wrong string) {
	for _, word := range strings.Fields(text) {
		b, err := hex.DecodeString(word)
		if _, digit := err.(hex.InvalidByteError); digit {
			return nil, fmt.Sprintf("%q is not hexadecimal", word)
		}
		if err != nil {
			return nil, fmt.Sprintf("%q has half an octet", word)
		}
		octets = append(octets, b...)
	}
	return octets, ""
}

// Sent is what we sent, in order.
func (t *Transcript) Sent() [][]byte { return t.side(true) }

// Received is what the peer sent, in order.
func (t *Transcript) Received() [][]byte { return t.side(false) }

func (t *Transcript) side(sent bool) [][]byte {
	var all [][]byte
	for _, m := range t.Messages {
		if m.Sent == sent {
			all = append(all, m.Data)
		}
	}
	return all
}

// Append writes the transcript as ParseTranscript reads it: for a test that
// records anew.
func (t *Transcript) Append(dst []byte) []byte {
	const perLine = 32
	b := bytes.NewBuffer(dst)
	comment := func(text string) {
		if text != "" {
			b.WriteString("# " + strings.ReplaceAll(text, "\n", "\n# ") + "\n")
		}
	}
	if comment(t.Header); t.Header != "" {
		b.WriteString("\n")
	}
	for _, m := range t.Messages {
		comment(m.Note)
		mark := "<"
		if m.Sent {
			mark = ">"
		}
		for rest := m.Data; len(rest) > 0; mark = " " {
			n := min(perLine, len(rest))
			fmt.Fprintf(b, "%s %x\n", mark, rest[:n])
			rest = rest[n:]
		}
	}
	return b.Bytes()
}
