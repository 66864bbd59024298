package ui

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/test"

	"github.com/culvert-vpn/culvert/app/api"
	"github.com/culvert-vpn/culvert/assets"
	"github.com/culvert-vpn/culvert/engine/failure"
	"github.com/culvert-vpn/culvert/ui/viewmodel"
)

func ctrl(name string) viewmodel.Key { return viewmodel.Key{Name: name, Ctrl: true} }

func (b *bench) kind() viewmodel.Kind { return b.model.Kind(time.Now()) }

func TestConnect(t *testing.T) {
	b := newBench(t, nil, "Office", "Home")
	b.chosen(b.id("Office"))
	b.typed(viewmodel.Key{Name: "Return"})
	b.want("the wish is shown at once", b.kind(), viewmodel.Connecting)
	r := b.connectRequest()
	b.want("the key", string(r.Secrets.PSK), "key of Office")
	b.want("the password", string(r.Secrets.Password), "word of Office")
	if strings.Contains(r.Profile, "word of") || !strings.Contains(r.Profile, b.id("Office")) {
		t.Errorf("the profile sent:\n%s", r.Profile)
	}
	b.helper.becomes(b.of("Office", api.Connected))
	b.until("the facts", func() bool { return b.kind() == viewmodel.Connected && b.home.facts.Visible() })
	b.until("the counters", func() bool { return b.stats.RxBytes == 1240000000 })
	if b.flag(prefNoNotes) || b.moment(prefConnected+b.id("Office")).IsZero() {
		t.Error("it is not remembered that it was connected")
	}

	b.typed(ctrl("."))
	b.until("the request to disconnect", func() bool { return b.helper.last() == "disconnect" })
	b.helper.becomes(b.of("Office", api.Disconnected))
	b.until("the end", func() bool { return b.kind() == viewmodel.Disconnected && !b.home.facts.Visible() })
}

// TestSwitch connects a second profile while the first one is up: the helper has
// one at a time.
func TestSwitch(t *testing.T) {
	b := newBench(t, nil, "Office", "Home")
	b.helper.becomes(b.of("Office", api.Connected))
	b.until("the connection", func() bool { return b.kind() == viewmodel.Connected })
	b.chosen(b.id("Home"))
	b.act(viewmodel.Connect, "")
	if b.dialog == nil {
		t.Fatal("no question")
	}
	b.want("the place", b.place(), viewmodel.AtDialog)
	b.typed(viewmodel.Key{Name: "Escape"})
	if b.dialog != nil || b.helper.last() != "" {
		t.Fatalf("after Escape: %v, %q", b.dialog, b.helper.last())
	}
	b.act(viewmodel.Connect, "")
	b.typed(viewmodel.Key{Name: "Return"})
	b.until("the end of the first", func() bool { return b.helper.last() == "disconnect" })
	b.helper.becomes(b.of("Office", api.Disconnected))
	r := b.connectRequest()
	b.want("the key", string(r.Secrets.PSK), "key of Home")
}

// TestSecrets asks for what nobody kept, and keeps it; what is asked for each time
// is not kept.
func TestSecrets(t *testing.T) {
	for _, c := range []struct {
		name string
		ask  bool
		gone bool
		kept string
	}{{"kept", false, false, "typed"}, {"asked each time", true, false, ""}, {"no keychain", false, true, ""}} {
		t.Run(c.name, func(t *testing.T) {
			b := newBench(t, func(b *bench) {
				b.keys.values, b.keys.gone = map[string]string{}, c.gone
				entries, err := b.store.List()
				must(b.t, err)
				entries[0].Profile.AskPassword = c.ask
				_, err = b.store.Save(entries[0])
				must(b.t, err)
			}, "Office")
			b.setFlag(prefAskEachTime, true)
			id := b.id("Office")
			b.act(viewmodel.Connect, "")
			b.until("the question", func() bool { return b.dialog != nil })
			c1 := b.window.Canvas()
			for range 2 {
				f := c1.Focused()
				if f == nil {
					t.Fatal("no field has the focus")
				}
				test.Type(f, "typed")
				b.dialog.enter() // the next one that is empty gets the focus, or it is sent
			}
			r := b.connectRequest()
			b.want("the password", string(r.Secrets.Password), "typed")
			b.want("the key", string(r.Secrets.PSK), "typed")
			if !c.gone {
				b.until("the keychain", func() bool { return b.keys.has(id, "psk") == "typed" })
			}
			b.want("the password kept", b.keys.has(id, "password"), c.kept)
		})
	}
}

