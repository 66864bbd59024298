package route

import (
	"errors"
	"fmt"
	"net/netip"
	"strconv"
	"strings"
)

// command is a program and its arguments.
type command []string

// commands is the runner that uses macOS' ifconfig(8) and route(8).
type commands struct {
	run   func(command) (output string, err error)
	table func() ([]entry, error)
	find  func(name string) (link, error)
}

func (c *commands) traits() traits { return traits{halves: true, refuse: true, exclusive: true} }

func (c *commands) link(name string) (link, error) { return c.find(name) }

func (c *commands) routes() ([]entry, error) { return c.table() }

func (c *commands) do(ops []op) []error {
	errs := make([]error, len(ops))
	var there map[entry]bool // for what was made before; making it again does no harm
	for i, o := range ops {
		if o.again && !o.Delete && o.Do == addRoute {
			if there == nil {
				there = c.there()
			}
			if there[entry{prefix: o.Prefix, hop: hop{dev: o.Dev}}] {
				continue
			}
		}
		out, err := c.run(o.command())
		errs[i] = o.outcome(out, err)
	}
	return errs
}

// there is which networks have routes by which interfaces.
func (c *commands) there() map[entry]bool {
	found := map[entry]bool{}
	table, err := c.table()
	if err != nil {
		return found
	}
	for _, e := range table {
		found[entry{prefix: e.prefix, hop: hop{dev: e.hop.dev}}] = true
	}
	return found
}

// command is the op for macOS.
func (o op) command() command {
	switch o.Do {
	case setLink:
		return o.linkCommand()
	case addAddress:
		return o.addressCommand()
	}
	verb := "add"
	if o.Delete {
		verb = "delete"
	}
	c := command{"/sbin/route", "-n", verb, "-inet", target(o.Prefix)}
	local := "127.0.0.1"
	if o.Prefix.Addr().Is6() {
		c[3], local = "-inet6", "::1"
	}
	switch {
	case o.Do == blockRoute:
		return append(c, local, "-reject")
	case o.Via.IsValid():
		return append(c, "-gateway", o.Via.String())
	}
	return append(c, "-interface", o.Dev)
}

func (o op) linkCommand() command {
	mtu, state := o.MTU, "up"
	if o.Delete {
		mtu = o.OldMTU
		if !o.WasUp {
			state = "down"
		}
	}
	c := command{"/sbin/ifconfig", o.Dev}
	if mtu != 0 {
		c = append(c, "mtu", strconv.Itoa(mtu))
	}
	return append(c, state)
}

func (o op) addressCommand() command {
	a := o.Prefix.Addr().String()
	c := command{"/sbin/ifconfig", o.Dev}
	switch six := o.Prefix.Addr().Is6(); {
	case o.Delete && six:
		return append(c, "inet6", a, "-alias")
	case o.Delete:
		return append(c, "inet", a, "-alias")
	case six:
		return append(c, "inet6", a, "prefixlen", "128", "alias")
	}
	// The peer of a point-to-point interface is ourselves: see Config.Routes.
	return append(c, "inet", a, a, "netmask", "255.255.255.255", "alias")
}

// target is a network as route(8) takes it: without length it is a host.
func target(p netip.Prefix) string {
	if p.IsSingleIP() {
		return p.Addr().String()
	}
	return p.String()
}

// outcome is what the answer of the command means. route(8) tells some errors
// in words only.
func (o op) outcome(out string, err error) error {
	out = strings.TrimSpace(out)
	has := func(s string) bool { return strings.Contains(out, s) }
	switch {
	case o.Delete && (has("not in table") || has("does not exist") || has("Can't assign requested address") || has("No such process")):
		return nil // gone already
	case has("File exists"):
		if o.again || o.Do == addAddress {
			return nil
		}
		return fmt.Errorf("%w (%s)", ErrTaken, out)
	case err != nil:
		return fmt.Errorf("%w: %s", err, out)
	case has("writing to routing socket"), has("bad address"), has("not in table"):
		return errors.New(out)
	}
	return nil
}
