package widgets

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/driver/desktop"
	"fyne.io/fyne/v2/test"

	"github.com/culvert-vpn/culvert/ui/viewmodel"
)

// listed is a list that does what it tells, as the windows do.
type listed struct {
	*ProfileList
	window fyne.Window
	rows   []viewmodel.Row
	told   []string
}

func newListed(t *testing.T, n int) *listed {
	t.Helper()
	l := &listed{rows: listRows(n)}
	tell := func(what string) func(string) { return func(key string) { l.told = append(l.told, what+" "+key) } }
	l.ProfileList = NewProfileList(listTexts, ListActions{
		Choose: func(key string) {
			l.told = append(l.told, "choose "+key)
			for i := range l.rows {
				l.rows[i].Chosen = l.rows[i].Key == key
			}
			l.show()
		},
		Connect: tell("connect"), Delete: tell("delete"), Search: tell("search"),
		Menu: func(key string, _ fyne.Position) { tell("menu")(key) },
		Move: func(key string, to int) { tell("move")(fmt.Sprintf("%s %d", key, to)) },
		New:  func() { tell("new")("") },
		More: func(fyne.Position) { tell("more")("") },
		Undo: func() { tell("undo")("") },
	})
	l.show()
	l.window = window(t, l.ProfileList, 264, 440)
	return l
}

func (l *listed) show() { l.SetModel(ListModel{Rows: l.rows, Movable: true}) }

func (l *listed) want(t *testing.T, what string, want ...string) {
	t.Helper()
	if !slices.Equal(l.told, want) {
		t.Errorf("%s: told %q, want %q", what, l.told, want)
	}
	l.told = nil
}

func (l *listed) row(t *testing.T, i int) *ProfileRow {
	t.Helper()
	r, ok := l.ProfileList.rows.list.body.live[i].(*ProfileRow)
	if !ok {
		t.Fatalf("row %d is not seen", i)
	}
	return r
}

func TestListMouse(t *testing.T) {
	start(t, "light")
	l := newListed(t, 5)
	l.row(t, 2).MouseDown(&desktop.MouseEvent{Button: desktop.MouseButtonPrimary})
	l.row(t, 2).MouseUp(nil)
	l.want(t, "press", "choose home")
	if l.window.Canvas().Focused() != fyne.Focusable(l.ProfileList.rows) {
		t.Error("the rows have no focus after a click")
	}
	l.row(t, 1).DoubleTapped(nil)
	l.want(t, "double click", "connect berlin")
	l.row(t, 3).TappedSecondary(&fyne.PointEvent{})
	l.want(t, "right click", "menu nordwind")
	test.Tap(l.add)
	test.Tap(l.more)
	l.want(t, "bottom", "new ", "more ")
	l.SetModel(ListModel{Rows: l.rows, Undo: &viewmodel.UndoBar{Text: "Office deleted.", Undo: "Undo"}})
	test.Tap(l.undo.undo)
	l.want(t, "undo", "undo ")
}

func TestListKeys(t *testing.T) {
	start(t, "light")
	l := newListed(t, 40)
	keys := heard(l.window)
	l.FocusRows()
	type_ := func(names ...fyne.KeyName) {
		for _, n := range names {
			l.ProfileList.rows.TypedKey(key(n))
		}
	}
	type_(fyne.KeyDown, fyne.KeyDown, fyne.KeyUp)
	l.want(t, "arrows", "choose berlin", "choose home", "choose berlin")
	type_(fyne.KeyReturn, fyne.KeyDelete, desktop.KeyMenu)
	l.want(t, "keys", "connect berlin", "delete berlin", "menu berlin")
	type_(fyne.KeyEnd)
	l.want(t, "End", "choose 39")
	l.row(t, 39) // it is seen now
	type_(fyne.KeyDown)
	l.want(t, "at the end", "choose 39")
	type_(fyne.KeyHome, fyne.KeyPageDown)
	l.want(t, "Home, Page", "choose office", "choose demo")
	type_(fyne.KeyEscape)
	if !slices.Equal(*keys, []fyne.KeyName{fyne.KeyEscape}) {
		t.Errorf("the window heard %v", *keys)
	}

	alt := func(k fyne.KeyName) {
		l.ProfileList.rows.TypedShortcut(&desktop.CustomShortcut{KeyName: k, Modifier: fyne.KeyModifierAlt})
	}
	alt(fyne.KeyUp)
	alt(fyne.KeyDown)
	l.want(t, "Alt", "move demo 3", "move demo 5")
	type_(fyne.KeyHome)
	alt(fyne.KeyUp)
	l.want(t, "Alt at the top", "choose office")
	l.SetModel(ListModel{Rows: l.rows})
	alt(fyne.KeyDown)
	l.want(t, "Alt while some are hidden")
}

