// Package tun is the system's tunnel device: IP packets in and out of the
// kernel, several in a system call where the system can.
package tun

import (
	"errors"
	"fmt"
	"sync"

	wg "golang.zx2c4.com/wireguard/tun"
)

// ErrUnsupported is a system that has no tunnel device.
var ErrUnsupported = errors.New("tun: this system has no tunnel device")

// Device is a tunnel device. One goroutine may read while another one writes.
type Device struct {
	dev  wg.Device
	name string
	mtu  int
	sys  system // what the system's own way of reading and writing needs

	drained sync.WaitGroup // the goroutine that empties dev's events
}

// Open makes a device with room for packets of mtu octets. Its name is the
// first free one of culvert0, culvert1 and so on; macOS names it itself. It
// takes root or CAP_NET_ADMIN: without, the error is an os.ErrPermission.
func Open(mtu int) (*Device, error) {
	dev, err := open(mtu)
	if err != nil {
		return nil, err
	}
	name, err := dev.Name()
	if err != nil {
		dev.Close()
		return nil, fmt.Errorf("tun: name of the new device: %w", err)
	}
	d := &Device{dev: dev, name: name, mtu: mtu}
	if err := d.sys.init(dev); err != nil {
		dev.Close()
		return nil, err
	}
	// Nobody here wants them, and the library blocks when they are not taken.
	d.drained.Go(func() {
		for range dev.Events() { //nolint:revive // emptied only
		}
	})
	return d, nil
}

// Read waits for packets and puts each behind offset octets of a buffer, its
// length into sizes. One packet of the system may be a burst, of up to 64 packets
// and more: what does not fit bufs is lost, so give BatchSize buffers.
func (d *Device) Read(bufs [][]byte, sizes []int, offset int) (int, error) {
	return d.sys.read(d.dev, bufs, sizes, offset)
}

// Headroom is how many octets in front of a packet Write needs to itself.
func (d *Device) Headroom() int { return headroom }

// Write hands packets, each behind Headroom octets of its buffer, to the system
// in their order, at least within a flow. It may change their headers.
func (d *Device) Write(bufs [][]byte) error { return d.sys.write(d.dev, bufs) }

// Name is the interface's name.
func (d *Device) Name() string { return d.name }

// MTU is what the device was opened with, in octets.
func (d *Device) MTU() int { return d.mtu }

// BatchSize is how many packets one Read may bring.
func (d *Device) BatchSize() int { return batchSize }

// Close ends Read and removes the device.
func (d *Device) Close() error {
	err := d.dev.Close()
	d.drained.Wait()
	return err
}
