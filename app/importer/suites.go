package importer

import (
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/culvert-vpn/culvert/app/profile"
	"github.com/culvert-vpn/culvert/engine/suite"
)

// The daemons spell algorithms in ways of their own: "aes256-sha2_256;modp2048",
// "aes_gcm256", "3des-md5-modp1024!", "aes128-sha1-ecp_384", "aes256-sha1;dh14".

// Ours: a proposal of the daemons may stand for a product of algorithms.
const maxCombinations = 64

var (
	cipherWord = regexp.MustCompile(`^aes(cbc|gcmc|gcm16|gcm|ctr|ccm)?(128|192|256)?(gcm16|gcm128|gcm|ctr|ccm)?$`)
	hashWord   = regexp.MustCompile(`^(hmac)?(sha2?)(1|256|384|512)?(96|128|192|256|trunc)?$`)
	groupWord  = regexp.MustCompile(`^(modp|dh|group|ecp)(\d+)(s\d+)?$`)
)

// words of a proposal by what they are.
type proposal struct{ ciphers, hashes, groups []string }

// readProposal splits one proposal; ok is false if a word of it is not known.
func readProposal(s string) (p proposal, ok bool) {
	s = strings.ToLower(strings.TrimSpace(s))
	s = strings.ReplaceAll(strings.NewReplacer(";", "-", "+", "-", "_", "").Replace(s), " ", "")
	words := strings.Split(s, "-")
	for i := 0; i < len(words); i++ {
		w := words[i]
		// "aes-256" is one word to some.
		if (w == "aes" || w == "aesgcm") && i+1 < len(words) && slices.Contains([]string{"128", "192", "256"}, words[i+1]) {
			w += words[i+1]
			i++
		}
		switch {
		case w == "" || strings.HasPrefix(w, "prf") || w == "null" || w == "noesn" || w == "none":
		case w == "3des" || w == "des":
			p.ciphers = append(p.ciphers, w)
		case w == "md5" || w == "hmacmd5":
			p.hashes = append(p.hashes, "md5")
		case cipherWord.MatchString(w):
			names := cipherNames(cipherWord.FindStringSubmatch(w))
			if names == nil {
				return p, false
			}
			p.ciphers = append(p.ciphers, names...)
		case hashWord.MatchString(w):
			p.hashes = append(p.hashes, hashName(w))
		case groupWord.MatchString(w):
			m := groupWord.FindStringSubmatch(w)
			name, known := groupName(m[1], m[2])
			if !known || m[3] != "" {
				return p, false
			}
			p.groups = append(p.groups, name)
		default:
			return p, false
		}
	}
	return p, len(p.ciphers) > 0
}

func cipherNames(m []string) []string {
	mode, bits := m[1]+m[3], m[2]
	if strings.Contains(mode, "ctr") || strings.Contains(mode, "ccm") {
		return nil
	}
	suffix := ""
	if strings.Contains(mode, "gcm") {
		suffix = "gcm16"
	}
	if bits == "" { // any length
		return []string{"aes256" + suffix, "aes128" + suffix}
	}
	return []string{"aes" + bits + suffix}
}

// hashName is a hash as profiles have it: of its truncations, 96 bits of SHA-256
// are one of its own.
func hashName(w string) string {
	m := hashWord.FindStringSubmatch(w)
	switch size, short := m[3], m[4]; {
	case size == "1" || size == "" && m[2] == "sha":
		return "sha1"
	case size == "":
		return "sha256"
	case size == "256" && (short == "96" || short == "trunc"):
		return "sha256_96"
	default:
		return "sha" + size
	}
}

// groupName is a group by its size, or by its number.
func groupName(kind, number string) (string, bool) {
	if kind == "modp" || kind == "ecp" {
		g, err := suite.ParseGroup(kind + number)
		return g.String(), err == nil
	}
	n, err := strconv.ParseUint(number, 10, 16)
	g := suite.Group(n)
	if _, known := suite.ParseGroup(g.String()); err != nil || known != nil {
		return "", false
	}
	return g.String(), true
}

