// Package client asks the helper, over its socket: it is what the command line
// and the desktop have of it.
package client

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"time"

	"github.com/culvert-vpn/culvert/app/api"
	"github.com/culvert-vpn/culvert/platform/ipc"
)

// Ours.
const (
	// maxLine is the longest event that is read: a failure with much evidence.
	maxLine = 1 << 20
	// maxAnswer bounds what an answer may be.
	maxAnswer = 1 << 20
)

// Client asks one helper. It is safe for concurrent use.
type Client struct{ http *http.Client }

// New is a client of the helper at address; empty: the usual one. It does not
// connect yet.
func New(address string) *Client {
	return &Client{&http.Client{Transport: &http.Transport{
		DialContext:       func(ctx context.Context, _, _ string) (net.Conn, error) { return ipc.Dial(ctx, address) },
		DisableKeepAlives: true, // an idle connection would only be one more thing to break
	}}}
}

// State is the whole state.
func (c *Client) State(ctx context.Context) (api.Status, error) {
	var s api.Status
	return s, c.call(ctx, http.MethodGet, "/v1/state", nil, &s)
}

// Stats are the counters of the connection.
func (c *Client) Stats(ctx context.Context) (api.StatsEvent, error) {
	var s api.StatsEvent
	return s, c.call(ctx, http.MethodGet, "/v1/stats", nil, &s)
}

// Version is the helper's.
func (c *Client) Version(ctx context.Context) (string, error) {
	var v api.Version
	err := c.call(ctx, http.MethodGet, "/v1/version", nil, &v)
	return v.Version, err
}

// Connect asks for a connection, and does not wait for it: see Watch.
func (c *Client) Connect(ctx context.Context, r api.ConnectRequest) error {
	return c.call(ctx, http.MethodPost, "/v1/connect", r, nil)
}

// Disconnect asks for the end of the connection, and does not wait for it.
func (c *Client) Disconnect(ctx context.Context) error {
	return c.call(ctx, http.MethodPost, "/v1/disconnect", nil, nil)
}

// Answer gives what the state asks for.
func (c *Client) Answer(ctx context.Context, s api.Secrets) error {
	return c.call(ctx, http.MethodPost, "/v1/answer", s, nil)
}

// Watch calls f with the state and then with every event, until ctx is done, f
// says false, or the helper goes away, which is an error.
func (c *Client) Watch(ctx context.Context, f func(at time.Time, e api.Event) bool) error {
	return c.stream(ctx, "/v1/events", true, f)
}

// stream reads a line at a time; endless says that its end is an error.
func (c *Client) stream(ctx context.Context, path string, endless bool, f func(at time.Time, e api.Event) bool) error {
	resp, err := c.send(ctx, http.MethodGet, path, nil)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	lines := bufio.NewScanner(resp.Body)
	lines.Buffer(nil, maxLine)
	for lines.Scan() {
		at, e, err := api.Decode(lines.Bytes())
		if err != nil {
			return &Error{Code: api.HelperNotRunning, Message: "the helper says what this program does not understand", cause: err}
		}
		if e != nil && !f(at, e) {
			return nil
		}
	}
	if ctx.Err() != nil {
		return ctx.Err()
	}
	if err = lines.Err(); err == nil {
		if !endless {
			return nil
		}
		err = io.ErrUnexpectedEOF
	}
	return &Error{Code: api.HelperNotRunning, Message: "the helper has gone away", cause: err}
}

// Log calls f with every line of the helper's log and, with follow, with those that
// come, until ctx is done, f says false, or the helper goes away: that is an error
// only with follow.
func (c *Client) Log(ctx context.Context, follow bool, f func(at time.Time, e api.LogEvent) bool) error {
	path := "/v1/log"
	if follow {
		path += "?follow=1"
	}
	return c.stream(ctx, path, follow, func(at time.Time, e api.Event) bool {
		line, ok := e.(api.LogEvent)
		return !ok || f(at, line)
	})
}

// Error is an answer of the helper that is not a success, or that there is none.
type Error struct {
	Code    api.Code
	Message string
	Missing []api.SecretName // with api.SecretMissing
	cause   error
}

// Error is the message.
func (e *Error) Error() string { return e.Message }

// Unwrap gives the cause, where there is one on this side.
func (e *Error) Unwrap() error { return e.cause }

// call makes a request and reads its answer into to, if any.
func (c *Client) call(ctx context.Context, method, path string, body, to any) error {
	resp, err := c.send(ctx, method, path, body)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	if to == nil {
		return nil
	}
	if err := json.NewDecoder(io.LimitReader(resp.Body, maxAnswer)).Decode(to); err != nil {
		return fmt.Errorf("client: %s: %w", path, err)
	}
	return nil
}

// send makes a request whose answer is a success.
func (c *Client) send(ctx context.Context, method, path string, body any) (*http.Response, error) {
	var data []byte
	if body != nil {
		var err error
		if data, err = json.Marshal(body); err != nil {
			return nil, fmt.Errorf("client: %w", err)
		}
		defer clear(data)
	}
	req, err := http.NewRequestWithContext(ctx, method, "http://helper"+path, bytes.NewReader(data))
	if err != nil {
		return nil, fmt.Errorf("client: %w", err)
	}
	resp, err := c.http.Do(req)
	switch {
	case errors.Is(err, ipc.ErrNotAllowed):
		return nil, &Error{Code: api.HelperNotAllowed, Message: plain(err).Error(), cause: err}
	case err != nil && ctx.Err() != nil:
		return nil, ctx.Err()
	case err != nil:
		return nil, &Error{Code: api.HelperNotRunning, Message: plain(err).Error(), cause: err}
	case resp.StatusCode == http.StatusOK:
		return resp, nil
	}
	defer resp.Body.Close()
	var e api.Error
	if err := json.NewDecoder(io.LimitReader(resp.Body, maxAnswer)).Decode(&e); err != nil || e.Code == "" {
		return nil, fmt.Errorf("client: %s: the helper answers %s", path, resp.Status)
	}
	return nil, &Error{Code: e.Code, Message: e.Message, Missing: e.Missing}
}

// plain is an error without the address of the request, which says nothing here.
func plain(err error) error {
	var u *url.Error
	if errors.As(err, &u) {
		return u.Err
	}
	return err
}
