package firewall

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"syscall"

	"github.com/google/nftables"
)

// Ours. The chains, and when they run among those of others. A verdict to let
// pass is good for its own chain only, one to drop is final: so nothing that
// firewalld (filter + 10), ufw or Docker (filter) let pass gets past us, and
// what they drop stays dropped.
//
//	prerouting, output, forward: filter - 10. Behind conntrack (-200), which
//	"inbound" asks, and behind local DNAT (-100), to judge the real
//	destination; before the others, so that a program is told at once where
//	they would drop in silence.
//
//	postrouting: 300, behind source NAT (100) and all that rewrites. It judges
//	everything a second time. When a packet's mark or destination was changed
//	in the output hook, so that it takes another route, that hook still shows
//	the interface it would have left by; here is the one it leaves by. This
//	hook can only drop.
const (
	tableName     = "culvert"
	chainLeaving  = "leaving" // the policy; both hooks go through it
	priorityEarly = -10
	priorityLast  = 300
)

var table = &nftables.Table{Family: nftables.TableFamilyINet, Name: tableName}

func newSystem() (system, error) { return &nft{}, nil }

// nft is nftables by netlink.
type nft struct{}

func (*nft) name() string { return "nftables" }

func (*nft) adopt(record) {}

// apply sends one batch, which the kernel takes whole or not at all.
//
// The chains stay and their rules are exchanged, which each packet sees before
// or after as a whole. Deleting the table and adding it anew in one batch comes
// second: the kernel exchanges the list of chains and their rules in two steps,
// and a packet may be between them.
func (n *nft) apply(_ context.Context, p *policy, note func(record) error) error {
	if err := note(record{}); err != nil {
		return err
	}
	err := n.send(p, func(c *nftables.Conn) { c.AddTable(table); c.FlushTable(table) })
	if errors.Is(err, syscall.EEXIST) || errors.Is(err, syscall.EOPNOTSUPP) || errors.Is(err, syscall.EBUSY) || errors.Is(err, syscall.EINVAL) {
		// The chains of the same names are not ours: another version's.
		err = n.send(p, func(c *nftables.Conn) { c.AddTable(table); c.DelTable(table); c.AddTable(table) })
	}
	if err != nil {
		return fmt.Errorf("firewall: set table inet %s: %w", tableName, err)
	}
	return nil
}

// send makes a batch of what begin puts into it, and of the policy.
func (*nft) send(p *policy, begin func(*nftables.Conn)) error {
	c := &nftables.Conn{}
	begin(c)
	all := chains(p)
	// All chains first: rules jump.
	for _, ch := range all {
		c.AddChain(ch.Chain)
	}
	for _, ch := range all {
		for _, r := range ch.rules {
			c.AddRule(&nftables.Rule{Table: table, Chain: ch.Chain, Exprs: r.exprs, UserData: comment(r.why)})
		}
	}
	return c.Flush()
}

// remove deletes the table. It adds it first, so that one that is not there is
// no error.
func (*nft) remove() error {
	c := &nftables.Conn{}
	c.AddTable(table)
	c.DelTable(table)
	if err := c.Flush(); err != nil {
		return fmt.Errorf("firewall: delete table inet %s: %w", tableName, err)
	}
	return nil
}

// intact compares what the kernel has with what was sent: not octet by octet,
// since kernels add to what they were given.
func (*nft) intact(p *policy) (bool, error) {
	c := &nftables.Conn{}
	tables, err := c.ListTablesOfFamily(nftables.TableFamilyINet)
	if err != nil {
		return false, fmt.Errorf("firewall: list tables: %w", err)
	}
	// A table of ours has no flags; one that is dormant does nothing.
	if !slices.ContainsFunc(tables, func(t *nftables.Table) bool { return t.Name == tableName && t.Flags == 0 }) {
		return false, nil
	}
	have, err := c.ListChainsOfTableFamily(nftables.TableFamilyINet)
	if err != nil {
		return false, fmt.Errorf("firewall: list chains: %w", err)
	}
	for _, want := range chains(p) {
		if !slices.ContainsFunc(have, want.same) {
			return false, nil
		}
		rules, err := c.GetRules(table, want.Chain)
		if errors.Is(err, syscall.ENOENT) {
			return false, nil
		}
		if err != nil {
			return false, fmt.Errorf("firewall: list rules: %w", err)
		}
		if !slices.EqualFunc(want.rules, rules, func(w nftRule, r *nftables.Rule) bool {
			return fingerprint(w.exprs) == fingerprint(r.Exprs)
		}) {
			return false, nil
		}
	}
	return true, nil
}

// same tells whether c is the chain that was wanted.
func (w chain) same(c *nftables.Chain) bool {
	if c.Table.Name != tableName || c.Name != w.Name {
		return false
	}
	if w.Hooknum == nil {
		return c.Hooknum == nil
	}
	return c.Hooknum != nil && *c.Hooknum == *w.Hooknum &&
		c.Priority != nil && *c.Priority == *w.Priority &&
		c.Policy != nil && *c.Policy == *w.Policy && c.Type == w.Type
}
