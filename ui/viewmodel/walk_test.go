package viewmodel

import (
	"errors"
	"go/ast"
	"go/parser"
	"go/token"
	"maps"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/culvert-vpn/culvert/app/api"
	"github.com/culvert-vpn/culvert/app/importer"
	"github.com/culvert-vpn/culvert/app/profile"
	"github.com/culvert-vpn/culvert/engine/failure"
)

var noon = time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)

// office is a profile of the tests.
func office() *profile.Profile {
	p := profile.Default()
	p.ID, p.Name, p.Servers, p.User = "6f1c2a34-5b6d-4e7f-8a9b-0c1d2e3f4a5b", "Office", []string{"vpn.example.com"}, "alice"
	return p
}

func nameOf(p *profile.Profile) api.ProfileName { return api.ProfileName{ID: p.ID, Name: p.Name} }

func item(p *profile.Profile) Item {
	return Item{Entry: profile.Entry{Profile: p, Path: "/profiles/" + p.Name + ".toml"}}
}

// heard is a model that was just told of a state of office.
func heard(s api.Status) *Model {
	m := &Model{}
	if s.Profile.ID == "" && s.State != api.Disconnected {
		s.Profile = nameOf(office())
	}
	if s.Since.IsZero() {
		s.Since = noon.Add(-5040 * time.Second)
	}
	m.Hear(noon, s)
	return m
}

// stagesTo is the stages up to one that is at work, or all.
func stagesTo(last api.Stage) []api.StageStatus {
	var out []api.StageStatus
	details := map[api.Stage]map[string]string{
		failure.Resolve: {"address": "198.51.100.1"}, failure.Phase1: {"suite": "aes256-sha256-modp2048", "nat": "both"},
		failure.Phase2: {"suite": "aes128gcm16"}, failure.Tunnel: {"id": "41/7"}, failure.Session: {"id": "7/1"}, failure.Link: {"mru": "1400/1400"},
		failure.Authenticate: {"method": "mschapv2"}, failure.Network: {"address": "10.99.0.10"},
	}
	at := noon.Add(-2600 * time.Millisecond)
	for s := failure.Resolve; s <= failure.Routes && s <= last; s++ {
		st := api.StageStatus{Stage: s, State: api.Started, Started: at}
		if s < last {
			ms := int64(s) * 10
			st.State, st.MS, st.Detail = api.Done, &ms, details[s]
			at = at.Add(time.Duration(ms) * time.Millisecond)
		}
		out = append(out, st)
	}
	return out
}

// allCodes reads the codes from the sources, so that a new one cannot be forgotten.
func allCodes(t *testing.T) []api.Code {
	t.Helper()
	var out []api.Code
	for _, file := range []string{"../../engine/failure/failure.go", "../../app/api/event.go"} {
		f, err := parser.ParseFile(token.NewFileSet(), file, nil, 0)
		if err != nil {
			t.Fatal(err)
		}
		ast.Inspect(f, func(n ast.Node) bool {
			v, ok := n.(*ast.ValueSpec)
			if !ok {
				return true
			}
			if id, ok := v.Type.(*ast.Ident); !ok || id.Name != "Code" {
				return true
			}
			for _, val := range v.Values {
				if text, err := strconv.Unquote(val.(*ast.BasicLit).Value); err == nil {
					out = append(out, api.Code(text))
				}
			}
			return true
		})
	}
	if len(out) < 50 {
		t.Fatalf("found %d codes in the sources", len(out))
	}
	return out
}

