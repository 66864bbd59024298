package tun

import (
	"fmt"

	wg "golang.zx2c4.com/wireguard/tun"
)

const (
	// headroom is the address family that a utun device has in front of a packet.
	headroom  = 4
	batchSize = 1
)

func open(mtu int) (wg.Device, error) {
	dev, err := wg.CreateTUN("utun", mtu)
	if err != nil {
		return nil, fmt.Errorf("tun: %w", err)
	}
	return dev, nil
}

// system reads and writes one packet at a time, which is all that a utun device
// has.
type system struct{}

func (system) init(wg.Device) error { return nil }

func (system) read(dev wg.Device, bufs [][]byte, sizes []int, offset int) (int, error) {
	return dev.Read(bufs, sizes, offset)
}

func (system) write(dev wg.Device, bufs [][]byte) error {
	_, err := dev.Write(bufs, headroom)
	return err
}
