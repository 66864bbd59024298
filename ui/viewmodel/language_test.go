package viewmodel

import (
	"encoding/json"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"text/template"
	"unicode/utf8"

	"github.com/culvert-vpn/culvert/app/api"
	"github.com/culvert-vpn/culvert/app/diagnosis"
)

// forms is one text of a file: the only one, or one for each plural form.
type forms map[string]string

func (f *forms) UnmarshalJSON(b []byte) error {
	var one string
	if json.Unmarshal(b, &one) == nil {
		*f = forms{"": one}
		return nil
	}
	var several map[string]string
	err := json.Unmarshal(b, &several)
	*f = several
	return err
}

// catalogue is a Translator over a file, as Fyne's lang is, that notes what is
// asked of it.
type catalogue struct {
	t        *testing.T
	language string
	texts    map[string]forms
	used     map[string]bool
	given    map[string]map[string]bool // places that were filled, by key
	parsed   map[string]*template.Template
}

var languages = []string{"en", "de", "fr", "es", "ja", "zh-Hans", "vi"}

// read is the words of a language.
func read(t *testing.T, language string) *catalogue {
	t.Helper()
	data, err := os.ReadFile(filepath.Join("..", "..", "assets", "translations", language+".json"))
	if err != nil {
		t.Fatal(err)
	}
	c := &catalogue{t: t, language: language, used: map[string]bool{}, given: map[string]map[string]bool{}, parsed: map[string]*template.Template{}}
	if err := json.Unmarshal(data, &c.texts); err != nil {
		t.Fatalf("%s: %v", language, err)
	}
	return c
}

// english is the words for tests of what is said.
func english(t *testing.T) *Words { t.Helper(); return NewWords(read(t, "en")) }

func (c *catalogue) Text(key string, args Args) string { return c.fill(key, "", args) }

// Plural has the rules of CLDR for our languages, as far as numbers below a
// million go.
func (c *catalogue) Plural(key string, n int, args Args) string {
	form := "other"
	switch c.language {
	case "en", "de", "es":
		if n == 1 {
			form = "one"
		}
	case "fr":
		if n < 2 {
			form = "one"
		}
	}
	return c.fill(key, form, args)
}

func (c *catalogue) fill(key, form string, args Args) string {
	c.t.Helper()
	c.used[key] = true
	text, ok := c.texts[key][form]
	if !ok {
		c.t.Errorf("%s: no text %q (form %q)", c.language, key, form)
		return ""
	}
	for name := range args {
		if c.given[key] == nil {
			c.given[key] = map[string]bool{}
		}
		c.given[key][name] = true
	}
	if !strings.Contains(text, "{{") {
		return text
	}
	if c.parsed[text] == nil {
		c.parsed[text] = template.Must(template.New(key).Option("missingkey=error").Parse(text))
	}
	var b strings.Builder
	if err := c.parsed[text].Execute(&b, args); err != nil {
		c.t.Errorf("%s: %s: %v", c.language, key, err)
	}
	return b.String()
}

var place = regexp.MustCompile(`\{\{[^}]*\}\}`)

func placesOf(text string) []string {
	p := place.FindAllString(text, -1)
	slices.Sort(p)
	return slices.Compact(p)
}

// said is the keys that windows ask for themselves, by their names in the sources.
func said(t *testing.T) []string {
	t.Helper()
	files, err := filepath.Glob(filepath.Join("..", "*.go"))
	if err != nil {
		t.Fatal(err)
	}
	var keys []string
	for _, file := range files {
		data, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range regexp.MustCompile(`\.(?:Text|Plural)\("([a-z0-9_.-]+)"`).FindAllSubmatch(data, -1) {
			keys = append(keys, string(m[1]))
		}
	}
	return keys
}

