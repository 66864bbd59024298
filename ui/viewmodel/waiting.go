package viewmodel

import (
	"slices"
	"strings"
	"time"
	"unicode"

	"github.com/culvert-vpn/culvert/app/api"
	"github.com/culvert-vpn/culvert/app/profile"
)

// Countdown is the box while a person is waited for.
type Countdown struct {
	Left     float64 // of the ring, from 1 to 0
	Seconds  string  // inside it
	Unit     string  // below that: "seconds"
	Title    string
	Sentence string
	Code     *CodeBox // nil: no code is asked for
}

// CodeBox asks for a code that is used once, or for another secret.
type CodeBox struct {
	Title  string
	Field  string // the placeholder
	Help   string
	Send   Button
	Secret api.SecretName // what the answer is
	Hidden bool           // it is a password, not a code
}

// Countdown is the box while a person is waited for; nil: nobody is.
func (w *Words) Countdown(m *Model, p *profile.Profile, now time.Time) *Countdown {
	if m.KindOf(p.ID, now) != Waiting {
		return nil
	}
	left := m.SecondsLeft(now)
	all := max(int(p.PPP.AuthTimeout.Std()/time.Second), m.Status.SecondsLeft, 1)
	c := &Countdown{Left: float64(left) / float64(all), Seconds: w.whole(int64(left)), Unit: w.count("waiting.seconds", left)}
	what := "approve"
	if len(m.Status.Ask) > 0 {
		what = "code"
		c.Code = w.codeBox(m.Status.Ask)
	}
	c.Title, c.Sentence = w.Text("waiting."+what+".title"), w.Text("waiting."+what+".sentence")
	if c.Code != nil && m.Status.Prompt != "" {
		c.Sentence = w.with("waiting.code.asks", "Prompt", line(m.Status.Prompt))
	}
	return c
}

func (w *Words) codeBox(ask []api.SecretName) *CodeBox {
	b := &CodeBox{Secret: ask[0], Title: w.Text("code.title"), Field: w.Text("code.field"), Help: w.Text("code.help"), Send: w.button(SendCode)}
	if !slices.Contains(ask, api.OTP) {
		b.Hidden = true
		b.Title, b.Field = w.Text("code.secret.title"), w.fieldLabel(secretField(ask[0]))
		b.Help = w.Text("code.secret.help")
	} else {
		b.Secret = api.OTP
	}
	return b
}

// SecretBox asks for what a connection needs and no keychain has: before it is asked
// for, or when what was given was wrong.
type SecretBox struct {
	Title   string
	Fields  []Field // SecretFields, by the keys of the editor
	Connect Button
	Cancel  Button
}

// SecretBox asks for secrets; nil: there is nothing to ask. kept says that the
// answers will be in the keychain.
func (w *Words) SecretBox(p *profile.Profile, names []api.SecretName, kept bool) *SecretBox {
	if len(names) == 0 {
		return nil
	}
	b := &SecretBox{Title: w.with("ask.title", "Name", line(p.Name)), Connect: w.button(Connect), Cancel: Button{w.Text("editor.cancel"), GoBack}}
	for _, name := range names {
		key := secretField(name)
		f := Field{Key: key, Label: w.fieldLabel(key), Kind: SecretField, Enabled: true, Secret: SecretUnkept, Help: w.Text("secret.asked")}
		if kept && !(name == api.Password && p.AskPassword) {
			f.Secret, f.Help = SecretNone, w.Text("secret.kept")
		}
		b.Fields = append(b.Fields, f)
	}
	return b
}

// CleanCode is a code as it is sent: blanks are pasted along with it.
func CleanCode(typed string) string {
	return strings.Map(func(r rune) rune {
		if unicode.IsSpace(r) || unicode.IsControl(r) || r == '\u200b' {
			return -1
		}
		return r
	}, typed)
}
