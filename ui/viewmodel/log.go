package viewmodel

import (
	"strings"
	"time"

	"github.com/culvert-vpn/culvert/app/api"
)

// maxLines is how much of the log is kept.
const maxLines = 5000

// LogLevel is how much the log shows.
type LogLevel uint8

// The levels.
const (
	LogAll LogLevel = iota
	LogNotes
	LogWarnings
	LogFaults
)

// levels is each level by its name in events.
var levels = map[string]LogLevel{"debug": LogAll, "info": LogNotes, "warn": LogWarnings, "error": LogFaults}

// levelKeys is each level in the keys of texts.
var levelKeys = [...]string{LogAll: "detail", LogNotes: "note", LogWarnings: "warning", LogFaults: "fault"}

// LogLine is one row of the log.
type LogLine struct {
	Time  string
	Level string // by word
	Mark  Kind   // Failed for a fault, Waiting for a warning, else Disconnected
	Text  string
}

// logged is a line as it came.
type logged struct {
	at    time.Time
	level LogLevel
	text  string
	lower string
}

// Log is the log page: what is kept, and what of it is shown. Its zero value is
// empty and shows all; call SetFollow to begin.
type Log struct {
	lines  []logged
	shown  []int
	level  LogLevel
	filter string
	follow bool
}

// Add takes a line at the time it says. Old ones go.
func (l *Log) Add(at time.Time, e api.LogEvent) {
	level, known := levels[e.Level]
	if !known {
		level = LogNotes
	}
	// The helper's lines begin with their level.
	text := line(strings.TrimPrefix(e.Message, e.Level+" "))
	l.lines = append(l.lines, logged{at, level, text, strings.ToLower(text)})
	if len(l.lines) > maxLines+maxLines/10 {
		l.lines = append([]logged(nil), l.lines[len(l.lines)-maxLines:]...)
		l.find()
		return
	}
	if n := len(l.lines) - 1; l.matches(l.lines[n]) {
		l.shown = append(l.shown, n)
	}
}

func (l *Log) matches(x logged) bool {
	return x.level >= l.level && strings.Contains(x.lower, l.filter)
}

func (l *Log) find() {
	l.shown = l.shown[:0]
	for n, x := range l.lines {
		if l.matches(x) {
			l.shown = append(l.shown, n)
		}
	}
}

// Filter shows only what has the text in it, in large or small letters.
func (l *Log) Filter(text string) {
	l.filter = strings.ToLower(strings.TrimSpace(text))
	l.find()
}

// SetLevel shows only what is as grave or graver.
func (l *Log) SetLevel(level LogLevel) {
	l.level = level
	l.find()
}

// SetFollow says whether the newest line stays in view.
func (l *Log) SetFollow(on bool) { l.follow = on }

// Follow says whether the newest line is to be brought into view.
func (l *Log) Follow() bool { return l.follow }

// Scrolled says that the person moved the list: upwards ends following, down to the
// end begins it again.
func (l *Log) Scrolled(up, atEnd bool) {
	switch {
	case up:
		l.follow = false
	case atEnd:
		l.follow = true
	}
}

// Len is how many rows are shown.
func (l *Log) Len() int { return len(l.shown) }

// LogLine is row n.
func (w *Words) LogLine(l *Log, n int) LogLine {
	x := l.lines[l.shown[n]]
	r := LogLine{Time: x.at.Format("15:04:05.000"), Level: w.Text("log.level." + levelKeys[x.level]), Mark: Disconnected, Text: x.text}
	switch x.level {
	case LogFaults:
		r.Mark = Failed
	case LogWarnings:
		r.Mark = Waiting
	}
	return r
}

// LogText is what is shown, to copy.
func (w *Words) LogText(l *Log) string {
	var b strings.Builder
	for n := range l.shown {
		r := w.LogLine(l, n)
		b.WriteString(r.Time + "  " + r.Level + "  " + r.Text + "\n")
	}
	return b.String()
}

// Whole is all lines, shown or not, for support: in English, by UTC.
func (l *Log) Whole() string {
	var b strings.Builder
	for _, x := range l.lines {
		b.WriteString(x.at.UTC().Format("2006-01-02T15:04:05.000Z") + "  " + levelKeys[x.level] + "  " + x.text + "\n")
	}
	return b.String()
}

// SaveQuestion asks, before a report is saved, whether what is in it may be known.
func (w *Words) SaveQuestion() Switch {
	return Switch{Question: w.Text("report.question"), Yes: w.Text("report.save"), No: w.Text("editor.cancel"), More: w.Text("report.holds")}
}

// LogPage is the words of the log page.
type LogPage struct {
	Title, Filter, Follow string
	Levels                [4]string // by LogLevel
	Copy, Save            Button
	Empty                 string // in place of rows; "": there are some
}

// LogPage is the words of the log page.
func (w *Words) LogPage(l *Log) LogPage {
	p := LogPage{Title: w.Text("menu.open-log"), Filter: w.Text("log.filter"), Follow: w.Text("log.follow"), Copy: w.button(CopyLog), Save: w.button(SaveReport),
		Levels: [4]string{w.Text("log.all"), w.Text("log.notes"), w.Text("log.warnings"), w.Text("log.faults")}}
	switch {
	case len(l.shown) > 0:
	case len(l.lines) > 0:
		p.Empty = w.Text("log.none")
	default:
		p.Empty = w.Text("log.empty")
	}
	return p
}
