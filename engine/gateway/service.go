package gateway

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"strconv"
)

// maxBytes is the most that one request gets.
const maxBytes = 1 << 40

// Digest is the name of the trailer and the field with a SHA-256 in hex.
const Digest = "X-Content-Sha256"

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
		if _, err := io.Copy(w, io.TeeReader(NewSource(n), h)); err != nil {
			return
		}
		w.Header().Set(Digest, hex.EncodeToString(h.Sum(nil)))
	})
	mux.HandleFunc("POST /digest", func(w http.ResponseWriter, r *http.Request) {
		h := sha256.New()
		n, err := io.Copy(h, r.Body)
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