// phase1 reads a list of proposals for IKE; rest is what is not known.
func phase1(list string) (suites []profile.IKESuite, rest []string) {
	for _, s := range splitProposals(list) {
		p, ok := readProposal(s)
		if len(p.hashes) == 0 {
			p.hashes = []string{"sha256", "sha1"}
		}
		if len(p.groups) == 0 {
			p.groups = []string{"modp2048", "modp1536", "modp1024"}
		}
		if len(p.ciphers)*len(p.hashes)*len(p.groups) > maxCombinations {
			ok, p.ciphers = false, nil
		}
		var these []profile.IKESuite
		for _, g := range p.groups {
			for _, c := range p.ciphers {
				for _, h := range p.hashes {
					t, err := suite.ParsePhase1(c + "-" + h + "-" + g)
					ok = ok && err == nil
					these = append(these, profile.IKESuite(t))
				}
			}
		}
		suites, rest = join(suites, rest, these, ok, s)
	}
	return suites, rest
}

// phase2 reads a list of proposals for ESP; a group in them is one for PFS.
func phase2(list string) (suites []profile.ESPSuite, pfs suite.Group, rest []string) {
	for _, s := range splitProposals(list) {
		p, ok := readProposal(s)
		if len(p.hashes) == 0 {
			p.hashes = []string{"sha1", "sha256"}
		}
		if len(p.ciphers)*len(p.hashes) > maxCombinations {
			ok, p.ciphers = false, nil
		}
		var these []profile.ESPSuite
		for _, c := range p.ciphers {
			for _, h := range p.hashes {
				name := c + "-" + h
				if strings.HasSuffix(c, "gcm16") {
					name = c
				}
				t, err := suite.ParsePhase2(name)
				ok = ok && err == nil
				if !slices.Contains(these, profile.ESPSuite(t)) {
					these = append(these, profile.ESPSuite(t))
				}
			}
		}
		if ok && len(p.groups) > 0 && pfs == 0 {
			pfs, _ = suite.ParseGroup(p.groups[0])
		}
		suites, rest = join(suites, rest, these, ok, s)
	}
	return suites, pfs, rest
}

// splitProposals splits a list; strongSwan's ! at its end says that the daemon
// must not add its own, which Culvert never does.
func splitProposals(list string) []string {
	var out []string
	for s := range strings.SplitSeq(strings.TrimSuffix(strings.TrimSpace(list), "!"), ",") {
		if s = strings.TrimSpace(s); s != "" && len(out) < maxCombinations {
			out = append(out, s)
		}
	}
	return out
}

func join[S comparable](suites []S, rest []string, these []S, ok bool, source string) ([]S, []string) {
	if !ok {
		return suites, append(rest, source)
	}
	for _, s := range these {
		if !slices.Contains(suites, s) {
			suites = append(suites, s)
		}
	}
	return suites, rest
}

// phase1 is a setting with proposals for IKE.
func (d *draft) phase1(key, list string) {
	suites, rest := phase1(list)
	if len(rest) > 0 {
		d.leave(key, strings.Join(rest, ","), "ipsec.phase1", whySuite)
	}
	if len(suites) > 0 {
		d.set(key, list, "ipsec.phase1", func(p *profile.Profile) { p.IPsec.Phase1 = suites })
	}
}

// phase2 is a setting with proposals for ESP.
func (d *draft) phase2(key, list string) {
	suites, pfs, rest := phase2(list)
	if len(rest) > 0 {
		d.leave(key, strings.Join(rest, ","), "ipsec.phase2", whySuite)
	}
	if len(suites) > 0 {
		d.set(key, list, "ipsec.phase2", func(p *profile.Profile) { p.IPsec.Phase2 = suites })
	}
	if pfs != 0 {
		d.set(key, list, "ipsec.pfs", func(p *profile.Profile) { p.IPsec.PFS = profile.PFS{Group: pfs} })
	}
}
