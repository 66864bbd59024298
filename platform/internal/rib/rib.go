// Package rib reads the routing table of macOS and Windows.
package rib

import "net/netip"

// Route is one route of the table that leads somewhere.
type Route struct {
	Prefix netip.Prefix
	Via    netip.Addr // not valid: on the link
	Dev    string
	Index  int
	Metric int // with the interface's, on Windows
	Up     bool
}
