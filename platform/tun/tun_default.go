//go:build !linux && !windows && !darwin

package tun

import wg "golang.zx2c4.com/wireguard/tun"

type slot struct{}

func open(int) (wg.Device, error) { return nil, ErrUnsupported }

func (d *Device) read(bufs [][]byte, sizes []int, offset int) (int, error) {
	return d.dev.Read(bufs, sizes, offset)
}

// Write hands packets, each behind offset octets of its buffer, to the system
// in their order.
func (d *Device) Write(bufs [][]byte, offset int) (int, error) { return d.dev.Write(bufs, offset) }
