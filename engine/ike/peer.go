package ike

import "net/netip"

// Peer is where the peer is now: port 500 of it, or 4500 once the exchange has
// moved there.
func (c *Conn) Peer() netip.AddrPort { return c.to }
