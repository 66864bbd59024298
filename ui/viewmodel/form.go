package viewmodel

import (
	"slices"
	"strconv"
	"strings"

	"github.com/culvert-vpn/culvert/app/profile"
)

// Choice is one thing to choose.
type Choice struct {
	Value string // as the profile has it
	Text  string
	Later bool // this version cannot do it yet: shown, and not to be chosen
}

// Field is one key of a profile, or one secret.
type Field struct {
	Key     string // as the profile file has it: "ipsec.group"; or one of the Field constants
	Label   string
	Help    string // replaced by Fault while there is one
	Kind    FieldKind
	Choices []Choice // of a ChoiceField, or what a ListField is chosen from; may be empty
	Value   string   // of a ListField one a line; of a SecretField always ""
	Hint    string   // what stands in an empty field
	Fault   string
	Enabled bool
	Changed bool        // from automatic
	Secret  SecretState // of a SecretField
}

// Section is a part of the editor.
type Section struct {
	Key     string // "always", "name", "ipsec", "l2tp", "ppp", "routing", "dns", "reconnect"
	Title   string
	Summary string // at its right while it is folded: "Automatic", "1 changed: local network off"
	Always  bool   // it is not to be folded
	Open    bool   // a person unfolded it, or a fault is in it
	Fields  []Field
	Back    string // "Back to automatic"; "" when nothing is changed
}

// Form is the editor as it is to be drawn. Fields that mean nothing beside the
// others are not in it.
type Form struct {
	Title, Paste           string
	Sections               []Section
	Problems               string // "1 field needs a look: Server"; "": all is well
	ProblemKey             string // the field that its link leads to
	Cancel, Save, Connect  Button
	CanSave, CanConnect    bool // false while a fault is shown
	Leave                  LeaveQuestion
	ReadOnly               string // why nothing can be changed; "": it can
	ShowSecret, HideSecret string
}

// LeaveQuestion is asked when the editor is left with changes.
type LeaveQuestion struct{ Question, Keep, Discard string }

// Form is the editor to draw.
func (w *Words) Form(e *Editor) Form {
	f := Form{Title: line(e.name), Paste: w.Text("editor.paste"),
		Cancel: Button{w.Text("editor.cancel"), GoBack}, Save: w.button(SaveProfile), Connect: w.button(Connect),
		Leave:      LeaveQuestion{w.Text("editor.leave"), w.Text("editor.keep"), w.Text("editor.discard")},
		ShowSecret: w.Text("editor.show"), HideSecret: w.Text("editor.hide")}
	if e.name == "" {
		f.Title = w.Text("editor.new")
	}
	if e.readOnly {
		f.ReadOnly = w.Text("editor.readonly")
	}
	for _, section := range sections {
		f.Sections = append(f.Sections, w.section(e, section))
	}
	if f.ProblemKey = e.firstTold(); f.ProblemKey != "" {
		n := 0
		for _, s := range fieldSpecs {
			if e.told[s.key] {
				n++
			}
		}
		f.Problems = w.t.Plural("editor.problems", n, Args{"N": w.whole(int64(n)), "Field": w.fieldLabel(f.ProblemKey)})
	}
	f.CanSave = f.Problems == "" && !e.readOnly
	f.CanConnect = f.Problems == ""
	return f
}

func (w *Words) section(e *Editor, key string) Section {
	s := Section{Key: key, Always: key == sections[0], Open: key == sections[0] || e.open[key]}
	if !s.Always {
		s.Title, s.Summary = w.Text("section."+key), w.summary(e, key)
	}
	for i := range fieldSpecs {
		spec := &fieldSpecs[i]
		if spec.section != key || !spec.means(e.is) {
			continue
		}
		field := w.field(e, spec)
		s.Open = s.Open || field.Fault != ""
		s.Fields = append(s.Fields, field)
	}
	if len(e.changed(key)) > 0 && !s.Always && !e.readOnly {
		s.Back = w.Text("section.back")
	}
	return s
}

// summary is what a folded section says.
func (w *Words) summary(e *Editor, section string) string {
	changed := e.changed(section)
	switch {
	case len(changed) == 0 && section == "name":
		return w.Text("section.name.auto")
	case len(changed) == 0:
		return w.Text("section.auto")
	}
	what := w.fieldLabel(changed[0].key)
	if changed[0].kind == TickField {
		key := "section.off"
		if e.is[changed[0].key] == "true" {
			key = "section.on"
		}
		what = w.with(key, "Field", what)
	}
	return w.t.Plural("section.changed", len(changed), Args{"N": w.whole(int64(len(changed))), "What": what})
}

func (w *Words) fieldLabel(key string) string { return w.Text("field." + key) }

func (w *Words) field(e *Editor, s *fieldSpec) Field {
	f := Field{Key: s.key, Label: w.fieldLabel(s.key), Kind: s.kind, Value: e.is[s.key], Enabled: !e.readOnly, Changed: s.kind != SecretField && e.isChanged(s)}
	if s.help {
		f.Help = w.Text("help." + s.key)
	}
	can := e.available[s.key]
	later := len(can) > 0
	for value, ok := range can {
		later = later && (!ok || value == e.plain[s.key])
	}
	if later { // all of it but what is automatic
		f.Enabled = false
		f.Help = w.Text("field.later")
	}
	values := s.choices
	if s.key == "preset" {
		values = profile.PresetNames()
	}
	for _, value := range values {
		f.Choices = append(f.Choices, Choice{Value: value, Text: w.choice(s.key, value), Later: !can[value]})
	}
	switch s.kind {
	case SecretField:
		f.Value = ""
		f.Secret = e.secret(s.key)
		w.secretWords(&f)
	case TextField, ListField, NumberField, SpanField:
		f.Hint = e.plain[s.key]
		if f.Hint == "" {
			f.Hint = s.sample
		}
	}
	if e.told[s.key] {
		f.Fault = w.fault(e, s)
	}
	return f
}