// TestSupply is a helper that was started anew and goes on with what was wanted:
// it gets the secrets out of the keychain, once, and no wrong one again.
func TestSupply(t *testing.T) {
	b := newBench(t, nil, "Office", "Home")
	wants := func(name string, code api.Code, since time.Time) api.Status {
		s := b.of(name, api.Disconnected)
		s.Since, s.Ask, s.Failure = since, []api.SecretName{api.PSK, api.Password}, &api.FailureEvent{Code: code}
		return s
	}
	begun := time.Now()
	s := wants("Office", api.SecretMissing, begun)
	b.helper.becomes(s)
	answer := `{"psk":"key of Office","password":"word of Office"}`
	b.until("the answer", func() bool { return b.helper.last() == answer })
	b.helper.becomes(s) // the stream was cut, and begins with the same
	b.helper.becomes(wants("Office", failure.PPPBadCredentials, begun.Add(time.Second)))
	b.until("the failure", func() bool { return b.model.Failure() != nil && b.model.Failure().Code == failure.PPPBadCredentials })
	b.helper.becomes(wants("Office", api.SecretMissing, begun.Add(time.Minute))) // started anew once more
	b.until("another answer", func() bool { return b.helper.count() == 2 })

	// What is not kept is asked for.
	b.keys.mu.Lock()
	delete(b.keys.values, b.id("Home")+" password")
	b.keys.mu.Unlock()
	b.chosen(b.id("Home"))
	b.helper.becomes(wants("Home", api.SecretMissing, begun.Add(time.Hour)))
	b.until("the question", func() bool { return b.home.model != nil && b.home.model.Remedy.Does == viewmodel.TypeNow })
	b.remedy(b.home.item, b.home.model, viewmodel.TypeNow)
	b.until("the field", func() bool { return b.dialog != nil })
	b.want("the requests", b.helper.count(), 2)
}

// TestHelper is a helper that goes, hangs, and comes back, while the window does
// what it is asked for.
func TestHelper(t *testing.T) {
	b := newBench(t, nil, "Office")
	b.helper.becomes(b.of("Office", api.Connected))
	b.until("the connection", func() bool { return b.kind() == viewmodel.Connected })

	hang := make(chan struct{})
	b.helper.mu.Lock()
	b.helper.hang = hang
	b.helper.mu.Unlock()
	began := time.Now()
	b.until("that it hangs", func() bool { return b.kind() == viewmodel.Unknown })
	if took := time.Since(began); took > 4*time.Second {
		t.Errorf("it took %v to say so", took)
	}
	b.act(viewmodel.OpenAbout, "")
	b.want("a page while it hangs", b.place(), viewmodel.AtPage)
	b.back()
	b.helper.mu.Lock()
	b.helper.hang = nil
	b.helper.mu.Unlock()
	close(hang)
	b.until("that it is back", func() bool { return b.kind() == viewmodel.Connected })

	b.helper.stop()
	b.until("that it is gone", func() bool { return b.model.Problem == api.HelperNotRunning })
	b.until("the page that says so", func() bool { return b.first != nil && b.root.Objects[0] == fyne.CanvasObject(b.first.page) })
	b.act(viewmodel.NotNow, "")
	if b.first != nil {
		t.Error("the page stays")
	}
	b.helper.start(t)
	b.until("that it is there again", func() bool { return b.kind() == viewmodel.Connected })
}

