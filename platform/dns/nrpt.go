package dns

import (
	"context"
	"fmt"
	"net/netip"
	"slices"
	"strings"
)

const kindNRPT = "NRPT"

// nrptPart sets Windows' resolver: rules of the Name Resolution Policy Table
// (MS-GPNRPT), and the servers of the tunnel's interface.
//
// A rule for "." keeps Windows from asking the servers of all interfaces at
// once and taking the first answer. The rules go into the table of the DNS
// client itself. The table of Group Policy is not ours, and a domain's refresh
// may empty it; but where its key exists, even without a rule, Windows reads
// that one only, and so they go there too.
type nrptPart struct {
	system    windowsDNS
	Interface string `json:"interface,omitempty"`
	Rules     int    `json:"rules,omitempty"`  // the largest number that may be there
	Policy    bool   `json:"policy,omitempty"` // in the table of Group Policy too
}

// windowsDNS is the system under nrptPart.
type windowsDNS interface {
	// policyTable reports whether the key of Group Policy's table exists.
	policyTable() (bool, error)
	putRule(t nrptTable, id string, r nrptRule) error
	// rule gives ok false for a rule that is not there.
	rule(t nrptTable, id string) (r nrptRule, ok bool, err error)
	// deleteRule of a rule that is not there is no error.
	deleteRule(t nrptTable, id string) error
	// setInterface replaces servers and search list; an interface that is not
	// there is errNoInterface.
	setInterface(name string, servers []netip.Addr, search []string) error
	interfaceServers(name string) ([]netip.Addr, error)
	// reload has the DNS client read its tables again, the one of Group Policy
	// too, and forget what it knows.
	reload(policy bool) error
}

// nrptTable is one of the two tables, as a registry key below
// HKEY_LOCAL_MACHINE.
type nrptTable string

const (
	localTable  nrptTable = `SYSTEM\CurrentControlSet\Services\Dnscache\Parameters\DnsPolicyConfig`
	policyTable nrptTable = `SOFTWARE\Policies\Microsoft\Windows NT\DNSClient\DnsPolicyConfig`
)

// nrptRule sends names to servers.
type nrptRule struct {
	Names   []string // ".example.com" is that and all below, "." is everything
	Servers string   // addresses with "; " between
}

// Windows ignores a rule with more names.
const nrptNames = 50

// nrptID is the name of our rule number i: fixed, so that a rule of ours is
// known in any process.
func nrptID(i int) string { return fmt.Sprintf("{8C1B8B3E-5D0E-4F4B-9E57-C0170E27%04X}", i) }

func (p *nrptPart) kind() string { return kindNRPT }

// nrptRules is cfg as rules.
func nrptRules(cfg Config) []nrptRule {
	servers := strings.Join(cfg.serverText(), "; ")
	if !cfg.split() {
		return []nrptRule{{[]string{"."}, servers}}
	}
	var rules []nrptRule
	for names := range slices.Chunk(cfg.routed(), nrptNames) {
		r := nrptRule{Servers: servers}
		for _, d := range names {
			r.Names = append(r.Names, "."+d)
		}
		rules = append(rules, r)
	}
	return rules
}

// ownServers are those of the interface. Windows would ask them for all names:
// with some domains only, there are none.
func ownServers(cfg Config) []netip.Addr {
	if cfg.split() {
		return nil
	}
	return cfg.Servers
}

func (p *nrptPart) tables() []nrptTable {
	if p.Policy {
		return []nrptTable{localTable, policyTable}
	}
	return []nrptTable{localTable}
}

func (p *nrptPart) set(_ context.Context, cfg Config, note func() error) error {
	policy, err := p.system.policyTable()
	if err != nil {
		return err
	}
	rules := nrptRules(cfg)
	p.Interface, p.Policy, p.Rules = cfg.Interface, p.Policy || policy, max(p.Rules, len(rules))
	if err := note(); err != nil {
		return err
	}
	for _, t := range p.tables() {
		if t == policyTable && !policy {
			continue // went meanwhile, and would be made by a rule
		}
		for i, r := range rules {
			if err := p.system.putRule(t, nrptID(i), r); err != nil {
				return err
			}
		}
		if err := p.deleteFrom(t, len(rules)); err != nil {
			return err
		}
	}
	if err := p.system.setInterface(cfg.Interface, ownServers(cfg), cfg.Search); err != nil {
		return err
	}
	return p.system.reload(policy)
}

// deleteFrom removes the rules from number i on: of an earlier Set, or of a
// process that was killed and kept no journal.
func (p *nrptPart) deleteFrom(t nrptTable, i int) error {
	for ; ; i++ {
		if _, ok, err := p.system.rule(t, nrptID(i)); err != nil || !ok {
			return err
		}
		if err := p.system.deleteRule(t, nrptID(i)); err != nil {
			return err
		}
	}
}

func (p *nrptPart) verify(ctx context.Context, cfg Config) error {
	policy, err := p.system.policyTable()
	if err != nil {
		return err
	}
	table := localTable
	if policy {
		table = policyTable // the only one that Windows reads
	}
	for i, want := range nrptRules(cfg) {
		have, ok, err := p.system.rule(table, nrptID(i))
		if err != nil {
			return err
		}
		if !ok || have.Servers != want.Servers || !slices.Equal(have.Names, want.Names) {
			return fmt.Errorf("%w: rule %s is %v, want %v", ErrNotTaken, nrptID(i), have, want)
		}
	}
	return settle(ctx, func() error {
		have, err := p.system.interfaceServers(cfg.Interface)
		if err == nil && !sameServers(have, ownServers(cfg)) {
			err = fmt.Errorf("%w: %s has the servers %v, want %v", ErrNotTaken, cfg.Interface, have, ownServers(cfg))
		}
		return err
	})
}

// sameServers compares without regard to order: Windows lists IPv4 and IPv6 as
// it likes. An interface without servers may have the site-local ones that
// Windows makes up (fec0:0:0:ffff::1 to 3).
func sameServers(have, want []netip.Addr) bool {
	made := netip.MustParsePrefix("fec0:0:0:ffff::/64")
	have = slices.DeleteFunc(slices.Clone(have), func(a netip.Addr) bool { return made.Contains(a.WithZone("")) })
	want = slices.Clone(want)
	slices.SortFunc(have, netip.Addr.Compare)
	slices.SortFunc(want, netip.Addr.Compare)
	return slices.Equal(have, want)
}

func (p *nrptPart) clear(context.Context) error {
	if p.Rules == 0 {
		return nil
	}
	for _, t := range p.tables() {
		for i := range p.Rules {
			if err := p.system.deleteRule(t, nrptID(i)); err != nil {
				return err
			}
		}
	}
	if err := p.system.setInterface(p.Interface, nil, nil); err != nil && !isNoInterface(err) {
		return err
	}
	return p.system.reload(p.Policy)
}
