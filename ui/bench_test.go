package ui

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/canvas"
	"fyne.io/fyne/v2/lang"
	"fyne.io/fyne/v2/test"

	"github.com/culvert-vpn/culvert/app/api"
	"github.com/culvert-vpn/culvert/app/client"
	"github.com/culvert-vpn/culvert/app/profile"
	"github.com/culvert-vpn/culvert/assets"
	"github.com/culvert-vpn/culvert/platform/ipc"
	"github.com/culvert-vpn/culvert/platform/keyring"
)

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// keys is a keychain in memory.
type keys struct {
	mu     sync.Mutex // guards all
	values map[string]string
	gone   bool // there is none
}

func (k *keys) Get(_ context.Context, profile string, kind keyring.Kind) ([]byte, error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	v, ok := k.values[profile+" "+string(kind)]
	switch {
	case k.gone:
		return nil, keyring.ErrUnavailable
	case !ok:
		return nil, keyring.ErrNotFound
	}
	return []byte(v), nil
}

func (k *keys) Set(_ context.Context, profile string, kind keyring.Kind, value []byte) error {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.gone {
		return keyring.ErrUnavailable
	}
	k.values[profile+" "+string(kind)] = string(value)
	return nil
}

func (k *keys) DeleteProfile(_ context.Context, profile string) error {
	k.mu.Lock()
	defer k.mu.Unlock()
	for _, kind := range keyring.Kinds {
		delete(k.values, profile+" "+string(kind))
	}
	return nil
}

func (k *keys) has(profile string, kind keyring.Kind) string {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.values[profile+" "+string(kind)]
}

// helper is one whose words the test writes, behind a socket as the real one.
type helper struct {
	path   string
	server *http.Server
	done   chan error

	mu       sync.Mutex // guards what follows
	state    api.Status
	streams  []chan api.Event // of each watcher
	requests []string         // bodies of connect and answer, and "disconnect"
	refuse   *api.Error       // the answer to connect; nil: it is taken
	hang     chan struct{}    // nothing is answered until it is closed
}

func (h *helper) start(t *testing.T) {
	t.Helper()
	l, err := ipc.Listen(h.path)
	must(t, err)
	h.server, h.done = &http.Server{Handler: h}, make(chan error, 1)
	go func() { h.done <- h.server.Serve(l) }()
}

func (h *helper) stop() {
	if h.server != nil {
		_ = h.server.Close()
		<-h.done
		h.server = nil
	}
}

func (h *helper) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	h.mu.Lock()
	hang, state, refuse := h.hang, h.state, h.refuse
	h.mu.Unlock()
	if hang != nil {
		select {
		case <-hang:
		case <-r.Context().Done():
			return
		}
	}
	body, _ := io.ReadAll(r.Body)
	note := func(what string) {
		h.mu.Lock()
		h.requests = append(h.requests, what)
		h.mu.Unlock()
	}
	switch r.URL.Path {
	case "/v1/events":
		h.stream(w, r)
	case "/v1/state":
		_ = api.Encode(w, time.Now(), state)
	case "/v1/version":
		_, _ = w.Write([]byte(`{"version":"test"}`))
	case "/v1/stats":
		_, _ = w.Write([]byte(`{"rx_bytes":1240000000,"tx_bytes":87300000}`))
	case "/v1/disconnect":
		note("disconnect")
	case "/v1/answer":
		note(string(body))
	case "/v1/connect":
		note(string(body))
		if refuse != nil {
			w.WriteHeader(http.StatusConflict)
			_ = json.NewEncoder(w).Encode(refuse)
		}
	case "/v1/log":
		_ = api.Encode(w, time.Now(), api.LogEvent{Level: "warn", Message: "warn a line of the log"})
		_ = http.NewResponseController(w).Flush()
		<-r.Context().Done()
	}
}

func (h *helper) stream(w http.ResponseWriter, r *http.Request) {
	events := make(chan api.Event, 64)
	h.mu.Lock()
	events <- h.state
	h.streams = append(h.streams, events)
	h.mu.Unlock()
	for {
		select {
		case e := <-events:
			_ = api.Encode(w, time.Now(), e)
			_ = http.NewResponseController(w).Flush()
		case <-r.Context().Done():
			return
		}
	}
}

// becomes changes the state, and tells everybody.
func (h *helper) becomes(s api.Status) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.state = s
	for _, c := range h.streams {
		c <- s
	}
}

// count is how many requests there were.
func (h *helper) count() int {
	h.mu.Lock()
	defer h.mu.Unlock()
	return len(h.requests)
}

