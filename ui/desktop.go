// Package ui is Culvert's window and its tray: it hears the helper, has
// ui/viewmodel decide what that looks like, and puts it into widgets. All of it
// belongs to Fyne's goroutine, but for what a comment says runs beside it.
package ui

import (
	"context"
	"errors"
	"os"
	"os/signal"
	"runtime/debug"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/lang"

	"github.com/culvert-vpn/culvert/app/api"
	"github.com/culvert-vpn/culvert/app/client"
	"github.com/culvert-vpn/culvert/app/profile"
	"github.com/culvert-vpn/culvert/platform/keyring"
	"github.com/culvert-vpn/culvert/platform/notify"
	"github.com/culvert-vpn/culvert/ui/theme"
	"github.com/culvert-vpn/culvert/ui/viewmodel"
	"github.com/culvert-vpn/culvert/ui/widgets"
)

// Keys is the user's secret store; *keyring.Keyring is one.
type Keys interface {
	Get(ctx context.Context, profile string, kind keyring.Kind) ([]byte, error)
	Set(ctx context.Context, profile string, kind keyring.Kind, value []byte) error
	DeleteProfile(ctx context.Context, profile string) error
}

// Login is whether the desktop starts with the session; *login.Entry of
// platform/login is one.
type Login interface {
	On() bool
	Set(on bool) error
}

// Notifier shows notifications; *notify.Notifier of platform/notify is one. One
// goroutine uses it.
type Notifier interface {
	Show(ctx context.Context, note notify.Note) error
	Close()
}

// Config is what the desktop runs with.
type Config struct {
	App    fyne.App
	Helper *client.Client
	Store  *profile.Store
	Keys   Keys
	Login  Login // nil: there is no such thing here
	// Notifier shows notifications; nil, or where it cannot: Fyne does.
	Notifier Notifier
	Version  string
	System   string // for reports: "linux/amd64"
	// Programs is the folder with culvert and culvertd in it.
	Programs string
	// Minimise makes a window small, which Fyne cannot; nil: nothing can.
	Minimise func(fyne.Window)
	// TrayHost says whether something shows a tray; it may take a moment. nil:
	// there always is.
	TrayHost func(ctx context.Context) bool
	// Do runs f on Fyne's goroutine; nil: fyne.Do.
	Do func(f func())
}

// Ours.
const (
	tickTime = time.Second
	// fastTime is between two looks while a connection is being made.
	fastTime = 200 * time.Millisecond
	// settleTime is after the start, and the first look at everything.
	settleTime = 5 * time.Second
	// gcPercent lets the heap grow by half, not to twice its size: it waits most of
	// the time, and it is small.
	gcPercent = 50
	// maxWrites is more than a person can ask for while a disk is slow; whoever
	// does waits.
	maxWrites = 256
)

// Desktop is the program: one window, one tray.
type Desktop struct {
	cfg   Config
	words *viewmodel.Words

	model   viewmodel.Model
	list    viewmodel.List
	traffic viewmodel.Traffic
	stats   api.StatsEvent
	notes   viewmodel.Notifier
	tray    *tray

	window   fyne.Window
	shown    bool // the window is
	focused  bool
	adaptive *widgets.AdaptiveLayout
	split    *fyne.Container // list and detail
	rows     *widgets.ProfileList
	detail   *fyne.Container // one page
	root     *fyne.Container // split, or the first page
	view     *view           // what detail shows
	home     *profilePage
	first    *startPage
	dialog   *dialog // nil: none is open

	editorShown *editorPage // nil: none is

	removed *deleted // what can be undone

	supplied string // what the helper was given secrets for last, or was to be

	helperVersion string
	heard         bool // the helper has answered once, or that it does not is sure
	problemAt     time.Time
	keychain      bool
	keychainKnown bool
	listed        bool   // the profiles were read once
	later         string // the trouble that the person has put off
	trial         *trial
	next          *wanted   // once the connection that there is has ended
	repairing     bool      // an administrator is being asked
	practice      *practice // the gateway of the demonstration; nil: none yet
	trayHost      bool

	quick atomic.Bool               // looks are at fastTime
	said  atomic.Pointer[time.Time] // when the helper spoke last
	start func(f func(ctx context.Context))
	disk  chan func()
	noted chan notify.Note // one; Fyne's goroutine replaces it
	stop  context.CancelFunc
	wg    sync.WaitGroup
}

// translator is Fyne's lang as the view model wants it.
type translator struct{}

func (translator) Text(key string, args viewmodel.Args) string { return lang.X(key, key, args) }

func (translator) Plural(key string, n int, args viewmodel.Args) string {
	return lang.XN(key, key, n, args)
}

// New makes the window, and shows nothing yet. The translations have to be there.
func New(cfg Config) *Desktop {
	if cfg.Do == nil {
		cfg.Do = fyne.Do
	}
	d := &Desktop{cfg: cfg, words: viewmodel.NewWords(translator{}), keychain: true, disk: make(chan func(), maxWrites), noted: make(chan notify.Note, 1), trayHost: true}
	cfg.App.Settings().SetTheme(theme.New())
	widgets.ReduceMotion(d.flag(prefReduceMotion))
	d.build()
	d.tray = newTray(d)
	d.lifecycle()
	return d
}

// Options are what a person can ask for when the program starts.
type Options struct {
	Hidden bool     // only the tray is shown
	Demo   bool     // the profile of the practice gateway is there
	Files  []string // of each is shown what could be imported
}

