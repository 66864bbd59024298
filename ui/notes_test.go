package ui

import (
	"context"
	"strings"
	"sync"
	"testing"

	"github.com/culvert-vpn/culvert/app/api"
	"github.com/culvert-vpn/culvert/engine/failure"
	"github.com/culvert-vpn/culvert/platform/notify"
	"github.com/culvert-vpn/culvert/ui/viewmodel"
)

// server shows notifications, or hangs.
type server struct {
	mu    sync.Mutex // guards all
	hangs bool
	asked int
	shown []notify.Note
}

func (s *server) Show(ctx context.Context, n notify.Note) error {
	s.mu.Lock()
	s.asked++
	hangs := s.hangs
	s.mu.Unlock()
	if hangs {
		<-ctx.Done()
		return ctx.Err()
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.shown = append(s.shown, n)
	return nil
}

func (s *server) Close() {}

func (s *server) titles() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	var all []string
	for _, n := range s.shown {
		all = append(all, n.Title)
	}
	return strings.Join(all, ", ")
}

// TestNotes: what happens while nobody looks is told, without a secret in it; who
// does not show it keeps nothing waiting, and is told the newest when he does.
func TestNotes(t *testing.T) {
	s := &server{}
	b := newBench(t, func(b *bench) { b.notifier = s }, "Office", "Home")
	b.hide()
	b.keys.values[b.id("Office")+" password"] = "a word that nobody sees"
	b.act(viewmodel.Connect, b.id("Office"))
	b.connectRequest()
	lost := b.of("Office", api.Disconnected)
	lost.Failure = &api.FailureEvent{Stage: failure.Authenticate, Code: failure.PPPBadCredentials, Evidence: []string{"E=691 a word that nobody sees"}}
	b.helper.becomes(b.of("Office", api.Connecting))
	b.until("the try", func() bool { return b.kind().Busy() && b.model.Wish.Want == viewmodel.WantNothing })
	b.helper.becomes(lost)
	b.until("the failure", func() bool { return s.titles() == "Office could not connect" })
	if body := s.shown[0].Body; strings.Contains(body, "nobody sees") || body != "Wrong user name or password." {
		t.Errorf("it says %q", body)
	}

	s.mu.Lock()
	s.hangs = true
	s.mu.Unlock()
	up, again := b.of("Office", api.Connected), b.of("Office", api.Reconnecting)
	for range 3 { // the line comes and goes
		b.helper.becomes(up)
		b.until("the connection", func() bool { return b.kind() == viewmodel.Connected })
		b.helper.becomes(again)
		b.until("the loss", func() bool { return b.kind() == viewmodel.Reconnecting })
	}
	b.until("that it hangs", func() bool { s.mu.Lock(); defer s.mu.Unlock(); return s.asked > 1 })
	b.Show()
	b.chosen(b.id("Home"))
	b.want("the window", b.home.item.Entry.Name(), "Home")
}
