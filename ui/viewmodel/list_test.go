package viewmodel

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/culvert-vpn/culvert/app/api"
	"github.com/culvert-vpn/culvert/app/profile"
	"github.com/culvert-vpn/culvert/engine/failure"
)

func named(names ...string) []Item {
	var out []Item
	for _, n := range names {
		p := office()
		p.ID, p.Name, p.Servers = strings.ToLower(n), n, []string{strings.ToLower(n) + ".example.com"}
		out = append(out, item(p))
	}
	return out
}

func shownNames(l *List) string {
	var out []string
	for n := range l.Len() {
		out = append(out, l.Item(n).Entry.Name())
	}
	return strings.Join(out, " ")
}

func TestRows(t *testing.T) {
	w := english(t)
	var l List
	managed := item(office())
	managed.Entry.ReadOnly = true
	l.Set([]Item{managed, {Entry: profile.Entry{Path: "/p/bad.toml", Err: errors.New("x")}}})
	for _, c := range []struct {
		name  string
		m     *Model
		mark  Kind
		right string
	}{
		{"nothing known", &Model{}, Disconnected, "Managed"},
		{"disconnected", heard(api.Status{State: api.Disconnected}), Disconnected, "Managed"},
		{"connected", heard(api.Status{State: api.Connected}), Connected, "1\u00a0h 24\u00a0min"},
		{"connecting", heard(api.Status{State: api.Connecting, Stages: stagesTo(failure.Authenticate)}), Connecting, "7 of 9"},
		{"reconnecting", heard(api.Status{State: api.Reconnecting, Stages: stagesTo(failure.Tunnel)}), Reconnecting, "4 of 9"},
		{"reconnecting later", heard(api.Status{State: api.Reconnecting, NextAttempt: noon.Add(time.Second)}), Reconnecting, "Managed"},
		{"waiting", heard(api.Status{State: api.Waiting, SecondsLeft: 72}), Waiting, "72\u00a0s"},
		{"failed", heard(api.Status{State: api.Disconnected, Profile: nameOf(office()), Failure: &api.FailureEvent{}}), Failed, "Managed"},
		{"blocked", heard(api.Status{State: api.Blocked}), Blocked, "Managed"},
		{"disconnecting", heard(api.Status{State: api.Disconnecting}), Disconnecting, "Managed"},
	} {
		got := w.Row(&l, c.m, 0, noon)
		want := Row{Key: office().ID, Mark: c.mark, Name: "Office", Server: "vpn.example.com", Right: c.right, Chosen: true}
		if got != want {
			t.Errorf("%s: Row = %+v, want %+v", c.name, got, want)
		}
	}
	if got := w.Row(&l, &Model{}, 1, noon); got != (Row{Key: "/p/bad.toml", Mark: Failed, Name: "bad", Server: "This file has a fault"}) {
		t.Errorf("a file with faults: %+v", got)
	}
	m := heard(api.Status{State: api.Waiting, SecondsLeft: 72})
	m.Alive(noon.Add(2500 * time.Millisecond))
	if got := w.Row(&l, m, 0, noon.Add(2500*time.Millisecond)).Right; got != "70\u00a0s" {
		t.Errorf("seconds go by: %q", got)
	}
}

func TestSearch(t *testing.T) {
	w := english(t)
	var l List
	l.Set(named("Office", "Berlin", "Home"))
	for _, c := range []struct{ text, want, chosen string }{
		{"", "Office Berlin Home", "Office"}, {"ER", "Berlin", "Berlin"}, {"  ", "Office Berlin Home", "Berlin"},
		{"example alice home", "Home", "Home"}, {"nordw", "", "Home"}, {"o", "Office Berlin Home", "Home"},
	} {
		l.Search(c.text)
		i, _ := l.Chosen()
		if got := shownNames(&l); got != c.want || i.Entry.Name() != c.chosen {
			t.Errorf("Search(%q) shows %q and chose %s, want %q, %s", c.text, got, i.Entry.Name(), c.want, c.chosen)
		}
	}
	l.Search(" nordw ")
	if p := w.Empty(&l); p == nil || p.Sentence != "No profile matches “nordw”." || p.Button.Does != ClearSearch {
		t.Errorf("nothing found: %+v", p)
	}
	if _, ok := l.Move(0, 1); ok {
		t.Error("rows move while a search hides others")
	}
	l.Search("")
	if p := w.Empty(&l); p != nil {
		t.Errorf("something is there: %+v", p)
	}
	if p := w.Empty(&List{}); p == nil || p.Heading != "No profiles yet" || p.Button.Does != NewProfile || p.Second.Does != Import {
		t.Errorf("no profiles: %+v", p)
	}
}

