package tun

import (
	"errors"
	"fmt"
	"io/fs"

	"golang.org/x/sys/unix"
	wg "golang.zx2c4.com/wireguard/tun"
)

const (
	devicePath = "/dev/net/tun"
	// The kernel puts in the first number that is free.
	namePattern = "culvert%d"
)

// headroom is what the library needs in front of a packet for its header of
// segmentation offload (struct virtio_net_hdr).
const headroom = 10

// slotSize lets the packets of one TCP flow be joined behind their first one,
// up to the largest IP packet, so that the kernel takes them as one.
const slotSize = headroom + 65535

type slot []byte

func open(mtu int) (wg.Device, error) {
	fd, err := unix.Open(devicePath, unix.O_RDWR|unix.O_CLOEXEC, 0)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("%w: open %s: %w", ErrUnsupported, devicePath, err)
	}
	if err != nil {
		return nil, fmt.Errorf("tun: open %s: %w", devicePath, err)
	}
	if err := attach(fd, mtu); err != nil {
		unix.Close(fd)
		return nil, err
	}
	// Unmonitored: the library would otherwise poll the device's state once a
	// second for as long as it lives.
	dev, _, err := wg.CreateUnmonitoredTUNFromFD(fd)
	if err != nil {
		return nil, fmt.Errorf("tun: %w", err)
	}
	return dev, nil
}

// attach makes a new interface for fd and sets its MTU.
func attach(fd, mtu int) error {
	ifr, err := unix.NewIfreq(namePattern)
	if err != nil {
		return fmt.Errorf("tun: %w", err)
	}
	ifr.SetUint16(unix.IFF_TUN | unix.IFF_NO_PI | unix.IFF_VNET_HDR)
	if err := unix.IoctlIfreq(fd, unix.TUNSETIFF, ifr); err != nil {
		return fmt.Errorf("tun: make an interface: %w", err)
	}
	s, err := unix.Socket(unix.AF_INET, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return fmt.Errorf("tun: %w", err)
	}
	defer unix.Close(s)
	name := ifr.Name()
	if ifr, err = unix.NewIfreq(name); err != nil {
		return fmt.Errorf("tun: %w", err)
	}
	ifr.SetUint32(uint32(mtu))
	if err := unix.IoctlIfreq(s, unix.SIOCSIFMTU, ifr); err != nil {
		return fmt.Errorf("tun: set MTU %d of %s: %w", mtu, name, err)
	}
	return nil
}

func (d *Device) read(bufs [][]byte, sizes []int, offset int) (int, error) {
	return d.dev.Read(bufs, sizes, offset)
}

// Write hands packets, each behind offset octets of its buffer, to the kernel
// in their order. The buffers stay as they are: the library joins the packets
// of a flow by appending to the first one's buffer, so each goes through a slot
// of ours with room behind it. The copy costs far less than the system calls
// that joining saves.
func (d *Device) Write(bufs [][]byte, offset int) (int, error) {
	d.writing.Lock()
	defer d.writing.Unlock()
	d.out = d.out[:0]
	for i, b := range bufs {
		if len(d.slots) == i {
			d.slots = append(d.slots, make(slot, slotSize))
		}
		s := d.slots[i][:headroom]
		d.out = append(d.out, append(s, b[offset:]...))
	}
	return d.dev.Write(d.out, headroom)
}