// last is the last request; "": there was none.
func (h *helper) last() string {
	h.mu.Lock()
	defer h.mu.Unlock()
	if len(h.requests) == 0 {
		return ""
	}
	return h.requests[len(h.requests)-1]
}

// bench is a desktop with all that is around it.
type bench struct {
	*Desktop
	t        *testing.T
	helper   *helper
	keys     *keys
	store    *profile.Store
	notifier Notifier
	queue    chan func()
}

// newBench starts a desktop with these profiles; with is changed before.
func newBench(t *testing.T, with func(b *bench), names ...string) *bench {
	t.Helper()
	t.Setenv("LANG", "en_US.UTF-8")
	must(t, lang.AddTranslationsFS(assets.Translations, "translations"))
	dir := t.TempDir()
	b := &bench{t: t, keys: &keys{values: map[string]string{}}, queue: make(chan func(), 4096),
		helper: &helper{path: filepath.Join(t.TempDir(), "s"), state: api.Status{State: api.Disconnected}},
		store:  profile.NewStore(profile.Folders{User: dir})}
	for _, name := range names {
		p, err := profile.New(name+".example.com", "alice")
		must(t, err)
		p.Name = name
		e, err := b.store.Create(p)
		must(t, err)
		b.keys.values[e.Profile.ID+" psk"], b.keys.values[e.Profile.ID+" password"] = "key of "+name, "word of "+name
	}
	if with != nil {
		with(b)
	}
	b.helper.start(t)
	b.Desktop = New(Config{App: test.NewTempApp(t), Helper: client.New(b.helper.path), Store: b.store, Keys: b.keys, Version: "test",
		System: "test", Notifier: b.notifier, Do: func(f func()) { b.queue <- f }})
	b.begin()
	b.Show()
	t.Cleanup(func() {
		b.stop()
		gone := make(chan struct{})
		go func() { b.wg.Wait(); close(gone) }()
		for {
			select {
			case <-b.queue: // nobody waits for it any more
			case <-gone:
				b.helper.stop()
				return
			}
		}
	})
	b.until("the profiles and the helper", func() bool { return b.listed && b.model.Status.State != "" && b.keychainKnown })
	return b
}

// until does what Fyne's goroutine would, until something is so.
func (b *bench) until(what string, ok func() bool) {
	b.t.Helper()
	late := time.After(15 * time.Second)
	for !ok() {
		select {
		case f := <-b.queue:
			f()
		case <-late:
			b.t.Fatalf("%s: waited in vain", what)
		}
	}
}

// id is that of a profile by its name.
func (b *bench) id(name string) string {
	b.t.Helper()
	for _, i := range b.list.Items() {
		if i.Entry.Name() == name {
			return i.Key()
		}
	}
	b.t.Fatalf("no profile %s", name)
	return ""
}

// names are the profiles as the store has them.
func (b *bench) names() []string {
	entries, err := b.store.List()
	must(b.t, err)
	var out []string
	for _, e := range entries {
		out = append(out, e.Name())
	}
	slices.Sort(out)
	return out
}

// of is a state of a profile's connection.
func (b *bench) of(name string, s api.State) api.Status {
	return api.Status{State: s, Since: time.Now(), Profile: api.ProfileName{ID: b.id(name), Name: name}}
}

// connectRequest is what the helper was asked for last.
func (b *bench) connectRequest() (r api.ConnectRequest) {
	b.t.Helper()
	b.until("a request to connect", func() bool { return json.Unmarshal([]byte(b.helper.last()), &r) == nil && r.Profile != "" })
	return r
}

func (b *bench) want(what string, got, want any) {
	b.t.Helper()
	if fmt.Sprint(got) != fmt.Sprint(want) {
		b.t.Errorf("%s: %v, want %v", what, got, want)
	}
}

// dialogText is what the dialog says, its lines as one.
func (b *bench) dialogText() string {
	var words []string
	var walk func(o fyne.CanvasObject)
	walk = func(o fyne.CanvasObject) {
		if !o.Visible() {
			return
		}
		switch o := o.(type) {
		case *canvas.Text:
			words = append(words, strings.TrimSpace(o.Text))
		case *fyne.Container:
			for _, c := range o.Objects {
				walk(c)
			}
		case fyne.Widget:
			for _, c := range test.WidgetRenderer(o).Objects() {
				walk(c)
			}
		}
	}
	if b.dialog != nil {
		walk(b.dialog.popup)
	}
	return strings.Join(words, " ")
}