// Run shows the window and works until the program is quit.
func (d *Desktop) Run(o Options) {
	d.begin()
	if o.Demo {
		d.write(func() error { return nil }, func(error) { d.addDemo(func() {}) }) // once the profiles are read
	}
	if len(o.Files) > 0 {
		d.write(func() error { return nil }, func(error) { d.Open(o.Files) })
	}
	if !o.Hidden {
		d.Show()
	}
	d.start(d.signals)
	d.start(settle)
	d.cfg.App.Run()
	d.end()
}

// settle runs beside Fyne, once: looking through the system's fonts takes twice the
// memory of all that comes later, which is given back.
func settle(ctx context.Context) {
	debug.SetGCPercent(gcPercent)
	if sleep(ctx, settleTime) {
		debug.FreeOSMemory()
	}
}

// begin starts what runs beside Fyne: all of it ends with end.
func (d *Desktop) begin() {
	ctx, stop := context.WithCancel(context.Background())
	d.stop = stop
	d.start = func(f func(ctx context.Context)) { d.wg.Go(func() { f(ctx) }) }
	d.said.Store(&time.Time{})
	d.start(d.watch)
	d.start(d.poll)
	d.start(d.tick)
	d.start(d.writes)
	d.start(d.sendNotes)
	d.start(d.lookForKeychain)
	if d.cfg.TrayHost != nil {
		d.start(d.lookForTray)
	}
	d.reload()
	d.refresh()
}

func (d *Desktop) end() {
	d.stop()
	d.wg.Wait()
}

// signals runs beside Fyne: the end of the session, and Ctrl+C in a terminal, end
// the program in order. Nobody is there to be asked.
func (d *Desktop) signals(ctx context.Context) {
	asked := make(chan os.Signal, 1) // one will do
	signal.Notify(asked, os.Interrupt, syscall.SIGTERM)
	defer signal.Stop(asked)
	select {
	case <-ctx.Done():
	case <-asked:
		d.do(d.exit)
	}
}

// do runs f on Fyne's goroutine.
func (d *Desktop) do(f func()) { d.cfg.Do(f) }

// after runs f on Fyne's goroutine when t has passed.
func (d *Desktop) after(t time.Duration, f func()) {
	d.start(func(ctx context.Context) {
		if sleep(ctx, t) {
			d.do(f)
		}
	})
}

// sleep waits, and says whether ctx still is.
func sleep(ctx context.Context, t time.Duration) bool {
	timer := time.NewTimer(t)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return false
	case <-timer.C:
		return true
	}
}

// tick runs beside Fyne, and has everything looked at again as time passes.
func (d *Desktop) tick(ctx context.Context) {
	last := time.Now()
	for sleep(ctx, fastTime) {
		now, said := time.Now(), *d.said.Load()
		silent := now.Sub(said) > viewmodel.Silence && last.Sub(said) <= viewmodel.Silence
		if d.quick.Load() || silent || now.Sub(last) >= tickTime-fastTime/2 {
			last = now
			d.do(d.refresh)
		}
	}
}

// refresh draws everything that has changed. It is cheap: widgets know what they
// show already.
func (d *Desktop) refresh() {
	now := time.Now()
	k := d.model.Kind(now)
	heard := d.model.HeardAt
	d.said.Store(&heard)
	d.quick.Store(k == viewmodel.Connecting || k == viewmodel.Disconnecting)
	if i, ok := d.list.Forget(now); ok {
		d.forget(i)
	}
	d.remember(now, k)
	d.noteProblem(now)
	d.notify(now)
	d.tray.refresh(now)
	if !d.shown {
		return
	}
	d.chooseRoot(now)
	d.refreshList(now)
	if d.view != nil && d.view.refresh != nil {
		d.view.refresh(now)
	}
}

// noteProblem notes since when the helper cannot be used.
func (d *Desktop) noteProblem(now time.Time) {
	switch {
	case d.model.Problem == "":
		d.problemAt = time.Time{}
	case d.problemAt.IsZero():
		d.problemAt = now
	}
}

// profileOf is a saved profile by its id; nil: it is not there.
func (d *Desktop) profileOf(id string) *profile.Profile {
	if i, ok := d.itemOf(id); ok {
		return i.Entry.Profile
	}
	return nil
}

// noteTime is how long whoever shows notifications may take.
const noteTime = 5 * time.Second

// notify tells what is worth it, where the person is not looking.
func (d *Desktop) notify(now time.Time) {
	n := d.notes.Next(d.words, &d.model, d.profileOf(d.model.Profile(now).ID), d.focused && d.shown, now)
	if n == nil || d.flag(prefNoNotes) {
		return
	}
	select { // one that nobody has shown yet is old news
	case <-d.noted:
	default:
	}
	d.noted <- notify.Note{Title: n.Title, Body: n.Body}
}

// sendNotes runs beside Fyne, and has notes shown: the newest, if that takes long.
func (d *Desktop) sendNotes(ctx context.Context) {
	if d.cfg.Notifier != nil {
		defer d.cfg.Notifier.Close()
	}
	for {
		select {
		case <-ctx.Done():
			return
		case n := <-d.noted:
			d.sendNote(ctx, n)
		}
	}
}

// sendNote shows a note, if somebody shows notes.
func (d *Desktop) sendNote(ctx context.Context, n notify.Note) {
	ctx, cancel := context.WithTimeout(ctx, noteTime)
	defer cancel()
	if d.cfg.Notifier != nil {
		if err := d.cfg.Notifier.Show(ctx, n); !errors.Is(err, errors.ErrUnsupported) {
			return // nobody shows it: the window and the tray say it as well
		}
	}
	d.cfg.App.SendNotification(fyne.NewNotification(n.Title, n.Body))
}