func TestListSearch(t *testing.T) {
	start(t, "light")
	l := newListed(t, 5)
	keys := heard(l.window)
	l.FocusSearch()
	test.Type(l.search, "no")
	l.want(t, "search", "search n", "search no")
	if l.hint.shown {
		t.Error("the hint is in the way of what is typed")
	}
	l.search.TypedKey(key(fyne.KeyReturn))
	l.want(t, "Enter", "connect office")
	l.search.TypedKey(key(fyne.KeyEscape))
	l.want(t, "Escape", "search ")
	l.search.TypedKey(key(fyne.KeyEscape))
	if !slices.Equal(*keys, []fyne.KeyName{fyne.KeyEscape}) {
		t.Errorf("the window heard %v", *keys)
	}
	l.search.TypedKey(key(fyne.KeyDown))
	if l.window.Canvas().Focused() != fyne.Focusable(l.ProfileList.rows) {
		t.Error("the arrow down does not lead into the rows")
	}
	l.SetSearch("x")
	l.SetModel(ListModel{None: "No profile matches “x”."})
	l.told = nil
	if !l.none.Visible() || !l.clear.Visible() {
		t.Error("nothing says that nothing matches")
	}
	test.Tap(l.clear)
	l.want(t, "clear", "search ")
}

func TestListDrag(t *testing.T) {
	start(t, "light")
	l := newListed(t, 5)
	p := l.ProfileList.rows
	for _, row := range []struct {
		from int
		by   float32
		want []string
	}{
		{1, 2 * rowHeight, []string{"choose berlin", "move berlin 3"}},
		{3, -3 * rowHeight, []string{"choose nordwind", "move nordwind 0"}},
		{0, 10 * rowHeight, []string{"choose office", "move office 4"}},
		{2, 0.3 * rowHeight, []string{"choose home"}},
	} {
		r := l.row(t, row.from)
		r.MouseDown(&desktop.MouseEvent{PointEvent: fyne.PointEvent{Position: fyne.NewPos(100, rowHeight/2)}})
		for range 4 {
			r.Dragged(&fyne.DragEvent{Dragged: fyne.NewDelta(0, row.by/4)})
		}
		if !p.lifted.Visible() || !p.line.Visible() {
			t.Errorf("row %d: nothing shows where it would land", row.from)
		}
		r.DragEnd()
		l.want(t, fmt.Sprintf("row %d by %v", row.from, row.by), row.want...)
		if p.lifted.Visible() || p.line.Visible() {
			t.Errorf("row %d: it is still in the air", row.from)
		}
	}
	l.SetModel(ListModel{Rows: l.rows})
	r := l.row(t, 1)
	r.Dragged(&fyne.DragEvent{Dragged: fyne.NewDelta(0, 2*rowHeight)})
	r.DragEnd()
	l.want(t, "while some are hidden")
}

// TestDragScrolls drags to the bottom of a long list until its last row is seen.
func TestDragScrolls(t *testing.T) {
	start(t, "light")
	l := newListed(t, 40)
	p := l.ProfileList.rows
	r := l.row(t, 0)
	r.MouseDown(&desktop.MouseEvent{PointEvent: fyne.PointEvent{Position: fyne.NewPos(100, 28)}})
	for range 200 {
		r.Dragged(&fyne.DragEvent{Dragged: fyne.NewDelta(0, 14)})
	}
	if !p.list.atEnd() {
		t.Error("it does not scroll")
	}
	r.DragEnd()
	l.want(t, "to the end", "choose office", "move office 39")
}

// pause is how long a person does not notice. The test allows four times of it:
// it may run beside other things, with the race detector.
const pause = 50 * time.Millisecond

func TestThousandProfiles(t *testing.T) {
	start(t, "light")
	l := newListed(t, 1000)
	all := l.rows
	measure := func(what string, times int, f func(i int)) {
		t.Helper()
		var most time.Duration
		begin := time.Now()
		for i := range times {
			one := time.Now()
			f(i)
			most = max(most, time.Since(one))
		}
		t.Logf("%-28s %6.2f ms each, %6.2f ms at most", what, float64(time.Since(begin).Microseconds())/1000/float64(times), float64(most.Microseconds())/1000)
		if most > 4*pause {
			t.Errorf("%s takes up to %v", what, most)
		}
	}
	list := l.ProfileList.rows.list
	measure("scroll by a row", 200, func(int) { list.scroll.Scrolled(&fyne.ScrollEvent{Scrolled: fyne.NewDelta(0, -rowHeight)}) })
	measure("jump anywhere", 100, func(i int) { list.to(float32(i*7919%1000) * rowHeight) })
	measure("choose the next one", 100, func(int) { l.ProfileList.rows.TypedKey(key(fyne.KeyDown)) })
	measure("a letter of the search", 60, func(i int) {
		var found []viewmodel.Row
		for j, r := range all {
			if j%(i%5+1) == 0 {
				found = append(found, r)
			}
		}
		l.SetModel(ListModel{Rows: found})
	})
	begin := time.Now()
	l.window.Canvas().Capture()
	t.Logf("%-28s %6.2f ms, by the painter for tests", "paint all", float64(time.Since(begin).Microseconds())/1000)
	if n := len(list.body.live) + len(list.body.spare); n > 20 {
		t.Errorf("%d row objects for a list that shows 6", n)
	}
	l.rows = all
	l.show()
	list.to(500 * rowHeight)
	r := l.row(t, 501)
	if r.model.Key != "501" || r.Position().Y != 501*rowHeight {
		t.Errorf("row 501 is %q at %v", r.model.Key, r.Position())
	}
}

func BenchmarkScroll(b *testing.B) {
	a := test.NewApp()
	defer a.Quit()
	l := NewProfileList(listTexts, ListActions{})
	l.SetModel(ListModel{Rows: listRows(1000)})
	l.Resize(fyne.NewSize(264, 440))
	list := l.rows.list
	for i := 0; b.Loop(); i++ {
		list.to(float32(i*37%1000) * rowHeight)
	}
}
