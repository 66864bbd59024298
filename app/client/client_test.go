package client

import (
	"context"
	"errors"
	"net/http"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/culvert-vpn/culvert/app/api"
	"github.com/culvert-vpn/culvert/platform/ipc"
)

// serve answers at a socket with handler.
func serve(t *testing.T, handler http.HandlerFunc) *Client {
	t.Helper()
	path := filepath.Join(t.TempDir(), "s")
	l, err := ipc.Listen(path)
	if err != nil {
		t.Fatal(err)
	}
	s := &http.Server{Handler: handler}
	done := make(chan error, 1)
	go func() { done <- s.Serve(l) }()
	t.Cleanup(func() {
		s.Close()
		<-done
	})
	return New(path)
}

func TestCalls(t *testing.T) {
	var seen []string
	c := serve(t, func(w http.ResponseWriter, r *http.Request) {
		body := make([]byte, 1000)
		n, _ := r.Body.Read(body)
		seen = append(seen, r.Method+" "+r.URL.Path+" "+string(body[:n]))
		switch r.URL.Path {
		case "/v1/state":
			_, _ = w.Write([]byte(`{"time":"2026-11-22T12:00:00Z","type":"state","state":"connected","address":"10.99.0.10","stages":[{"stage":"phase1","state":"done","started":"2026-11-22T12:00:00Z"}]}`))
		case "/v1/stats":
			_, _ = w.Write([]byte(`{"rx_bytes":7}`))
		case "/v1/version":
			_, _ = w.Write([]byte(`{"version":"1.2.3"}`))
		case "/v1/answer":
			w.WriteHeader(http.StatusConflict)
			_, _ = w.Write([]byte(`{"code":"helper.not-asked","message":"nothing is asked for"}`))
		}
	})
	ctx := t.Context()
	s, err := c.State(ctx)
	if err != nil || s.State != api.Connected || s.Address.String() != "10.99.0.10" || len(s.Stages) != 1 {
		t.Errorf("State = %+v, %v", s, err)
	}
	if k, err := c.Stats(ctx); err != nil || k.RxBytes != 7 {
		t.Errorf("Stats = %+v, %v", k, err)
	}
	if v, err := c.Version(ctx); err != nil || v != "1.2.3" {
		t.Errorf("Version = %q, %v", v, err)
	}
	if err := c.Connect(ctx, api.ConnectRequest{Profile: "p", Secrets: api.Secrets{Password: api.Secret("a\"\\\nä")}}); err != nil {
		t.Errorf("Connect: %v", err)
	}
	if err := c.Disconnect(ctx); err != nil {
		t.Errorf("Disconnect: %v", err)
	}
	var e *Error
	if err := c.Answer(ctx, api.Secrets{}); !errors.As(err, &e) || e.Code != "helper.not-asked" || e.Message != "nothing is asked for" {
		t.Errorf("Answer: %v", err)
	}
	want := "GET /v1/state \nGET /v1/stats \nGET /v1/version \n" +
		`POST /v1/connect {"profile":"p","secrets":{"password":"a\"\\\u000aä"}}` + "\nPOST /v1/disconnect \nPOST /v1/answer {}"
	if got := strings.Join(seen, "\n"); got != want {
		t.Errorf("requests:\n%s\nwant\n%s", got, want)
	}
}

func TestWatch(t *testing.T) {
	c := serve(t, func(w http.ResponseWriter, _ *http.Request) {
		for _, line := range []string{
			`{"time":"2026-11-22T12:00:00Z","type":"state","state":"connecting"}`,
			`{"time":"2026-11-22T12:00:01Z","type":"of a later version","x":1}`,
			`{"time":"2026-11-22T12:00:02Z","type":"stage","stage":"phase1","state":"started"}`,
			`{"time":"2026-11-22T12:00:03Z","type":"failure","stage":"phase1","code":"ike.no-answer","title":"t","advice":"a","evidence":[]}`,
		} {
			_, _ = w.Write([]byte(line + "\n"))
		}
	})
	var got []api.Event
	err := c.Watch(t.Context(), func(_ time.Time, e api.Event) bool {
		got = append(got, e)
		return true
	})
	var e *Error
	if !errors.As(err, &e) || e.Code != api.HelperNotRunning {
		t.Errorf("Watch of a helper that goes away: %v, want %s", err, api.HelperNotRunning)
	}
	if len(got) != 3 {
		t.Fatalf("%d events, want 3: %+v", len(got), got)
	}
	if f, ok := got[2].(api.FailureEvent); !ok || f.Code != "ike.no-answer" {
		t.Errorf("the last event is %+v", got[2])
	}
	calls := 0
	if err := c.Watch(t.Context(), func(time.Time, api.Event) bool { calls++; return false }); err != nil || calls != 1 {
		t.Errorf("Watch that is stopped: %v after %d events", err, calls)
	}
}

func TestLog(t *testing.T) {
	c := serve(t, func(w http.ResponseWriter, r *http.Request) {
		for _, msg := range []string{"one", "two", r.URL.RawQuery} {
			_, _ = w.Write([]byte(`{"time":"2026-11-22T12:00:00Z","type":"log","level":"info","msg":"` + msg + `"}` + "\n"))
		}
	})
	var got []string
	take := func(_ time.Time, e api.LogEvent) bool {
		got = append(got, e.Message)
		return len(got) != 5
	}
	if err := c.Log(t.Context(), false, take); err != nil || strings.Join(got, " ") != "one two " {
		t.Errorf("Log = %q, %v", got, err)
	}
	if err := c.Log(t.Context(), true, take); err != nil || len(got) != 5 {
		t.Errorf("Log that is stopped = %q, %v", got, err)
	}
	var e *Error
	if err := c.Log(t.Context(), true, take); !errors.As(err, &e) || e.Code != api.HelperNotRunning || got[len(got)-1] != "follow=1" {
		t.Errorf("Log of a helper that goes away = %q, %v", got, err)
	}
}

func TestNobodyThere(t *testing.T) {
	c := New(filepath.Join(t.TempDir(), "nothing"))
	var e *Error
	if err := c.Disconnect(t.Context()); !errors.As(err, &e) || e.Code != api.HelperNotRunning || !errors.Is(err, ipc.ErrNotRunning) {
		t.Errorf("Disconnect = %v, want %s", err, api.HelperNotRunning)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := c.Disconnect(ctx); !errors.Is(err, context.Canceled) {
		t.Errorf("Disconnect = %v, want %v", err, context.Canceled)
	}
}
