// Package importer reads what other programs and people have of a connection,
// from Apple's profiles to a pasted mail, into a profile with its secrets, and
// writes a profile in the forms of some of them. It says of every setting
// whether it was understood. It touches no file, no network and no keychain.
package importer

import (
	"errors"
	"fmt"
	"strings"

	"github.com/culvert-vpn/culvert/app/profile"
)

// Format is a way to write a connection down.
type Format string

// The formats. Those that Export writes too are the words of culvert export.
const (
	TOML           Format = "toml"         // Culvert's own
	MobileConfig   Format = "mobileconfig" // Apple's configuration profile
	NetworkManager Format = "nmconnection" // a keyfile of NetworkManager-l2tp
	PowerShell     Format = "powershell"   // Windows' Add-VpnConnection and its relatives
	Rasphone       Format = "rasphone"     // Windows' phone book, rasphone.pbk
	IPsecConf      Format = "ipsec.conf"   // ipsec.conf, ipsec.secrets, xl2tpd.conf, options of pppd, one after another
	ONC            Format = "onc"          // ChromeOS
	Text           Format = "text"         // a mail or a note
)

var titles = map[Format]string{
	TOML: "Culvert profile", MobileConfig: "Apple configuration profile", NetworkManager: "NetworkManager connection",
	PowerShell: "PowerShell commands", Rasphone: "Windows phone book", IPsecConf: "ipsec.conf and its companions",
	ONC: "ChromeOS network configuration", Text: "text",
}

// Title is the format's name for people.
func (f Format) Title() string { return titles[f] }

// MaxInput is how many octets Read takes: profiles may have pictures and
// certificates in them. More is ErrTooLarge.
const MaxInput = 4 << 20

// Ours.
const (
	maxText     = 1 << 20 // octets of what is read line by line
	maxProfiles = 64
	maxItems    = 400 // of one profile; no real file has half of that
	maxShown    = 200 // octets of a value that is shown
)

// Errors that a caller tells apart. A *profile.Error, of Culvert's own format,
// is another one.
var (
	// ErrUnknown is data in which no connection was recognised.
	ErrUnknown = errors.New("importer: no VPN settings in it")
	// ErrTooLarge is data above the bounds of this package.
	ErrTooLarge = errors.New("importer: it is too large")
	// ErrEncrypted is a file for the one device that has the key to it, or one
	// with a passphrase.
	ErrEncrypted = errors.New("importer: it is encrypted; ask for it without encryption")
	// ErrBinary is a binary property list.
	ErrBinary = errors.New("importer: it is a binary property list; plutil -convert xml1 makes text of it")
)

// SyntaxError is a file that is not what it looks like.
type SyntaxError struct {
	Format Format
	Err    error // may be the words of a library; never a secret
}

// Error names the format.
func (e *SyntaxError) Error() string {
	return fmt.Sprintf("importer: not a valid %s: %v", e.Format.Title(), e.Err)
}

// Unwrap is the reason.
func (e *SyntaxError) Unwrap() error { return e.Err }

// NothingError is a file whose connections are all of other kinds.
type NothingError struct {
	Format  Format
	LeftOut []Item // why each was
}

// Error names the first.
func (e *NothingError) Error() string {
	s := "importer: no L2TP/IPsec connection in it"
	if len(e.LeftOut) > 0 {
		s += ": " + e.LeftOut[0].Why
	}
	return s
}

// Item is one setting of the source.
type Item struct {
	Key    string `json:"key"`              // as the source has it, such as "PPP.AuthName"
	Value  string `json:"value,omitempty"`  // as the source has it, perhaps cut; empty for a secret
	Secret bool   `json:"secret,omitempty"` // there was a value, and it is not shown
	Field  string `json:"field,omitempty"`  // the key of a profile or of its secrets that it is; empty: none
	Reason Reason `json:"reason,omitempty"` // why it was left out
	Why    string `json:"why,omitempty"`    // the same in a sentence; what a reader adds stands behind it
}

// Imported is one connection.
type Imported struct {
	// Profile is valid when nothing is Missing; until then it has no id either.
	Profile *profile.Profile
	Secrets profile.Secrets
	// Missing are the keys that a profile must have and the source does not say:
	// servers, user. Complete takes them.
	Missing             []string
	Understood, LeftOut []Item
}

// Result is what a source says.
type Result struct {
	Format   Format
	Profiles []Imported // at least one
	LeftOut  []Item     // of the source as a whole, such as connections of other kinds
}

// Zero overwrites every secret.
func (r *Result) Zero() {
	for i := range r.Profiles {
		r.Profiles[i].Secrets.Zero()
	}
}

// Complete fills in what is Missing, and checks the whole. Empty answers leave
// what is there. The error is a *profile.Error with a fault for each answer that
// is missing still or cannot be; the connection is then as it was.
func (i *Imported) Complete(server, user string) error {
	p := *i.Profile
	if server = strings.TrimSpace(server); server != "" {
		p.Servers = []string{server}
	}
	if user = strings.TrimSpace(user); user != "" {
		p.User = user
	}
	checked, err := check(&p)
	if err != nil {
		return err
	}
	i.Profile, i.Missing = checked, nil
	return nil
}

