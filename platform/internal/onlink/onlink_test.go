package onlink

import (
	"fmt"
	"net/netip"
	"testing"
)

func TestLocal(t *testing.T) {
	var found []netip.Prefix
	for _, s := range []string{
		"192.168.1.7/24", "172.17.0.1/16", "169.254.3.3/16", "fe80::1/64", "fd00::7/64",
		"203.0.113.9/24", "203.0.113.77/24", "2001:db8::9/64", "198.51.100.9/22",
		"10.5.6.7/8", "172.16.0.1/12", "198.51.100.9/16", "8.8.9.8/1", "2001:db8:5:6::9/48", // too wide
		"192.0.2.9/32", "2001:db8::9/128", // no link
	} {
		found = append(found, netip.MustParsePrefix(s))
	}
	want := "[192.168.1.0/24 172.17.0.0/16 169.254.0.0/16 fe80::/64 fd00::/64 203.0.113.0/24 2001:db8::/64 198.51.100.0/22 10.5.0.0/16 172.16.0.0/16 8.8.8.0/22 2001:db8:5:6::/64]"
	if got := fmt.Sprint(local(found)); got != want {
		t.Errorf("local = %s, want %s", got, want)
	}
}
