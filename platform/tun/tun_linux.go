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

// One burst of 64 KB makes 48 packets of 1,400 octets; with one such behind what
// came before, nothing is lost.
const batchSize = 128

func open(mtu int) (*system, string, error) {
	fd, err := unix.Open(devicePath, unix.O_RDWR|unix.O_CLOEXEC, 0)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, "", fmt.Errorf("%w: open %s: %w", ErrUnsupported, devicePath, err)
	}
	if err != nil {
		return nil, "", fmt.Errorf("tun: open %s: %w", devicePath, err)
	}
	if err := attach(fd, mtu); err != nil {
		unix.Close(fd)
		return nil, "", err
	}
	// Unmonitored: the library would otherwise poll the device's state once a
	// second for as long as it lives.
	dev, _, err := wg.CreateUnmonitoredTUNFromFD(fd)
	if err != nil {
		return nil, "", fmt.Errorf("tun: %w", err)
	}
	s := &system{}
	name, err := s.take(dev)
	if err != nil {
		return nil, "", err
	}
	if err := s.init(); err != nil {
		return nil, "", errors.Join(err, s.close())
	}
	return s, name, nil
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
