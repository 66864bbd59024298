package ppp

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"strings"
	"time"
)

// From the specification: LCP options (RFC 1661, 6; RFC 1662, 7.1) and values.
const (
	optionMRU   = 1
	optionACCM  = 2
	optionAuth  = 3
	optionMagic = 5
	optionPFC   = 7
	optionACFC  = 8

	standardMRU = 1500 // what is taken when the option is not (RFC 1661, 6.1)

	chapMD5      = 0x05 // RFC 1994, 3
	chapMSCHAP   = 0x80 // RFC 2433, 3
	chapMSCHAPv2 = 0x81 // RFC 2759, 3
)

// Ours.
const (
	// Fits into every path a tunnel is seen on, IPsec and L2TP headers included.
	defaultMRU = 1400
	// No IP link has less (RFC 791: every host forwards 68 octets); 128 keeps
	// room for the control packets themselves.
	minMRU = 128
	// Our own magic number from the peer as often as this is no coincidence.
	maxLoops = 5
)

// AuthMethod is a way to authenticate.
type AuthMethod uint8

// The methods, none of them being zero.
const (
	PAP      AuthMethod = iota + 1 // RFC 1334
	CHAPMD5                        // RFC 1994
	MSCHAPv2                       // RFC 2759
)

var methodNames = [...]string{PAP: "PAP", CHAPMD5: "CHAP-MD5", MSCHAPv2: "MS-CHAPv2"}

func (m AuthMethod) String() string { return name(methodNames[:], int(m)) }

// option is the data of the Authentication-Protocol option that asks for m.
func (m AuthMethod) option() []byte {
	switch m {
	case CHAPMD5:
		return []byte{protocolCHAP >> 8, protocolCHAP & 0xff, chapMD5}
	case MSCHAPv2:
		return []byte{protocolCHAP >> 8, protocolCHAP & 0xff, chapMSCHAPv2}
	}
	return []byte{protocolPAP >> 8, protocolPAP & 0xff}
}

// authName names what an Authentication-Protocol option asks for.
func authName(data []byte) string {
	for m := PAP; m <= MSCHAPv2; m++ {
		if bytes.Equal(m.option(), data) {
			return m.String()
		}
	}
	switch {
	case len(data) == 3 && data[0] == protocolCHAP>>8 && data[1] == protocolCHAP&0xff && data[2] == chapMSCHAP:
		return "MS-CHAP"
	case len(data) >= 2 && binary.BigEndian.Uint16(data) == protocolEAP:
		return "EAP"
	}
	return fmt.Sprintf("%x", data)
}

// lcp is the Link Control Protocol (RFC 1661).
type lcp struct {
	automaton
	mru      uint16 // what we ask for
	magic    uint32
	noMRU    bool // the peer rejects the option
	noMagic  bool
	mruNaks  int
	loops    int // our own magic number seen, in a row
	peer     lcpPeer
	demand   int    // server: what of cfg.Auth is demanded
	tried    uint64 // server: what has been demanded and refused, a bit each
	offer    int    // client: what of cfg.Auth is suggested in Naks
	nakked   []byte // client: what the peer demanded and we Nak'd last
	demanded []string
}

// lcpPeer is what was agreed for our sending.
type lcpPeer struct {
	mru       uint16
	pfc, acfc bool
	auth      AuthMethod // what the peer demands of us; zero: nothing
}

func (l *lcp) request(dst []byte) []byte {
	if !l.noMRU {
		dst = appendOption16(dst, optionMRU, l.mru)
	}
	if l.conn.cfg.Server && l.demand < len(l.conn.cfg.Auth) {
		dst = appendOption(dst, optionAuth, l.conn.cfg.Auth[l.demand].option()...)
	}
	if !l.noMagic {
		dst = appendOption32(dst, optionMagic, l.magic)
	}
	// Neither PFC nor ACFC is asked for: three octets a packet are not worth
	// data that is aligned one way with one gateway and another with the next.
	return dst
}

