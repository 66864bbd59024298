package engine

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/culvert-vpn/culvert/engine/failure"
	"github.com/culvert-vpn/culvert/engine/gateway"
	"github.com/culvert-vpn/culvert/engine/ppp"
	"github.com/culvert-vpn/culvert/engine/secret"
)

// newTokenBed is a bed whose gateway asks for a code. Questions go to the channel.
func newTokenBed(t *testing.T) (*bed, chan *Question) {
	t.Helper()
	b := newBed(t, func(c *gateway.Config) {
		c.Codes = map[string]gateway.Code{"alice": {Fixed: secret.Secret("424242")}}
		c.CodePrompt = "The code\x07 from your token:\r\n"
	})
	asked := make(chan *Question, 4)
	b.cfg.Ask = func(_ time.Time, q *Question) { asked <- q }
	b.cfg.Stack.PPP.Auth = []ppp.AuthMethod{ppp.EAPGTC}
	return b, asked
}

type outcome struct {
	s   *Session
	err error
}

// connecting connects meanwhile.
func connecting(ctx context.Context, b *bed) chan outcome {
	done := make(chan outcome, 1)
	go func() {
		s, err := Connect(ctx, b.cfg)
		done <- outcome{s, err}
	}()
	return done
}

func next[T any](t *testing.T, what string, from <-chan T) T {
	t.Helper()
	select {
	case v := <-from:
		return v
	case <-time.After(30 * time.Second):
		t.Fatalf("waited in vain for %s", what)
		panic("not reached")
	}
}

func TestQuestion(t *testing.T) {
	b, asked := newTokenBed(t)
	done := connecting(t.Context(), b)
	q := next(t, "the question", asked)
	if q.Prompt != "The code from your token:" || q.Left != 90*time.Second {
		t.Errorf("asked %q for %v", q.Prompt, q.Left)
	}
	code := secret.Secret("424242")
	q.Answer(code)
	o := next(t, "the connection", done)
	if o.err != nil {
		t.Fatal(o.err)
	}
	if string(code) != "\x00\x00\x00\x00\x00\x00" {
		t.Error("the code was not overwritten")
	}
	late := secret.Secret("999999")
	q.Answer(late) // nobody asks any more
	o.s.Close()
	later := secret.Secret("888888")
	q.Answer(later)
	if string(late)+string(later) != string(make([]byte, 12)) {
		t.Error("a code that came too late was not overwritten")
	}
	if err := o.s.Wait(); err != nil {
		t.Errorf("Wait = %v", err)
	}

	done = connecting(t.Context(), b)
	next(t, "the question", asked).Answer(secret.Secret("000000"))
	var f *failure.Failure
	if o := next(t, "the refusal", done); !errors.As(o.err, &f) || f.Code != failure.PPPBadCredentials || f.Stage != failure.Authenticate {
		t.Errorf("a wrong code: %v", o.err)
	}
	if len(asked) > 0 {
		t.Error("asked once more by itself")
	}
}

// Whoever does not want to wait any more ends it at once, and who does not answer
// is told.
func TestQuestionUnanswered(t *testing.T) {
	b, asked := newTokenBed(t)
	ctx, cancel := context.WithCancel(t.Context())
	done := connecting(ctx, b)
	q := next(t, "the question", asked)
	start := time.Now()
	cancel()
	if o := next(t, "the end", done); !errors.Is(o.err, context.Canceled) {
		t.Errorf("Connect = %v", o.err)
	}
	if took := time.Since(start); took > 5*time.Second {
		t.Errorf("that took %v", took)
	}
	q.Answer(secret.Secret("424242"))
	b.cfg.Stack.PPP.AuthTimeout = 200 * time.Millisecond
	var f *failure.Failure
	if o := next(t, "the end", connecting(t.Context(), b)); !errors.As(o.err, &f) || f.Code != failure.PPPApprovalTimeout {
		t.Errorf("Connect = %v", o.err)
	}
}

// A gateway that has EAP-TLS alone within EAP, and better methods beside it, is
// asked once more without EAP.
func TestWithoutEAP(t *testing.T) {
	b := newBed(t, func(c *gateway.Config) { c.Auth = []ppp.AuthMethod{ppp.EAPMD5, ppp.MSCHAPv2} })
	b.cfg.Stack.PPP.Auth = []ppp.AuthMethod{ppp.EAPMSCHAPv2, ppp.MSCHAPv2}
	s := connected(t, b)
	if got := s.cfg.Stack.PPP.EAP; got != ppp.EAPNever {
		t.Errorf("connected with EAP %v", got)
	}
}
