//go:build linux

package main

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"strings"

	"github.com/vishvananda/netlink"
	"github.com/vishvananda/netns"
	"golang.org/x/sys/unix"
)

// The addresses: outside those of RFC 5737, inside culvert gateway's own.
var (
	nearOuter = netip.MustParsePrefix("198.51.100.2/24")
	farOuter  = netip.MustParsePrefix("198.51.100.1/24")
	nearInner = netip.MustParsePrefix("10.99.0.2/24") // where nothing assigns one
	farInner  = netip.MustParsePrefix("10.99.0.1/24")
)

// Ours: names of interfaces, each in a namespace of its own.
const (
	wireName = "wire"
	innerMTU = 1400
)

// host is a network namespace, and the process that holds it.
type host struct {
	bed    *bed
	name   string
	holder *process
	ns     netns.NsHandle
	net    *netlink.Handle
}

// bed is two hosts, a cable between them, and what runs there.
type bed struct {
	dir       string // for files of this bed
	near, far *host
	procs     []*process // in the order of their start
}

// newBed makes a bed; the caller closes it, also after an error.
func newBed(h *harness) (*bed, error) {
	dir, err := os.MkdirTemp(h.dir, "bed-")
	if err != nil {
		return nil, err
	}
	b := &bed{dir: dir}
	if b.near, err = b.newHost("near"); err != nil {
		return b, err
	}
	if b.far, err = b.newHost("far"); err != nil {
		return b, err
	}
	attrs := netlink.NewLinkAttrs()
	attrs.Name = wireName
	cable := &netlink.Veth{LinkAttrs: attrs, PeerName: wireName, PeerNamespace: netlink.NsFd(b.far.ns)}
	if err := b.near.net.LinkAdd(cable); err != nil {
		return b, fmt.Errorf("cable: %w", err)
	}
	if h.options.nic {
		for _, on := range []*host{b.near, b.far} {
			if err := on.likeNIC(); err != nil {
				return b, err
			}
		}
	}
	return b, errors.Join(b.near.configure(wireName, nearOuter, 1500), b.far.configure(wireName, farOuter, 1500))
}

// newHost makes a namespace. With an error comes what there is to close.
func (b *bed) newHost(name string) (*host, error) {
	p, err := start(name+" namespace", unix.CLONE_NEWNET, "sleep", "infinity")
	if err != nil {
		return nil, err
	}
	b.procs = append(b.procs, p)
	h := &host{bed: b, name: name, holder: p, ns: netns.None()}
	if h.ns, err = netns.GetFromPid(p.pid()); err != nil {
		return h, fmt.Errorf("namespace: %w", err)
	}
	if h.net, err = netlink.NewHandleAt(h.ns); err != nil {
		return h, fmt.Errorf("namespace: %w", err)
	}
	lo, err := h.net.LinkByName("lo")
	if err == nil {
		err = h.net.LinkSetUp(lo)
	}
	if err != nil {
		return h, fmt.Errorf("loopback: %w", err)
	}
	return h, nil
}

// close ends all that runs on the bed, the last first, and with it the
// namespaces. Once ctx is done it kills.
func (b *bed) close(ctx context.Context) error {
	for i := len(b.procs) - 1; i >= 0; i-- {
		b.procs[i].stop(ctx)
	}
	var errs []error
	for _, h := range []*host{b.near, b.far} {
		if h == nil {
			continue
		}
		if h.net != nil {
			h.net.Close()
		}
		if h.ns.IsOpen() {
			errs = append(errs, h.ns.Close())
		}
	}
	return errors.Join(append(errs, os.RemoveAll(b.dir))...)
}

// log is what the programs on the bed have said last, but for those that ended
// well.
func (b *bed) log() string {
	var s strings.Builder
	for _, p := range b.procs {
		select {
		case <-p.ended:
			if p.err == nil {
				continue
			}
		default:
		}
		s.WriteString(p.tail())
	}
	return s.String()
}

// file writes a file that only its owner can read, and returns its path.
func (b *bed) file(name string, data []byte) (string, error) {
	path := filepath.Join(b.dir, name)
	return path, os.WriteFile(path, data, 0o600)
}

// argv is what runs a command line in the namespace.
func (h *host) argv(command ...string) []string {
	return append([]string{"nsenter", "--net=" + fmt.Sprintf("/proc/%d/ns/net", h.holder.pid()), "--"}, command...)
}

// start starts a program in the namespace, to be ended with the bed.
func (h *host) start(name string, command ...string) (*process, error) {
	p, err := start(h.name+" "+name, 0, h.argv(command...)...)
	if err == nil {
		h.bed.procs = append(h.bed.procs, p)
	}
	return p, err
}

// configure gives an interface its address and MTU and sets it up.
func (h *host) configure(name string, address netip.Prefix, mtu int) error {
	link, err := h.net.LinkByName(name)
	if err != nil {
		return fmt.Errorf("%s of %s: %w", name, h.name, err)
	}
	addr, err := netlink.ParseAddr(address.String())
	if err != nil {
		return err
	}
	err = h.net.LinkSetMTU(link, mtu)
	if err == nil {
		err = h.net.AddrAdd(link, addr)
	}
	if err == nil {
		err = h.net.LinkSetUp(link)
	}
	if err != nil {
		return fmt.Errorf("%s of %s: %w", name, h.name, err)
	}
	return nil
}

// appears waits for an interface that process p makes.
func (h *host) appears(ctx context.Context, p *process, name string) error {
	return poll(ctx, "interface "+name, func() (bool, error) {
		if _, err := h.net.LinkByName(name); err == nil {
			return true, nil
		}
		select {
		case <-p.ended:
			return false, fmt.Errorf("%s ended: %v", p.name, p.cmd.ProcessState)
		default:
			return false, nil
		}
	})
}

// likeNIC takes from the cable what no network card does, and gives the
// receiving side what every driver has.
func (h *host) likeNIC() error {
	p, err := start("ethtool", 0, h.argv("ethtool", "-K", wireName, "tx-udp-segmentation", "off", "gro", "on")...)
	if err != nil {
		return err
	}
	<-p.ended
	if p.err != nil {
		return fmt.Errorf("ethtool: %w\n%s", p.err, p.tail())
	}
	return nil
}
