package route

import (
	"errors"
	"fmt"
	"net"
	"net/netip"

	"golang.org/x/sys/windows"
	"golang.zx2c4.com/wireguard/windows/tunnel/winipcfg"
)

// helper is the runner that calls the IP helper functions.
type helper struct{}

func newRunner() (runner, error) { return helper{}, nil }

func (helper) traits() traits { return traits{} }

func (helper) link(name string) (link, error) {
	l, err := linkOf(name)
	l.mtu, l.up = 0, true // goes with its adapter: nothing to restore
	return l, err
}

func (helper) routes() ([]entry, error) { return table() }

func (helper) do(ops []op) []error {
	errs := make([]error, len(ops))
	for i, o := range ops {
		errs[i] = o.answer(o.call())
	}
	return errs
}

// call makes the op.
func (o op) call() error {
	if o.Do == setLink && o.Delete {
		return nil
	}
	// The index may be another interface's by now, after a restart.
	if i, err := net.InterfaceByIndex(o.Index); err != nil || i.Name != o.Dev {
		if o.Delete {
			return nil
		}
		return windows.ERROR_FILE_NOT_FOUND
	}
	luid, err := winipcfg.LUIDFromIndex(uint32(o.Index)) //nolint:gosec // an interface index
	if err != nil {
		return err
	}
	switch o.Do {
	case setLink:
		return setInterface(luid, o.MTU)
	case addAddress:
		if o.Delete {
			return luid.DeleteIPAddress(o.Prefix)
		}
		return luid.AddIPAddress(o.Prefix)
	case addRoute:
		via := o.Via
		if !via.IsValid() {
			via = netip.IPv4Unspecified()
			if o.Prefix.Addr().Is6() {
				via = netip.IPv6Unspecified()
			}
		}
		if o.Delete {
			return luid.DeleteRoute(o.Prefix, via)
		}
		return luid.AddRoute(o.Prefix, via, 0)
	}
	return ErrUnsupported
}

// From the specification: the least MTU of IPv6 (RFC 8200, 5).
const minMTU6 = 1280

// setInterface makes the tunnel the best way for its routes and its DNS
// servers: metric 0 goes before every automatic one. Nobody on it answers
// duplicate address detection or router discovery.
func setInterface(luid winipcfg.LUID, mtu int) error {
	for _, f := range []winipcfg.AddressFamily{windows.AF_INET, windows.AF_INET6} {
		row, err := luid.IPInterface(f)
		if errors.Is(err, windows.ERROR_NOT_FOUND) && f == windows.AF_INET6 {
			continue // IPv6 is switched off
		}
		if err != nil {
			return err
		}
		row.UseAutomaticMetric, row.Metric = false, 0
		row.DadTransmits = 0
		row.RouterDiscoveryBehavior = winipcfg.RouterDiscoveryDisabled
		row.ManagedAddressConfigurationSupported = false
		row.OtherStatefulConfigurationSupported = false
		if mtu != 0 {
			row.NLMTU = uint32(mtu) //nolint:gosec // positive
			if f == windows.AF_INET6 {
				row.NLMTU = max(row.NLMTU, minMTU6)
			}
		}
		if f == windows.AF_INET {
			row.SitePrefixLength = 0 // SetIpInterfaceEntry refuses another value
		}
		if err := row.Set(); err != nil {
			return err
		}
	}
	return nil
}

// answer is what the result of a call means.
func (o op) answer(err error) error {
	switch {
	case o.Delete && (errors.Is(err, windows.ERROR_NOT_FOUND) || errors.Is(err, windows.ERROR_FILE_NOT_FOUND)):
		return nil // gone already
	case errors.Is(err, windows.ERROR_OBJECT_ALREADY_EXISTS), errors.Is(err, windows.ERROR_ALREADY_EXISTS):
		if o.again || o.Do == addAddress {
			return nil
		}
		return fmt.Errorf("%w (%w)", ErrTaken, err)
	}
	return err
}
