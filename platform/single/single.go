// Package single keeps a program to one instance for each user: a second one asks
// the first to show itself, and ends.
package single

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"sync"
	"time"

	"github.com/gofrs/flock"
)

// askTime is how long the first instance may take to say that it has heard.
const askTime = 3 * time.Second

// Instance is the one instance.
type Instance struct {
	lock   *flock.Flock
	listen net.Listener
	done   sync.WaitGroup

	mu      sync.Mutex // guards wanted, pending
	wanted  func(words []string)
	pending [][]string // what was said before OnWanted
}

// maxWords is how many octets the words of another instance may take.
const maxWords = 1 << 20

// Claim makes this process the instance of that name, of this user. first is false
// if there is one, which was then asked to show itself, and told the words: the
// error is that it did not answer.
func Claim(name string, words ...string) (i *Instance, first bool, err error) {
	dir, err := folder()
	if err != nil {
		return nil, false, err
	}
	return claim(dir, name, words...)
}

// folder is the user's own, where sockets may be. Its name is short: the path of a
// socket has 104 octets at most on macOS.
func folder() (string, error) {
	dir := os.Getenv("XDG_RUNTIME_DIR")
	if dir == "" {
		var err error
		if dir, err = os.UserCacheDir(); err != nil {
			return "", fmt.Errorf("single: %w", err)
		}
	}
	return filepath.Join(dir, "culvert"), nil
}

func claim(dir, name string, words ...string) (*Instance, bool, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, false, fmt.Errorf("single: %w", err)
	}
	path := filepath.Join(dir, name)
	lock := flock.New(path+".lock", flock.SetPermissions(0o600))
	held, err := lock.TryLock()
	if err != nil {
		return nil, false, fmt.Errorf("single: %w", err)
	}
	if !held {
		return nil, false, ask(path+".sock", words)
	}
	// What lies there is of one that ended badly: nobody else holds the lock.
	if err := os.Remove(path + ".sock"); err != nil && !errors.Is(err, os.ErrNotExist) {
		return nil, false, errors.Join(fmt.Errorf("single: %w", err), lock.Close())
	}
	l, err := net.Listen("unix", path+".sock")
	if err != nil {
		return nil, false, errors.Join(fmt.Errorf("single: %w", err), lock.Close())
	}
	i := &Instance{lock: lock, listen: l}
	i.done.Go(i.serve)
	return i, true, nil
}

// ask has the first instance show itself, and tells it the words. One that is just
// starting may not listen yet.
func ask(path string, words []string) error {
	until := time.Now().Add(askTime)
	for {
		c, err := net.DialTimeout("unix", path, askTime)
		if err == nil {
			defer c.Close()
			_ = c.SetDeadline(until)
			if err = json.NewEncoder(c).Encode(words); err == nil {
				_, err = c.Read(make([]byte, 1))
			}
			if err == nil {
				return nil
			}
		}
		if time.Now().After(until) {
			return fmt.Errorf("single: it is running already, and does not answer: %w", err)
		}
		<-time.After(askTime / 30)
	}
}

// serve says to everybody who connects that it has heard.
func (i *Instance) serve() {
	for {
		c, err := i.listen.Accept()
		if err != nil {
			return
		}
		// The next one waits meanwhile; one of another version says nothing.
		_ = c.SetReadDeadline(time.Now().Add(askTime / 3))
		var words []string
		_ = json.NewDecoder(io.LimitReader(c, maxWords)).Decode(&words)
		i.mu.Lock()
		wanted := i.wanted
		if wanted == nil {
			i.pending = append(i.pending, words)
		}
		i.mu.Unlock()
		if wanted != nil {
			wanted(words)
		}
		_ = c.SetWriteDeadline(time.Now().Add(askTime))
		_, _ = c.Write([]byte{1}) // who does not wait has ended
		_ = c.Close()
	}
}

// OnWanted has f called whenever somebody starts the program again, with the words
// given to Claim there, on a goroutine of its own; at once, if somebody has already.
func (i *Instance) OnWanted(f func(words []string)) {
	i.mu.Lock()
	i.wanted = f
	pending := i.pending
	i.pending = nil
	i.mu.Unlock()
	for _, words := range pending {
		f(words)
	}
}

// Close ends it: the next one may be the first.
func (i *Instance) Close() error {
	err := i.listen.Close() // removes the socket
	i.done.Wait()
	return errors.Join(err, i.lock.Close())
}