// Every text that is asked for is there in every language, and every text that is
// there is asked for.
func TestKeys(t *testing.T) {
	windows := said(t)
	for _, language := range languages {
		t.Run(language, func(t *testing.T) {
			c := read(t, language)
			walk(t, NewWords(c))
			for _, key := range windows {
				c.used[key] = true
				if c.texts[key] == nil {
					t.Errorf("a window says %s, which is no text", key)
				}
			}
			for _, key := range slices.Sorted(maps.Keys(c.texts)) {
				if !c.used[key] {
					t.Errorf("%s is never said", key)
				}
			}
		})
	}
}

// The files have the same keys, plural forms that the language has, and the same
// places, all of which are filled.
func TestFiles(t *testing.T) {
	en := read(t, "en")
	walk(t, NewWords(en))
	files, err := filepath.Glob(filepath.Join("..", "..", "assets", "translations", "*.json"))
	if err != nil || len(files) != len(languages) {
		t.Fatalf("%d files, %v, want %d", len(files), err, len(languages))
	}
	for _, language := range languages {
		c := read(t, language)
		want := []string{"one", "other"}
		if slices.Contains([]string{"ja", "zh-Hans", "vi"}, language) {
			want = []string{"other"}
		}
		for key, f := range c.texts {
			plural := len(en.texts[key]) > 1
			if plural && !slices.Equal(slices.Sorted(maps.Keys(f)), want) {
				t.Errorf("%s: %s has the forms %q, want %q", language, key, slices.Sorted(maps.Keys(f)), want)
			}
			for form, text := range f {
				checkText(t, language, key, text)
				from := en.texts[key][form]
				if from == "" {
					from = en.texts[key]["other"] + en.texts[key][""]
				}
				got, all := placesOf(text), placesOf(from)
				if form == "one" { // "one second" needs no number
					got, all = slices.DeleteFunc(got, isN), slices.DeleteFunc(all, isN)
				}
				if !slices.Equal(got, all) {
					t.Errorf("%s: %s has the places %q, want %q", language, key, got, all)
				}
				for _, p := range got {
					if !en.given[key][strings.Trim(p, "{}.")] {
						t.Errorf("%s: %s: nothing fills %s", language, key, p)
					}
				}
			}
		}
		for key := range en.texts {
			if c.texts[key] == nil {
				t.Errorf("%s lacks %s", language, key)
			}
		}
	}
}

func isN(p string) bool { return p == "{{.N}}" }

// rude is what Culvert does not say.
var rude = regexp.MustCompile(`(?i)\b(please|sorry|oops|error: |daemon|server error|are you sure)`)

// checkText looks at how a text is set.
func checkText(t *testing.T, language, key, text string) {
	t.Helper()
	switch {
	case text == "" && key != "number.group" && key != "list.comma" && key != "sentence.end":
		t.Errorf("%s: %s is empty", language, key)
	case strings.Contains(text, "..."):
		t.Errorf("%s: %s: %q: the dots are one character", language, key, text)
	case strings.ContainsAny(text, "!！\"`$"):
		t.Errorf("%s: %s: %q has a character that no text has", language, key, text)
	case strings.Contains(text, "  ") || strings.Contains(text, "(s)"):
		t.Errorf("%s: %s: %q is badly set", language, key, text)
	case language == "en" && rude.MatchString(text):
		t.Errorf("%s: %s: %q is not how Culvert speaks", language, key, text)
	case strings.TrimSpace(text) != text && !slices.Contains([]string{"list.comma", "number.group"}, key):
		t.Errorf("%s: %s: %q has a blank around it", language, key, text)
	}
	if strings.HasPrefix(key, "unit.") || strings.HasPrefix(key, "lasted.") {
		if regexp.MustCompile(`[0-9}] [A-Za-z]`).MatchString(strings.ReplaceAll(text, "} {", "}{")) {
			t.Errorf("%s: %s: %q: a unit has a no-break space before it", language, key, text)
		}
	}
}

