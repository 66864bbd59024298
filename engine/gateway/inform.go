package gateway

import (
	"net/netip"

	"github.com/culvert-vpn/culvert/engine/dataplane"
	"github.com/culvert-vpn/culvert/engine/dhcp"
	"github.com/culvert-vpn/culvert/engine/packet"
	"github.com/culvert-vpn/culvert/engine/stack"
)

// answerer tells clients that ask what the gateway offers. It belongs to one
// receiving goroutine; nil answers nothing.
type answerer struct {
	*Gateway
	buf *packet.Buffer
	to  map[stack.Via]*dataplane.Writer
}

func newAnswerer(g *Gateway) *answerer {
	if g.offer == nil {
		return nil
	}
	return &answerer{g, packet.New(packet.Size), g.writers()}
}

// answer takes the questions out of the packets of one client, which are in its
// own name.
func (a *answerer) answer(c *client, run []*packet.Buffer) {
	if a == nil {
		return
	}
	for _, b := range run {
		ip := b.Bytes()
		if !dhcp.Asks(ip) {
			continue
		}
		out := a.offer.Answer(ip, netip.AddrFrom4([4]byte(ip[12:16])))
		if out == nil {
			continue
		}
		b.Drop()
		if a.buf.Reset(); a.buf.Set(out) {
			a.seal(c, []*packet.Buffer{a.buf}, a.to)
		}
	}
}
