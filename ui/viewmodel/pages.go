package viewmodel

import (
	"errors"
	"strings"

	"github.com/culvert-vpn/culvert/app/api"
	"github.com/culvert-vpn/culvert/app/importer"
	"github.com/culvert-vpn/culvert/app/profile"
)

// Page is a page with a heading, a sentence and one button.
type Page struct {
	Heading, Sentence string
	Button            *Button
	Second            *Button // plain
}

// StartChoice is one of the three ways to begin.
type StartChoice struct {
	Heading, Sentence string
	Does              Action
}

// Check is a word in the status bar of the first page.
type Check struct {
	Good bool
	Text string
}

// Start is the first page, while there is no profile, or while something is
// missing without which nothing works.
type Start struct {
	Page
	Choices []StartChoice // none while something is missing
	Checks  []Check
}

// Conditions is what the first page depends on.
type Conditions struct {
	Problem      api.Code // of the helper: Model.Problem
	Heard        bool     // the helper has answered, or that it does not is sure
	Helper       string   // its version; "": not known
	Window       string   // this program's
	Keychain     bool
	AsksEachTime bool // the person knows that there is no keychain
	Profiles     int
}

// missing is the page for what is missing; "": nothing.
func (c Conditions) missing() (key string, does Action) {
	switch {
	case c.Problem == api.HelperNotAllowed:
		return "allowed", AllowMe
	case c.Problem != "":
		return "helper", StartHelper
	case c.Helper != "" && c.Window != "" && c.Helper != c.Window:
		return "versions", RestartHelper
	case c.Heard && !c.Keychain && !c.AsksEachTime:
		return "keychain", AskEachTime
	}
	return "", NoAction
}

// Start is the first page; nil: it is not to be shown.
func (w *Words) Start(c Conditions) *Start {
	s := &Start{}
	if key, does := c.missing(); key != "" {
		b := w.button(does)
		s.Page = Page{Heading: w.Text("start." + key + ".title"), Button: &b,
			Sentence: w.args("start."+key+".sentence", Args{"Helper": line(c.Helper), "Window": line(c.Window)})}
		if c.Profiles > 0 && does != AskEachTime || does == RestartHelper { // there is something to do without it
			later := w.button(NotNow)
			s.Second = &later
		}
	} else if c.Profiles == 0 {
		s.Heading, s.Sentence = w.Text("start.title"), w.Text("start.sentence")
		for _, a := range []Action{NewProfile, Import, TryDemo} {
			s.Choices = append(s.Choices, StartChoice{w.Text("start." + string(a) + ".title"), w.Text("start." + string(a) + ".sentence"), a})
		}
	} else {
		return nil
	}
	check := func(good bool, yes, no string) {
		key := no
		if good {
			key = yes
		}
		s.Checks = append(s.Checks, Check{good, w.Text(key)})
	}
	check(c.Heard && c.Problem == "", "check.helper", "check.nohelper")
	check(c.Keychain, "check.keychain", "check.nokeychain")
	profiles := Check{c.Profiles > 0, w.Text("check.noprofiles")}
	if c.Profiles > 0 {
		profiles.Text = w.count("check.profiles", c.Profiles)
	}
	s.Checks = append(s.Checks, profiles)
	return s
}

// Importing is the words of the page that shows what was understood.
type Importing struct {
	Title         string // before anything is read
	Heading       string
	Drop          string // that a file can be dropped
	Nothing       string // when there are no settings in it
	Readable      string // below that: what can be read
	SecretFound   string // in place of a password
	Add           Button // "Add 3 profiles"
	Cancel, Paste Button
	OpenFile      Button
}

// What the import page does.
const (
	AddProfiles  Action = "add-profiles"
	PasteText    Action = "paste-text"
	OpenFile     Action = "open-file"
	SaveReport   Action = "save-report"
	CopyLog      Action = "copy-log"
	CopyPage     Action = "copy-page"
	ReduceMotion Action = "reduce-motion"
	NoNotes      Action = "no-notes"
	StartAtLogin Action = "start-at-login"
	NotNow       Action = "not-now"
)

// Importing is the import page for that many profiles that are ticked.
func (w *Words) Importing(ticked int) Importing {
	return Importing{
		Title: w.Text("import.page"), Heading: w.Text("import.title"), Drop: w.Text("import.drop"), Nothing: w.Text("import.nothing"), Readable: w.Text("import.readable"),
		SecretFound: w.Text("import.secret"), Add: Button{w.count("import.add", ticked), AddProfiles}, Cancel: Button{w.Text("editor.cancel"), GoBack},
		Paste: w.button(PasteText), OpenFile: w.button(OpenFile),
	}
}

