package cli

import (
	"context"
	"errors"
	"net"
	"net/netip"

	"github.com/culvert-vpn/culvert/app/dial"
	"github.com/culvert-vpn/culvert/app/netplan"
	"github.com/culvert-vpn/culvert/app/profile"
	"github.com/culvert-vpn/culvert/engine"
	"github.com/culvert-vpn/culvert/engine/dataplane"
	"github.com/culvert-vpn/culvert/engine/failure"
	"github.com/culvert-vpn/culvert/engine/stack"
	"github.com/culvert-vpn/culvert/platform/route"
	"github.com/culvert-vpn/culvert/platform/tun"
)

// interfacePrefix is what the names of our interfaces begin with.
const interfacePrefix = "culvert"

// probeMTU is for a device that is closed again at once.
const probeMTU = 1400

// system is the machine that this process runs on.
type system struct{}

func thisMachine() machine { return system{} }

// prepare learns now rather than after the login what is not allowed.
func (system) prepare() error {
	if _, err := route.New(nil); err != nil {
		return failure.OfSystem(failure.Routes, failure.OSRoutes, err)
	}
	d, err := tun.Open(probeMTU)
	if err != nil {
		return failure.OfSystem(failure.Routes, failure.OSTUN, err)
	}
	if err := d.Close(); err != nil {
		return failure.OfSystem(failure.Routes, failure.OSTUN, err)
	}
	if err := route.Sweep(interfacePrefix); err != nil {
		return failure.OfSystem(failure.Routes, failure.OSRoutes, err)
	}
	return nil
}

func (system) lookup(ctx context.Context, host string) ([]netip.Addr, error) {
	return net.DefaultResolver.LookupNetIP(ctx, "ip", host)
}

func (system) connect(ctx context.Context, cfg engine.Config) (dial.Session, error) {
	cfg.Network = dial.Sockets{}
	return dial.Connect(ctx, cfg)
}

func (system) device(p *profile.Profile, server netip.Addr, n stack.Network) (dataplane.Device, string, error) {
	routes, err := route.New(nil) // no journal: prepare sweeps instead
	if err != nil {
		return nil, "", failure.OfSystem(failure.Routes, failure.OSRoutes, err)
	}
	t, err := tun.Open(n.MTU)
	if err != nil {
		return nil, "", failure.OfSystem(failure.Routes, failure.OSTUN, err)
	}
	c := netplan.Connection{Interface: t.Name(), Server: server, Local: n.Local, Peer: n.Peer, MTU: n.MTU}
	err = routes.Set(context.Background(), netplan.Routes(p, c))
	if err != nil {
		return nil, "", failure.OfSystem(failure.Routes, failure.OSRoutes, errors.Join(err, t.Close()))
	}
	return &tunnel{Device: dataplane.NewTUN(t), routes: routes, profile: p, connection: c}, t.Name(), nil
}

// inside makes the device of a gateway, with its address and the way to its
// clients.
func inside(conf *profile.Gateway) (dataplane.Device, error) {
	routes, err := route.New(nil)
	if err != nil {
		return nil, err
	}
	t, err := tun.Open(conf.MTU)
	if err != nil {
		return nil, err
	}
	cfg := route.Config{Interface: t.Name(), Address: conf.Address, Address6: conf.Address6, MTU: conf.MTU, Routes: []netip.Prefix{conf.Pool}}
	if conf.Pool6.IsValid() {
		cfg.Routes = append(cfg.Routes, conf.Pool6)
	}
	err = routes.Set(context.Background(), cfg)
	if err != nil {
		return nil, errors.Join(err, t.Close())
	}
	return &tunnel{Device: dataplane.NewTUN(t), routes: routes}, nil
}

// Close takes the routes away while there is an interface to take them from.
func (t *tunnel) Close() error {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.closed = true
	return errors.Join(t.routes.Clear(), t.Device.Close())
}
