package cli

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"time"

	"github.com/culvert-vpn/culvert/app/api"
	"github.com/culvert-vpn/culvert/app/dial"
	"github.com/culvert-vpn/culvert/engine/gateway"
)

// Ours: long enough for TCP to reach its speed, short enough to be waited for
// on the slowest machine.
const (
	transferTime = 700 * time.Millisecond  // each way
	transferEnd  = 1100 * time.Millisecond // a block that is not through by then does not count
	firstBlock   = 256 << 10
	smallBlock   = 64 << 10
	largeBlock   = 16 << 20
)

// transfer moves n octets each way, or with 0 as many as take a moment, and
// verifies them. It ends with the session.
func (m *demoMachine) transfer(ctx context.Context, s dial.Session, n int64, sum *api.SummaryEvent) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	go func() { // ends with the cancel above
		select {
		case <-s.Ended():
			cancel()
		case <-ctx.Done():
		}
	}()
	client := &http.Client{Transport: &http.Transport{DialContext: m.inner.DialContext}}
	defer client.CloseIdleConnections()
	move := func(f moveFunc) (way, error) {
		if n > 0 {
			return timed(ctx, client, f, n)
		}
		return forAMoment(ctx, client, f, time.Now)
	}
	down, err := move(download)
	if err != nil {
		return fmt.Errorf("download: %w", err)
	}
	up, err := move(upload)
	if err != nil {
		return fmt.Errorf("upload: %w", err)
	}
	sum.Bytes = uint64(min(down.octets, up.octets))
	sum.DownBytes, sum.UpBytes = uint64(down.octets), uint64(up.octets)
	sum.DownBitsPerSec, sum.UpBitsPerSec, sum.Verified = down.rate(), up.rate(), true
	return nil
}

// way is what went one way, verified, and how long that took.
type way struct {
	octets int64
	took   time.Duration
}

// rate is bits a second.
func (w way) rate() uint64 {
	return uint64(float64(w.octets) * 8 / max(w.took.Seconds(), 1e-9))
}

// moveFunc moves n octets and verifies them: download or upload.
type moveFunc func(ctx context.Context, client *http.Client, n int64) error

// timed moves n octets.
func timed(ctx context.Context, client *http.Client, f moveFunc, n int64) (way, error) {
	start := time.Now()
	err := f(ctx, client, n)
	return way{n, time.Since(start)}, err
}

// forAMoment moves block after block until transferTime is over, each as large
// as is likely to fit the rest of it. But for the first one, a block that takes
// far longer than that is given up.
func forAMoment(ctx context.Context, client *http.Client, f moveFunc, now func() time.Time) (way, error) {
	start := now()
	end, cancel := context.WithTimeout(ctx, transferEnd)
	defer cancel()
	var done way
	for n := int64(firstBlock); ; n = nextBlock(n, done) {
		within := end
		if done.octets == 0 {
			within = ctx
		}
		err := f(within, client, n)
		switch {
		case err != nil && done.octets > 0 && end.Err() != nil && ctx.Err() == nil:
			return done, nil
		case err != nil:
			return done, err
		}
		done = way{done.octets + n, now().Sub(start)}
		if done.took >= transferTime {
			return done, nil
		}
	}
}

// nextBlock is half of what the rest of the time is good for at the speed so
// far, and not much more than the last block: TCP is still getting faster.
func nextBlock(last int64, done way) int64 {
	rest := (transferTime - done.took).Seconds()
	fits := float64(done.octets) / max(done.took.Seconds(), 1e-9) * rest / 2
	return int64(min(max(fits, smallBlock), float64(last)*4, largeBlock))
}

// errChanged is data that did not arrive as it was sent.
var errChanged = errors.New("the data did not arrive as it was sent")

func download(ctx context.Context, client *http.Client, n int64) error {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, fmt.Sprintf("http://%v/bytes?n=%d", demoInner, n), nil)
	if err != nil {
		return err
	}
	resp, err := client.Do(req)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	h := sha256.New()
	got, err := io.Copy(h, resp.Body)
	if err != nil {
		return err
	}
	if want := resp.Trailer.Get(gateway.Digest); resp.StatusCode != http.StatusOK || got != n || want != hex.EncodeToString(h.Sum(nil)) {
		return fmt.Errorf("%w: %d of %d octets, status %d", errChanged, got, n, resp.StatusCode)
	}
	return nil
}

func upload(ctx context.Context, client *http.Client, n int64) error {
	h := sha256.New()
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, fmt.Sprintf("http://%v/digest", demoInner), io.TeeReader(gateway.NewSource(n), h))
	if err != nil {
		return err
	}
	req.ContentLength = n
	resp, err := client.Do(req)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	answer, err := io.ReadAll(io.LimitReader(resp.Body, 1000))
	if err != nil {
		return err
	}
	if want := fmt.Sprintf("%x %d", h.Sum(nil), n); resp.StatusCode != http.StatusOK || strings.TrimSpace(string(answer)) != want {
		return fmt.Errorf("%w: the gateway says %q, status %d", errChanged, answer, resp.StatusCode)
	}
	return nil
}