// ImportRow is a setting that was understood, or left out.
type ImportRow struct {
	Good         bool // else a triangle
	Field, Value string
}

// ImportRows is the settings of an imported profile that are not automatic, as the
// editor says them. secrets are the fields of those that were found, which are not
// shown. The error is a profile that cannot be written.
func (w *Words) ImportRows(p *profile.Profile, secrets []string) ([]ImportRow, error) {
	e, err := NewEditor(EditorConfig{Profile: p, New: true, Keychain: true})
	if err != nil {
		return nil, err
	}
	var rows []ImportRow
	for i := range fieldSpecs {
		s := &fieldSpecs[i]
		value := ""
		switch {
		case s.kind == SecretField:
			for _, key := range secrets {
				if key == s.key {
					value = w.Text("import.secret")
				}
			}
		case s.means(e.is) && e.isChanged(s):
			value = w.shownValue(s, e.is[s.key])
		}
		if value != "" {
			rows = append(rows, ImportRow{Good: !e.bad[s.key], Field: w.fieldLabel(s.key), Value: value})
		}
	}
	return rows, nil
}

// shownValue is a field's value for people.
func (w *Words) shownValue(s *fieldSpec, text string) string {
	switch s.kind {
	case TickField:
		if text == "true" {
			return w.Text("import.on")
		}
		return w.Text("import.off")
	case ChoiceField:
		return w.choice(s.key, text)
	case ListField:
		return line(w.join(items(text)))
	}
	return line(text)
}

// Rule is something that a gateway must allow.
type Rule struct{ Name, Sentence string }

// AdminPage is the page for an administrator.
type AdminPage struct {
	Heading, Sentence string
	Rules             []Rule
	Copy              Button
	Text              string // what Copy copies
}

// AdminPage says what the gateway of a profile must allow; nil: any gateway.
func (w *Words) AdminPage(p *profile.Profile) AdminPage {
	if p == nil {
		p = profile.Default()
	}
	offer := p.Proposals()
	var first, second, methods []string
	for _, s := range offer.Phase1 {
		first = append(first, s.String())
	}
	for _, s := range offer.Phase2 {
		second = append(second, s.String())
	}
	for _, m := range p.AuthMethods() {
		methods = append(methods, methodNames[string(m)])
	}
	a := AdminPage{Heading: w.Text("admin.title"), Sentence: w.Text("admin.sentence"), Copy: w.button(CopyPage)}
	rule := func(name, key string) { a.Rules = append(a.Rules, Rule{name, w.Text("admin." + key)}) }
	if p.IPsec.Enabled {
		rule("UDP 500", "udp500")
		rule("UDP 4500", "udp4500")
		rule("ESP (50)", "esp")
		rule("UDP 1701", "udp1701")
		a.Rules = append(a.Rules, Rule{strings.Join(first, " "), w.Text("admin.phase1")}, Rule{strings.Join(second, " "), w.Text("admin.phase2")})
	} else {
		rule("UDP 1701", "plain1701")
	}
	rule(strings.Join(methods, " "), "methods")
	var b strings.Builder
	b.WriteString(a.Heading + "\n" + a.Sentence + "\n")
	for _, r := range a.Rules {
		b.WriteString("\n" + r.Name + "\n" + r.Sentence + "\n")
	}
	a.Text = b.String()
	return a
}

// About is the page about the program.
type About struct {
	Heading, Sentence string
	Versions          []Fact
	LicencesTitle     string
	Licence           string // of this program, in a sentence
}

// About is the page about the program; helper is "" while it is not known.
func (w *Words) About(window, helper string) About {
	if helper == "" {
		helper = "–"
	}
	fact := func(key, value string) Fact {
		return Fact{Key: key, Label: w.Text("about." + key), Copied: w.Text("fact.copied"), Value: value}
	}
	return About{Heading: "Culvert", Sentence: w.Text("about.sentence"), Versions: []Fact{fact("window", window), fact("helper", helper)},
		LicencesTitle: w.Text("about.licences"), Licence: w.Text("about.licence")}
}

// Settings is the page of the program's own settings.
type Settings struct {
	Heading string
	Rows    []Setting
	Keys    string // heading of the list of keys
}

// Setting is a tick with a sentence.
type Setting struct {
	Does       Action
	Text, Help string
}

// Settings is the page of the program's own settings; login says that the program
// can start with the session.
func (w *Words) Settings(login bool) Settings {
	s := Settings{Heading: w.Text("settings.title"), Keys: w.Text("settings.keys")}
	all := []Action{ReduceMotion, NoNotes}
	if login {
		all = append([]Action{StartAtLogin}, all...)
	}
	for _, a := range all {
		s.Rows = append(s.Rows, Setting{a, w.Text("settings." + string(a)), w.Text("settings." + string(a) + ".help")})
	}
	return s
}

