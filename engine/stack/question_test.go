package stack

import (
	"testing"
	"time"

	"github.com/culvert-vpn/culvert/engine/enginetest"
	"github.com/culvert-vpn/culvert/engine/failure"
	"github.com/culvert-vpn/culvert/engine/ppp"
	"github.com/culvert-vpn/culvert/engine/secret"
)

// tokens is a world whose gateway asks for a code.
func tokens(seed uint64, line enginetest.Conditions) *world {
	return newWorld(worldConfig{seed: seed, nat: true, conditions: line, change: func(c, g *Config) {
		c.PPP.Auth, g.PPP.Auth = []ppp.AuthMethod{ppp.EAPGTC}, []ppp.AuthMethod{ppp.EAPGTC}
		c.IKE.DPDInterval = 10 * time.Second
		c.L2TP.HelloInterval = 10 * time.Second
		g.PPP.TakesCode = func(string) bool { return true }
		g.PPP.CheckCode = func(_ time.Time, _ string, code []byte) bool { return string(code) == "424242" }
	}})
}

// asked runs the world until the client's gateway asks.
func (w *world) asked(t *testing.T, within time.Duration) Question {
	t.Helper()
	n := w.client.questions
	if !w.sim.RunUntil(func() bool { return w.client.questions > n || w.client.down != nil }, w.sim.Now().Add(within)) || w.client.down != nil {
		t.Fatalf("nothing is asked after %v: client at %v, %+v", within, w.client.conn.stage, w.client.down)
	}
	return w.client.question
}

func (w *world) answer(code string) (ok bool) {
	w.client.call(func(now time.Time, out *Output) { ok = w.client.conn.Answer(now, secret.Secret(code), out) })
	return ok
}

// A person takes 80 s. The tunnel is looked after meanwhile, on either side.
func TestQuestion(t *testing.T) {
	w := tokens(1, enginetest.Conditions{Delay: 10 * time.Millisecond})
	if w.answer("424242") {
		t.Error("answered before anything is there")
	}
	w.client.call(w.client.conn.Start)
	if q := w.asked(t, 5*time.Second); q.Prompt != "Code:" || q.Left != 90*time.Second {
		t.Errorf("%+v", q)
	}
	before := w.client.sent
	w.sim.Run(w.sim.Now().Add(80 * time.Second))
	if w.client.down != nil || w.gateway.down != nil {
		t.Fatalf("the end: %+v and %+v", w.client.down, w.gateway.down)
	}
	if n := w.client.sent - before; n < 3 {
		t.Errorf("%d datagrams in 80 s: nobody looks after the tunnel", n)
	}
	if !w.answer("424242") || w.answer("424242") {
		t.Error("a question is answered once")
	}
	if !w.sim.RunUntil(func() bool { return w.client.network != nil }, w.sim.Now().Add(5*time.Second)) {
		t.Fatalf("not connected: %+v", w.client.down)
	}
	w.disconnect(t)
}

// The line is cut while a person thinks: that is noticed before they have typed.
func TestQuestionCut(t *testing.T) {
	w := tokens(1, enginetest.Conditions{Delay: 10 * time.Millisecond})
	w.client.call(w.client.conn.Start)
	w.asked(t, 5*time.Second)
	w.link.ToA.Conditions.Loss, w.link.ToB.Conditions.Loss = 1, 1
	if !w.sim.RunUntil(func() bool { return w.client.down != nil }, w.sim.Now().Add(80*time.Second)) || w.client.down.Failure.Code != failure.PathDead {
		t.Errorf("the end: %+v", w.client.down)
	}
}

// TestQuestionBadLinks asks over links that lose, repeat and reorder, for right and
// for wrong codes.
func TestQuestionBadLinks(t *testing.T) {
	for seed := range uint64(200) {
		w := tokens(seed, enginetest.Conditions{Loss: 0.15, Duplicate: 0.15, Reorder: 0.15, Delay: 20 * time.Millisecond, Jitter: 20 * time.Millisecond})
		w.client.call(w.client.conn.Start)
		w.asked(t, 90*time.Second)
		w.sim.Run(w.sim.Now().Add(15 * time.Second))
		code := []string{"424242", "000000"}[seed%2]
		if !w.answer(code) {
			t.Fatalf("seed %d: nothing to answer", seed)
		}
		ended := func() bool { return w.client.network != nil || w.client.down != nil }
		if !w.sim.RunUntil(ended, w.sim.Now().Add(120*time.Second)) {
			t.Fatalf("seed %d: client still at %v", seed, w.client.conn.stage)
		}
		if d := w.client.down; code == "424242" != (d == nil) || d != nil && d.Failure.Code != failure.PPPBadCredentials {
			t.Fatalf("seed %d: code %s: %+v", seed, code, d)
		}
		if w.client.questions != 1 {
			t.Errorf("seed %d: asked %d times", seed, w.client.questions)
		}
	}
}
