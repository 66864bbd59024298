package tun

import (
	"fmt"

	wg "golang.zx2c4.com/wireguard/tun"
)

const (
	// adapterName is what the list of network connections shows.
	adapterName = "culvert0"

	headroom  = 0
	batchSize = 64
)

func open(mtu int) (wg.Device, error) {
	dev, err := wg.CreateTUN(adapterName, mtu)
	if err != nil {
		return nil, fmt.Errorf("tun: %w", err)
	}
	return dev, nil
}

// system reads the ring of Wintun, which the library does without a system call
// while there are packets.
type system struct{}

func (system) init(wg.Device) error { return nil }

func (system) read(dev wg.Device, bufs [][]byte, sizes []int, offset int) (int, error) {
	return dev.Read(bufs, sizes, offset)
}

func (system) write(dev wg.Device, bufs [][]byte) error {
	_, err := dev.Write(bufs, headroom)
	return err
}