func TestDeleteAndUndo(t *testing.T) {
	b := newBench(t, nil, "Office", "Home")
	id := b.id("Office")
	b.delete(id)
	b.until("the file is gone", func() bool { return len(b.names()) == 1 && b.removed.there })
	b.want("the secrets meanwhile", b.keys.has(id, "psk"), "key of Office")
	b.undo()
	b.until("it is back", func() bool { return len(b.names()) == 2 })
	b.until("it is listed", func() bool { _, ok := b.itemOf(id); return ok })
	b.delete(id)
	b.delete(b.id("Home")) // now the first cannot be undone any more
	b.until("the first one's secrets go", func() bool { return b.keys.has(id, "psk") == "" })
	b.until("no file is left", func() bool { return len(b.names()) == 0 })
}

func TestEditor(t *testing.T) {
	b := newBench(t, nil)
	if b.first == nil || len(b.first.model.Choices) != 3 {
		t.Fatal("no first page without a profile")
	}
	b.act(viewmodel.NewProfile, "")
	e := b.editorShown
	b.want("the place", b.place(), viewmodel.AtEditor)
	b.until("the focus", func() bool { return b.window.Canvas().Focused() != nil })
	e.changed(viewmodel.FieldServer, "vpn.example,com")
	b.typed(viewmodel.Key{Name: "Return"})
	b.want("the fault", e.form.ProblemKey, viewmodel.FieldServer)
	e.changed(viewmodel.FieldServer, "vpn.example.com")
	e.changed("user", "alice")
	e.changed(viewmodel.FieldPSK, "typed key")
	b.typed(viewmodel.Key{Name: "Escape"})
	if b.dialog == nil {
		t.Fatal("changes are dropped without a question")
	}
	b.typed(viewmodel.Key{Name: "Escape"})
	b.want("the question decides nothing by Escape", b.view == b.home.shown, false)
	b.typed(ctrl("S"))
	b.until("the profile", func() bool { return b.view == b.home.shown && b.list.Total() == 1 })
	b.want("the name", b.names(), "[vpn.example.com]")
	id := b.id("vpn.example.com")
	b.until("the key in the keychain", func() bool { return b.keys.has(id, "psk") == "typed key" })

	b.edit(b.list.Items()[0], "")
	b.until("the editor", func() bool { return b.editorShown != nil })
	b.editorShown.changed("name", "Office")
	b.editorShown.changed(viewmodel.FieldPassword, "typed word")
	b.typed(viewmodel.Key{Name: "Return"}) // connects
	r := b.connectRequest()
	b.want("the password that was typed", string(r.Secrets.Password), "typed word")
	b.want("the key that was kept", string(r.Secrets.PSK), "typed key")
	b.want("the new name", b.names(), "[Office]")
}

func TestImport(t *testing.T) {
	b := newBench(t, nil, "Office")
	b.cfg.App.Clipboard().SetContent("Server: vpn.example.org\nUser: erika\nPassword: word4711\nPSK: key0815\n")
	b.typed(ctrl("I"))
	b.paste()
	b.typed(viewmodel.Key{Name: "Return"})
	b.until("the profile", func() bool { return b.list.Total() == 2 && b.view == b.home.shown })
	id := b.id("vpn.example.org")
	b.until("its secrets", func() bool { return b.keys.has(id, "password") == "word4711" && b.keys.has(id, "psk") == "key0815" })

	b.typed(ctrl("I"))
	b.cfg.App.Clipboard().SetContent("nothing of that kind")
	b.paste()
	b.typed(viewmodel.Key{Name: "Return"})
	b.want("nothing was understood: nothing is added", b.list.Total(), 2)
}

