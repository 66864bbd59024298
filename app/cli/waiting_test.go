package cli

import (
	"context"
	"errors"
	"io"
	"net/http"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/culvert-vpn/culvert/app/client"
	"github.com/culvert-vpn/culvert/platform/ipc"
)

// script is a helper that says what a test has written down: the state that is
// asked for first, then the events, line by line. After a line of "answer" it
// waits for POST /v1/answer, whose body it keeps.
type script struct {
	events  []string
	answers chan string
	status  int // of the answer; 0: 200
}

func (s *script) serve(t *testing.T) *client.Client {
	t.Helper()
	path := filepath.Join(t.TempDir(), "s")
	l, err := ipc.Listen(path)
	if err != nil {
		t.Fatal(err)
	}
	s.answers = make(chan string, 4)
	mux := http.NewServeMux()
	mux.HandleFunc("GET /v1/state", func(w http.ResponseWriter, _ *http.Request) {
		_, _ = io.WriteString(w, `{"type":"state","state":"disconnected"}`)
	})
	mux.HandleFunc("POST /v1/connect", func(http.ResponseWriter, *http.Request) {})
	mux.HandleFunc("POST /v1/disconnect", func(http.ResponseWriter, *http.Request) {})
	heard := make(chan struct{}, 1)
	mux.HandleFunc("POST /v1/answer", func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		s.answers <- string(body)
		heard <- struct{}{}
		if s.status != 0 {
			w.WriteHeader(s.status)
			_, _ = io.WriteString(w, `{"code":"helper.not-asked","message":"nothing is asked for"}`)
		}
	})
	mux.HandleFunc("GET /v1/events", func(w http.ResponseWriter, r *http.Request) {
		for _, e := range s.events {
			if e == "answer" {
				select {
				case <-heard:
				case <-r.Context().Done():
					return
				}
				continue
			}
			_, _ = io.WriteString(w, `{"time":"2026-11-22T12:00:00Z",`+e+"}\n")
			_ = http.NewResponseController(w).Flush()
		}
	})
	server := &http.Server{Handler: mux}
	done := make(chan error, 1)
	go func() { done <- server.Serve(l) }()
	t.Cleanup(func() {
		server.Close()
		<-done
	})
	return client.New(path)
}

const (
	connecting = `"type":"state","state":"connecting"`
	waiting    = `"type":"state","state":"waiting","seconds_left":88,"ask":["otp"]`
	connected  = `"type":"state","state":"connected","address":"10.99.0.10","server":"198.51.100.1"`
	down       = `"type":"failure","stage":"phase1","code":"ike.no-answer","title":"t","advice":"a","evidence":["seen"]`
	ended      = `"type":"state","state":"disconnected"`
)

// The gateway asks for a one-time code, and gets it.
func TestOneTimeCode(t *testing.T) {
	for _, c := range []struct {
		name   string
		s      script
		person *person
		status int
		answer string
		out    string
	}{
		{"given", script{events: []string{connecting, waiting, "answer", connected}}, &person{answers: []string{"123456"}}, 0, `{"otp":"123456"}`, "  … The gateway asks for more, for 88 s.\n\nConnected to 198.51.100.1"},
		{"in its own words", script{events: []string{connecting, waiting + `,"prompt":"Token\u001b[2J code:"`, "answer", connected}}, &person{answers: []string{"123456"}}, 0, `{"otp":"123456"}`, "  … The gateway asks “Token [2J code:”, for 88 s.\n"},
		{"two questions", script{events: []string{connecting, waiting + `,"prompt":"One:"`, "answer", waiting + `,"prompt":"Two:"`, "answer", connected}}, &person{answers: []string{"123456", "654321"}}, 0, `{"otp":"123456"}`, "  … The gateway asks “Two:”, for 88 s.\n"},
		{"given too late", script{events: []string{connecting, waiting, "answer", connected}, status: 409}, &person{answers: []string{"123456"}}, 0, `{"otp":"123456"}`, "Connected to"},
		{"nobody there", script{events: []string{connecting, waiting, ended}}, nil, 3, "", "  asked for: otp; there is no terminal to ask at\n"},
		{"not given", script{events: []string{connecting, waiting, ended}}, &person{}, 3, "", ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			d := newDesk(t)
			d.profile("Office", "")
			d.around.helper = c.s.serve(t)
			if c.person != nil {
				d.around.terminal = c.person
			}
			status, stdout, stderr := d.run("up", "Office")
			if status != c.status || !strings.Contains(stdout, c.out) {
				t.Errorf("status %d\n%s%s\nwant %d and %q", status, stdout, stderr, c.status, c.out)
			}
			var got string
			select {
			case got = <-c.s.answers:
			default:
			}
			if got != c.answer {
				t.Errorf("the helper got %q, want %q", got, c.answer)
			}
		})
	}
}

