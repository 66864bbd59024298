//go:build linux

package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"net/netip"
	"os/signal"
	"sync"
	"syscall"

	"github.com/culvert-vpn/culvert/engine/dataplane"
	"github.com/culvert-vpn/culvert/engine/packet"
	"github.com/culvert-vpn/culvert/platform/tun"
	"github.com/culvert-vpn/culvert/platform/udp"
)

// passCommand is a tunnel that does nothing to its packets, one end of it: the
// device and the socket of culvert up, and nothing between them.
func passCommand(args []string) error {
	var local, remote netip.AddrPort
	f := flag.NewFlagSet("pass", flag.ContinueOnError)
	f.TextVar(&local, "local", netip.AddrPort{}, "own `address:port`")
	f.TextVar(&remote, "remote", netip.AddrPort{}, "the other end's `address:port`")
	if err := f.Parse(args); err != nil {
		return err
	}
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM, syscall.SIGINT)
	defer stop()
	t, err := tun.Open(innerMTU)
	if err != nil {
		return err
	}
	s, err := udp.Open(local, remote, udp.Options{})
	if err != nil {
		return errors.Join(err, t.Close())
	}
	fmt.Println(t.Name())
	device := dataplane.NewTUN(t)
	failed := make(chan error, 2) // one of each direction
	var wg sync.WaitGroup
	wg.Go(func() { failed <- passOut(device, s) })
	wg.Go(func() { failed <- passIn(device, s) })
	select {
	case <-ctx.Done():
		err = nil
	case err = <-failed:
	}
	err = errors.Join(err, device.Close(), s.Close())
	wg.Wait()
	return err
}

// passOut takes packets from the device to the socket.
func passOut(d dataplane.Device, s dataplane.Socket) error {
	batch := packet.NewBatch(dataplane.BatchSize)
	w := dataplane.NewWriter(s, true)
	for {
		n, err := d.Read(batch)
		if err != nil {
			return err
		}
		_ = w.Write(batch[:n]) // as in any tunnel: what is not sent is lost
	}
}

// passIn takes packets from the socket to the device.
func passIn(d dataplane.Device, s dataplane.Socket) error {
	r := dataplane.NewReader(s, packet.ControlSize)
	for {
		batch, err := r.Read()
		switch {
		case errors.Is(err, syscall.ECONNREFUSED): // the other end is not there yet
			continue
		case err != nil:
			return err
		}
		_ = d.Write(batch)
	}
}
