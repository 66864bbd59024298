//go:build !linux && !windows && !darwin

package tun

import wg "golang.zx2c4.com/wireguard/tun"

const (
	headroom  = 0
	batchSize = 1
)

func open(int) (wg.Device, error) { return nil, ErrUnsupported }

type system struct{}

func (system) init(wg.Device) error { return nil }

func (system) read(dev wg.Device, bufs [][]byte, sizes []int, offset int) (int, error) {
	return dev.Read(bufs, sizes, offset)
}

func (system) write(dev wg.Device, bufs [][]byte) error {
	_, err := dev.Write(bufs, headroom)
	return err
}
