package firewall

import (
	"encoding/binary"
	"fmt"
	"net"
	"net/netip"
	"strings"

	"github.com/google/nftables"
	"github.com/google/nftables/expr"
	"github.com/google/nftables/userdata"
	"golang.org/x/sys/unix"
)

// chain is one of our table with what belongs into it.
type chain struct {
	*nftables.Chain
	rules []nftRule
}

type nftRule struct {
	why   string
	exprs []expr.Any
}

func (c *chain) add(why string, exprs ...expr.Any) {
	c.rules = append(c.rules, nftRule{why, exprs})
}

// chains is the whole table for a policy. All chains are always there, so that
// only their rules change.
//
//	output      --+              refused: reject
//	forward     --+--> leaving   refused: reject
//	postrouting --+              refused: drop
//
// "leaving" accepts what may leave and returns with what may not.
func chains(p *policy) []chain {
	ends := nftables.ChainPolicyAccept
	if p.rest {
		// Should somebody flush the rules only, it stays closed.
		ends = nftables.ChainPolicyDrop
	}
	leaving := chain{Chain: &nftables.Chain{Table: table, Name: chainLeaving}}
	for _, r := range p.rules {
		end := expr.VerdictAccept
		if r.refuse {
			end = expr.VerdictReturn
		}
		leaving.add(r.why, append(match(r, p.mark), &expr.Verdict{Kind: end})...)
	}
	if !p.rest {
		leaving.add("the rest", &expr.Verdict{Kind: expr.VerdictAccept})
	}
	output := base("output", nftables.ChainHookOutput, priorityEarly, ends)
	forward := base("forward", nftables.ChainHookForward, priorityEarly, ends)
	last := base("postrouting", nftables.ChainHookPostrouting, priorityLast, ends)
	jump := &expr.Verdict{Kind: expr.VerdictJump, Chain: chainLeaving}
	if p.tunnel != "" {
		// What came out of the tunnel for a container.
		for _, c := range []*chain{&forward, &last} {
			c.add("from the tunnel", append(iifname(expr.CmpOpEq, p.tunnel), &expr.Verdict{Kind: expr.VerdictAccept})...)
		}
	}
	for _, c := range []*chain{&output, &forward} {
		c.add("", jump)
		// An open TCP connection heeds no ICMP error, and a new one that is
		// reset looks as if the server had refused it.
		c.add("open connections end", append(tcpFlags(tcpSYN, expr.CmpOpEq, 0), &expr.Reject{Type: unix.NFT_REJECT_TCP_RST})...)
		c.add("refused", &expr.Reject{Type: unix.NFT_REJECT_ICMPX_UNREACH, Code: unix.NFT_REJECT_ICMPX_ADMIN_PROHIBITED})
	}
	last.add("", jump)
	last.add("refused", &expr.Verdict{Kind: expr.VerdictDrop})
	return []chain{leaving, arriving(p), output, forward, last}
}

func base(name string, hook *nftables.ChainHook, priority nftables.ChainPriority, policy nftables.ChainPolicy) chain {
	return chain{Chain: &nftables.Chain{
		Table: table, Name: name, Type: nftables.ChainTypeFilter,
		Hooknum: hook, Priority: nftables.ChainPriorityRef(priority), Policy: &policy,
	}}
}

// arriving is the little that is refused of what comes in.
func arriving(p *policy) chain {
	c := base("prerouting", nftables.ChainHookPrerouting, priorityEarly, nftables.ChainPolicyAccept)
	outside := iifname(expr.CmpOpNeq, "lo")
	if p.tunnel != "" {
		outside = append(outside, iifname(expr.CmpOpNeq, p.tunnel)...)
	}
	add := func(why string, exprs ...expr.Any) {
		c.add(why, append(append(append([]expr.Any{}, outside...), exprs...), &expr.Verdict{Kind: expr.VerdictDrop})...)
	}
	if p.tunnel != "" {
		for _, a := range p.inside {
			add("the tunnel's address from outside", address(host(a), dstOffsets)...)
		}
	}
	if p.answer {
		// Conntrack takes the first packet that it sees of a connection for
		// its opening. One that this machine opened earlier would pass for
		// inbound as soon as the server said something.
		add("no one's opening", append(ctState(expr.CtStateBitNEW), tcpFlags(tcpFIN|tcpSYN|tcpRST|tcpACK, expr.CmpOpNeq, tcpSYN)...)...)
	}
	return c
}

// match is the conditions of a rule. The cheap ones that seldom hold go first.
func match(r rule, mark uint32) []expr.Any {
	var e []expr.Any
	if r.loopback {
		e = append(e, oifname("lo")...)
	}
	if r.dev != "" {
		e = append(e, oifname(r.dev)...)
	}
	if r.own {
		e = append(e, &expr.Meta{Key: expr.MetaKeyMARK, Register: 1}, equal(binary.NativeEndian.AppendUint32(nil, mark)...))
	}
	if r.family != 0 && !r.to.IsValid() && !r.from.IsValid() {
		e = append(e, family(r.family)...)
	}
	if r.from.IsValid() {
		e = append(e, address(r.from, srcOffsets)...)
	}
	if r.to.IsValid() {
		e = append(e, address(r.to, dstOffsets)...)
	}
	if r.proto != 0 {
		e = append(e, l4proto(r.proto)...)
	}
	if r.sport != 0 {
		e = append(e, payload(expr.PayloadBaseTransportHeader, 0, 2), equal(port(r.sport)...))
	}
	if r.dport != 0 {
		e = append(e, payload(expr.PayloadBaseTransportHeader, 2, 2), equal(port(r.dport)...))
	}
	if r.isICMP() {
		e = append(e, payload(expr.PayloadBaseTransportHeader, 0, 1), equal(r.icmp))
	}
	if r.hops != 0 {
		offset := uint32(8) // RFC 791, 3.1
		if r.family == 6 {
			offset = 7 // RFC 8200, 3
		}
		e = append(e, payload(expr.PayloadBaseNetworkHeader, offset, 1), equal(r.hops))
	}
	if r.answer {
		e = append(e, ctState(expr.CtStateBitESTABLISHED)...)
		e = append(e, &expr.Ct{Key: expr.CtKeyDIRECTION, Register: 1}, equal(1)) // IP_CT_DIR_REPLY
	}
	return e
}

