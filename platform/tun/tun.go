// Package tun is the system's tunnel device: IP packets in and out of the
// kernel, several in a system call where the system can.
package tun

import "errors"

// ErrUnsupported is a system that has no tunnel device.
var ErrUnsupported = errors.New("tun: this system has no tunnel device")

// Device is a tunnel device. One goroutine may read while others write.
type Device struct {
	sys  *system // the system's own way of reading and writing
	name string
	mtu  int
}

// Open makes a device with room for packets of mtu octets. Its name is the
// first free one of culvert0, culvert1 and so on; macOS names it itself. On
// Windows the interface gets its MTU with its addresses. It takes root,
// CAP_NET_ADMIN or an administrator: without, the error is an os.ErrPermission.
func Open(mtu int) (*Device, error) {
	sys, name, err := open(mtu)
	if err != nil {
		return nil, err
	}
	return &Device{sys, name, mtu}, nil
}

// Read waits for packets and puts each behind offset octets of a buffer, its
// length into sizes. One packet of the system may be a burst, of up to 64 packets
// and more: what does not fit bufs is lost, so give BatchSize buffers. After Close
// it gives os.ErrClosed.
func (d *Device) Read(bufs [][]byte, sizes []int, offset int) (int, error) {
	return d.sys.read(bufs, sizes, offset)
}

// Headroom is how many octets in front of a packet Write needs to itself: none,
// for what a system wants there goes beside the packet.
func (d *Device) Headroom() int { return 0 }

// Write hands packets to the system in their order, at least within a flow. It
// tries every one and gives the first error. It may change their headers.
func (d *Device) Write(bufs [][]byte) error { return d.sys.write(bufs) }

// Name is the interface's name.
func (d *Device) Name() string { return d.name }

// MTU is what the device was opened with, in octets.
func (d *Device) MTU() int { return d.mtu }

// BatchSize is how many packets one Read may bring.
func (d *Device) BatchSize() int { return batchSize }

// Close ends Read and removes the device.
func (d *Device) Close() error { return d.sys.close() }