// stubborn never answers.
type stubborn struct{ asked chan string }

func (p *stubborn) ask(ctx context.Context, question string, _ bool) ([]byte, error) {
	p.asked <- question
	<-ctx.Done()
	return nil, ctx.Err()
}

// A question is taken back when the gateway goes on without an answer.
func TestQuestionTakenBack(t *testing.T) {
	d := newDesk(t)
	d.profile("Office", "")
	p := &stubborn{asked: make(chan string, 1)}
	d.around.terminal = p
	s := script{events: []string{connecting, waiting, connecting, connected}}
	d.around.helper = s.serve(t)
	status, stdout, stderr := d.run("up", "Office")
	if status != 0 || !strings.Contains(stdout, "Connected to") {
		t.Errorf("status %d\n%s%s", status, stdout, stderr)
	}
	if q := <-p.asked; q != "One-time code for “Office”: " {
		t.Errorf("asked %q", q)
	}
}

// What else the helper may say while a person waits.
func TestUpOddities(t *testing.T) {
	for _, c := range []struct {
		name   string
		events []string
		status int
		want   string
	}{
		{"another profile takes the place", []string{connecting, `"type":"state","state":"connecting","profile":{"id":"x","name":"Home"}`}, 3, "culvert up: “Home” is being connected in the place of “Office”\n"},
		{"it is tried again by itself", []string{`"type":"state","state":"reconnecting","attempt":3,"next_attempt":"2026-11-22T12:00:04Z","failure":{"stage":"phase1","code":"ike.no-answer","evidence":[]}`}, 3,
			"culvert up: it is tried again by itself; culvert down ends that\n"},
		{"no network", []string{`"type":"state","state":"connecting","offline":true`, connected}, 0, "  … There is no network; it goes on when there is one.\n"},
		{"the helper goes away", []string{connecting}, 4, "culvert up: The helper is not running."},
		{"a login on a phone", []string{connecting, `"type":"state","state":"waiting","seconds_left":88`, connected}, 0, "approve"},
		{"the same failure again", []string{`"type":"state","state":"reconnecting"`, down, down, down, connected}, 0, "  evidence  seen\n  ✗ No VPN server answered.\n  ✗ No VPN server answered.\n"},
		{"somebody disconnects while it is away", []string{connected, `"type":"state","state":"reconnecting"`, ended}, 0, "Connecting again.\nDisconnected.\n"},
		{"noise", []string{connecting, `"type":"of a later version"`, `"type":"stage","stage":"phase1","state":"started"`, connected}, 0, "Connected to"},
	} {
		t.Run(c.name, func(t *testing.T) {
			d := newDesk(t)
			d.profile("Office", "")
			s := script{events: c.events}
			d.around.helper = s.serve(t)
			args := []string{"up", "Office"}
			if c.events[0] == connected {
				args = append(args, "--wait")
			}
			status, stdout, stderr := d.run(args...)
			if status != c.status || !strings.Contains(stdout+stderr, c.want) {
				t.Errorf("status %d\n%s%s\nwant %d and %q", status, stdout, stderr, c.status, c.want)
			}
		})
	}
}

func TestDownOddities(t *testing.T) {
	for _, c := range []struct {
		name   string
		events []string
		status int
		want   string
	}{
		{"it takes a moment", []string{`"type":"state","state":"disconnecting"`, ended}, 0, "Disconnecting.\nDisconnected.\n"},
		{"still closed", []string{`"type":"state","state":"blocked"`}, 1, "the network is still closed"},
		{"somebody else connects", []string{`"type":"state","state":"connecting","profile":{"id":"x","name":"Home"}`}, 1, "“Home” is being connected"},
		{"the helper goes away", nil, 4, "The helper is not running."},
	} {
		d := newDesk(t)
		s := script{events: c.events}
		d.around.helper = s.serve(t)
		if status, stdout, stderr := d.run("down"); status != c.status || !strings.Contains(stdout+stderr, c.want) {
			t.Errorf("%s: status %d\n%s%s\nwant %d and %q", c.name, status, stdout, stderr, c.status, c.want)
		}
	}
}

func TestConfirm(t *testing.T) {
	for _, c := range []struct {
		answers []string
		usual   bool
		want    bool
		err     error
	}{
		{[]string{""}, true, true, nil}, {[]string{""}, false, false, nil}, {[]string{"maybe", "yes"}, false, true, nil}, {[]string{"N"}, true, false, nil}, {nil, true, false, io.EOF},
	} {
		got, err := confirm(t.Context(), &person{answers: slices.Clone(c.answers)}, "Sure?", c.usual)
		if got != c.want || !errors.Is(err, c.err) {
			t.Errorf("confirm with %q = %t, %v", c.answers, got, err)
		}
	}
}
