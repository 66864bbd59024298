package firewall

import (
	"context"
	"errors"
	"fmt"
	"strings"
)

// Layers of the Windows Filtering Platform that filters go into, for IPv4 and
// IPv6 each. The first two (Application Layer Enforcement) decide on a
// connection, in its beginning and again, for open ones, when filters change;
// so they see the program, and open connections end. What they refuse gives
// the program an error at once. The last is for what containers and virtual
// machines send through this machine.
const (
	wfpConnect = "connect" // ALE_AUTH_CONNECT
	wfpAccept  = "accept"  // ALE_AUTH_RECV_ACCEPT
	wfpForward = "forward" // IPFORWARD
)

// Fields that filters look at.
const (
	wfpFlags       = "flags" // the value is wfpLoopback
	wfpProgram     = "program"
	wfpInterface   = "interface" // LUID; in wfpForward the one of arrival
	wfpOutgoing    = "outgoing"  // LUID; only in wfpForward
	wfpProtocol    = "protocol"
	wfpLocal       = "local"
	wfpRemote      = "remote"
	wfpDestination = "destination" // only in wfpForward
	wfpLocalPort   = "localport"   // of ICMP the type
	wfpRemotePort  = "remoteport"
)

// wfpLoopback is the flag of loopback traffic (FWP_CONDITION_FLAG_IS_LOOPBACK).
const wfpLoopback = uint32(1)

// From the specification: the types of ICMPv6 that others send us (RFC 4861, 4;
// RFC 2710, 3).
var wfpNeighbours = []uint16{130, 134, 135, 136, 137}

type wfpCondition struct {
	field string
	value any // uint8, uint16, uint32, uint64, netip.Prefix; nil for wfpProgram
}

// wfpFilter is one filter; the heavier of two decides.
type wfpFilter struct {
	layer  string
	family int
	permit bool
	why    string
	weight uint64
	when   []wfpCondition
}

func (f wfpFilter) String() string {
	s := fmt.Sprintf("%d block", f.weight)
	if f.permit {
		s = fmt.Sprintf("%d permit", f.weight)
	}
	s += fmt.Sprintf(" %s%d", f.layer, f.family)
	for _, c := range f.when {
		s += " " + c.field
		if c.value != nil {
			s += fmt.Sprintf("=%v", c.value)
		}
	}
	return s + " (" + f.why + ")"
}

// wfpFilters is the policy as filters. luid is the tunnel's.
func wfpFilters(p *policy, luid uint64) []wfpFilter {
	l := wfpList{luid: luid}
	for _, r := range p.rules {
		l.connect(r)
		l.accept(r, p.rest)
		l.forward(r)
	}
	if p.rest {
		l.accept(rule{why: "the rest", refuse: true}, true)
		for _, layer := range []string{wfpConnect, wfpForward} {
			l.add(layer, 0, wfpFilter{why: "the rest"})
		}
	}
	for i := range l.filters {
		l.filters[i].weight = uint64(len(l.filters) - i)
	}
	return l.filters
}

type wfpList struct {
	luid    uint64
	filters []wfpFilter
}

// add appends f for one family, or for both.
func (l *wfpList) add(layer string, family int, f wfpFilter) {
	f.layer = layer
	for _, v := range []int{4, 6} {
		if family == 0 || family == v {
			f.family = v
			l.filters = append(l.filters, f)
		}
	}
}

// connect is r for connections that this machine opens.
func (l *wfpList) connect(r rule) {
	if r.answer {
		return // an answer belongs to the connection that was let in
	}
	l.add(wfpConnect, r.family, wfpFilter{permit: !r.refuse, why: r.why, when: l.conditions(r)})
}

// accept is r for connections that others open. With one comes the right to
// answer in it, so it is a way out like the others.
func (l *wfpList) accept(r rule, all bool) {
	f := wfpFilter{permit: !r.refuse, why: r.why}
	family := r.family
	switch {
	case r.refuse && r.dport != 0:
		return // about asking for names
	case r.answer && r.isICMP():
		request := uint16(8) // RFC 792
		if r.proto == protoICMPv6 {
			request = 128 // RFC 4443, 4.1
		}
		f.when = []wfpCondition{{wfpProtocol, r.proto}, {wfpLocalPort, request}}
	case r.answer:
		f.when = []wfpCondition{{wfpProtocol, r.proto}}
	case r.proto == protoICMPv6 && r.icmp == icmp6RouterSolicit:
		for _, t := range wfpNeighbours {
			l.add(wfpAccept, 6, wfpFilter{permit: true, why: r.why, when: []wfpCondition{{wfpProtocol, r.proto}, {wfpLocalPort, t}}})
		}
		return
	case r.isICMP() || r.proto == protoIGMP || r.to.IsValid() && r.to.Addr().IsMulticast():
		return // what comes has the sender's address
	case r.sport != 0:
		f.when = []wfpCondition{{wfpProtocol, r.proto}, {wfpLocalPort, r.sport}, {wfpRemotePort, r.dport}}
	default:
		f.when = l.conditions(r)
	}
	if !all && family == 0 {
		family = 6 // without the kill switch, only IPv6 is refused
	}
	l.add(wfpAccept, family, f)
}

// forward is r for what passes through this machine. The layer knows no ports.
func (l *wfpList) forward(r rule) {
	f := wfpFilter{permit: !r.refuse, why: r.why}
	switch {
	case r.loopback || r.own || r.proto != 0 || r.answer:
		return
	case r.dev != "":
		f.when = []wfpCondition{{wfpOutgoing, l.luid}}
		l.add(wfpForward, r.family, f)
		f.when = []wfpCondition{{wfpInterface, l.luid}}
	case r.to.IsValid():
		f.when = []wfpCondition{{wfpDestination, r.to}}
	}
	l.add(wfpForward, r.family, f)
}