func (l *lcp) judge(now time.Time, opts []option, out *Output) verdict {
	var v verdict
	peer := lcpPeer{mru: standardMRU}
	looped := false
	for _, o := range opts {
		switch {
		case o.kind == optionMRU && len(o.data) == 2:
			if peer.mru = binary.BigEndian.Uint16(o.data); peer.mru < minMRU {
				v.nak = appendOption16(v.nak, optionMRU, minMRU)
			}
		case o.kind == optionMagic && len(o.data) == 4:
			looped = l.judgeMagic(o, &v) || looped
		case o.kind == optionAuth && !l.conn.cfg.Server:
			l.judgeAuth(now, o, &peer, &v, out)
		case o.kind == optionPFC && len(o.data) == 0:
			peer.pfc = true
		case o.kind == optionACFC && len(o.data) == 0:
			peer.acfc = true
		case o.kind == optionACCM && len(o.data) == 4: // has no meaning without octet stuffing
		default:
			v.rejects(o)
		}
		if v.fatal {
			return v
		}
	}
	if !looped {
		l.loops = 0
	} else if l.loops++; l.loops >= maxLoops {
		l.conn.fail(now, &Error{Reason: Loopback}, out)
		return verdict{fatal: true}
	}
	if v.good() {
		l.peer = peer
	}
	return v
}

// judgeMagic reports whether the magic number is our own (RFC 1661, 6.4).
func (l *lcp) judgeMagic(o option, v *verdict) bool {
	magic := binary.BigEndian.Uint32(o.data)
	if magic != 0 && (l.noMagic || magic != l.magic) {
		return false
	}
	v.nak = appendOption32(v.nak, optionMagic, l.conn.newMagic())
	return magic != 0
}

// judgeAuth is asked by the client: what the peer demands is taken if it is
// allowed. Otherwise our best method is suggested, and once the peer insists
// on the same, the next.
func (l *lcp) judgeAuth(now time.Time, o option, peer *lcpPeer, v *verdict, out *Output) {
	allowed := l.conn.cfg.Auth
	for _, m := range allowed {
		if bytes.Equal(m.option(), o.data) {
			peer.auth, l.demanded = m, nil
			return
		}
	}
	if len(l.demanded) < 2*maxNaks {
		l.demanded = append(l.demanded, authName(o.data))
	}
	if bytes.Equal(l.nakked, o.data) {
		l.offer++
	}
	l.nakked = bytes.Clone(o.data)
	if l.offer >= len(allowed) {
		l.conn.fail(now, l.methodRefused(), out)
		v.fatal = true
		return
	}
	v.nak = appendOption(v.nak, optionAuth, allowed[l.offer].option()...)
}

// methodRefused says what both ends wanted.
func (l *lcp) methodRefused() *Error {
	var ours []string
	for _, m := range l.conn.cfg.Auth {
		ours = append(ours, m.String())
	}
	return &Error{Reason: AuthMethodRefused,
		Detail: fmt.Sprintf("we allow [%s], peer asked for [%s]", strings.Join(ours, " "), strings.Join(l.demanded, " "))}
}

func (l *lcp) naked(now time.Time, opts []option, out *Output) {
	for _, o := range opts {
		switch {
		case o.kind == optionMRU && len(o.data) == 2:
			l.nakMRU(binary.BigEndian.Uint16(o.data))
		case o.kind == optionMagic && len(o.data) == 4:
			l.magic = l.conn.newMagic()
		case o.kind == optionAuth && l.conn.cfg.Server:
			l.nakAuth(now, o, out)
		}
	}
}

// nakMRU goes below what we asked for, but not above: the path does not carry
// it. A peer that will have more gets no option and may believe in 1500.
func (l *lcp) nakMRU(mru uint16) {
	if mru >= minMRU && mru < l.mru {
		l.mru = mru
		return
	}
	if l.mruNaks++; l.mruNaks >= 2 {
		l.noMRU = true
	}
}