// states is every state that there is, and what makes a difference in it.
func states() []*Model {
	var out []*Model
	add := func(s api.Status) { out = append(out, heard(s)) }
	add(api.Status{State: api.Disconnected})
	for s := failure.Resolve; s <= failure.Connected; s++ {
		add(api.Status{State: api.Connecting, Stages: stagesTo(s)})
		add(api.Status{State: api.Reconnecting, Attempt: 3, Stages: stagesTo(s), Failure: &api.FailureEvent{Code: failure.PathDead}})
		add(api.Status{State: api.Disconnected, Profile: nameOf(office()), Stages: stagesTo(s), Failure: &api.FailureEvent{Stage: s, Code: failure.PPPBadCredentials, Evidence: []string{"E=691"}}})
	}
	add(api.Status{State: api.Waiting, SecondsLeft: 72, Stages: stagesTo(failure.Authenticate)})
	add(api.Status{State: api.Waiting, SecondsLeft: 72, Ask: []api.SecretName{api.OTP}, Stages: stagesTo(failure.Authenticate)})
	add(api.Status{State: api.Waiting, SecondsLeft: 72, Ask: []api.SecretName{api.OTP}, Prompt: "Token code:", Stages: stagesTo(failure.Authenticate)})
	add(api.Status{State: api.Waiting, SecondsLeft: 1, Ask: []api.SecretName{api.Password}, Stages: stagesTo(failure.Authenticate)})
	for _, nat := range []string{"none", "local", "remote", "both"} {
		list := stagesTo(failure.Connected)
		list[1].Detail = map[string]string{"nat": nat, "suite": "3des-sha1-modp1024"}
		for _, suite := range []string{"aes128gcm16", "3des-sha1", "aes128-md5", "none", "aes256-sha1"} {
			list := slices.Clone(list)
			if suite == "aes256-sha1" {
				list[1].Detail = map[string]string{"nat": nat, "suite": "aes256-sha1-modp1024"}
			} else if suite == "aes128-md5" {
				list[1].Detail = map[string]string{"nat": nat, "suite": "aes256-sha1-modp2048"}
			}
			add(api.Status{State: api.Connected, Stages: list, Network: api.Network{Suite: suite, Server: "198.51.100.1", Address: netip.MustParseAddr("10.99.0.10"),
				DNS: []netip.Addr{netip.MustParseAddr("10.99.0.1"), netip.MustParseAddr("10.99.0.2")}}})
		}
	}
	strong := stagesTo(failure.Connected)
	add(api.Status{State: api.Connected, Stages: strong, Network: api.Network{Suite: "aes128gcm16"}})
	curve := slices.Clone(strong)
	curve[1].Detail = map[string]string{"suite": "aes256-sha1-ecp384"}
	add(api.Status{State: api.Connecting, Stages: append(curve[:2:2], api.StageStatus{Stage: failure.Phase2, State: api.Started, Started: noon})})
	add(api.Status{State: api.Connecting, Stages: []api.StageStatus{{Stage: failure.Tunnel, State: api.Started, Started: noon}}})
	lost := &api.FailureEvent{Code: failure.PathDead}
	add(api.Status{State: api.Reconnecting})
	add(api.Status{State: api.Reconnecting, Failure: lost, NextAttempt: noon.Add(8 * time.Second)})
	add(api.Status{State: api.Reconnecting, Failure: lost, Offline: true})
	add(api.Status{State: api.Disconnecting})
	add(api.Status{State: api.Blocked})
	add(api.Status{State: api.Blocked, Failure: &api.FailureEvent{Stage: failure.Phase1, Code: failure.IKENoAnswer}})
	add(api.Status{State: "of a later version"})
	wish := heard(api.Status{State: api.Disconnected})
	wish.Want(noon, WantConnected, nameOf(office()))
	back := heard(api.Status{State: api.Connected})
	back.Want(noon, WantDisconnected, nameOf(office()))
	own := heard(api.Status{State: api.Disconnected})
	own.Want(noon, WantConnected, nameOf(office()))
	own.Refused(api.SecretMissing, "psk")
	return append(out, wish, back, own, &Model{}, &Model{Problem: api.HelperNotRunning})
}

