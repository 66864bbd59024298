package gateway

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"net/netip"
	"strconv"
	"sync"
	"time"
)

// maxBytes is the most that one request gets.
const maxBytes = 1 << 40

// Digest is the name of the trailer and the field with a SHA-256 in hex.
const Digest = "X-Content-Sha256"

// Ours: what one client may hold of the service. A connection keeps up to
// 16 MB of windows in the inner network.
const (
	maxConnections = 32
	headerTime     = 10 * time.Second
	idleConnection = time.Minute
	stallTime      = time.Minute // a download that nobody reads, an upload that stops
)

// newServer serves the service to clients within their limits.
func newServer() *http.Server {
	c := &connections{of: map[netip.Addr]int{}, open: map[net.Conn]netip.Addr{}}
	return &http.Server{Handler: service(), ReadHeaderTimeout: headerTime, IdleTimeout: idleConnection,
		MaxHeaderBytes: 16 << 10, ConnState: c.changed}
}

// connections counts those of each client.
type connections struct {
	mu   sync.Mutex // guards the maps
	of   map[netip.Addr]int
	open map[net.Conn]netip.Addr
}

// changed closes a new connection of a client that has enough of them.
func (c *connections) changed(conn net.Conn, to http.ConnState) {
	c.mu.Lock()
	defer c.mu.Unlock()
	switch to {
	case http.StateNew:
		from, _ := netip.ParseAddrPort(conn.RemoteAddr().String())
		a := from.Addr()
		if c.of[a] >= maxConnections {
			conn.Close()
			return
		}
		c.of[a]++
		c.open[conn] = a
	case http.StateClosed, http.StateHijacked:
		a, ok := c.open[conn]
		if !ok {
			return
		}
		delete(c.open, conn)
		if c.of[a]--; c.of[a] == 0 {
			delete(c.of, a)
		}
	}
}

// moving puts off the deadlines of a request as long as something moves.
type moving struct {
	io.Reader
	control *http.ResponseController
}

func (m moving) Read(p []byte) (int, error) {
	late := time.Now().Add(stallTime)
	if err := errors.Join(m.control.SetReadDeadline(late), m.control.SetWriteDeadline(late)); err != nil {
		return 0, err
	}
	return m.Reader.Read(p)
}

// service is the HTTP service inside the tunnel, to measure and to verify with:
//
//	GET  /bytes?n=N   N random octets, their SHA-256 in the trailer
//	POST /digest      the SHA-256 and the length of the body, as text
func service() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /bytes", func(w http.ResponseWriter, r *http.Request) {
		n, err := strconv.ParseInt(r.FormValue("n"), 10, 64)
		if err != nil || n < 0 || n > maxBytes {
			http.Error(w, "n is a number of octets", http.StatusBadRequest)
			return
		}
		w.Header().Set("Content-Type", "application/octet-stream")
		w.Header().Set("Trailer", Digest)
		h := sha256.New()
		if _, err := io.Copy(w, io.TeeReader(moving{NewSource(n), http.NewResponseController(w)}, h)); err != nil {
			return
		}
		w.Header().Set(Digest, hex.EncodeToString(h.Sum(nil)))
	})
	mux.HandleFunc("POST /digest", func(w http.ResponseWriter, r *http.Request) {
		h := sha256.New()
		n, err := io.Copy(h, moving{r.Body, http.NewResponseController(w)})
		if err != nil {
			return
		}
		fmt.Fprintf(w, "%x %d\n", h.Sum(nil), n)
	})
	return mux
}

// NewSource gives n octets that cost next to nothing to make and cannot be
// compressed: a random block, again and again.
func NewSource(n int64) io.Reader {
	s := &source{}
	for i := range s.block {
		s.block[i] = byte(rand.Uint32())
	}
	return io.LimitReader(s, n)
}

type source struct {
	block [64 << 10]byte
	at    int
}

func (s *source) Read(p []byte) (int, error) {
	n := copy(p, s.block[s.at:])
	s.at = (s.at + n) % len(s.block)
	return n, nil
}
