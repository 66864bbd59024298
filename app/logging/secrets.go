package logging

import (
	"bytes"
	"cmp"
	"slices"
	"sync"

	"github.com/culvert-vpn/culvert/engine/secret"
)

// Masked stands in place of a secret.
const Masked = "[redacted]"

// minSecret is the length in octets from which a secret is looked for in text.
// Shorter ones occur everywhere, and what is masked would give them away; they
// are masked by their type and by the names of attributes alone.
const minSecret = 4

// Secrets are the secrets in use at present: wherever a line of the log has one
// of them, it is masked. The zero value has none.
type Secrets struct {
	mu   sync.RWMutex // guards live: a secret that is removed is gone from memory
	live []*live
}

// live is a secret in all the forms in which it may come up.
type live struct {
	value secret.Secret
	uses  int
	forms *forms
}

// Add has values masked from now on, until remove is called. It copies them,
// and remove wipes the copies. A value that was added twice is removed by the
// second remove.
func (s *Secrets) Add(values ...secret.Secret) (remove func()) {
	s.mu.Lock()
	defer s.mu.Unlock()
	var mine []*live
	for _, v := range values {
		if len(v) < minSecret {
			continue
		}
		i := slices.IndexFunc(s.live, func(l *live) bool { return bytes.Equal(l.value, v) })
		if i < 0 {
			i = len(s.live)
			s.live = append(s.live, &live{value: v.Clone(), forms: newForms(v)})
		}
		s.live[i].uses++
		mine = append(mine, s.live[i])
	}
	var once sync.Once
	return func() { once.Do(func() { s.remove(mine) }) }
}

func (s *Secrets) remove(mine []*live) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, l := range mine {
		if l.uses--; l.uses > 0 {
			continue
		}
		s.live = slices.DeleteFunc(s.live, func(o *live) bool { return o == l })
		l.value.Zero()
		l.forms.wipe()
	}
}

// span is a part of a text.
type span struct{ from, to int }

// Mask is text with every occurrence of a secret masked.
func (s *Secrets) Mask(text string) string {
	s.mu.RLock()
	defer s.mu.RUnlock()
	return s.maskText(text)
}

// maskText is Mask with the lock held. Secrets that overlap are masked as one:
// masking the first alone would leave the rest of the second.
func (s *Secrets) maskText(text string) string {
	if len(s.live) == 0 || len(text) < minSecret {
		return text
	}
	b := []byte(text)
	var found []span
	for _, l := range s.live {
		for _, f := range l.forms.list {
			for at := 0; ; {
				i := bytes.Index(b[at:], f)
				if i < 0 {
					break
				}
				found = append(found, span{at + i, at + i + len(f)})
				at += i + 1
			}
		}
	}
	if found == nil {
		return text
	}
	slices.SortFunc(found, func(a, b span) int { return cmp.Compare(a.from, b.from) })
	var out []byte
	at := 0
	for i := 0; i < len(found); {
		whole := found[i]
		for i++; i < len(found) && found[i].from <= whole.to; i++ {
			whole.to = max(whole.to, found[i].to)
		}
		out = append(append(out, b[at:whole.from]...), Masked...)
		at = whole.to
	}
	return string(append(out, b[at:]...))
}