// walk has everything said that can be.
func walk(t *testing.T, w *Words) {
	t.Helper()
	list := &List{}
	managed, faulty := item(office()), Item{Entry: profile.Entry{Path: "/profiles/bad.toml", Err: errors.New("bad")}}
	managed.Entry.ReadOnly = true
	split := office()
	split.Routing.Mode, split.Routing.Include = "split", []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8")}
	killed := office()
	killed.Routing.KillSwitch = true
	killed.DNS.Mode, killed.DNS.Servers = "manual", []string{"10.0.0.1"}
	nothing := office()
	nothing.IPsec.Enabled, nothing.DNS.Mode, nothing.Preset, nothing.IPsec.Phase2 = false, "off", "mikrotik", profile.Default().IPsec.Phase2
	own := office()
	phase2, err := profile.Parse("own", []byte("version = 1\nservers = [\"a\"]\nuser = \"b\"\n[ipsec]\nphase2 = [\"3des-sha1\"]\n"))
	if err != nil {
		t.Fatal(err)
	}
	own.IPsec.Phase2 = phase2.IPsec.Phase2
	w.Empty(list)
	list.Set([]Item{item(office()), faulty})
	for _, m := range states() {
		for _, p := range []*profile.Profile{office(), split, killed, nothing, own} {
			for _, h := range []History{{}, {HintsShown: 3}, {HintsShown: 3, LastConnected: noon.Add(-time.Hour)}, {HintsShown: 3, LastConnected: noon.Add(-24 * time.Hour)},
				{HintsShown: 3, LastConnected: noon.Add(-72 * time.Hour)}} {
				w.Panel(m, p, h, noon)
			}
			w.Steps(m, p, noon)
			w.Facts(m, p, api.StatsEvent{RxBytes: 1240000000, TxBytes: 12}, noon)
			w.Card(m, p, Program{}, noon)
			w.Countdown(m, p, noon)
		}
		for n := range list.Len() {
			w.Row(list, m, n, noon)
			w.Menu(m, list.Item(n), noon)
		}
		w.Menu(m, managed, noon)
		w.Tray(m, slices.Repeat([]Item{item(office())}, 9), noon)
		w.QuitQuestion(m, noon)
	}
	for _, code := range append(allCodes(t), "x.y") {
		m := heard(api.Status{State: api.Disconnected, Profile: nameOf(office()), Failure: &api.FailureEvent{Code: code}})
		w.Card(m, office(), Program{}, noon)
	}
	list.Set([]Item{managed})
	w.Row(list, &Model{}, 0, noon)
	list.Search("nordw")
	w.Empty(list)
	list.Set([]Item{item(office())})
	list.Delete(office().ID, noon)
	w.UndoBar(list, noon)
	w.Listed(false)
	w.MainMenu()
	w.SwitchQuestion("Office", "Home lab")
	w.AllowQuestion()
	w.Graph(&Traffic{}, noon)
	for _, d := range []time.Duration{12 * time.Millisecond, time.Second, time.Minute, time.Hour, 30 * time.Hour} {
		w.Lasted(d)
		w.Took(d)
	}
	for n := uint64(1); n < 1e15; n *= 10 {
		w.Bytes(n)
		w.Rate(float64(n))
	}
	w.SecretBox(office(), []api.SecretName{api.PSK}, true)
	walkNotes(w)
	walkPages(t, w, nothing)
	walkEditor(t, w)
}

func walkNotes(w *Words) {
	split := office()
	split.Routing.Mode, split.Routing.Include = "split", make([]netip.Prefix, 3)
	killed := office()
	killed.Routing.KillSwitch = true
	for _, p := range []*profile.Profile{office(), split, killed} {
		var n Notifier
		now := noon
		for _, s := range []api.Status{{State: api.Disconnected}, {State: api.Connecting}, {State: api.Waiting}, {State: api.Waiting, Ask: []api.SecretName{api.OTP}}, {State: api.Connected},
			{State: api.Reconnecting}, {State: api.Waiting, Ask: []api.SecretName{api.OTP}}, {State: api.Connected}, {State: api.Disconnected, Failure: &api.FailureEvent{Code: failure.PathDead}},
			{State: api.Connecting}, {State: api.Disconnected, Failure: &api.FailureEvent{Code: failure.PathDead}}} {
			now = now.Add(2 * time.Minute)
			s.Profile = nameOf(p)
			m := &Model{}
			m.Hear(now, s)
			n.Next(w, m, p, false, now)
		}
	}
}

