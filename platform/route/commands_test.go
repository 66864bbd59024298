package route

import (
	"errors"
	"net/netip"
	"slices"
	"strings"
	"testing"
)

// macOS: commands are what is run, answers what they say.
type answers struct {
	lines  []string
	answer map[string]string
	fails  map[string]bool
}

func (a *answers) runner(system *fake) *commands {
	return &commands{table: system.routes, find: system.link, run: func(c command) (string, error) {
		line := strings.Join(c, " ")
		a.lines = append(a.lines, line)
		if a.fails[line] {
			return a.answer[line], errFake
		}
		return a.answer[line], nil
	}}
}

func (a *answers) want(t *testing.T, when string, want ...string) {
	t.Helper()
	if !slices.Equal(a.lines, want) {
		t.Errorf("%s:\n%s\nwant\n%s", when, strings.Join(a.lines, "\n"), strings.Join(want, "\n"))
	}
	a.lines = nil
}

func TestCommands(t *testing.T) {
	a := &answers{}
	m := &Manager{run: a.runner(&fake{is: onMac})}
	cfg := full()
	cfg.Address6, cfg.Blocked, cfg.Routes = netip.MustParseAddr("2001:db8:99::10"), prefixes("10.66.0.0/16"), prefixes("0.0.0.0/0", "::/0", "10.0.0.0/8")
	cfg.Outside = append(cfg.Outside, prefixes("192.0.2.128/25", "2001:db8:5::1/128")...)
	set(t, m, cfg)
	a.want(t, "Set",
		"/sbin/ifconfig culvert0 mtu 1400 up",
		"/sbin/ifconfig culvert0 inet 10.99.0.10 10.99.0.10 netmask 255.255.255.255 alias",
		"/sbin/ifconfig culvert0 inet6 2001:db8:99::10 prefixlen 128 alias",
		"/sbin/route -n add -inet 198.51.100.1 -gateway 192.0.2.1",
		"/sbin/route -n add -inet 192.0.2.128/25 -interface eth0",
		"/sbin/route -n add -inet6 2001:db8:5::1 ::1 -reject", // there is no other way
		"/sbin/route -n add -inet 10.66.0.0/16 127.0.0.1 -reject",
		"/sbin/route -n add -inet 0.0.0.0/1 -interface culvert0",
		"/sbin/route -n add -inet 128.0.0.0/1 -interface culvert0",
		"/sbin/route -n add -inet6 ::/1 -interface culvert0",
		"/sbin/route -n add -inet6 8000::/1 -interface culvert0",
		"/sbin/route -n add -inet 10.0.0.0/8 -interface culvert0",
	)
	cfg.Address6, cfg.Routes, cfg.Outside = netip.Addr{}, prefixes("10.0.0.0/8"), nil
	set(t, m, cfg)
	a.want(t, "Set of less",
		"/sbin/route -n delete -inet6 8000::/1 -interface culvert0",
		"/sbin/route -n delete -inet6 ::/1 -interface culvert0",
		"/sbin/route -n delete -inet 128.0.0.0/1 -interface culvert0",
		"/sbin/route -n delete -inet 0.0.0.0/1 -interface culvert0",
		"/sbin/route -n delete -inet6 2001:db8:5::1 ::1 -reject",
		"/sbin/route -n delete -inet 192.0.2.128/25 -interface eth0",
		"/sbin/route -n delete -inet 198.51.100.1 -gateway 192.0.2.1",
		"/sbin/ifconfig culvert0 inet6 2001:db8:99::10 -alias",
	)
	reset(t, m)
	a.want(t, "Clear",
		"/sbin/route -n delete -inet 10.0.0.0/8 -interface culvert0",
		"/sbin/route -n delete -inet 10.66.0.0/16 127.0.0.1 -reject",
		"/sbin/ifconfig culvert0 inet 10.99.0.10 -alias",
		"/sbin/ifconfig culvert0 mtu 1500 down",
	)
}

func TestCommandAnswers(t *testing.T) {
	add := op{Do: addRoute, Prefix: netip.MustParsePrefix("10.0.0.0/8"), Dev: "utun4"}
	again := add
	again.again = true
	address := op{Do: addAddress, Prefix: netip.MustParsePrefix("10.99.0.10/32"), Dev: "utun4"}
	const exists = "route: writing to routing socket: File exists\nadd net 10.0.0.0/8: gateway utun4: File exists"
	for _, c := range []struct {
		name, out string
		op        op
		err       error
		want      string // "": no error
	}{
		{"made", "add net 10.0.0.0/8: gateway utun4", add, nil, ""},
		{"taken, and says so by its status", exists, add, errFake, ErrTaken.Error()},
		{"taken, and says so in words only", exists, add, nil, ErrTaken.Error()},
		{"ours from before", exists, again, errFake, ""},
		{"gone", "route: writing to routing socket: not in table\ndelete net 10.0.0.0: gateway utun4: not in table", add.undo(), errFake, ""},
		{"gone with its interface", "ifconfig: interface utun4 does not exist", address.undo(), errFake, ""},
		{"no such address", "ifconfig: ioctl (SIOCDIFADDR): Can't assign requested address", address.undo(), errFake, ""},
		{"no such interface", "ifconfig: interface utun4 does not exist", address, errFake, "the system says no: ifconfig: interface utun4 does not exist"},
		{"not allowed, in words only", "route: writing to routing socket: Operation not permitted", add, nil, "Operation not permitted"},
	} {
		err := c.op.outcome(c.out, c.err)
		if (err == nil) != (c.want == "") || err != nil && !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v, want %q", c.name, err, c.want)
		}
	}
	if err := add.outcome(exists, nil); !errors.Is(err, ErrTaken) {
		t.Errorf("%v is not ErrTaken", err)
	}
}

// Update makes again what is gone, and only that.
func TestCommandsAgain(t *testing.T) {
	a := &answers{}
	system := &fake{is: onMac}
	m := &Manager{run: a.runner(system)}
	set(t, m, Config{Interface: "culvert0", Routes: prefixes("10.0.0.0/8", "172.16.0.0/12")})
	a.lines = nil
	system.more = []entry{{prefix: netip.MustParsePrefix("10.0.0.0/8"), hop: hop{dev: "culvert0", index: 7}}}
	update(t, m)
	a.want(t, "Update", "/sbin/ifconfig culvert0 up", "/sbin/route -n add -inet 172.16.0.0/12 -interface culvert0")
}
