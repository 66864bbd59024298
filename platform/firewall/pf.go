package firewall

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"regexp"
	"slices"
	"strings"
)

// Ours. Apple's own pf.conf evaluates every anchor below com.apple, so that one
// of ours there takes no edit of a file that belongs to the system.
const (
	pfAnchor = "com.apple/culvert"
	pfParent = `anchor "com.apple/*"`
)

// ErrNoAnchor is a macOS whose /etc/pf.conf was changed so that no rule of ours
// would have an effect.
var ErrNoAnchor = errors.New(`firewall: /etc/pf.conf has no anchor "com.apple/*"`)

// pfctl runs pfctl with arguments and standard input, and gives all that it
// printed.
type pfctl interface {
	run(ctx context.Context, stdin string, args ...string) (string, error)
}

// pf is the packet filter of macOS.
//
// It is switched on and off by references: whoever needs it takes one (-E) and
// gives it back by its token (-X), and it stays on until the last is back.
//
// None of our rules keeps state, but the one for inbound connections: a state
// is a permission that outlives its rule. States of others' making are flushed
// with every change, for the same reason: open connections end.
type pf struct {
	ctl    pfctl
	refs   []string // tokens of references that are ours
	loaded string   // the anchor as it was given; "": empty
	listed string   // the anchor in pfctl's words, once loaded
}

func (f *pf) name() string { return "pf" }

func (f *pf) adopt(r record) {
	for _, t := range r.References {
		if pfToken.MatchString("Token : "+t) && !slices.Contains(f.refs, t) {
			f.refs = append(f.refs, t)
		}
	}
}

func (f *pf) apply(ctx context.Context, p *policy, note func(record) error) error {
	if err := f.parent(ctx); err != nil {
		return err
	}
	if err := note(record{References: f.refs}); err != nil {
		return err
	}
	before := f.loaded
	if err := f.load(ctx, pfRules(p)); err != nil {
		return err
	}
	err := f.enable(ctx, note)
	if err == nil {
		err = f.call(ctx, "", "-F", "states")
	}
	if err == nil {
		f.listed, err = f.list(ctx)
	}
	if err != nil {
		// The context may be why: what was before is restored without it.
		return errors.Join(err, f.load(context.WithoutCancel(ctx), before))
	}
	return nil
}

// load replaces the anchor's rules, which pf does as a whole.
func (f *pf) load(ctx context.Context, rules string) error {
	if err := f.call(ctx, rules, "-a", pfAnchor, "-f", "-"); err != nil {
		return err
	}
	f.loaded = rules
	return nil
}

var pfToken = regexp.MustCompile(`Token : ([0-9]+)`)

// enable takes a reference, unless there is one. The token is known only when
// the change is made; a process that dies in between leaves pf switched on
// without rules, which does nothing.
func (f *pf) enable(ctx context.Context, note func(record) error) error {
	if on, err := f.enabled(ctx); err != nil || on && len(f.refs) > 0 {
		return err
	}
	out, err := f.ctl.run(ctx, "", "-E")
	if err != nil {
		return pfError(err, out, "-E")
	}
	m := pfToken.FindStringSubmatch(out)
	if m == nil {
		return fmt.Errorf("firewall: pfctl -E gave no token: %q", out)
	}
	if err := note(record{References: append(slices.Clone(f.refs), m[1])}); err != nil {
		return errors.Join(err, f.call(context.WithoutCancel(ctx), "", "-X", m[1]))
	}
	f.refs = append(f.refs, m[1])
	return nil
}

func (f *pf) remove() error {
	ctx := context.Background()
	if err := f.call(ctx, "", "-a", pfAnchor, "-F", "rules"); err != nil {
		return err
	}
	f.loaded, f.listed = "", ""
	for _, t := range f.refs {
		// One from before a restart is unknown, and no harm either way: without
		// rules pf does nothing of ours.
		_, _ = f.ctl.run(ctx, "", "-X", t)
	}
	f.refs = nil
	return nil
}

func (f *pf) intact(*policy) (bool, error) {
	ctx := context.Background()
	on, err := f.enabled(ctx)
	if err != nil || !on {
		return false, err
	}
	if err := f.parent(ctx); err != nil {
		if errors.Is(err, ErrNoAnchor) {
			return false, nil
		}
		return false, err
	}
	rules, err := f.list(ctx)
	return err == nil && rules == f.listed, err
}