// Where addresses are in the headers of IPv4 (RFC 791, 3.1) and IPv6 (RFC 8200,
// 3).
var srcOffsets, dstOffsets = [2]uint32{12, 8}, [2]uint32{16, 24}

// From the specification: bits of TCP's flags (RFC 9293, 3.1), and where they
// are.
const (
	tcpFIN, tcpSYN, tcpRST, tcpACK = 0x01, 0x02, 0x04, 0x10

	tcpFlagsOffset = 13
)

func address(p netip.Prefix, offsets [2]uint32) []expr.Any {
	version, offset, size := 4, offsets[0], uint32(4)
	if p.Addr().Is6() {
		version, offset, size = 6, offsets[1], 16
	}
	e := append(family(version), payload(expr.PayloadBaseNetworkHeader, offset, size))
	if !p.IsSingleIP() {
		e = append(e, mask(net.CIDRMask(p.Bits(), p.Addr().BitLen())))
	}
	return append(e, equal(p.Masked().Addr().AsSlice()...))
}

func family(version int) []expr.Any {
	n := byte(unix.NFPROTO_IPV4)
	if version == 6 {
		n = unix.NFPROTO_IPV6
	}
	return []expr.Any{&expr.Meta{Key: expr.MetaKeyNFPROTO, Register: 1}, equal(n)}
}

func l4proto(n uint8) []expr.Any {
	return []expr.Any{&expr.Meta{Key: expr.MetaKeyL4PROTO, Register: 1}, equal(n)}
}

func oifname(name string) []expr.Any {
	return []expr.Any{&expr.Meta{Key: expr.MetaKeyOIFNAME, Register: 1}, equal(ifname(name)...)}
}

func iifname(op expr.CmpOp, name string) []expr.Any {
	return []expr.Any{&expr.Meta{Key: expr.MetaKeyIIFNAME, Register: 1}, &expr.Cmp{Op: op, Register: 1, Data: ifname(name)}}
}

func ifname(name string) []byte {
	b := make([]byte, unix.IFNAMSIZ)
	copy(b, name)
	return b
}

func tcpFlags(of byte, op expr.CmpOp, value byte) []expr.Any {
	return append(l4proto(protoTCP), payload(expr.PayloadBaseTransportHeader, tcpFlagsOffset, 1),
		mask([]byte{of}), &expr.Cmp{Op: op, Register: 1, Data: []byte{value}})
}

func ctState(bit uint32) []expr.Any {
	return []expr.Any{&expr.Ct{Key: expr.CtKeySTATE, Register: 1},
		mask(binary.NativeEndian.AppendUint32(nil, bit)), &expr.Cmp{Op: expr.CmpOpNeq, Register: 1, Data: make([]byte, 4)}}
}

func payload(base expr.PayloadBase, offset, size uint32) expr.Any {
	return &expr.Payload{DestRegister: 1, Base: base, Offset: offset, Len: size}
}

func mask(m []byte) expr.Any {
	return &expr.Bitwise{SourceRegister: 1, DestRegister: 1, Len: uint32(len(m)), Mask: m, Xor: make([]byte, len(m))}
}

func equal(data ...byte) expr.Any { return &expr.Cmp{Op: expr.CmpOpEq, Register: 1, Data: data} }

func port(n uint16) []byte { return binary.BigEndian.AppendUint16(nil, n) }

func comment(why string) []byte {
	if why == "" {
		return nil
	}
	return userdata.AppendString(nil, userdata.TypeComment, why)
}

// fingerprint is what tells rules apart: what they compare with, and how they
// end.
func fingerprint(exprs []expr.Any) string {
	var b strings.Builder
	for _, e := range exprs {
		switch e := e.(type) {
		case *expr.Cmp:
			fmt.Fprintf(&b, "cmp %d %x;", e.Op, e.Data)
		case *expr.Bitwise:
			fmt.Fprintf(&b, "and %x;", e.Mask)
		case *expr.Meta:
			fmt.Fprintf(&b, "meta %d;", e.Key)
		case *expr.Ct:
			fmt.Fprintf(&b, "ct %d;", e.Key)
		case *expr.Payload:
			fmt.Fprintf(&b, "payload %d %d %d;", e.Base, e.Offset, e.Len)
		case *expr.Reject:
			fmt.Fprintf(&b, "reject %d %d;", e.Type, e.Code)
		case *expr.Verdict:
			fmt.Fprintf(&b, "verdict %d %s;", e.Kind, e.Chain)
		default:
			fmt.Fprintf(&b, "%T;", e)
		}
	}
	return b.String()
}