// check is the profile as a file would give it back.
func check(p *profile.Profile) (*profile.Profile, error) {
	text, err := p.Text()
	if err != nil {
		return nil, err
	}
	return profile.Parse("profile", text)
}

// File is a file by its name, of which only the last part counts, and only as a
// hint.
type File struct {
	Name string
	Data []byte
}

// Detect says what data is, by its name and contents; "" if it is nothing that
// Read could make sense of.
func Detect(name string, data []byte) Format {
	f, _, _ := detect(name, data)
	return f
}

// Read reads one source: a file, or pasted text with any name or none. It keeps
// nothing of data. The error is one of those above.
func Read(name string, data []byte) (Result, error) {
	format, text, err := detect(name, data)
	if err != nil {
		return Result{}, err
	}
	s := &source{name: baseName(name), data: data, text: text, result: Result{Format: format}}
	read, ok := readers[format]
	if !ok {
		return Result{}, ErrUnknown
	}
	if err := read(s); err != nil {
		s.result.Zero()
		return Result{}, err
	}
	return s.finish()
}

// ReadFiles reads several files that were given at once. Those of the
// ipsec.conf family are read as one: each has a part of the connection. The error
// names the file.
func ReadFiles(files ...File) (Result, error) {
	var all Result
	var family []byte
	for _, f := range files {
		format := Detect(f.Name, f.Data)
		if format == "" && looksLikePart(f.Name) {
			format = IPsecConf
		}
		if format == IPsecConf && len(files) > 1 {
			text, err := decodeText(f.Data)
			if err != nil {
				return Result{}, fmt.Errorf("%s: %w", f.Name, err)
			}
			family = fmt.Appendf(family, "\n# %s\n%s\n", baseName(f.Name), text)
			continue
		}
		r, err := Read(f.Name, f.Data)
		if err != nil {
			all.Zero()
			return Result{}, fmt.Errorf("%s: %w", f.Name, err)
		}
		all.add(r)
	}
	if family != nil {
		r, err := readAs(IPsecConf, "ipsec.conf", family)
		clear(family)
		if err != nil {
			all.Zero()
			return Result{}, fmt.Errorf("ipsec.conf and its companions: %w", err)
		}
		all.add(r)
	}
	if len(all.Profiles) > maxProfiles {
		all.Zero()
		return Result{}, ErrTooLarge
	}
	if len(all.Profiles) == 0 {
		return Result{}, ErrUnknown
	}
	return all, nil
}

// add joins another source; the format is the first one's.
func (r *Result) add(other Result) {
	if r.Format == "" {
		r.Format = other.Format
	}
	r.Profiles = append(r.Profiles, other.Profiles...)
	r.LeftOut = append(r.LeftOut, other.LeftOut...)
}

func readAs(format Format, name string, data []byte) (Result, error) {
	text, err := decodeText(data)
	if err != nil {
		return Result{}, err
	}
	s := &source{name: name, data: data, text: text, result: Result{Format: format}}
	if err := readers[format](s); err != nil {
		return Result{}, err
	}
	return s.finish()
}

// source is what one reader reads, and what it has made of it.
type source struct {
	name   string
	data   []byte
	text   string // data as UTF-8 with \n; of a signed file, what was signed
	result Result
	drafts []*draft
}

// readers is filled by init: the readers look each other up.
var readers map[Format]func(*source) error

func init() {
	readers = map[Format]func(*source) error{
		TOML: readTOML, MobileConfig: readMobileConfig, NetworkManager: readNetworkManager, PowerShell: readPowerShell,
		Rasphone: readRasphone, IPsecConf: readIPsecConf, ONC: readONC, Text: readText,
	}
}

// draft begins another connection; ErrTooLarge if there are too many.
func (s *source) draft() (*draft, error) {
	if len(s.drafts) >= maxProfiles {
		return nil, ErrTooLarge
	}
	d := newDraft()
	s.drafts = append(s.drafts, d)
	return d, nil
}

// leave notes what belongs to no connection.
func (s *source) leave(key, value string, why Reason) {
	if len(s.result.LeftOut) < maxItems {
		s.result.LeftOut = append(s.result.LeftOut, newItem(key, value, "", why))
	}
}

// finish makes the result of the drafts.
func (s *source) finish() (Result, error) {
	var hidden []string
	for _, d := range s.drafts {
		hidden = append(hidden, d.hidden...)
	}
	for _, d := range s.drafts {
		done, err := d.finish(hidden)
		if err != nil {
			s.result.Zero()
			return Result{}, err
		}
		s.result.Profiles = append(s.result.Profiles, done)
	}
	hide(s.result.LeftOut, hidden)
	if len(s.result.Profiles) == 0 {
		return Result{}, &NothingError{Format: s.result.Format, LeftOut: s.result.LeftOut}
	}
	return s.result, nil
}