// TestReport saves and copies what tells of nobody, and of gateways.
func TestReport(t *testing.T) {
	b := newBench(t, func(b *bench) {
		entries, err := b.store.List()
		must(b.t, err)
		entries[0].Profile.Name = "Erika at work"
		_, err = b.store.Save(entries[0])
		must(b.t, err)
	}, "Office")
	s := b.of("Erika at work", api.Disconnected)
	s.Failure = &api.FailureEvent{Stage: failure.Authenticate, Code: failure.PPPBadCredentials, Evidence: []string{"CHAP of alice: E=691", "gw.example.com"}}
	b.helper.becomes(s)
	b.until("the failure", func() bool { return b.home.model != nil })
	b.typed(viewmodel.Key{Name: "C", Ctrl: true, Shift: true})
	page := &logPage{d: b.Desktop}
	page.log.Add(time.Now(), api.LogEvent{Level: "info", Message: "info connect profile=\"Erika at work\" user=alice server=gw.example.com"})
	page.log.Filter("nothing of that kind") // all of it is reported, whatever is shown
	for what, text := range map[string]string{"the report": page.report(), "the copy": b.cfg.App.Clipboard().Content()} {
		if strings.Contains(text, "alice") || strings.Contains(text, "Erika") {
			t.Errorf("%s tells of a person:\n%s", what, text)
		}
		if !strings.Contains(text, "gw.example.com") || !strings.Contains(text, "ppp.bad-credentials") {
			t.Errorf("%s lacks what support needs:\n%s", what, text)
		}
	}
	if !strings.Contains(page.report(), "connect profile=") {
		t.Errorf("the report has no log:\n%s", page.report())
	}
	page.save()
	if text := b.dialogText(); !strings.Contains(text, "Names and addresses of gateways") {
		t.Errorf("before it is saved it says %s", text)
	}
}

// TestFailure leads from a refused password to its field.
// TestOpen is the program started with files: what they hold is shown, and added
// only when the person says so.
func TestOpen(t *testing.T) {
	b := newBench(t, nil, "Office")
	path := filepath.Join(t.TempDir(), "Lab"+viewmodel.ProfileEnding)
	must(t, os.WriteFile(path, []byte("version = 1\nname = \"Lab\"\nservers = [\"lab.example.com\"]\nuser = \"alice\"\n"), 0o600))
	b.hide()
	b.Open([]string{path})
	if !b.shown || b.view.drop == nil {
		t.Error("the window does not show what is read")
	}
	// Enter adds what is shown, and nothing as long as nothing is.
	add := func(total int) func() bool {
		return func() bool {
			if b.view.drop != nil {
				b.view.enter()
			}
			return b.list.Total() == total && b.view == b.home.shown
		}
	}
	b.until("the profile", add(2))

	// What is being changed is not lost, nor is the file.
	b.act(viewmodel.EditProfile, b.id("Office"))
	b.until("the editor", func() bool { return b.editorShown != nil })
	b.editorShown.changed("name", "Bureau")
	b.Open([]string{path})
	if b.dialog == nil || b.editorShown == nil {
		t.Fatal("changes are lost without a question")
	}
	b.dialog.enter()
	b.until("the other profile, after the changes are kept", func() bool { return b.view.drop != nil })
	b.until("the other profile", add(3))
	b.want("the names", b.names(), "[Bureau Lab Lab 2]")

	b.Open([]string{path + ".not-there"})
	b.until("that there is no such file", func() bool { return b.dialog != nil })
}

func TestFailure(t *testing.T) {
	b := newBench(t, nil, "Office")
	s := b.of("Office", api.Disconnected)
	s.Failure = &api.FailureEvent{Stage: failure.Authenticate, Code: failure.PPPBadCredentials, Evidence: []string{"E=691"}}
	b.helper.becomes(s)
	b.until("the card", func() bool { return b.home.card.Visible() })
	b.typed(viewmodel.Key{Name: "C", Ctrl: true, Shift: true})
	if report := b.cfg.App.Clipboard().Content(); !strings.Contains(report, "ppp.bad-credentials") || strings.Contains(report, "word of") {
		t.Errorf("the report:\n%s", report)
	}
	b.remedy(b.home.item, b.home.model, viewmodel.TypePassword)
	b.until("the editor", func() bool { return b.editorShown != nil })
	b.want("the field", b.editorShown.of.field, viewmodel.FieldPassword)
}