func TestMove(t *testing.T) {
	var l List
	l.Set(named("A", "B", "C", "D"))
	l.Choose("c")
	order, ok := l.MoveChosen(MoveUp)
	if !ok || !slices.Equal(order, []string{"a", "c", "b", "d"}) {
		t.Errorf("up: %q", order)
	}
	l.MoveChosen(MoveUp)
	if _, ok := l.MoveChosen(MoveUp); ok {
		t.Error("the first one moves up")
	}
	if order, _ := l.Move(0, 3); !slices.Equal(order, []string{"a", "b", "d", "c"}) {
		t.Errorf("dragged to the end: %q", order)
	}
	if order, _ := l.Move(3, 1); !slices.Equal(order, []string{"a", "c", "b", "d"}) {
		t.Errorf("dragged back: %q", order)
	}
	if i, _ := l.Chosen(); i.Key() != "c" || l.Position() != 1 {
		t.Errorf("chosen is %s", i.Key())
	}
	for a, want := range map[Action]string{ChooseUp: "a", ChooseDown: "b", ChooseFirst: "a", ChooseLast: "d"} {
		l.Choose("c")
		l.Step(a)
		if i, _ := l.Chosen(); i.Key() != want {
			t.Errorf("%s chooses %s, want %s", a, i.Key(), want)
		}
	}
}

func TestDelete(t *testing.T) {
	w := english(t)
	var l List
	all := named("A", "B", "C")
	l.Set(all)
	l.Choose("b")
	if i, ok := l.Delete("b", noon); !ok || i.Key() != "b" || shownNames(&l) != "A C" {
		t.Fatalf("Delete: %v, %s", ok, shownNames(&l))
	}
	if i, _ := l.Chosen(); i.Key() != "c" {
		t.Errorf("then %s is chosen, want the next one", i.Key())
	}
	l.Set(all) // the store has not been told yet
	if shownNames(&l) != "A C" {
		t.Errorf("it comes back by itself: %s", shownNames(&l))
	}
	if b := w.UndoBar(&l, noon.Add(3*time.Second)); b == nil || b.Text != "B deleted." || b.Undo != "Undo" || b.Left != 7*time.Second {
		t.Errorf("UndoBar = %+v", b)
	}
	if _, ok := l.Forget(noon.Add(9 * time.Second)); ok {
		t.Error("forgotten too soon")
	}
	if _, ok := l.Undo(noon.Add(9 * time.Second)); !ok || shownNames(&l) != "A B C" {
		t.Errorf("Undo: %s", shownNames(&l))
	}
	if i, _ := l.Chosen(); i.Key() != "b" {
		t.Errorf("after Undo %s is chosen", i.Key())
	}
	l.Delete("c", noon)
	if w.UndoBar(&l, noon.Add(10*time.Second)) != nil {
		t.Error("the bar stays")
	}
	if _, ok := l.Undo(noon.Add(10 * time.Second)); ok {
		t.Error("undone too late")
	}
	if i, ok := l.Forget(noon.Add(10 * time.Second)); !ok || i.Key() != "c" {
		t.Error("not forgotten")
	}
	ro := named("R")
	ro[0].Entry.ReadOnly = true
	l.Set(ro)
	if _, ok := l.Delete("r", noon); ok {
		t.Error("the machine's profile is deleted")
	}
}

// A menu has what SPEC, 2 lists, and what cannot be done cannot be pressed.
func TestMenu(t *testing.T) {
	w := english(t)
	texts := func(items []MenuItem) string {
		var out []string
		for _, i := range items {
			switch {
			case i.Line:
				out = append(out, "-")
			case i.Enabled:
				out = append(out, i.Text)
			default:
				out = append(out, "("+i.Text+")")
			}
		}
		return strings.Join(out, ", ")
	}
	managed := item(office())
	managed.Entry.ReadOnly = true
	for _, c := range []struct {
		i    Item
		s    api.State
		want string
	}{
		{item(office()), api.Disconnected, "Connect, Edit, Duplicate, Share…, Copy server name, -, Delete"},
		{item(office()), api.Connected, "Disconnect, Edit, Duplicate, Share…, Copy server name, -, Delete"},
		{item(office()), api.Waiting, "Cancel, Edit, Duplicate, Share…, Copy server name, -, Delete"},
		{item(office()), api.Disconnecting, "(Connect), Edit, Duplicate, Share…, Copy server name, -, Delete"},
		{managed, api.Blocked, "Connect, View, Duplicate, Share…, Copy server name, -, (Delete)"},
		{Item{Entry: profile.Entry{Path: "x"}}, api.Connected, "Delete"},
	} {
		if got := texts(w.Menu(heard(api.Status{State: c.s}), c.i, noon)); got != c.want {
			t.Errorf("%s: %s, want %s", c.s, got, c.want)
		}
	}
	if got := texts(w.MainMenu()); got != "Import…, Log, For your administrator, Settings, About" {
		t.Errorf("MainMenu: %s", got)
	}
}

// A thousand profiles are no work.
func BenchmarkThousand(b *testing.B) {
	var many []string
	for n := range 1000 {
		many = append(many, fmt.Sprintf("Profile %d", n))
	}
	items := named(many...)
	for b.Loop() {
		var l List
		l.Set(items)
		l.Search("profile 99")
		l.Search("")
		l.Step(ChooseLast)
		l.Move(0, 999)
	}
}
