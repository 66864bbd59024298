//go:build linux || darwin

package tun

import (
	"errors"
	"fmt"
	"os"
	"sync"
	"syscall"

	wg "golang.zx2c4.com/wireguard/tun"
)

// library is a device that golang.zx2c4.com/wireguard has made. What it reads
// and writes one by one, system does on the file itself.
type library struct {
	dev wg.Device
	raw syscall.RawConn

	drained sync.WaitGroup // the goroutine that empties dev's events
}

// take makes dev the library's, or closes it, and gives its name.
func (l *library) take(dev wg.Device) (name string, err error) {
	if name, err = dev.Name(); err == nil {
		l.raw, err = dev.File().SyscallConn()
	}
	if err != nil {
		return "", fmt.Errorf("tun: the new device: %w", errors.Join(err, dev.Close()))
	}
	l.dev = dev
	// Nobody here wants them, and the library blocks when they are not taken.
	l.drained.Go(func() {
		for range dev.Events() { //nolint:revive // emptied only
		}
	})
	return name, nil
}

// close ends reading and removes the device.
func (l *library) close() error {
	err := l.dev.Close()
	l.drained.Wait()
	return err
}

// closed is the error of a file that is closed, as the os package has it.
func closed(err error) error {
	if errors.Is(err, os.ErrClosed) {
		return err
	}
	return fmt.Errorf("%w: %w", os.ErrClosed, err)
}
