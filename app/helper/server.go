package helper

import (
	"encoding/json"
	"errors"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/culvert-vpn/culvert/app/api"
	"github.com/culvert-vpn/culvert/app/diagnosis"
	"github.com/culvert-vpn/culvert/app/profile"
	"github.com/culvert-vpn/culvert/app/supervisor"
	"github.com/culvert-vpn/culvert/platform/ipc"
)

var errServerClosed = http.ErrServerClosed

// Ours: what a request may be and take. A profile of a thousand routes has 30 KB.
const (
	maxBody    = 256 << 10
	maxHeader  = 8 << 10
	headerTime = 5 * time.Second
	bodyTime   = 10 * time.Second
	idleTime   = 30 * time.Second
	writeTime  = 10 * time.Second // for one line, or an answer
	restTime   = time.Second      // for what comes of a request that was refused
)

// newServer serves the routes of the contract, each to those who may.
func (h *Helper) newServer() *http.Server {
	mux := http.NewServeMux()
	handle := func(pattern string, f http.HandlerFunc) {
		mux.HandleFunc(pattern, func(w http.ResponseWriter, r *http.Request) {
			if h.allowed(w, r) {
				_ = http.NewResponseController(w).SetWriteDeadline(time.Now().Add(writeTime))
				f(w, r)
			}
		})
	}
	handle("GET /v1/state", func(w http.ResponseWriter, _ *http.Request) { writeJSON(w, h.hub.state()) })
	handle("GET /v1/stats", func(w http.ResponseWriter, _ *http.Request) { writeJSON(w, line(time.Now(), h.hub.stats())) })
	handle("GET /v1/version", func(w http.ResponseWriter, _ *http.Request) { answer(w, api.Version{Version: h.cfg.Version}) })
	handle("POST /v1/connect", h.connectRequest)
	handle("POST /v1/disconnect", func(w http.ResponseWriter, r *http.Request) { h.ask(w, r, request{in: supervisor.Disconnect{}}) })
	handle("POST /v1/answer", h.answerRequest)
	mux.HandleFunc("GET /v1/log", func(w http.ResponseWriter, r *http.Request) {
		if h.allowed(w, r) {
			h.log(w, r)
		}
	})
	mux.HandleFunc("GET /v1/events", func(w http.ResponseWriter, r *http.Request) {
		if h.allowed(w, r) {
			h.events(w, r)
		}
	})
	mux.HandleFunc("/", func(w http.ResponseWriter, r *http.Request) {
		refuse(w, http.StatusNotFound, "helper.unknown-request", "there is no such request")
	})
	return &http.Server{
		Handler: wiping(mux), ConnContext: withConn, MaxHeaderBytes: maxHeader,
		ReadHeaderTimeout: headerTime, ReadTimeout: bodyTime, IdleTimeout: idleTime,
	}
}

// allowed says whether the peer may use the helper, and tells it when not.
func (h *Helper) allowed(w http.ResponseWriter, r *http.Request) bool {
	p, err := ipc.PeerFromContext(r.Context())
	if err == nil {
		err = h.cfg.Authorize(r.Context(), p)
	}
	if err == nil {
		return true
	}
	h.cfg.Log.Warn("refused", "peer", p.String(), "request", r.Method+" "+r.URL.Path, "error", err)
	e := diagnosis.Lookup(api.HelperNotAllowed)
	refuse(w, http.StatusUnauthorized, api.HelperNotAllowed, e.Title+". "+e.Advice)
	return false
}

// connectRequest is POST /v1/connect.
func (h *Helper) connectRequest(w http.ResponseWriter, r *http.Request) {
	var body api.ConnectRequest
	defer body.Secrets.Zero()
	if !read(w, r, &body) {
		return
	}
	p, err := profile.Parse("profile", []byte(body.Profile))
	if err != nil {
		refuse(w, http.StatusUnprocessableEntity, api.ProfileInvalid, err.Error())
		return
	}
	s := body.Secrets.Receive()
	if missing := s.Missing(p); len(missing) > 0 {
		s.Zero()
		answerError(w, http.StatusUnprocessableEntity, api.Error{Code: api.SecretMissing, Message: "secrets are missing", Missing: missing})
		return
	}
	h.ask(w, r, request{in: supervisor.Connect{Profile: p}, secrets: s})
}

// answerRequest is POST /v1/answer.
func (h *Helper) answerRequest(w http.ResponseWriter, r *http.Request) {
	var body api.Secrets
	defer body.Zero()
	if read(w, r, &body) {
		h.ask(w, r, request{in: supervisor.Answer{}, secrets: body.Receive()})
	}
}

