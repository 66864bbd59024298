package ui

import (
	"context"
	"strings"
	"sync"
	"time"

	fynetheme "fyne.io/fyne/v2/theme"

	"github.com/culvert-vpn/culvert/app/api"
	"github.com/culvert-vpn/culvert/app/logging"
	"github.com/culvert-vpn/culvert/ui/theme"
	"github.com/culvert-vpn/culvert/ui/viewmodel"
	"github.com/culvert-vpn/culvert/ui/widgets"
)

// logPause is between two looks at what has come: a helper that is busy writes
// many lines at once.
const logPause = 100 * time.Millisecond

// logPage shows the helper's log as it is written.
type logPage struct {
	d      *Desktop
	log    viewmodel.Log
	list   *widgets.LogList
	follow *widgets.Check
	stop   context.CancelFunc

	mu   sync.Mutex // guards come
	come []logged
}

type logged struct {
	at time.Time
	e  api.LogEvent
}

// logPage is the view of the log. It is read until it is left.
func (d *Desktop) logPage() *view {
	p := &logPage{d: d}
	p.log.SetFollow(true)
	m := d.words.LogPage(&p.log)
	p.list = widgets.NewLogList(p.log.Len, func(i int) viewmodel.LogLine { return d.words.LogLine(&p.log, i) }, func() {
		p.log.SetFollow(false)
		p.follow.Set(m.Follow, false, true)
	})
	p.list.SetEmpty(m.Empty)
	filter := widgets.NewEntry()
	filter.SetPlaceHolder(m.Filter)
	filter.Icon = fynetheme.SearchIcon()
	filter.OnChanged = func(text string) { p.log.Filter(text); p.changed() }
	level := widgets.NewChoice(func(value string) { p.log.SetLevel(levelOf[value]); p.changed() })
	var levels []viewmodel.Choice
	for i, text := range m.Levels {
		levels = append(levels, viewmodel.Choice{Value: levelNames[i], Text: text})
	}
	level.Set(levels, levelNames[viewmodel.LogAll], true, false)
	p.follow = widgets.NewCheck(m.Follow, func(on bool) { p.log.SetFollow(on); p.list.SetFollow(on) })
	p.follow.Set(m.Follow, true, true)
	p.list.SetFollow(true)
	save := widgets.NewIconButton(widgets.Quiet, fynetheme.DocumentSaveIcon(), m.Save.Text, "", p.save)
	copyLog := widgets.NewIconButton(widgets.Quiet, fynetheme.ContentCopyIcon(), m.Copy.Text, "", func() { d.copyText(d.words.LogText(&p.log)) })
	header := widgets.NewHeader(widgets.NewBackButton(d.words.Text("header.back"), d.back), copyLog, save)
	header.Set(m.Title, "")
	tools := widgets.NewLogTools(filter, level, p.follow)
	page := widgets.NewPage(widgets.ColumnSpacious, header, widgets.NewTopped(theme.Space12, tools, p.list), nil)
	page.Whole = true
	ctx, stop := context.WithCancel(context.Background())
	p.stop = stop
	d.start(func(program context.Context) {
		defer context.AfterFunc(program, stop)()
		p.read(ctx)
	})
	return &view{object: page, place: viewmodel.AtPage, closed: stop}
}

var levelNames = []string{"all", "notes", "warnings", "faults"}

var levelOf = map[string]viewmodel.LogLevel{"all": viewmodel.LogAll, "notes": viewmodel.LogNotes, "warnings": viewmodel.LogWarnings, "faults": viewmodel.LogFaults}

// read runs beside Fyne, until the page is left. A helper that comes back begins
// its log anew.
func (p *logPage) read(ctx context.Context) {
	for {
		_ = p.d.cfg.Helper.Log(ctx, true, func(at time.Time, e api.LogEvent) bool {
			p.mu.Lock()
			first := len(p.come) == 0
			p.come = append(p.come, logged{at, e})
			p.mu.Unlock()
			if first {
				p.d.after(logPause, p.take)
			}
			return true
		})
		if !sleep(ctx, retryTime) {
			return
		}
	}
}

// take shows what has come.
func (p *logPage) take() {
	p.mu.Lock()
	come := p.come
	p.come = nil
	p.mu.Unlock()
	for _, l := range come {
		p.log.Add(l.at, l.e)
	}
	p.changed()
}

func (p *logPage) changed() {
	p.list.SetEmpty(p.d.words.LogPage(&p.log).Empty)
	p.list.Reload()
}

// save asks whether what is in the report may be known, and saves it.
func (p *logPage) save() {
	d := p.d
	q := d.words.SaveQuestion()
	d.choose(q.Question, q.More, []answer{{text: q.No}, {text: q.Yes, filled: true, do: func() {
		d.saveFile("culvert-report.txt", []byte(p.report()))
	}}})
}

// report is the log with what support asks first. It tells of nobody.
func (p *logPage) report() string {
	d := p.d
	var b strings.Builder
	b.WriteString("program  " + d.cfg.Version + "\nhelper   " + d.helperVersion + "\nsystem   " + d.cfg.System + "\n")
	if card := d.home.model; card != nil {
		b.WriteString("\n" + card.Report)
	}
	b.WriteString("\n" + p.log.Whole())
	return d.anonymous(b.String())
}

// minName is the length from which the name of a profile is looked for: shorter
// ones occur in any log.
const minName = 4

// anonymous is text for support: user names and names of profiles are taken out,
// and what else tells of a person. Gateways stay, also where a profile has the name
// of one.
func (d *Desktop) anonymous(text string) string {
	var words []string
	servers := ""
	for _, i := range d.list.Items() {
		if p := i.Entry.Profile; p != nil {
			words = append(words, p.Login(), p.User, p.Domain)
			servers += strings.Join(p.Servers, "\n") + "\n"
		}
	}
	for _, i := range d.list.Items() {
		if name := i.Entry.Name(); len(name) >= minName && !strings.Contains(servers, name) {
			words = append(words, name)
		}
	}
	return logging.Anonymous(text, words...)
}