func (f *pf) enabled(ctx context.Context) (bool, error) {
	out, err := f.ctl.run(ctx, "", "-s", "info")
	if err != nil {
		return false, pfError(err, out, "-s", "info")
	}
	return strings.Contains(out, "Status: Enabled"), nil
}

// parent makes sure that the main rules evaluate our anchor.
func (f *pf) parent(ctx context.Context) error {
	out, err := f.ctl.run(ctx, "", "-s", "rules")
	if err != nil {
		return pfError(err, out, "-s", "rules")
	}
	if !strings.Contains(out, pfParent) {
		return ErrNoAnchor
	}
	return nil
}

func (f *pf) list(ctx context.Context) (string, error) {
	out, err := f.ctl.run(ctx, "", "-a", pfAnchor, "-s", "rules")
	if err != nil {
		return "", pfError(err, out, "-a", pfAnchor, "-s", "rules")
	}
	return out, nil
}

func (f *pf) call(ctx context.Context, stdin string, args ...string) error {
	if out, err := f.ctl.run(ctx, stdin, args...); err != nil {
		return pfError(err, out, args...)
	}
	return nil
}

func pfError(err error, out string, args ...string) error {
	return fmt.Errorf("firewall: pfctl %s: %w: %s", strings.Join(args, " "), err, strings.TrimSpace(out))
}

// pfRules is the policy in the language of pf.conf(5). Protocols are numbers,
// whose names differ between systems.
func pfRules(p *policy) string {
	var b strings.Builder
	line := func(format string, args ...any) { fmt.Fprintf(&b, format+"\n", args...) }
	for _, r := range p.rules {
		if r.answer {
			line("%s", pfInbound(r))
			continue
		}
		line("%s", pfRule(r))
		if r.loopback && p.tunnel != "" {
			for _, a := range p.inside {
				line("block drop in quick on ! %s from any to %v", p.tunnel, a)
			}
		}
	}
	if p.rest {
		line("block return out quick all")
	}
	return b.String()
}

// pfRule is one rule. pf cannot look at hop limits, and knows the user of UDP
// and TCP sockets only.
func pfRule(r rule) string {
	if r.loopback {
		return "pass quick on lo0 all no state"
	}
	s := "pass out quick"
	if r.refuse {
		s = "block return out quick"
	}
	if r.dev != "" {
		s += " on " + r.dev
	}
	if r.family != 0 {
		s += map[int]string{4: " inet", 6: " inet6"}[r.family]
	}
	if r.proto != 0 {
		s += fmt.Sprintf(" proto %d", r.proto)
	}
	s += " from " + pfHost(r.from)
	if r.sport != 0 {
		s += fmt.Sprintf(" port %d", r.sport)
	}
	s += " to " + pfHost(r.to)
	if r.dport != 0 {
		s += fmt.Sprintf(" port %d", r.dport)
	}
	if r.own && (r.proto == protoUDP || r.proto == protoTCP) {
		s += " user 0"
	}
	switch r.proto {
	case protoICMP:
		s += fmt.Sprintf(" icmp-type %d", r.icmp)
	case protoICMPv6:
		s += fmt.Sprintf(" icmp6-type %d", r.icmp)
	}
	if r.refuse {
		return s
	}
	if r.hops == 1 {
		// IGMP and MLD carry the router alert option, which pf would drop.
		s += " allow-opts"
	}
	return s + " no state"
}

func pfHost(p netip.Prefix) string {
	switch {
	case !p.IsValid():
		return "any"
	case p.IsSingleIP():
		return p.Addr().String()
	}
	return p.String()
}

// pfInbound lets in what opens a connection; its state lets the answers out.
func pfInbound(r rule) string {
	switch r.proto {
	case protoICMP:
		return "pass in quick inet proto 1 from any to any icmp-type 8 keep state"
	case protoICMPv6:
		return "pass in quick inet6 proto 58 from any to any icmp6-type 128 keep state"
	}
	return fmt.Sprintf("pass in quick proto %d from any to any flags S/FSRA keep state", r.proto)
}
