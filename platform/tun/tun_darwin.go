package tun

import (
	"fmt"

	wg "golang.zx2c4.com/wireguard/tun"
)

// headroom is the address family that a utun device has in front of a packet.
const headroom = 4

// slot holds one packet behind that headroom.
type slot []byte

func open(mtu int) (wg.Device, error) {
	dev, err := wg.CreateTUN("utun", mtu)
	if err != nil {
		return nil, fmt.Errorf("tun: %w", err)
	}
	return dev, nil
}

// read brings one packet at a time, which is all that a utun device has.
func (d *Device) read(bufs [][]byte, sizes []int, offset int) (int, error) {
	if offset >= headroom {
		return d.dev.Read(bufs, sizes, offset)
	}
	tmp := make([]byte, headroom+len(bufs[0])-offset)
	n, err := d.dev.Read([][]byte{tmp}, sizes, headroom)
	if n > 0 {
		copy(bufs[0][offset:], tmp[headroom:headroom+sizes[0]])
	}
	return n, err
}

// Write hands packets, each behind offset octets of its buffer, to the kernel
// in their order.
func (d *Device) Write(bufs [][]byte, offset int) (int, error) {
	if offset >= headroom {
		return d.dev.Write(bufs, offset)
	}
	d.writing.Lock()
	defer d.writing.Unlock()
	d.out = d.out[:0]
	for i, b := range bufs {
		if len(d.slots) == i {
			d.slots = append(d.slots, make(slot, headroom))
		}
		d.slots[i] = append(d.slots[i][:headroom], b[offset:]...)
		d.out = append(d.out, d.slots[i])
	}
	return d.dev.Write(d.out, headroom)
}
