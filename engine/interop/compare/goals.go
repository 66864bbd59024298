//go:build linux

package main

// goal is what a figure should be.
type goal struct {
	variant string
	base    string // what it is a ratio to; empty: the figure itself
	metric  string
	least   bool // bound is the least that is wanted, not the most
	bound   float64
	text    string
}

// verdict is what became of a goal. It is no reason to fail: the machine may be
// busy, or of another kind than the goals are for.
type verdict struct {
	Variant string   `json:"variant"`
	Text    string   `json:"text"`
	Bound   float64  `json:"bound"`
	Least   bool     `json:"least"`
	Figure  *float64 `json:"figure"` // nil: not measured
	Met     bool     `json:"met"`
}

const maxMemory = 64 << 20

// goals of the data path, as ratios on the same machine in the same minutes.
func goals() []goal {
	cbc, cbc256, gcm := culvertName("aes128-sha1"), culvertName("aes256-sha256"), culvertName("aes128gcm16")
	list := []goal{
		{cbc, wireguardName, "goodput", true, 1.9, "TCP goodput, of wireguard-go's"},
		{cbc, wireguardName, "client_cpu", false, 0.47, "CPU per octet, of wireguard-go's"},
		{cbc256, wireguardName, "goodput", true, 1.5, "TCP goodput, of wireguard-go's"},
		{gcm, wireguardName, "goodput", true, 2.6, "TCP goodput, of wireguard-go's"},
		{gcm, wireguardName, "client_cpu", false, 0.38, "CPU per octet, of wireguard-go's"},
		{cbc, openvpnName, "goodput", true, 5, "TCP goodput, of OpenVPN's"},
		{cbc, openvpnName, "client_cpu", false, 0.2, "CPU per octet, of OpenVPN's"},
		{cbc, passName, "client_cpu", false, 2, "CPU per octet, of the tunnel's without crypto"},
		{gcm, passName, "client_cpu", false, 1.7, "CPU per octet, of the tunnel's without crypto"},
	}
	for _, v := range []string{cbc, cbc256, gcm} {
		list = append(list,
			goal{v, wireguardName, "paced_cpu", false, 0.5, "CPU of paced UDP, of wireguard-go's"},
			goal{v, wireguardName, "added_rtt", false, 0.75, "added round trip when idle, of wireguard-go's"},
			goal{v, wireguardName, "p99_download", false, 1, "p99 round trip under a download, of wireguard-go's"},
			goal{v, wireguardName, "p99_upload", false, 1, "p99 round trip under an upload, of wireguard-go's"},
			goal{v, "", "memory", false, maxMemory, "memory at full speed, octets"})
	}
	return list
}

func (g goal) judge(r *result) verdict {
	v := verdict{Variant: g.variant, Text: g.text, Bound: g.bound, Least: g.least}
	figures := r.Medians[g.variant]
	if g.base != "" {
		figures = r.Ratios[g.base][g.variant]
	}
	if got, ok := figures[g.metric]; ok {
		v.Figure = &got
		v.Met = got <= g.bound
		if g.least {
			v.Met = got >= g.bound
		}
	}
	return v
}
