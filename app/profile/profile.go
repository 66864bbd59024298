// Package profile is what a person saved about a connection: its type, its
// defaults, what is known of each make of gateway, and a reader that names
// every fault of a file at once. Secrets are a file of their own.
package profile

import (
	"crypto/rand"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/netip"
	"os"
	"path/filepath"
	"time"

	"github.com/culvert-vpn/culvert/engine/suite"
)

// Version is the schema that this program reads and writes.
const Version = 1

// Ours: far above any real file, and small enough to read into memory.
const maxFile = 1 << 20

// Profile is one connection. Its zero value is not valid: start from Default.
type Profile struct {
	Version     int      `toml:"version"`
	ID          string   `toml:"id"` // a UUID
	Name        string   `toml:"name"`
	Preset      string   `toml:"preset"`
	Servers     []string `toml:"servers"` // host names or addresses, tried in order
	User        string   `toml:"user"`
	Domain      string   `toml:"domain"`
	AskPassword bool     `toml:"ask_password"`

	IPsec     IPsec     `toml:"ipsec"`
	L2TP      L2TP      `toml:"l2tp"`
	PPP       PPP       `toml:"ppp"`
	Routing   Routing   `toml:"routing"`
	DNS       DNS       `toml:"dns"`
	Reconnect Reconnect `toml:"reconnect"`
}

// IPsec is the part of IKE and ESP.
type IPsec struct {
	Enabled        bool       `toml:"enabled"`
	Auth           string     `toml:"auth"`
	Certificate    string     `toml:"certificate"`
	CA             string     `toml:"ca"`
	Group          string     `toml:"group"`
	RemoteID       string     `toml:"remote_id"`
	Phase1         []IKESuite `toml:"phase1"` // empty: the preset's
	Phase2         []ESPSuite `toml:"phase2"` // empty: the preset's
	PFS            PFS        `toml:"pfs"`
	Encapsulation  string     `toml:"encapsulation"` // auto, udp, esp
	Phase1Lifetime Duration   `toml:"phase1_lifetime"`
	Phase2Lifetime Duration   `toml:"phase2_lifetime"`
	DPDInterval    Duration   `toml:"dpd_interval"` // 0: off
	SourcePorts    string     `toml:"source_ports"` // ephemeral, standard
}

// L2TP is the part of the tunnel and its session.
type L2TP struct {
	HelloInterval  Duration `toml:"hello_interval"` // 0: off
	TunnelAuth     bool     `toml:"tunnel_auth"`
	SourcePort     uint16   `toml:"source_port"` // inside the IPsec SA; 0: a fresh one a connection
	DataSequencing bool     `toml:"data_sequencing"`
}

// PPP is the part of the link and of the login.
type PPP struct {
	Auth         []AuthMethod `toml:"auth"`          // best first; empty: the preset's
	MRU          int          `toml:"mru"`           // octets; 0: found from the path
	MPPE         string       `toml:"mppe"`          // auto (nothing yet), off
	EchoInterval Duration     `toml:"echo_interval"` // 0: off
	EchoFailures int          `toml:"echo_failures"`
	AuthTimeout  Duration     `toml:"auth_timeout"`
	Address      netip.Addr   `toml:"address"` // to ask for; not valid: none
}

// Routing says what goes through the tunnel.
type Routing struct {
	Mode         string         `toml:"mode"`    // full, split
	Include      []netip.Prefix `toml:"include"` // split: through the tunnel
	Exclude      []netip.Prefix `toml:"exclude"` // full: around it
	FromGateway  bool           `toml:"from_gateway"`
	LocalNetwork bool           `toml:"local_network"`
	IPv6         string         `toml:"ipv6"` // auto, block, leave
	KillSwitch   bool           `toml:"kill_switch"`
}

// DNS says which resolvers are used while connected.
type DNS struct {
	Mode    string   `toml:"mode"` // auto (the gateway's), manual, off
	Servers []string `toml:"servers"`
	Search  []string `toml:"search"`
	Domains []string `toml:"domains"`
}

// Reconnect says what happens without being asked.
type Reconnect struct {
	OnDrop         bool     `toml:"on_drop"`
	OnStart        bool     `toml:"on_start"`
	IdleDisconnect Duration `toml:"idle_disconnect"` // 0: never
}

// Default is a profile with every key at its default, without an id, a name,
// a server or a user.
func Default() *Profile {
	return &Profile{
		Version: Version,
		Preset:  "auto",
		IPsec: IPsec{
			Enabled: true, Auth: "psk", Encapsulation: "auto", SourcePorts: "ephemeral",
			Phase1Lifetime: Duration(8 * time.Hour), Phase2Lifetime: Duration(time.Hour), DPDInterval: Duration(30 * time.Second),
			PFS: PFS{Auto: true},
		},
		L2TP: L2TP{HelloInterval: Duration(time.Minute)},
		PPP: PPP{
			MPPE: "auto", EchoInterval: Duration(30 * time.Second), EchoFailures: 4, AuthTimeout: Duration(90 * time.Second),
		},
		Routing:   Routing{Mode: "full", FromGateway: true, LocalNetwork: true, IPv6: "auto"},
		DNS:       DNS{Mode: "auto"},
		Reconnect: Reconnect{OnDrop: true},
	}
}

