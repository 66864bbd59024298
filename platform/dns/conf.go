package dns

import (
	"net/netip"
	"slices"
	"strings"
)

// confText is cfg as lines of resolv.conf(5).
func confText(cfg Config) string {
	var b strings.Builder
	if len(cfg.Search) != 0 {
		b.WriteString("search " + strings.Join(cfg.Search, " ") + "\n")
	}
	for _, a := range cfg.Servers {
		b.WriteString("nameserver " + a.String() + "\n")
	}
	return b.String()
}

// conf is what a resolv.conf(5) says.
type conf struct {
	servers []netip.Addr
	search  []string
}

func parseConf(text string) conf {
	var c conf
	for line := range strings.Lines(text) {
		f := strings.Fields(line)
		if len(f) < 2 {
			continue
		}
		switch f[0] {
		case "nameserver":
			if a, err := netip.ParseAddr(f[1]); err == nil {
				c.servers = append(c.servers, a)
			}
		case "search", "domain":
			c.search = f[1:] // the last one counts
		}
	}
	return c
}

// libcServers is how many servers libc asks (resolv.conf(5), MAXNS).
const libcServers = 3

// asks reports whether libc asks the servers of cfg before all others.
func (c conf) asks(cfg Config) bool {
	want := cfg.Servers[:min(len(cfg.Servers), libcServers)]
	return len(c.servers) >= len(want) && slices.Equal(c.servers[:len(want)], want)
}

// forwarded reports whether libc asks a server on this machine first, which is
// told by other means whom to ask.
func (c conf) forwarded() bool { return len(c.servers) != 0 && c.servers[0].IsLoopback() }

// stub reports whether libc asks nobody but systemd-resolved
// (systemd-resolved.service(8): 127.0.0.53 and 127.0.0.54).
func (c conf) stub() bool {
	return len(c.servers) != 0 && !slices.ContainsFunc(c.servers, func(a netip.Addr) bool {
		return a != netip.AddrFrom4([4]byte{127, 0, 0, 53}) && a != netip.AddrFrom4([4]byte{127, 0, 0, 54})
	})
}
