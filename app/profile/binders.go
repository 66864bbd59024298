package profile

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/culvert-vpn/culvert/engine/secret"
	"github.com/pelletier/go-toml/v2/unstable"
)

// A binder makes the assign function of a field. Each checks the type, then
// the value, and says what is allowed.

// text is a string that check accepts; a nil check accepts any.
func text(dst *string, check func(string) error) func(*value) {
	return parsed(dst, func(s string) (string, error) {
		if check == nil {
			return s, nil
		}
		return s, check(s)
	})
}

// parsed is a string that parse turns into a value.
func parsed[T any](dst *T, parse func(string) (T, error)) func(*value) {
	return func(v *value) {
		s, ok := v.text()
		if !ok {
			return
		}
		t, err := parse(s)
		if err != nil {
			v.fault("%v", err)
			return
		}
		*dst = t
	}
}

// list is a list of strings, each of which parse turns into a value.
func list[T any](dst *[]T, most int, parse func(string) (T, error)) func(*value) {
	return func(v *value) {
		if v.node.Kind != unstable.Array {
			v.fault("must be a list of strings, not %s", kindName(v.node))
			return
		}
		var out []T
		for it := v.node.Children(); it.Next(); {
			item := &value{node: it.Node(), d: v.d, key: v.key, name: v.name}
			s, ok := item.text()
			if !ok {
				continue
			}
			t, err := parse(s)
			if err != nil {
				item.fault("%v", err)
				continue
			}
			out = append(out, t)
		}
		if len(out) > most {
			v.fault("has %d entries; allowed: %d at most", len(out), most)
			return
		}
		*dst = out
	}
}

// choice is one of the allowed words; later ones are known and not built.
func choice(dst *string, allowed []string, later ...string) func(*value) {
	return text(dst, func(s string) error { return oneOf(s, allowed, later) })
}

func oneOf(s string, allowed, later []string) error {
	switch {
	case slices.Contains(allowed, s):
		return nil
	case slices.Contains(later, s):
		return fmt.Errorf("%q is not supported yet; allowed: %s", s, strings.Join(allowed, ", "))
	}
	return fmt.Errorf("%q is not known; allowed: %s", s, strings.Join(allowed, ", "))
}

// boolean is true or false.
func boolean(dst *bool) func(*value) {
	return func(v *value) {
		if v.node.Kind != unstable.Bool {
			v.fault("must be true or false, not %s", kindName(v.node))
			return
		}
		*dst = string(v.node.Data) == "true"
	}
}

// onlyEmpty is a string that is not honoured yet.
func onlyEmpty(dst *string) func(*value) {
	return text(dst, func(s string) error {
		if s != "" {
			return fmt.Errorf("is not supported yet: leave it out or empty")
		}
		return nil
	})
}

// integer is a whole number from low to high, or zero where that is allowed.
func integer[T int | uint16](dst *T, low, high int64, zero bool) func(*value) {
	allowed := fmt.Sprintf("%d to %d", low, high)
	if zero && low > 0 {
		allowed = "0, or " + allowed
	}
	return func(v *value) {
		if v.node.Kind != unstable.Integer {
			v.fault("must be an integer, not %s", kindName(v.node))
			return
		}
		n, err := strconv.ParseInt(strings.ReplaceAll(string(v.node.Data), "_", ""), 0, 64)
		if err != nil || (n < low || n > high) && !(zero && n == 0) {
			v.fault("%s is out of range; allowed: %s", v.node.Data, allowed)
			return
		}
		*dst = T(n)
	}
}

// duration is a span from low to high, or "0" where that is allowed.
func duration(dst *Duration, low, high time.Duration, zero bool) func(*value) {
	allowed := fmt.Sprintf("%q to %q", Duration(low), Duration(high))
	if zero {
		allowed = `"0", or ` + allowed
	}
	return parsed(dst, func(s string) (Duration, error) {
		t, err := time.ParseDuration(s)
		switch {
		case err != nil:
			return 0, fmt.Errorf("%q is no duration such as \"30s\" or \"8h\"; allowed: %s", s, allowed)
		case (t < low || t > high) && !(zero && t == 0):
			return 0, fmt.Errorf("%q is out of range; allowed: %s", s, allowed)
		}
		return Duration(t), nil
	})
}

// secretText is a string that no message ever repeats.
func secretText(dst *secret.Secret) func(*value) {
	return func(v *value) {
		s, ok := v.text()
		switch {
		case !ok:
		case s == "":
			v.fault("is empty; leave it out if there is none")
		default:
			*dst = secret.Secret(s)
		}
	}
}

// secrets is one secret a key, under whatever key the file has.
func secrets(dst *map[string]secret.Secret) func(*value) {
	return func(v *value) {
		var s secret.Secret
		if secretText(&s)(v); s != nil {
			if *dst == nil {
				*dst = map[string]secret.Secret{}
			}
			(*dst)[v.name] = s
		}
	}
}

// laterSecret is a secret that is not honoured yet.
func laterSecret() func(*value) {
	return func(v *value) { v.fault("is not supported yet: leave it out") }
}

// text is the string of the value; otherwise the fault is reported.
func (v *value) text() (string, bool) {
	if v.node.Kind != unstable.String {
		v.fault("must be a string, not %s", kindName(v.node))
		return "", false
	}
	return string(v.node.Data), true
}
