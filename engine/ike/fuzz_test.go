package ike

import (
	"testing"
	"time"
)

// FuzzHandle gives a message to either end at each point of a session: noise,
// noise under the right cookies, or the next real message with octets changed.
// Whatever it is, nothing panics, nobody goes down, nothing piles up, and the
// ends connect.
func FuzzHandle(f *testing.F) {
	for state := range uint8(14) {
		f.Add(state, uint8(0), []byte{0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 9})
		f.Add(state, uint8(3), []byte("0123456789abcdef\x0b\x10\x05\x00\x00\x00\x00\x07\x00\x00\x00\x28\x00\x00\x00\x0c\x00\x00\x00\x01\x01\x00\x00\x18"))
		f.Add(state, uint8(6), []byte("0123456789abcdef\x84\x10\x02\x00\x00\x00\x00\x00\x00\x00\x00\x26\x00\x00\x00\x0a\x00\x01\x01\x01\xca\xfe"))
		f.Add(state, uint8(10), []byte("0123456789abcdef\x05\x10\x02\x01\x00\x00\x00\x00\x00\x00\x00\x2c0123456789abcdef"))
	}
	f.Fuzz(func(t *testing.T, state, how uint8, data []byte) {
		a, b := pair()
		l := newLink(t, 1, a, b)
		l.start()
		l.run(time.Duration(state%14)*10*time.Millisecond+5*time.Millisecond, nil)
		if state%14 > 10 {
			l.rekeyPhase1(l.a)
			l.rekeyChild(l.b)
			l.run(time.Duration(state%3)*10*time.Millisecond+5*time.Millisecond, nil)
		}
		dst, pkt := l.a, Packet{From: addrB, Port: Port(how >> 1 & 1), Data: data}
		if how&1 != 0 {
			dst, pkt.From = l.b, addrA
		}
		if how&4 != 0 && len(l.queue) > 0 {
			fl := l.queue[int(how>>4)%len(l.queue)]
			dst, pkt = fl.dst, fl.pkt
			pkt.Data = clone(pkt.Data)
			for i := range data {
				if i < len(pkt.Data) {
					pkt.Data[i] ^= data[i]
				}
			}
		} else if cookies := l.a.conn.Cookies(); how&8 != 0 && len(cookies) > 0 && len(data) >= 28 {
			pkt.Data = clone(data)
			at := pkt.Data
			if pkt.Port == Port4500 {
				pkt.Data = append(make([]byte, markerLen), pkt.Data...)
				at = pkt.Data[markerLen:]
			}
			c := cookies[int(how>>4)%len(cookies)]
			copy(at, c.Initiator[:])
			copy(at[8:], c.Responder[:])
		}
		l.do(dst, func(c *Conn, now time.Time, out *Output) { c.Handle(now, pkt, out) })
		if len(l.a.conn.sas) > 2*maxBranches+maxHalfOpen || len(l.b.conn.sas) > 2*maxBranches+maxHalfOpen {
			t.Errorf("%d and %d SAs", len(l.a.conn.sas), len(l.b.conn.sas))
		}
		if !l.run(40*time.Second, l.connected) || l.a.down != nil || l.b.down != nil {
			t.Fatalf("not connected: %s\n%s", l.a, l.b)
		}
		l.sameKeys()
	})
}
