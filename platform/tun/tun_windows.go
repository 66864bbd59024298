package tun

import (
	"fmt"

	wg "golang.zx2c4.com/wireguard/tun"
)

// adapterName is what the list of network connections shows.
const adapterName = "culvert0"

type slot struct{}

func open(mtu int) (wg.Device, error) {
	dev, err := wg.CreateTUN(adapterName, mtu)
	if err != nil {
		return nil, fmt.Errorf("tun: %w", err)
	}
	return dev, nil
}

func (d *Device) read(bufs [][]byte, sizes []int, offset int) (int, error) {
	return d.dev.Read(bufs, sizes, offset)
}

// Write hands packets, each behind offset octets of its buffer, to the system
// in their order.
func (d *Device) Write(bufs [][]byte, offset int) (int, error) { return d.dev.Write(bufs, offset) }