// TestCode answers a gateway that asks for one.
func TestCode(t *testing.T) {
	b := newBench(t, nil, "Office")
	s := b.of("Office", api.Waiting)
	s.SecondsLeft, s.Ask = 72, []api.SecretName{api.OTP}
	b.helper.becomes(s)
	b.until("the field", func() bool { return b.home.waiting.Visible() && b.place() == viewmodel.AtCode })
	b.answer(b.home.item.Entry.Profile, "123456")
	b.until("the answer", func() bool { return b.helper.last() == `{"otp":"123456"}` })
}

// TestOtherSettings tries other settings until one connects, and keeps that.
func TestOtherSettings(t *testing.T) {
	b := newBench(t, nil, "Office")
	i := b.list.Items()[0]
	all := otherSettings(i.Entry.Profile)
	if len(all) < 3 {
		t.Fatalf("%d settings to try", len(all))
	}
	b.tryOtherSettings(i)
	first := b.connectRequest()
	s := b.of("Office", api.Disconnected)
	s.Stages = []api.StageStatus{{Stage: failure.Resolve, Started: time.Now()}}
	s.Failure = &api.FailureEvent{Stage: failure.Phase1, Code: failure.IKENoProposal}
	b.until("that it is asked", func() bool { return !b.model.Wish.Sent.IsZero() })
	b.helper.becomes(s)
	b.until("the next", func() bool { return b.connectRequest().Profile != first.Profile })
	want := b.trial.at.Preset
	b.until("that it is asked", func() bool { return !b.model.Wish.Sent.IsZero() })
	b.helper.becomes(b.of("Office", api.Connected))
	b.until("the end", func() bool { return b.trial == nil })
	b.until("that it is kept", func() bool {
		entries, err := b.store.List()
		return err == nil && entries[0].Profile.Preset == want
	})
}

func TestQuit(t *testing.T) {
	b := newBench(t, nil, "Office")
	b.helper.becomes(b.of("Office", api.Connected))
	b.until("the connection", func() bool { return b.kind() == viewmodel.Connected })
	b.typed(ctrl("Q"))
	if b.dialog == nil {
		t.Fatal("no question")
	}
	b.typed(viewmodel.Key{Name: "Escape"})
	b.typed(ctrl("W"))
	if b.shown {
		t.Error("closing leaves the window")
	}
	b.act(viewmodel.OpenWindow, "")
	if !b.shown {
		t.Error("the tray does not open the window")
	}
}

func TestPages(t *testing.T) {
	b := newBench(t, nil, "Office")
	for _, a := range []viewmodel.Action{viewmodel.OpenLog, viewmodel.OpenAdmin, viewmodel.OpenSettings, viewmodel.OpenAbout, viewmodel.Share, viewmodel.Import} {
		b.act(a, "")
		if b.view == b.home.shown || b.view.object.MinSize().IsZero() {
			t.Errorf("%s shows nothing", a)
		}
		b.typed(viewmodel.Key{Name: "Escape"})
		if b.view != b.home.shown {
			t.Errorf("%s is not left by Escape", a)
		}
	}
	all, err := assets.Licences()
	must(t, err)
	for _, l := range all[:3] {
		b.open(func() *view { return b.licencePage(l) })
		b.want("the page of a licence", b.place(), viewmodel.AtPage)
	}
	b.back()
	b.typed(ctrl("D"))
	b.until("the copy", func() bool { return b.list.Total() == 2 })
	b.until("its secrets", func() bool { return b.keys.has(b.id("Office 2"), "psk") == "key of Office" })
}

func TestQuoted(t *testing.T) {
	for _, c := range []struct {
		words []string
		want  string
	}{
		{[]string{"sudo", "usermod", "-aG", "culvert", "alice"}, "sudo usermod -aG culvert alice"},
		{[]string{"/opt/a b/culvert", "it's"}, `'/opt/a b/culvert' 'it'\''s'`},
	} {
		if got := quoted(c.words...); got != c.want {
			t.Errorf("quoted(%q) = %s, want %s", c.words, got, c.want)
		}
	}
}

var _ Keys = (*keys)(nil)
