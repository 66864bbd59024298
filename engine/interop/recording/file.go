package recording

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/culvert-vpn/culvert/engine/enginetest"
	"github.com/culvert-vpn/culvert/engine/stack"
)

// A recording is a Transcript with its Setup in the header, and with notes:
//
//	# 12.345 advance          a call, after so many milliseconds
//	# = phase1 suite="…"      an event that came of it
//	# to udp/500              how the message below was sent
//	> 0d0a …
//	# 13.456 from udp/500     the call that takes the message below
//	< 0d0a …
//
// What a call sends stands below it. Calls behind the last message are left
// out: they follow from the deadlines.

// Load reads a recording from a file.
func Load(path string) (*Recording, error) {
	t, err := enginetest.LoadTranscript(path)
	if err != nil {
		return nil, err
	}
	return Parse(t)
}

// Parse makes a recording of a transcript.
func Parse(t *enginetest.Transcript) (*Recording, error) {
	r := &Recording{}
	if err := r.Setup.parse(t.Header); err != nil {
		return nil, fmt.Errorf("recording: %s: %w", t.Name, err)
	}
	for _, m := range t.Messages {
		if err := r.parse(m); err != nil {
			return nil, fmt.Errorf("recording: %s:%d: %w", t.Name, m.Line, err)
		}
	}
	if len(r.Calls) == 0 {
		return nil, fmt.Errorf("recording: %s: nothing in it", t.Name)
	}
	return r, nil
}

func (s *Setup) parse(header string) error {
	values := map[string]string{}
	for line := range strings.Lines(header) {
		if key, value, ok := strings.Cut(strings.TrimSpace(line), ": "); ok {
			values[key] = value
		}
	}
	for _, f := range s.fields() {
		v, ok := values[f.key]
		if !ok {
			continue
		}
		if err := f.set(v); err != nil {
			return fmt.Errorf("%s: %w", f.key, err)
		}
	}
	if !s.Local.IsValid() || !s.Remote.IsValid() {
		return errors.New("the header gives no addresses")
	}
	return nil
}

// parse adds one message and the calls in its note.
func (r *Recording) parse(m enginetest.Message) error {
	var via stack.Via
	for line := range strings.Lines(m.Note) {
		line = strings.TrimSpace(line)
		if text, ok := strings.CutPrefix(line, "= "); ok {
			if len(r.Calls) == 0 {
				return errors.New("an event without a call")
			}
			last := &r.Calls[len(r.Calls)-1]
			last.Events = append(last.Events, text)
			continue
		}
		word, rest, _ := strings.Cut(line, " ")
		if word == "to" {
			via = parseVia(rest)
			continue
		}
		if err := r.parseCall(word, rest); err != nil {
			return err
		}
	}
	if len(r.Calls) == 0 {
		return errors.New("a message without a call")
	}
	last := &r.Calls[len(r.Calls)-1]
	switch {
	case m.Sent && via != 0:
		last.Sent = append(last.Sent, stack.Datagram{Via: via, Peer: r.Setup.peer(via), Data: m.Data})
	case !m.Sent && last.Action == Handle && last.Data == nil:
		last.Data = m.Data
	default:
		return errors.New("the note does not say how this message went")
	}
	return nil
}

func (r *Recording) parseCall(ms, what string) error {
	if n := len(r.Calls); n > 0 && r.Calls[n-1].Action == Handle && r.Calls[n-1].Data == nil {
		return errors.New("a call without its message")
	}
	at, err := strconv.ParseFloat(ms, 64)
	if err != nil {
		return fmt.Errorf("%q is no time", ms)
	}
	c := Call{At: time.Duration(at * float64(time.Millisecond)).Round(Resolution), Action: Action(what)}
	switch c.Action {
	case Start, Advance, Ping, Close:
	default:
		way, _ := strings.CutPrefix(what, "from ")
		if c.Via = parseVia(way); c.Via == 0 {
			return fmt.Errorf("%q is no call", what)
		}
		c.Action = Handle
	}
	r.Calls = append(r.Calls, c)
	return nil
}

// parseVia is the way of a name, 0 when there is none.
func parseVia(name string) stack.Via {
	for via := range ports {
		if via.String() == name {
			return via
		}
	}
	return 0
}

// Transcript is the recording as a transcript, ready to be written.
func (r *Recording) Transcript() *enginetest.Transcript {
	t := &enginetest.Transcript{}
	var lines []string
	for _, f := range r.Setup.fields() {
		if v := f.get(); v != "" {
			lines = append(lines, f.key+": "+v)
		}
	}
	t.Header = strings.Join(lines, "\n")
	var note []string
	add := func(sent bool, data []byte) {
		t.Messages = append(t.Messages, enginetest.Message{Sent: sent, Data: data, Note: strings.Join(note, "\n")})
		note = nil
	}
	for _, c := range r.Calls {
		what := string(c.Action)
		if c.Action == Handle {
			what = "from " + c.Via.String()
		}
		note = append(note, fmt.Sprintf("%.3f %s", float64(c.At)/float64(time.Millisecond), what))
		for _, e := range c.Events {
			note = append(note, "= "+e)
		}
		if c.Action == Handle {
			add(false, c.Data)
		}
		for _, d := range c.Sent {
			note = append(note, "to "+d.Via.String())
			add(true, d.Data)
		}
	}
	return t
}