// nakAuth is asked by the server: it follows to a method it may demand, or
// goes on to its next.
func (l *lcp) nakAuth(now time.Time, o option, out *Output) {
	if len(l.demanded) < 2*maxNaks {
		l.demanded = append(l.demanded, authName(o.data))
	}
	l.tried |= 1 << l.demand
	for i, m := range l.conn.cfg.Auth {
		if l.tried&(1<<i) == 0 && bytes.Equal(m.option(), o.data) {
			l.demand = i
			return
		}
	}
	for i := range l.conn.cfg.Auth {
		if l.tried&(1<<i) == 0 {
			l.demand = i
			return
		}
	}
	l.conn.fail(now, l.methodRefused(), out)
}

func (l *lcp) rejected(now time.Time, opts []option, out *Output) {
	for _, o := range opts {
		switch o.kind {
		case optionMRU:
			l.noMRU = true
		case optionMagic:
			l.noMagic = true
		case optionAuth:
			if l.conn.cfg.Server {
				l.nakAuth(now, o, out)
			}
		}
	}
}

// ownMagic is what goes into echoes: zero unless it was agreed (RFC 1661, 5.8).
func (l *lcp) ownMagic() uint32 {
	if l.noMagic {
		return 0
	}
	return l.magic
}

// localMRU is what the peer believes we take.
func (l *lcp) localMRU() uint16 {
	if l.noMRU {
		return standardMRU
	}
	return l.mru
}

// other handles the codes that are LCP's alone (RFC 1661, 5.7 to 5.9; RFC 1570).
func (l *lcp) other(now time.Time, p packet, out *Output) handled {
	switch p.code {
	case protocolReject:
		if l.state != Opened || len(p.data) < 2 {
			out.emit(Drop{protocolLCP, DropState})
			return done
		}
		l.conn.protocolRejected(now, binary.BigEndian.Uint16(p.data), out)
		return done
	case echoRequest, echoReply, discardRequest:
		if len(p.data) < 4 {
			out.emit(Drop{protocolLCP, DropMalformed})
			return done
		}
		if magic := binary.BigEndian.Uint32(p.data); magic != 0 && magic == l.ownMagic() {
			out.emit(Drop{protocolLCP, DropMagic})
			return done
		}
		if p.code == echoRequest {
			reply := binary.BigEndian.AppendUint32(nil, l.ownMagic())
			l.answer = packet{echoReply, p.id, l.conn.clip(append(reply, p.data[4:]...))}
		}
		return exchange
	case identification, timeRemaining:
		out.emit(Drop{protocolLCP, DropIgnored})
		return done
	}
	return unknownCode
}

func (l *lcp) up(now time.Time, out *Output) {
	// A client remembers what it refused: pppd may open the link without it,
	// to say so there.
	if l.mruNaks = 0; l.conn.cfg.Server {
		l.demanded = nil
	}
	l.conn.linkUp(now, out)
}

func (l *lcp) down(now time.Time, out *Output) { l.conn.linkDown(now, out) }

func (l *lcp) exhausted(now time.Time, out *Output) { l.conn.fail(now, l.gaveUp(), out) }

// gaveUp is why LCP did not come to an end.
func (l *lcp) gaveUp() *Error {
	switch {
	case len(l.demanded) > 0:
		return l.methodRefused()
	case !l.everAnswered:
		return &Error{Reason: NoAnswer}
	}
	return &Error{Reason: NegotiationFailed}
}

func (l *lcp) finished(now time.Time, on Trigger, out *Output) {
	switch {
	case l.conn.phase == PhaseTerminate:
		l.conn.over(nil, out)
	case on == onRXJBad:
		l.conn.fail(now, &Error{Reason: NegotiationFailed, Detail: "peer rejects LCP"}, out)
	default:
		l.conn.fail(now, l.gaveUp(), out)
	}
}
