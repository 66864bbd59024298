// Command inside is the test bed's own program. On the far side of a tunnel, and
// in a guest, it serves: it runs commands and sends and swallows bytes. On the
// near side it is the client to that.
package main

import (
	"bytes"
	crand "crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"hash"
	"io"
	"log"
	"math/rand/v2"
	"net"
	"net/http"
	"os"
	"os/exec"
	"strconv"
	"time"
)

const usage = `usage: inside serve ADDRESS:PORT     runs commands, sends and swallows bytes
       inside run URL <SCRIPT         runs a bash script over there: its output, its exit status
       inside get URL BYTES SECONDS   receives that many bytes in that time at most
       inside put URL BYTES SECONDS   sends them
       inside ping ADDRESS COUNT SIZE sends echo requests, 20 a second
       inside poke ADDRESS:PORT       sends a datagram every 20 ms, for ever`

func main() {
	log.SetFlags(0)
	log.SetPrefix("inside: ")
	if err := command(os.Args[1:]); err != nil {
		log.Fatal(err)
	}
}

func command(args []string) error {
	switch {
	case len(args) == 2 && args[0] == "serve":
		return serve(args[1])
	case len(args) == 2 && args[0] == "poke":
		return poke(args[1])
	case len(args) == 2 && args[0] == "run":
		return run(args[1])
	case len(args) == 4 && (args[0] == "get" || args[0] == "put"):
		n, err := strconv.ParseInt(args[2], 10, 64)
		if err != nil {
			return err
		}
		seconds, err := strconv.Atoi(args[3])
		if err != nil {
			return err
		}
		t, err := transfer(args[0], args[1], n, time.Duration(seconds)*time.Second)
		if err != nil {
			return err
		}
		return json.NewEncoder(os.Stdout).Encode(t)
	case len(args) == 4 && args[0] == "ping":
		count, err := strconv.Atoi(args[2])
		if err != nil {
			return err
		}
		size, err := strconv.Atoi(args[3])
		if err != nil {
			return err
		}
		p, err := ping(args[1], count, size)
		if err != nil {
			return err
		}
		return json.NewEncoder(os.Stdout).Encode(p)
	}
	return errors.New(usage)
}

// result is what a script over there came to.
type result struct {
	Output string `json:"output"` // standard output and error together
	Status int    `json:"status"`
}

// transferred is what one transfer came to, as both ends saw it.
type transferred struct {
	Bytes    int64   `json:"bytes"`
	Sent     string  `json:"sent"`     // SHA-256 of what was sent, by the sender
	Received string  `json:"received"` // SHA-256 of what arrived, by the receiver
	Seconds  float64 `json:"seconds"`
}

// digestTrailer and the routes are those of the service inside culvert gateway,
// so that one client does for both.
const digestTrailer = "X-Content-Sha256"

func serve(address string) error {
	c, err := net.ListenPacket("udp", address)
	if err != nil {
		return err
	}
	defer c.Close()
	go func() { // what poke sends
		for buf := make([]byte, 1); err == nil; {
			_, _, err = c.ReadFrom(buf)
		}
	}()
	return http.ListenAndServe(address, handler())
}

// pokeInterval is how long a datagram may lie in a guest's driver.
const pokeInterval = 20 * time.Millisecond

// poke keeps a guest awake. Now and then User-Mode Linux misses the signal that
// a datagram has come, and takes it only together with the next one.
func poke(address string) error {
	to, err := net.ResolveUDPAddr("udp4", address)
	if err != nil {
		return err
	}
	c, err := net.ListenUDP("udp4", nil)
	if err != nil {
		return err
	}
	for range time.Tick(pokeInterval) {
		_, _ = c.WriteToUDP([]byte{0}, to) // there may be no guest at the moment
	}
	return nil
}

func handler() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("POST /run", func(w http.ResponseWriter, r *http.Request) {
		cmd := exec.Command("/bin/bash", "-s")
		cmd.Stdin = r.Body
		cmd.WaitDelay = time.Second // a daemon that the script leaves behind may keep its output
		out, err := cmd.CombinedOutput()
		res := result{Output: string(out)}
		var exit *exec.ExitError
		switch {
		case errors.As(err, &exit):
			res.Status = exit.ExitCode()
		case err != nil && !errors.Is(err, exec.ErrWaitDelay):
			res.Status, res.Output = -1, res.Output+err.Error()
		}
		if err := json.NewEncoder(w).Encode(res); err != nil {
			log.Print(err)
		}
	})
	mux.HandleFunc("GET /bytes", func(w http.ResponseWriter, r *http.Request) {
		n, err := strconv.ParseInt(r.FormValue("n"), 10, 64)
		if err != nil {
			http.Error(w, err.Error(), http.StatusBadRequest)
			return
		}
		w.Header().Set("Trailer", digestTrailer)
		src := newSource(n)
		if _, err := io.CopyBuffer(struct{ io.Writer }{w}, src, make([]byte, 256<<10)); err != nil {
			log.Print(err)
			return
		}
		w.Header().Set(digestTrailer, src.digest())
	})
	mux.HandleFunc("POST /digest", func(w http.ResponseWriter, r *http.Request) {
		t, err := swallow(r.Body)
		if err != nil {
			log.Print(err)
			return
		}
		fmt.Fprintf(w, "%s %d\n", t.Received, t.Bytes)
	})
	return mux
}

// run has the script of standard input run at url; the program ends with its
// status.
func run(url string) error {
	script, err := io.ReadAll(os.Stdin)
	if err != nil {
		return err
	}
	resp, err := http.Post(url+"/run", "text/x-shellscript", bytes.NewReader(script))
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	var res result
	if err := json.NewDecoder(resp.Body).Decode(&res); err != nil {
		return err
	}
	fmt.Print(res.Output)
	os.Exit(res.Status)
	return nil
}

// transfer gets or puts n bytes.
func transfer(direction, url string, n int64, limit time.Duration) (transferred, error) {
	client := &http.Client{Timeout: limit}
	start := time.Now()
	var t transferred
	if direction == "get" {
		resp, err := client.Get(fmt.Sprintf("%s/bytes?n=%d", url, n))
		if err != nil {
			return t, err
		}
		defer resp.Body.Close()
		if t, err = swallow(resp.Body); err != nil {
			return t, err
		}
		t.Sent = resp.Trailer.Get(digestTrailer)
	} else {
		src := newSource(n)
		resp, err := client.Post(url+"/digest", "application/octet-stream", src)
		if err != nil {
			return t, err
		}
		defer resp.Body.Close()
		if _, err := fmt.Fscan(resp.Body, &t.Received, &t.Bytes); err != nil {
			return t, err
		}
		t.Sent = src.digest()
	}
	t.Seconds = time.Since(start).Seconds()
	return t, nil
}

// swallow reads all there is.
func swallow(r io.Reader) (transferred, error) {
	h := sha256.New()
	n, err := io.CopyBuffer(h, struct{ io.Reader }{r}, make([]byte, 256<<10))
	return transferred{Bytes: n, Received: hex.EncodeToString(h.Sum(nil))}, err
}

// source is n random bytes, different ones each time.
type source struct {
	io.Reader
	sum hash.Hash
}

func newSource(n int64) *source {
	var seed [32]byte
	crand.Read(seed[:])
	h := sha256.New()
	return &source{io.TeeReader(io.LimitReader(rand.NewChaCha8(seed), n), h), h}
}

// digest is the SHA-256 of what has been read so far.
func (s *source) digest() string { return hex.EncodeToString(s.sum.Sum(nil)) }