// Header is the words of a profile's page above the panel.
type Header struct {
	Name, Make, Edit, More, Back string
}

// Header is the words of a profile's page above the panel.
func (w *Words) Header(i Item) Header {
	h := Header{Name: line(i.Entry.Name()), Edit: w.Text("button.edit"), More: w.Text("list.more"), Back: w.Text("header.back")}
	if i.Entry.ReadOnly {
		h.Edit = w.Text("button.view")
	}
	if p := i.Entry.Profile; p != nil && p.Preset != "auto" {
		h.Make = w.choice("preset", p.Preset)
	}
	return h
}

// Faulty is the page of a file that cannot be used.
func (w *Words) Faulty(i Item) *Page {
	if i.Entry.Profile != nil || i.Entry.Err == nil {
		return nil
	}
	b := w.button(OpenProfile)
	e := w.Explain(api.ProfileInvalid, nil)
	return &Page{Heading: e.Title, Sentence: e.Advice + "\n\n" + i.Entry.Err.Error(), Button: &b}
}

// Lines is how many rows of the steps there is room for: all nine, or the running
// one and its neighbours.
func (s *Steps) Lines(height float32) (from, to int) {
	if height >= 420 || len(s.Rows) == 0 {
		return 0, len(s.Rows)
	}
	return max(s.Around-1, 0), min(s.Around+2, len(s.Rows))
}

// Imported is what was understood of one connection, and what was left out and why.
// The error is a profile that cannot be written.
func (w *Words) Imported(i *importer.Imported) ([]ImportRow, error) {
	var secrets []string
	for _, s := range []struct {
		field string
		value []byte
	}{{FieldPSK, i.Secrets.PSK}, {FieldPassword, i.Secrets.Password}, {FieldTunnelSecret, i.Secrets.TunnelSecret}} {
		if len(s.value) > 0 {
			secrets = append(secrets, s.field)
		}
	}
	rows, err := w.ImportRows(i.Profile, secrets)
	if err != nil {
		return nil, err
	}
	for _, key := range i.Missing {
		field, fault := FieldServer, "fault.server.empty"
		if key == "user" {
			field, fault = key, "fault.user.empty"
		}
		rows = append(rows, ImportRow{Field: w.fieldLabel(field), Value: w.Text(fault)})
	}
	return append(rows, w.LeftOut(i.LeftOut)...), nil
}

// LeftOut is what was left out, and why; where a profile's own reader says more,
// that too, in English.
func (w *Words) LeftOut(items []importer.Item) (rows []ImportRow) {
	for _, i := range items {
		more := strings.TrimPrefix(i.Why, i.Reason.Text())
		rows = append(rows, ImportRow{Field: line(i.Key), Value: w.Text("why."+string(i.Reason)) + line(more)})
	}
	return rows
}

// ImportFault is why nothing was understood, where more can be said than that.
func (w *Words) ImportFault(err error) string {
	switch {
	case errors.Is(err, importer.ErrTooLarge):
		return w.Text("import.large")
	case errors.Is(err, importer.ErrEncrypted):
		return w.Text("import.encrypted")
	}
	var faults *profile.Error
	if errors.As(err, &faults) {
		return line(faults.Error())
	}
	return ""
}

// ConnectTo is the question for the secrets of a profile.
func (w *Words) ConnectTo(p *profile.Profile) string {
	return w.with("ask.title", "Name", line(p.Name))
}

// SecretLabel is a secret's name for people.
func (w *Words) SecretLabel(name api.SecretName) string { return w.fieldLabel(secretField(name)) }

// Terminal is the words around a line to be typed in a terminal.
type Terminal struct {
	Title, Sentence string
	Failed, More    string // where it was tried, and what was said stands between them
	Copy, Close     string
}

// Terminal is the words around a line to be typed in a terminal.
func (w *Words) Terminal() Terminal {
	return Terminal{Title: w.Text("terminal.title"), Sentence: w.Text("terminal.sentence"), Failed: w.Text("terminal.failed"), More: w.Text("terminal.more"),
		Copy: w.Text("terminal.copy"), Close: w.Text("dialog.close")}
}

// Close is the button of a dialog that only says something.
func (w *Words) Close() string { return w.Text("dialog.close") }

// DemoName is the name of the practice gateway's profile.
func (w *Words) DemoName() string { return w.Text("demo.name") }