// Load reads and checks the profile file at path. The error of a faulty file
// is a *Error that lists every fault. A missing id is the same each time that the
// file is read there.
func Load(path string) (*Profile, error) {
	data, err := readFile(path, func(string, fs.FileInfo) error { return nil })
	if err != nil {
		return nil, err
	}
	return parse(path, data, func() string { return pathID(path) })
}

// pathID is the id of a file without one, outside of any Store (RFC 9562, 5.8).
func pathID(path string) string {
	if whole, err := filepath.Abs(path); err == nil {
		path = whole
	}
	sum := sha256.Sum256([]byte("culvert profile at " + path))
	return formatUUID([16]byte(sum[:16]), 8)
}

// readFile reads a file that check has nothing against.
func readFile(path string, check func(path string, info fs.FileInfo) error) ([]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, reason(err))
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, reason(err))
	}
	if info.IsDir() {
		return nil, fmt.Errorf("%s is a directory, not a file", path)
	}
	if err := check(path, info); err != nil {
		return nil, err
	}
	return readAll(f, path)
}

// reason is err without the paths and the system call, which say nothing new.
func reason(err error) error {
	var p *fs.PathError
	var l *os.LinkError
	switch {
	case errors.As(err, &p):
		return p.Err
	case errors.As(err, &l):
		return l.Err
	}
	return err
}

func readAll(r io.Reader, name string) ([]byte, error) {
	data, err := io.ReadAll(io.LimitReader(r, maxFile+1))
	if err != nil {
		return nil, fmt.Errorf("%s: %w", name, reason(err))
	}
	if len(data) > maxFile {
		return nil, fmt.Errorf("%s is larger than %d octets", name, maxFile)
	}
	return data, nil
}

// TakesIPv6 says that the IPv6 of a gateway goes through the tunnel; onward: it
// leads on from there. In full mode anything less would be a part of IPv6, and
// the rest of it blocked.
func (p *Profile) TakesIPv6(onward bool) bool {
	return p.Routing.IPv6 == "auto" && (onward || p.Routing.Mode != "full")
}

// Login is the name that PPP sends: DOMAIN\user, or the user alone.
func (p *Profile) Login() string {
	if p.Domain == "" {
		return p.User
	}
	return p.Domain + `\` + p.User
}

// Proposals is what to offer: the profile's own suites, else its preset's.
func (p *Profile) Proposals() Proposals {
	pre, _ := LookupPreset(p.Preset) // Parse refuses an unknown one; the zero value offers nothing
	out := Proposals{Phase1: pre.Phase1, Phase2: pre.Phase2, PFS: pre.PFS}
	if len(p.IPsec.Phase1) > 0 {
		out.Phase1 = nil
		for _, s := range p.IPsec.Phase1 {
			out.Phase1 = append(out.Phase1, suite.Phase1(s))
		}
	}
	if len(p.IPsec.Phase2) > 0 {
		out.Phase2 = nil
		for _, s := range p.IPsec.Phase2 {
			out.Phase2 = append(out.Phase2, suite.Phase2(s))
		}
	}
	if !p.IPsec.PFS.Auto {
		out.PFS = p.IPsec.PFS.Group
	}
	return out
}

// Proposals is what a client offers in the two phases.
type Proposals struct {
	Phase1 []suite.Phase1
	Phase2 []suite.Phase2
	PFS    suite.Group // 0: off
}

// AuthMethods is what may be used to log in, best first: the profile's own
// list, else its preset's.
func (p *Profile) AuthMethods() []AuthMethod {
	if len(p.PPP.Auth) > 0 {
		return p.PPP.Auth
	}
	pre, _ := LookupPreset(p.Preset) // as in Proposals
	return pre.Auth
}

// newID is a random UUID (RFC 9562, 5.4).
func newID() string {
	var b [16]byte
	_, _ = rand.Read(b[:]) // never fails: crypto/rand ends the program instead
	return formatUUID(b, 4)
}

// formatUUID is b as a UUID of a version (RFC 9562, 4).
func formatUUID(b [16]byte, version byte) string {
	b[6] = b[6]&0x0f | version<<4
	b[8] = b[8]&0x3f | 0x80
	return fmt.Sprintf("%x-%x-%x-%x-%x", b[:4], b[4:6], b[6:8], b[8:10], b[10:])
}
