package dns

import (
	"net/netip"
	"reflect"
	"strings"
	"testing"
)

func addrs(text ...string) []netip.Addr {
	var all []netip.Addr
	for _, s := range text {
		all = append(all, netip.MustParseAddr(s))
	}
	return all
}

func TestConfigNormal(t *testing.T) {
	got, err := Config{
		Interface: "culvert0",
		Servers:   addrs("10.0.0.1", "::ffff:10.0.0.1", "fd00::1", "10.0.0.1"),
		Search:    []string{"Corp.Example.", "corp.example"},
		Domains:   []string{"~a.example", ".b.example", "_sip._udp.c.example", "xn--bcher-kva.example"},
	}.normal()
	want := Config{
		Interface: "culvert0",
		Servers:   addrs("10.0.0.1", "fd00::1"),
		Search:    []string{"corp.example"},
		Domains:   []string{"a.example", "b.example", "_sip._udp.c.example", "xn--bcher-kva.example"},
	}
	if err != nil || !reflect.DeepEqual(got, want) {
		t.Errorf("normal = %+v, %v, want %+v", got, err, want)
	}
}

// What a hostile gateway may send must not reach a file or a script.
func TestConfigRefused(t *testing.T) {
	good := func() Config { return Config{Interface: "culvert0", Servers: addrs("10.0.0.1")} }
	if _, err := good().normal(); err != nil {
		t.Fatal(err)
	}
	for name, change := range map[string]func(*Config){
		"no interface":         func(c *Config) { c.Interface = "" },
		"interface with slash": func(c *Config) { c.Interface = "../x" },
		"interface with line":  func(c *Config) { c.Interface = "a\nb" },
		"no servers":           func(c *Config) { c.Servers = nil },
		"no address":           func(c *Config) { c.Servers = []netip.Addr{{}} },
		"unspecified":          func(c *Config) { c.Servers = addrs("0.0.0.0") },
		"multicast":            func(c *Config) { c.Servers = addrs("224.0.0.251") },
		"zone":                 func(c *Config) { c.Servers = addrs("fe80::1%eth0") },
		"empty domain":         func(c *Config) { c.Domains = []string{""} },
		"root domain":          func(c *Config) { c.Domains = []string{"."} },
		"empty label":          func(c *Config) { c.Domains = []string{"a..b"} },
		"line":                 func(c *Config) { c.Search = []string{"a.example\nnameserver 192.0.2.1"} },
		"space":                func(c *Config) { c.Search = []string{"a.example b.example"} },
		"quote":                func(c *Config) { c.Search = []string{`a"b`} },
		"wildcard":             func(c *Config) { c.Domains = []string{"*"} },
		"option":               func(c *Config) { c.Domains = []string{"-x.example"} },
		"no punycode":          func(c *Config) { c.Domains = []string{"bücher.example"} },
		"long label":           func(c *Config) { c.Domains = []string{strings.Repeat("a", 64)} },
		"long":                 func(c *Config) { c.Domains = []string{strings.Repeat("abc.", 64)} },
	} {
		c := good()
		change(&c)
		if got, err := c.normal(); err == nil || !strings.HasPrefix(err.Error(), "dns: ") {
			t.Errorf("%s: normal = %+v, %v, want an error", name, got, err)
		}
	}
}

func TestConf(t *testing.T) {
	cfg := Config{Servers: addrs("10.0.0.1", "fd00::1"), Search: []string{"a.example", "b.example"}}
	const text = "search a.example b.example\nnameserver 10.0.0.1\nnameserver fd00::1\n"
	if got := confText(cfg); got != text {
		t.Errorf("confText = %q, want %q", got, text)
	}
	for _, tt := range []struct {
		text                  string
		asks, forwarded, stub bool
	}{
		{text, true, false, false},
		{"# x\n\n" + text + "nameserver 192.0.2.1\n", true, false, false},
		{"nameserver 192.0.2.1\n" + text, false, false, false},
		{"nameserver 10.0.0.1\n", false, false, false},
		{"nameserver 127.0.0.1\n", false, true, false},
		{"nameserver ::1\n", false, true, false},
		{"nameserver 127.0.0.53\noptions edns0\n", false, true, true},
		{"nameserver 127.0.0.53\nnameserver 127.0.0.54\n", false, true, true},
		{"nameserver 127.0.0.53\nnameserver 192.0.2.1\n", false, true, false},
		{"; nameserver 10.0.0.1\nnameserver\nnameserver x\n", false, false, false},
		{"", false, false, false},
	} {
		c := parseConf(tt.text)
		if c.asks(cfg) != tt.asks || c.forwarded() != tt.forwarded || c.stub() != tt.stub {
			t.Errorf("parseConf(%q): asks %v, forwarded %v, stub %v, want %+v", tt.text, c.asks(cfg), c.forwarded(), c.stub(), tt)
		}
	}
}
