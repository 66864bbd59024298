package cli

import (
	"cmp"
	"context"
	"errors"
	"sync"

	"github.com/culvert-vpn/culvert/app/api"
	"github.com/culvert-vpn/culvert/app/dial"
	"github.com/culvert-vpn/culvert/engine/dataplane"
)

// errHurry is the wish to end without waiting for the gateway.
var errHurry = errors.New("no time to end in order")

// connecting connects, and says at once that it stops when ctx is done. Its
// error is errHurry when not even that may take a while.
func (d *directRun) connecting(ctx context.Context) (dial.Session, error) {
	type result struct {
		s   dial.Session
		err error
	}
	connected := make(chan result, 1)
	go func() { // ends by itself; after errHurry with the process
		s, err := d.connectAny(ctx)
		connected <- result{s, err}
	}()
	stop := ctx.Done()
	for {
		select {
		case r := <-connected:
			if r.err != nil || stop != nil {
				return r.s, r.err
			}
			// It came up in the last moment: that it stops was said already.
			return nil, cmp.Or(d.close(r.s), context.Canceled)
		case <-stop:
			d.state(api.StateEvent{State: api.Disconnecting})
			stop = nil
		case <-d.hurry:
			return nil, errHurry
		}
	}
}

// close ends the session in order; errHurry when there is no time for that.
func (d *directRun) close(s dial.Session) error {
	closed := make(chan struct{})
	go func() { // ends by itself; after errHurry with the process
		s.Close()
		close(closed)
	}()
	select {
	case <-closed:
		return nil
	case <-d.hurry:
		return errHurry
	}
}

// abandon takes back what was done to the system and leaves the rest to the end
// of the process.
func (d *directRun) abandon() {
	d.making.Lock()
	defer d.making.Unlock()
	d.over = true
	if d.device != nil {
		d.device.Close() // restoreError has what it says
	}
	d.log("warn", "ended at once: the gateway was not told, and may keep the old connection for some minutes")
}

// restoring keeps what closing the device says: the engine has no use for it.
type restoring struct {
	dataplane.Device
	d    *directRun
	once sync.Once
	err  error
}

// Close may be called by the engine and by us.
func (r *restoring) Close() error {
	r.once.Do(func() {
		r.err = r.Device.Close()
		r.d.mu.Lock()
		defer r.d.mu.Unlock()
		r.d.restore = errors.Join(r.d.restore, r.err)
	})
	return r.err
}

func (d *directRun) restoreError() error {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.restore
}