// names are texts that are the same in another language: names, and words that the
// language has from the same place.
var names = map[string][]string{
	"de": {"Gateway", "DNS", "Server", "Name", "IPv6", "MPPE", "Filter", "Tunnel", "Code", "Tunnel {{.ID}}", "Pre-Shared Key", "Kill-Switch", "500 und 4500"},
	"fr": {"DNS", "IPv6", "MPPE", "Tunnel {{.ID}}", "Tunnel", "Code", "Session {{.ID}}", "Notes", "Note", "Exceptions", "Certificat", "Encapsulation", "Licences"},
	"es": {"DNS", "IPv6", "MPPE", "Error"},
	"ja": {"DNS", "IPv6", "MPPE"}, "zh-Hans": {"DNS", "IPv6", "MPPE"}, "vi": {"DNS", "IPv6", "MPPE"},
}

// english words that would be left over, between others.
var leftover = regexp.MustCompile(`(?i)\b(the|and|with|your|this|connection|password|network|encryption|settings|cannot|helper)\b`)

var latin = regexp.MustCompile(`[A-Za-z]{2,}`)

// Nothing stays English in another language, but for names.
func TestNothingLeftInEnglish(t *testing.T) {
	en := read(t, "en")
	for _, language := range languages[1:] {
		c := read(t, language)
		for key, f := range c.texts {
			for form, text := range f {
				same := text == en.texts[key][form] || text == en.texts[key]["other"]
				words := latin.MatchString(place.ReplaceAllString(text, ""))
				if same && words && !strings.HasPrefix(key, "unit.") && !strings.HasPrefix(key, "lasted.") && !strings.HasSuffix(key, ".layout") &&
					!slices.Contains(names[language], text) {
					t.Errorf("%s: %s is still %q", language, key, text)
				}
				if w := leftover.FindString(place.ReplaceAllString(text, "")); w != "" {
					t.Errorf("%s: %s: %q has %q in it", language, key, text, w)
				}
			}
		}
	}
}

// The verb under the toggle is one word, as wide as the toggle at most and a bit.
func TestVerbs(t *testing.T) {
	for _, language := range languages {
		c := read(t, language)
		for _, key := range []string{"verb.connect", "verb.cancel", "verb.disconnect"} {
			text := c.texts[key][""]
			most := 14
			if !regexp.MustCompile(`[a-z]`).MatchString(text) {
				most = 6 // of twice the width
			}
			if n := utf8.RuneCountInString(text); n > most || language != "vi" && language != "fr" && language != "es" && strings.Contains(text, " ") {
				t.Errorf("%s: %s is %q: one word, %d characters at most", language, key, text, most)
			}
		}
		for key, f := range c.texts {
			for _, text := range f {
				if n := utf8.RuneCountInString(place.ReplaceAllString(text, "")); strings.HasPrefix(key, "button.") && n > 44 || strings.HasPrefix(key, "tray.") && n > 44 ||
					strings.HasPrefix(key, "panel.") && !strings.Contains(key[6:], ".") && n > 48 {
					t.Errorf("%s: %s: %q has %d characters: it is no label", language, key, text, n)
				}
			}
		}
	}
}

// The English words of failures are those of app/diagnosis. They are in the file for
// who translates it, and for Fyne's lang.
func TestEnglishFailures(t *testing.T) {
	en := read(t, "en")
	codes := append(slices.Collect(maps.Keys(remedies)), "unknown")
	for _, code := range codes {
		e := diagnosis.Window(code)
		for part, want := range map[string]string{"title": e.Title, "cause": e.Cause, "advice": e.Advice} {
			key := "failure." + string(code) + "." + part
			if got := en.texts[key][""]; got != want {
				t.Errorf("en: %s is %q, want %q as in app/diagnosis", key, got, want)
			}
		}
	}
}

// Each code that there is has a remedy, and each remedy a code that there is.
func TestRemedies(t *testing.T) {
	for code := range remedies {
		if e := diagnosis.Lookup(code); e == diagnosis.Lookup("x.y") {
			t.Errorf("a remedy for %s, which is no code", code)
		}
	}
	for _, code := range allCodes(t) {
		if _, ok := remedies[code]; !ok {
			t.Errorf("no remedy for %s", code)
		}
	}
	if got := Remedy(api.Code("x.y")); got != TryAgain {
		t.Errorf("Remedy(x.y) = %s", got)
	}
}
