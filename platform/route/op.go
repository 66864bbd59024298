package route

import (
	"fmt"
	"net/netip"
)

// action is what an op makes; the names are those of the journal.
type action string

const (
	setLink    action = "link"    // MTU, up
	addAddress action = "address" // of the tunnel's interface
	addRoute   action = "route"
	throwRoute action = "throw" // the lookup goes on with the next rule
	blockRoute action = "block" // refused
	addRule    action = "rule"
)

// op is one change; it is comparable, and what the journal holds.
type op struct {
	Do     action       `json:"do"`
	Delete bool         `json:"delete,omitempty"` // the change is taken back
	Prefix netip.Prefix `json:"prefix,omitzero"`  // of a rule: 0.0.0.0/0 or ::/0, its family
	Table  int          `json:"table,omitempty"`  // 0: the main one

	Dev   string     `json:"dev,omitempty"`
	Index int        `json:"index,omitempty"` // of Dev: a later interface of the same name is another one
	Via   netip.Addr `json:"via,omitzero"`
	Src   netip.Addr `json:"src,omitzero"`

	MTU    int  `json:"mtu,omitempty"`
	OldMTU int  `json:"old_mtu,omitempty"` // 0: not to be restored
	WasUp  bool `json:"was_up,omitempty"`

	Priority int    `json:"priority,omitempty"`
	NotMark  uint32 `json:"not_mark,omitempty"`

	replace bool // the route takes the place of our earlier one
	again   bool // was made before: it may be there already
}

// place is what can be there once.
type place struct {
	kind     action
	prefix   netip.Prefix
	table    int
	dev      string
	index    int
	priority int
}

func (o op) place() place {
	switch o.Do {
	case setLink:
		return place{kind: o.Do, dev: o.Dev, index: o.Index}
	case addAddress:
		return place{kind: o.Do, dev: o.Dev, index: o.Index, prefix: o.Prefix}
	case addRule:
		return place{kind: o.Do, prefix: o.Prefix, priority: o.Priority}
	}
	return place{kind: addRoute, prefix: o.Prefix, table: o.Table}
}

// plain is o without how it is to be made.
func (o op) plain() op {
	o.replace, o.again = false, false
	return o
}

// undo is the op that takes o back, and o again for that one.
func (o op) undo() op {
	o = o.plain()
	o.Delete = !o.Delete
	return o
}

// hop is where the op's route leads.
func (o op) hop() hop { return hop{via: o.Via, dev: o.Dev, index: o.Index} }

// String is the op as an ip command.
func (o op) String() string {
	verb := "add"
	switch {
	case o.Delete:
		verb = "del"
	case o.replace:
		verb = "replace"
	}
	switch o.Do {
	case setLink:
		return o.linkString()
	case addAddress:
		return fmt.Sprintf("addr %s %v dev %s", verb, o.Prefix, o.Dev)
	case addRule:
		return o.ruleString(verb)
	}
	s := "route " + verb
	switch o.Do {
	case throwRoute:
		s += " throw"
	case blockRoute:
		s += " unreachable"
	}
	s += " " + o.Prefix.String()
	if o.Via.IsValid() {
		s += " via " + o.Via.String()
	}
	if o.Dev != "" {
		s += " dev " + o.Dev
	}
	if o.Src.IsValid() {
		s += " src " + o.Src.String()
	}
	if o.Table != 0 {
		s += fmt.Sprintf(" table %d", o.Table)
	}
	return s
}

func (o op) linkString() string {
	mtu, state := o.MTU, "up"
	if o.Delete {
		mtu = o.OldMTU
		if !o.WasUp {
			state = "down"
		}
	}
	if mtu == 0 {
		return fmt.Sprintf("link set %s %s", o.Dev, state)
	}
	return fmt.Sprintf("link set %s mtu %d %s", o.Dev, mtu, state)
}

func (o op) ruleString(verb string) string {
	s := "rule " + verb
	if o.Prefix.Addr().Is6() {
		s = "-6 " + s
	}
	if o.NotMark != 0 {
		s += fmt.Sprintf(" not fwmark %#x", o.NotMark)
	}
	table := "main"
	if o.Table != 0 {
		table = fmt.Sprint(o.Table)
	}
	return s + fmt.Sprintf(" priority %d lookup %s", o.Priority, table)
}
