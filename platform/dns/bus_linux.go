package dns

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"syscall"

	"github.com/godbus/dbus/v5"
)

// errNotRunning is a service that is not there: neither on the bus nor started
// by it, or there is no bus.
var errNotRunning = errors.New("not running")

// bus is a connection to the system's D-Bus.
type bus struct{ conn *dbus.Conn }

// onBus calls f with a connection that ends with it, or with ctx.
func onBus(ctx context.Context, opts Options, f func(b bus) error) error {
	address := opts.Bus
	if address == "" {
		address = "unix:path=" + dbus.EscapeBusAddressValue(opts.path("/run/dbus/system_bus_socket"))
	}
	conn, err := dbus.Dial(address, dbus.WithContext(ctx))
	if errors.Is(err, fs.ErrNotExist) || errors.Is(err, syscall.ECONNREFUSED) {
		return fmt.Errorf("%w: there is no D-Bus: %w", errNotRunning, err)
	}
	if err != nil {
		return fmt.Errorf("connect to D-Bus: %w", err)
	}
	defer conn.Close()
	// The connection closes when ctx is done, which ends these two.
	if err := conn.Auth(nil); err != nil {
		return fmt.Errorf("connect to D-Bus: %w", err)
	}
	if err := conn.Hello(); err != nil {
		return fmt.Errorf("connect to D-Bus: %w", err)
	}
	return f(bus{conn})
}

// names of D-Bus errors that say that a service is not there
// (D-Bus specification, "Message Bus Starting Services").
var notThere = []string{
	"org.freedesktop.DBus.Error.ServiceUnknown",
	"org.freedesktop.DBus.Error.NameHasNoOwner",
	"org.freedesktop.DBus.Error.Spawn.ExecFailed",
	"org.freedesktop.DBus.Error.Spawn.ForkFailed",
	"org.freedesktop.DBus.Error.Spawn.ChildExited",
	"org.freedesktop.DBus.Error.Spawn.ChildSignaled",
	"org.freedesktop.DBus.Error.Spawn.Failed",
	"org.freedesktop.DBus.Error.Spawn.FileInvalid",
	"org.freedesktop.DBus.Error.Spawn.ServiceNotFound",
	"org.freedesktop.systemd1.NoSuchUnit",
	"org.freedesktop.systemd1.UnitMasked",
}

// call calls a method and stores what it gives.
func (b bus) call(ctx context.Context, to dest, method string, args []any, into ...any) error {
	c := b.conn.Object(to.name, to.path).CallWithContext(ctx, method, 0, args...)
	if len(into) != 0 && c.Err == nil {
		c.Err = c.Store(into...)
	}
	switch {
	case c.Err == nil:
		return nil
	case isNamed(c.Err, notThere...):
		return fmt.Errorf("%w: %w", errNotRunning, c.Err)
	}
	return fmt.Errorf("%s: %w", method, c.Err)
}

// dest is an object of a service.
type dest struct {
	name string
	path dbus.ObjectPath
}

// isNamed reports whether err is a D-Bus error of one of the names.
func isNamed(err error, names ...string) bool {
	var e dbus.Error
	return errors.As(err, &e) && slices.Contains(names, e.Name)
}

// get reads a property; an error of the type it has is one of the service.
func (b bus) get(ctx context.Context, to dest, iface, name string, into any) error {
	var v dbus.Variant
	if err := b.call(ctx, to, "org.freedesktop.DBus.Properties.Get", []any{iface, name}, &v); err != nil {
		return fmt.Errorf("property %s: %w", name, err)
	}
	if err := v.Store(into); err != nil {
		return fmt.Errorf("property %s: %w", name, err)
	}
	return nil
}

// put writes a property.
func (b bus) put(ctx context.Context, to dest, iface, name string, value any) error {
	if err := b.call(ctx, to, "org.freedesktop.DBus.Properties.Set", []any{iface, name, dbus.MakeVariant(value)}); err != nil {
		return fmt.Errorf("property %s: %w", name, err)
	}
	return nil
}

// running reports whether somebody has the name, without starting anybody.
func (b bus) running(ctx context.Context, name string) (bool, error) {
	var has bool
	err := b.call(ctx, dest{"org.freedesktop.DBus", "/org/freedesktop/DBus"}, "org.freedesktop.DBus.NameHasOwner", []any{name}, &has)
	return has, err
}
