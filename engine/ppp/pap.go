package ppp

import (
	"crypto/subtle"
	"time"

	"github.com/culvert-vpn/culvert/engine/internal/wire"
)

// From the specification (RFC 1334, 2.2).
const (
	papRequest = 1
	papAck     = 2
	papNak     = 3

	maxName = 255 // octets of a name or a password
)

// pap is the Password Authentication Protocol (RFC 1334).
type pap struct {
	id   uint8  // client: of the latest request
	sent int    // client: requests, with identifiers up to id
	user string // server: who was let in
}

// sendPAP sends our request with an identifier of its own.
func (c *Conn) sendPAP(out *Output) {
	a := &c.auth.pap
	a.id++
	a.sent++
	user, password := c.cfg.User, c.cfg.Password
	data := make([]byte, 0, 2+len(user)+len(password))
	data = append(append(data, uint8(len(user))), user...)
	data = append(append(data, uint8(len(password))), password...)
	out.send(protocolPAP, packet{papRequest, a.id, data})
}

func (c *Conn) receivePAP(now time.Time, p packet, out *Output) {
	switch {
	case c.cfg.Server && p.code == papRequest:
		c.papAsked(now, p, out)
	case !c.cfg.Server && (p.code == papAck || p.code == papNak):
		// A slow gateway answers the first of our requests after we have sent
		// the next: any of their identifiers will do.
		a := &c.auth.pap
		if !c.auth.answered || int(a.id-p.id) >= a.sent {
			out.emit(Drop{protocolPAP, DropIdentifier})
			return
		}
		if message := papMessage(p.data); p.code == papAck {
			c.letIn(now, "", message, out)
		} else {
			c.fail(now, &Error{Reason: BadCredentials, Text: message}, out)
		}
	default:
		out.emit(Drop{protocolPAP, DropIgnored})
	}
}

// papMessage is the message of an Ack or Nak. SoftEther sends no length, and
// some lengths are wrong: what is there is taken.
func papMessage(data []byte) string {
	if len(data) == 0 {
		return ""
	}
	text := data[1:]
	if n := int(data[0]); n < len(text) {
		text = text[:n]
	}
	return cleanText(text)
}

// papAsked is the server's part. Once let in, the client is told again as
// often as it asks (RFC 1334, 2.2.1).
func (c *Conn) papAsked(now time.Time, p packet, out *Output) {
	r := wire.NewReader(p.data)
	user := string(r.Bytes(int(r.Uint8())))
	password := r.Bytes(int(r.Uint8()))
	if r.Err() != nil {
		out.emit(Drop{protocolPAP, DropMalformed})
		return
	}
	want, ok := c.lookup(user)
	ok = subtle.ConstantTimeCompare(password, want) == 1 && ok
	if c.auth.passed {
		if !ok || user != c.auth.pap.user {
			out.emit(Drop{protocolPAP, DropState})
			return
		}
		out.send(protocolPAP, packet{papAck, p.id, []byte{0}})
		return
	}
	if !ok {
		out.send(protocolPAP, packet{papNak, p.id, []byte{0}})
		c.fail(now, &Error{Reason: BadCredentials, Detail: "user " + cleanText([]byte(user))}, out)
		return
	}
	c.auth.pap.user = user
	out.send(protocolPAP, packet{papAck, p.id, []byte{0}})
	c.letIn(now, user, "", out)
}