// secretWords is what a field says of its secret.
func (w *Words) secretWords(f *Field) {
	switch f.Secret {
	case SecretAsked:
		f.Help, f.Enabled = w.Text("secret.asked"), false
	case SecretUnkept:
		f.Help = w.Text("secret.unkept")
	case SecretKept:
		f.Hint = w.Text("secret.unchanged")
	}
	if f.Help == "" {
		f.Help = w.Text("secret.kept")
	}
}

// choice is a choice for people. Makes and methods go by their own names.
func (w *Words) choice(key, value string) string {
	switch {
	case key == "preset" && value != "auto" && value != "windows":
		if p, ok := profile.LookupPreset(value); ok {
			return p.Title
		}
		return value
	case key == "ppp.auth":
		return methodNames[value]
	case key == "ipsec.pfs" && slices.Contains(groups, value):
		if bits, curve := strings.CutPrefix(value, "ecp"); curve {
			return w.with("detail.curve", "N", bits)
		}
		return w.with("detail.key", "N", strings.TrimPrefix(value, "modp"))
	case value == "auto" && key != "preset" && key != "dns.mode":
		return w.Text("choice.auto")
	}
	return w.Text("choice." + key + "." + value)
}

// methodNames are the ways to sign in by the names that they have everywhere.
var methodNames = map[string]string{"mschapv2": "MS-CHAPv2", "chap": "CHAP", "pap": "PAP", "mschap": "MS-CHAP",
	"eap-mschapv2": "EAP-MSCHAPv2", "eap-md5": "EAP-MD5", "eap-gtc": "EAP-GTC", "eap-tls": "EAP-TLS"}

// fault is why a field needs a look. That it does app/profile has said; here are
// the words.
func (w *Words) fault(e *Editor, s *fieldSpec) string {
	text := strings.TrimSpace(e.is[s.key])
	switch {
	case s.kind == SecretField:
		return w.Text("fault.secret")
	case s.key == FieldServer:
		return w.serverFault(text)
	case s.key == "user" && text == "":
		return w.Text("fault.user.empty")
	case s.key == "user" || s.key == "domain" || s.key == "name":
		return w.Text("fault.name")
	case text == "" && s.kind == ListField:
		return w.with("fault.needed", "Sample", s.sample)
	case s.kind == NumberField && !isNumber(text):
		return w.with("fault.number", "Sample", s.sample)
	case s.kind == SpanField && !isSpan(text):
		return w.with("fault.span", "Sample", s.sample)
	case s.kind == NumberField || s.kind == SpanField:
		return w.with("fault.range", "Sample", s.sample)
	case s.kind == ListField || s.kind == TextField:
		return w.with("fault.value", "Sample", s.sample)
	}
	return w.Text("fault.choice")
}

func (w *Words) serverFault(text string) string {
	_, port, colon := strings.Cut(text, ":")
	switch {
	case text == "":
		return w.Text("fault.server.empty")
	case strings.Contains(text, ","):
		return w.Text("fault.server.comma")
	case strings.Contains(text, "/"):
		return w.Text("fault.server.slash")
	case strings.ContainsAny(text, " \t"):
		return w.Text("fault.server.blank")
	case colon && isPort(port):
		return w.Text("fault.server.port")
	}
	return w.Text("fault.server")
}

func isPort(text string) bool {
	n, err := strconv.ParseUint(text, 10, 16)
	return err == nil && n > 0
}

// Sharing is the page that shares a profile.
type Sharing struct {
	Heading, Note string
	Text          string // in the QR code, and in the file
	Code          bool   // it fits into a QR code
	TooLong       string // instead of the code
	FileName      string
	Save          Button
}

// maxCode is how much a QR code holds at its largest, with the least repair
// (ISO/IEC 18004, table 7): 2,953 octets.
const maxCode = 2953

// SaveFile saves the text of a Sharing.
const SaveFile Action = "save-file"

// Sharing is a profile for others. Its text has no secrets: a profile has none. The
// error is a profile that cannot be written.
func (w *Words) Sharing(p *profile.Profile) (Sharing, error) {
	own := *p
	own.ID = "" // theirs is another one
	text, err := own.Text()
	if err != nil {
		return Sharing{}, err
	}
	s := Sharing{Heading: w.with("share.title", "Name", line(p.Name)), Note: w.Text("share.note"), Text: string(text), Code: len(text) <= maxCode,
		FileName: fileName(p.Name), Save: w.button(SaveFile)}
	if !s.Code {
		s.TooLong = w.Text("share.long")
	}
	return s, nil
}

// ProfileEnding is that of a profile in a file of its own, by which desktops tell it
// from other TOML and open it with Culvert.
const ProfileEnding = ".culvert.toml"

// fileName is a name that every system takes.
func fileName(name string) string {
	name = strings.Map(func(r rune) rune {
		if r < ' ' || strings.ContainsRune(`<>:"/\|?*`, r) {
			return '-'
		}
		return r
	}, strings.TrimSpace(name))
	if name = strings.Trim(name, ". "); name == "" {
		name = "profile"
	}
	return name + ProfileEnding
}