func walkPages(t *testing.T, w *Words, plain *profile.Profile) {
	t.Helper()
	for _, c := range []Conditions{{Heard: true, Keychain: true}, {Heard: true}, {Problem: api.HelperNotRunning}, {Problem: api.HelperNotAllowed},
		{Heard: true, Keychain: true, Helper: "1.3", Window: "1.4", Profiles: 2}} {
		w.Start(c)
	}
	w.Importing(3)
	if _, err := w.ImportRows(plain, []string{FieldPassword}); err != nil {
		t.Error(err)
	}
	ticks := office()
	ticks.AskPassword, ticks.Reconnect.OnDrop = true, false
	if _, err := w.ImportRows(ticks, nil); err != nil {
		t.Error(err)
	}
	for _, err := range []error{importer.ErrTooLarge, importer.ErrEncrypted} {
		w.ImportFault(err)
	}
	w.AdminPage(nil)
	w.AdminPage(plain)
	w.About("1.4", "")
	w.Settings(true)
	w.ConnectTo(profile.Default())
	w.SecretLabel(api.PSK)
	w.Terminal()
	w.SaveQuestion()
	for _, why := range importer.Reasons() {
		w.LeftOut([]importer.Item{{Reason: why}})
	}
	w.Close()
	w.DemoName()
	w.Header(item(plain))
	managed := item(plain)
	managed.Entry.ReadOnly = true
	w.Header(managed)
	w.Shortcuts(false)
	w.Faulty(Item{Entry: profile.Entry{Path: "x", Err: errors.New("bad")}})
	var l Log
	w.LogPage(&l)
	for _, level := range []string{"debug", "info", "warn", "error"} {
		l.Add(noon, api.LogEvent{Level: level, Message: level + " text"})
	}
	w.LogText(&l)
	l.Filter("nothing of that")
	w.LogPage(&l)
	if _, err := w.Sharing(plain); err != nil {
		t.Error(err)
	}
	long := office()
	for range 300 {
		long.Servers = append(long.Servers, "a-long-name.example.com")
	}
	if _, err := w.Sharing(long); err != nil {
		t.Error(err)
	}
}

// walkEditor shows every field, once with each choice and with what is wrong.
func walkEditor(t *testing.T, w *Words) {
	t.Helper()
	open := func(c EditorConfig) *Editor {
		e, err := NewEditor(c)
		if err != nil {
			t.Fatal(err)
		}
		return e
	}
	w.Form(open(EditorConfig{Keychain: true}))
	w.Form(open(EditorConfig{}))
	w.Form(open(EditorConfig{Profile: office(), ReadOnly: true, Keychain: true, Kept: []string{FieldPSK}}))
	e := open(EditorConfig{Profile: office(), Keychain: true})
	set := func(pairs ...string) {
		for i := 0; i < len(pairs); i += 2 {
			e.Set(noon, pairs[i], pairs[i+1])
			e.Leave(pairs[i])
		}
		e.Save()
		e.Connectable()
		w.Form(e)
	}
	for _, server := range []string{"", "a,b", "https://a", "a b", "a:500", "-", "a.example.com"} {
		set(FieldServer, server)
	}
	set("user", "")
	set("user", "\x01")
	set("user", "alice")
	set("ipsec.auth", "certificate", "l2tp.tunnel_auth", "true")
	set("ipsec.auth", "psk", "routing.mode", "split", "dns.mode", "manual", "routing.include", "x")
	set("routing.include", "", "ask_password", "true", "reconnect.on_drop", "false", "reconnect.on_start", "true")
	set("ppp.mru", "x", "ppp.auth_timeout", "x")
	set("ppp.mru", "1", "ipsec.pfs", "x", "dns.servers", "10.0.0.1", "reconnect.on_drop", "true", "reconnect.on_start", "false")
	set("reconnect.on_start", "true")
	set("ask_password", "false")
	for _, key := range slices.Sorted(maps.Keys(e.available)) {
		for value := range e.available[key] {
			w.choiceOf(key, value)
		}
	}
	if strings.Contains(w.Form(e).Title, "{{") {
		t.Error("a place is left in the title")
	}
}

// choiceOf is the words of a choice, where a field has any.
func (w *Words) choiceOf(key, value string) {
	if s := specOf(key); s.kind == ChoiceField || key == "preset" {
		w.choice(key, value)
	}
}