// ask has the loop take a request, and tells what it said.
func (h *Helper) ask(w http.ResponseWriter, r *http.Request, q request) {
	done := make(chan error, 1)
	q.answer = done
	h.inputs.put(q)
	var err error
	select {
	case err = <-done:
	case <-r.Context().Done():
		return
	}
	var busy *supervisor.BusyError
	switch {
	case err == nil:
		answer(w, struct{}{})
	case errors.As(err, &busy):
		refuse(w, http.StatusConflict, "helper.connected", "“"+busy.Profile.Name+"” is connected: disconnect it first")
	case errors.Is(err, errNothingGiven):
		answerError(w, http.StatusUnprocessableEntity, api.Error{Code: api.SecretMissing, Message: "the answer lacks what is asked for", Missing: []api.SecretName{api.OTP}})
	case errors.Is(err, supervisor.ErrNotAsked):
		refuse(w, http.StatusConflict, "helper.not-asked", "nothing is asked for at present")
	default:
		refuse(w, http.StatusServiceUnavailable, "helper.ending", "the helper is about to end")
	}
}

// read takes a JSON body; what is wrong with it is told.
func read(w http.ResponseWriter, r *http.Request, to any) bool {
	data, err := readAll(http.MaxBytesReader(w, r.Body, maxBody), r.ContentLength)
	defer clear(data)
	if err != nil {
		var large *http.MaxBytesError
		if errors.As(err, &large) {
			refuse(w, http.StatusRequestEntityTooLarge, "helper.bad-request", "a request has 256 KB at most")
		} else {
			refuse(w, http.StatusBadRequest, "helper.bad-request", "the request did not come whole")
		}
		return false
	}
	// No message repeats what was sent: there are secrets in it.
	if err := json.Unmarshal(data, to); err != nil {
		refuse(w, http.StatusBadRequest, "helper.bad-request", "the request is not the JSON that this route takes")
		return false
	}
	return true
}

// events is GET /v1/events: the state, then every change, a line each.
func (h *Helper) events(w http.ResponseWriter, r *http.Request) {
	watch := h.hub.watch()
	if watch == nil {
		refuse(w, http.StatusServiceUnavailable, "helper.busy", "too many programs watch already")
		return
	}
	defer h.hub.leave(watch)
	c := http.NewResponseController(w)
	_ = c.SetReadDeadline(time.Time{}) // it stays open as long as both want
	w.Header().Set("Content-Type", "application/x-ndjson")
	send := func(text []byte) bool {
		_ = c.SetWriteDeadline(time.Now().Add(writeTime))
		if _, err := w.Write(text); err != nil {
			return false
		}
		return c.Flush() == nil
	}
	for {
		select {
		case text, ok := <-watch.lines:
			if !ok || !send(text) {
				return
			}
			if text := h.hub.caughtUp(watch); text != nil && !send(text) {
				return
			}
		case <-r.Context().Done():
			return
		}
	}
}

// log is GET /v1/log: a line each, and with follow=1 what comes, too.
func (h *Helper) log(w http.ResponseWriter, r *http.Request) {
	c := http.NewResponseController(w)
	_ = c.SetReadDeadline(time.Time{})
	w.Header().Set("Content-Type", "application/x-ndjson")
	ring := h.cfg.Log.Ring
	last := ring.Last()
	reader := ring.Follow(0)
	for seq := uint64(0); seq < last || r.URL.Query().Get("follow") == "1"; {
		e, _, err := reader.Next(r.Context())
		if err != nil {
			return
		}
		seq = e.Seq
		_ = c.SetWriteDeadline(time.Now().Add(writeTime))
		if _, err := w.Write(line(e.Time, api.LogEvent{Level: strings.ToLower(e.Level.String()), Message: e.String()})); err != nil || c.Flush() != nil {
			return
		}
	}
}

func answer(w http.ResponseWriter, v any) {
	data, err := json.Marshal(v)
	if err != nil {
		refuse(w, http.StatusInternalServerError, "helper.internal", "the answer could not be made")
		return
	}
	writeJSON(w, append(data, '\n'))
}

func writeJSON(w http.ResponseWriter, data []byte) {
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Content-Length", strconv.Itoa(len(data)))
	_, _ = w.Write(data) // whoever asked is gone then
}

func refuse(w http.ResponseWriter, status int, code api.Code, message string) {
	answerError(w, status, api.Error{Code: code, Message: message})
}

func answerError(w http.ResponseWriter, status int, e api.Error) {
	data, err := json.Marshal(e)
	if err != nil {
		data = []byte("{}")
	}
	data = append(data, '\n')
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Content-Length", strconv.Itoa(len(data)))
	w.WriteHeader(status)
	_, _ = w.Write(data)
}
