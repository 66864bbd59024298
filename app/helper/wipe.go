package helper

import (
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"sync"
	"time"

	"github.com/culvert-vpn/culvert/platform/ipc"
)

// A request with secrets passes through buffers of net/http, which go from one
// connection to the next and are never overwritten but by chance. So each
// connection remembers where its octets were put, and they are overwritten once
// the request is answered.

// wipingListener accepts connections that can be wiped.
type wipingListener struct{ net.Listener }

// Accept is the listener's.
func (l wipingListener) Accept() (net.Conn, error) {
	c, err := l.Listener.Accept()
	if err != nil {
		return nil, err
	}
	return &wipingConn{Conn: c}, nil
}

// wipingConn is a connection whose received octets can be overwritten where they
// are.
type wipingConn struct {
	net.Conn
	mu   sync.Mutex // guards seen
	seen [][]byte   // of the request at hand
}

// Read is the connection's.
func (c *wipingConn) Read(b []byte) (int, error) {
	n, err := c.Conn.Read(b)
	if n > 0 {
		c.mu.Lock()
		c.seen = append(c.seen, b[:n])
		c.mu.Unlock()
	}
	return n, err
}

// done forgets where the octets of a request were put, and overwrites them first
// if that is wanted. Until then nobody else has the buffers.
func (c *wipingConn) done(wipe bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if wipe {
		for _, b := range c.seen {
			clear(b)
		}
	}
	c.seen = nil
}

type wipingKey struct{}

// withConn is http.Server.ConnContext for connections of a wipingListener.
func withConn(ctx context.Context, c net.Conn) context.Context {
	w, ok := c.(*wipingConn)
	if !ok {
		return ipc.ConnContext(ctx, c)
	}
	return context.WithValue(ipc.ConnContext(ctx, w.Conn), wipingKey{}, w)
}

// wiping has what a request's body brought overwritten when it is answered. The
// connection ends with it: what a client may have sent behind is overwritten as
// well.
func wiping(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if c, ok := r.Context().Value(wipingKey{}).(*wipingConn); ok {
			body := r.Method == http.MethodPost || r.ContentLength != 0
			defer c.done(body)
			if body {
				w.Header().Set("Connection", "close")
				defer leaveNothing(w, r)
			}
		}
		next.ServeHTTP(w, r)
	})
}

// leaveNothing reads what a refused request left unread. net/http would do so
// itself, into a buffer that it keeps for all connections and never overwrites.
func leaveNothing(w http.ResponseWriter, r *http.Request) {
	c := http.NewResponseController(w)
	_ = c.Flush() // who waits for an answer before going on has it
	_ = c.SetReadDeadline(time.Now().Add(restTime))
	rest := make([]byte, 4<<10)
	defer clear(rest)
	for n := 0; n <= maxBody; {
		k, err := r.Body.Read(rest)
		if n += k; err != nil {
			break
		}
	}
	_ = c.SetReadDeadline(time.Now()) // and nobody reads more
}

// readAll reads a body of so many octets at most, -1: not known, without leaving
// copies of it.
func readAll(r io.Reader, length int64) ([]byte, error) {
	if length < 0 || length > maxBody {
		length = maxBody
	}
	data := make([]byte, length+1) // MaxBytesReader says when one is too many
	n := 0
	for {
		k, err := r.Read(data[n:])
		n += k
		switch {
		case errors.Is(err, io.EOF):
			return data[:n], nil
		case err != nil:
			clear(data)
			return nil, err
		case n == len(data):
			clear(data)
			return nil, io.ErrUnexpectedEOF // more than was announced
		}
	}
}