func (l *wfpList) conditions(r rule) []wfpCondition {
	var when []wfpCondition
	add := func(on bool, field string, value any) {
		if on {
			when = append(when, wfpCondition{field, value})
		}
	}
	add(r.loopback, wfpFlags, wfpLoopback)
	add(r.own, wfpProgram, nil)
	add(r.dev != "", wfpInterface, l.luid)
	add(r.proto != 0, wfpProtocol, r.proto)
	add(r.from.IsValid(), wfpLocal, r.from)
	add(r.to.IsValid(), wfpRemote, r.to)
	add(r.sport != 0, wfpLocalPort, r.sport)
	add(r.dport != 0, wfpRemotePort, r.dport)
	add(r.isICMP(), wfpLocalPort, uint16(r.icmp))
	return when
}

// Ours: filters are found again by their keys, which are made of a bank and a
// slot; to list the filters of the machine would take understanding those of
// all others. Old and new ones never share a bank.
const (
	wfpBanks = 2
	wfpSlots = 512
)

type wfpKey struct{ bank, slot int }

// wfpOp is one change.
type wfpOp struct {
	do     string // add or delete
	what   string // provider, sublayer or filter
	key    wfpKey
	filter wfpFilter
}

func (o wfpOp) String() string {
	if o.what != "filter" {
		return o.do + " " + o.what
	}
	s := fmt.Sprintf("%s filter %d.%d", o.do, o.key.bank, o.key.slot)
	if o.do == "add" {
		s += ": " + o.filter.String()
	}
	return s
}

var (
	errWFPExists = errors.New("is there already")
	errWFPAbsent = errors.New("is not there")
)

// wfpEngine is the service that keeps the filters.
type wfpEngine interface {
	// transaction makes all changes that f makes, or, with an error, none.
	transaction(f func(do func(wfpOp) error) error) error
	// has tells whether the first count slots of a bank have filters.
	has(bank, count int) (bool, error)
	luid(name string) (uint64, error)
}

// wfp is the Windows Filtering Platform.
//
// The filters are persistent. Those of a session would go with the process,
// and the kill switch with them; the plain ones would go with the filtering
// service or a restart of the machine, and what starts before the helper would
// leak. Filters of boot time are not needed beside them: those only hold until
// the filtering service runs, and nothing that uses the network starts before.
type wfp struct {
	engine wfpEngine
	bank   int
	count  int
}

func (w *wfp) name() string { return "wfp" }

func (w *wfp) adopt(record) {}

func (w *wfp) apply(ctx context.Context, p *policy, note func(record) error) error {
	var luid uint64
	if p.tunnel != "" {
		var err error
		if luid, err = w.engine.luid(p.tunnel); err != nil {
			return fmt.Errorf("firewall: interface %s: %w", p.tunnel, err)
		}
	}
	filters := wfpFilters(p, luid)
	if len(filters) > wfpSlots {
		return fmt.Errorf("firewall: %d filters, more than %d: too many gateways or networks", len(filters), wfpSlots)
	}
	if err := note(record{}); err != nil {
		return err
	}
	bank := 0
	err := w.engine.transaction(func(do func(wfpOp) error) error {
		for _, what := range []string{"provider", "sublayer"} {
			if err := try(do, wfpOp{do: "add", what: what}, errWFPExists); err != nil {
				return err
			}
		}
		used, err := w.deleteAll(do)
		if err != nil {
			return err
		}
		if used[0] {
			bank = 1
		}
		for i, f := range filters {
			if err := ctx.Err(); err != nil {
				return fmt.Errorf("firewall: %w", err)
			}
			if err := try(do, wfpOp{do: "add", what: "filter", key: wfpKey{bank, i}, filter: f}, nil); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return err
	}
	w.bank, w.count = bank, len(filters)
	return nil
}

// deleteAll deletes all filters of ours and tells which banks had any. Somebody
// may have deleted some, so none is taken for the last.
func (w *wfp) deleteAll(do func(wfpOp) error) (used [wfpBanks]bool, err error) {
	for bank := range wfpBanks {
		for slot := range wfpSlots {
			switch err := do(wfpOp{do: "delete", what: "filter", key: wfpKey{bank, slot}}); {
			case err == nil:
				used[bank] = true
			case !errors.Is(err, errWFPAbsent):
				return used, fmt.Errorf("firewall: delete filter: %w", err)
			}
		}
	}
	return used, nil
}

func (w *wfp) remove() error {
	return w.engine.transaction(func(do func(wfpOp) error) error {
		if _, err := w.deleteAll(do); err != nil {
			return err
		}
		for _, what := range []string{"sublayer", "provider"} {
			if err := try(do, wfpOp{do: "delete", what: what}, errWFPAbsent); err != nil {
				return err
			}
		}
		return nil
	})
}

func (w *wfp) intact(*policy) (bool, error) {
	return w.engine.has(w.bank, w.count)
}

// try makes a change that is as good when it fails with fine.
func try(do func(wfpOp) error, o wfpOp, fine error) error {
	if err := do(o); err != nil && (fine == nil || !errors.Is(err, fine)) {
		return fmt.Errorf("firewall: %s %s %s: %w", o.do, o.what, strings.TrimSpace(o.filter.why), err)
	}
	return nil
}
