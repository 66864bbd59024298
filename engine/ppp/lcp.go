package ppp

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"slices"
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
	PAP         AuthMethod = iota + 1 // RFC 1334
	CHAPMD5                           // RFC 1994
	MSCHAPv2                          // RFC 2759
	EAPMSCHAPv2                       // draft-kamath-pppext-eap-mschapv2
	EAPMD5                            // RFC 3748, 5.4
	EAPGTC                            // RFC 3748, 5.6, and One-Time Passwords, 5.5
)

var methodNames = [...]string{PAP: "PAP", CHAPMD5: "CHAP-MD5", MSCHAPv2: "MS-CHAPv2", EAPMSCHAPv2: "EAP-MSCHAPv2", EAPMD5: "EAP-MD5", EAPGTC: "EAP-GTC"}

func (m AuthMethod) String() string { return name(methodNames[:], int(m)) }

// EAP says that m is a method of EAP, which LCP does not tell from the others.
func (m AuthMethod) EAP() bool { return m >= EAPMSCHAPv2 }

// option is the data of the Authentication-Protocol option that asks for m.
func (m AuthMethod) option() []byte {
	switch m {
	case CHAPMD5:
		return []byte{protocolCHAP >> 8, protocolCHAP & 0xff, chapMD5}
	case MSCHAPv2:
		return []byte{protocolCHAP >> 8, protocolCHAP & 0xff, chapMSCHAPv2}
	case EAPMSCHAPv2, EAPMD5, EAPGTC:
		return []byte{protocolEAP >> 8, protocolEAP & 0xff}
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
	insisted int    // server: how often, with nothing else left
	offer    int    // client: what of cfg.Auth is suggested in Naks
	nakked   []byte // client: what the peer demanded and we Nak'd last
	nakkedID uint8  // of that request
	nakkedAt time.Time
	shunned  bool // client: EAP, which was to be the last resort, was Nak'd
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
// on the same, the next. EAP is taken in its turn only: a gateway that asks for
// it first may have none but EAP-TLS, as SoftEther, and better methods beside it.
func (l *lcp) judgeAuth(now time.Time, o option, peer *lcpPeer, v *verdict, out *Output) {
	allowed := l.conn.cfg.Auth
	// A copy that was overtaken insists on nothing.
	if again := l.in.id == l.nakkedID && now.Sub(l.nakkedAt) < copyTime; bytes.Equal(l.nakked, o.data) && !again {
		l.offer++
	}
	if m := l.conn.cfg.takes(o.data, l.offer); m != 0 {
		peer.auth, l.demanded = m, nil
		return
	}
	if len(l.demanded) < 2*maxNaks {
		l.demanded = append(l.demanded, authName(o.data))
	}
	l.nakked, l.nakkedID, l.nakkedAt = bytes.Clone(o.data), l.in.id, now
	l.shunned = l.shunned || bytes.Equal(EAPMD5.option(), o.data)
	// What stands for the same option is suggested once.
	for l.offer > 0 && l.offer < len(allowed) && l.suggested(allowed[l.offer]) {
		l.offer++
	}
	if l.offer >= len(allowed) {
		l.conn.fail(now, l.methodRefused(), out)
		v.fatal = true
		return
	}
	v.nak = appendOption(v.nak, optionAuth, allowed[l.offer].option()...)
}

// suggested says whether a Nak has asked for m, or for another method of EAP.
func (l *lcp) suggested(m AuthMethod) bool {
	for _, before := range l.conn.cfg.Auth[:l.offer] {
		if before == m || before.EAP() && m.EAP() {
			return true
		}
	}
	return false
}

// methodRefused says what both ends wanted. pppd with EAP alone does not insist
// on it: a Nak has it open the link without any, and then end it.
func (l *lcp) methodRefused() *Error {
	e := &Error{Reason: AuthMethodRefused,
		Detail: fmt.Sprintf("we allow [%s], peer asked for [%s]", names(l.conn.cfg.Auth), strings.Join(l.demanded, " "))}
	if cfg := &l.conn.cfg; l.shunned && !cfg.Server && cfg.EAP == EAPInTurn && len(cfg.eapMethods()) > 0 {
		e.TryEAP = EAPFirst
	}
	return e
}

func names(methods []AuthMethod) string {
	var out []string
	for _, m := range methods {
		out = append(out, m.String())
	}
	return strings.Join(out, " ")
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

// maxInsisted is how often a server demands EAP once more that was refused, when it
// has nothing else: clients take it at the second time that have better methods.
const maxInsisted = 3

// nakAuth is asked by the server: it follows to a method it may demand, or
// goes on to its next, or insists.
func (l *lcp) nakAuth(now time.Time, o option, out *Output) {
	if len(l.demanded) < 2*maxNaks {
		l.demanded = append(l.demanded, authName(o.data))
	}
	refused := l.conn.cfg.Auth[l.demand].option()
	for i, m := range l.conn.cfg.Auth {
		if bytes.Equal(m.option(), refused) {
			l.tried |= 1 << i
		}
	}
	for i, m := range l.conn.cfg.Auth {
		if !bytes.Equal(refused, o.data) && bytes.Equal(m.option(), o.data) {
			l.demand = i // again, too: maxNaks ends that
			return
		}
	}
	for i := range l.conn.cfg.Auth {
		if l.tried&(1<<i) == 0 {
			l.demand = i
			return
		}
	}
	if i := slices.IndexFunc(l.conn.cfg.Auth, AuthMethod.EAP); i >= 0 && l.insisted < maxInsisted {
		l.insisted++
		l.demand = i
		return
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
