package cli

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"text/tabwriter"

	"github.com/culvert-vpn/culvert/app/client"
	"github.com/culvert-vpn/culvert/app/importer"
	"github.com/culvert-vpn/culvert/app/profile"
	"github.com/culvert-vpn/culvert/engine/secret"
)

var importCommand = &command{
	name: "import", args: "FILE|- [--dry-run] [--name NAME|--rename] [--server SERVER] [--user USER] [--json]",
	short: "make profiles of what other programs or people have of a connection", takes: aFile,
	long: "It reads Apple's .mobileconfig, NetworkManager's .nmconnection, Windows' rasphone.pbk and PowerShell commands,\n" +
		"ipsec.conf with ipsec.secrets, xl2tpd.conf and pppd's options one after another, ChromeOS' .onc, Culvert's own\n" +
		"files, and a mail with the server, the key and the user in it; - is standard input. It says what it understood\n" +
		"and what not. Secrets go to the keychain and are never shown. At a terminal it asks for what is missing.",
	options: []option{
		{"dry-run", "", "only say what would be saved"},
		{"name", "NAME", "what to call the profile"},
		{"rename", "", "where there is a profile of that name, put a number behind it"},
		{"server", "SERVER", "the gateway, where the source does not say it"},
		{"user", "USER", "who logs in, where the source does not say it"},
		jsonOption,
	},
	run: func(ctx context.Context, c *call) int {
		var file string
		if !c.parse(&file) {
			return exitUsage
		}
		return c.importFrom(ctx, file)
	},
}

// importFrom makes the profiles of one source: all of them, or none when a name or
// something else is not settled.
func (c *call) importFrom(ctx context.Context, file string) int {
	data, err := c.source(file)
	if err != nil {
		c.say("%v", err)
		return exitUsage
	}
	r, err := importer.Read(file, data)
	clear(data)
	if err != nil {
		return c.notImported(file, err)
	}
	defer r.Zero()
	if len(r.Profiles) > 1 && c.given["name"] != "" {
		c.say("there are %d connections in it: --name is for one", len(r.Profiles))
		return exitUsage
	}
	dry := c.on("dry-run")
	if !c.on(jsonOption.name) {
		c.printImport(r)
	}
	if !dry {
		if err := c.settle(ctx, &r, file); err != nil {
			c.say("nothing was saved: %v", err)
			return exitUsage
		}
	}
	status := exitDone
	for i := range r.Profiles {
		p := &r.Profiles[i]
		path := ""
		if !dry {
			if path, status = c.saveImport(ctx, p); status != exitDone {
				return status
			}
		}
		if c.on(jsonOption.name) {
			c.importJSON(r.Format, p, path)
		}
	}
	if c.on(jsonOption.name) && len(r.LeftOut) > 0 {
		c.printJSON(importLine{Type: "source", Format: r.Format, LeftOut: r.LeftOut})
	}
	return status
}

// source is the octets of a file, or of standard input.
func (c *call) source(file string) ([]byte, error) {
	in := c.In
	if file != "-" {
		f, err := os.Open(file)
		if err != nil {
			return nil, err
		}
		defer f.Close()
		if info, err := f.Stat(); err != nil || info.IsDir() {
			return nil, fmt.Errorf("%s is a folder", file)
		}
		in = f
	}
	return io.ReadAll(io.LimitReader(in, importer.MaxInput+1))
}

// notImported says why nothing came of a source.
func (c *call) notImported(file string, err error) int {
	var nothing *importer.NothingError
	var faulty *profile.Error
	switch {
	case errors.As(err, &faulty):
		printInvalid(c.Err, err)
	case errors.As(err, &nothing):
		c.say("there is no L2TP/IPsec connection in %s (%s)", file, nothing.Format.Title())
		for _, i := range nothing.LeftOut {
			fmt.Fprintf(c.Err, "  %s: %s\n", clean(strings.TrimSpace(i.Key+" "+i.Value)), i.Why)
		}
	case errors.Is(err, importer.ErrUnknown):
		c.say("there are no VPN settings in %s; culvert help import says what it can read", file)
	default:
		c.say("%s: %s", file, strings.TrimPrefix(err.Error(), "importer: "))
	}
	return exitUsage
}

// printImport is what a person reads of a source.
func (c *call) printImport(r importer.Result) {
	for _, p := range r.Profiles {
		fmt.Fprintf(c.Out, "%s: “%s”\n", r.Format.Title(), clean(importName(p)))
		printItems(c.Out, "understood", p.Understood)
		printItems(c.Out, "left out", p.LeftOut)
		for _, key := range p.Missing {
			fmt.Fprintf(c.Out, "  missing: %s\n", map[string]string{"servers": "the server", "user": "the user"}[key])
		}
		fmt.Fprintln(c.Out)
	}
	if len(r.LeftOut) > 0 {
		fmt.Fprintln(c.Out, "Besides")
		printItems(c.Out, "left out", r.LeftOut)
		fmt.Fprintln(c.Out)
	}
}

// importName is what a connection is called, or would be.
func importName(p importer.Imported) string {
	if p.Profile.Name == "" && len(p.Profile.Servers) > 0 {
		return p.Profile.Servers[0]
	}
	return p.Profile.Name
}

// printItems is settings in aligned lines.
func printItems(w io.Writer, title string, items []importer.Item) {
	if len(items) == 0 {
		return
	}
	fmt.Fprintf(w, "  %s\n", title)
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	for _, i := range items {
		value := i.Value
		if i.Secret {
			value = "(not shown)"
		}
		about := i.Why
		if about == "" && i.Field != "" {
			about = "→ " + i.Field
		}
		fmt.Fprintf(t, "    %s\t%s\t%s\n", clean(i.Key), clean(value), about)
	}
	t.Flush()
}

// settle gets what is missing and free names for all, before anything is saved.
func (c *call) settle(ctx context.Context, r *importer.Result, file string) error {
	taken := map[string]bool{}
	ask := c.terminal
	if file == "-" {
		ask = nil // the answers would come out of the source
	}
	for i := range r.Profiles {
		p := &r.Profiles[i]
		if err := c.complete(ctx, p, ask); err != nil {
			return err
		}
		if name, ok := c.given["name"]; ok {
			p.Profile.Name = name
			if err := c.check(p.Profile); err != nil {
				return err
			}
		}
		if err := c.freeName(ctx, p.Profile, taken, ask); err != nil {
			return err
		}
		taken[strings.ToLower(p.Profile.Name)] = true
	}
	return nil
}

// complete gets the server and the user where the source does not say them.
func (c *call) complete(ctx context.Context, p *importer.Imported, ask terminal) error {
	for len(p.Missing) > 0 {
		answers := map[string]string{}
		for _, q := range []struct{ key, flag, question string }{{"servers", "server", "Server (name or address)"}, {"user", "user", "User"}} {
			if !strings.Contains(strings.Join(p.Missing, " "), q.key) {
				continue
			}
			given, ok := c.given[q.flag]
			switch {
			case ok:
				answers[q.key] = given
			case ask == nil:
				return fmt.Errorf("“%s” does not say it: give --%s", clean(importName(*p)), q.flag)
			default:
				line, err := ask.ask(ctx, fmt.Sprintf("%s for “%s”: ", q.question, clean(importName(*p))), false)
				if err != nil {
					return err
				}
				answers[q.key] = string(line)
			}
		}
		err := p.Complete(answers["servers"], answers["user"])
		if err == nil {
			return nil
		}
		if ask == nil || c.given["server"] != "" || c.given["user"] != "" {
			return errors.New(strings.Join(reasons(err), "; "))
		}
		for _, f := range reasons(err) {
			fmt.Fprintf(c.Err, "  %s\n", f)
		}
	}
	return nil
}

// freeName sees to a name that no other profile has.
func (c *call) freeName(ctx context.Context, p *profile.Profile, taken map[string]bool, ask terminal) error {
	wanted := p.Name
	for n := 2; ; n++ {
		free := c.store.FreeName(p.Name)
		if free == p.Name && !taken[strings.ToLower(free)] {
			return nil
		}
		next := fmt.Sprintf("%s %d", wanted, n)
		switch {
		case c.on("rename"):
			p.Name = next
		case ask == nil:
			return fmt.Errorf("there is a profile called %q already: give --rename, or --name", clean(p.Name))
		default:
			line, err := ask.ask(ctx, fmt.Sprintf("There is a profile “%s” already. Another name [%s]: ", clean(p.Name), clean(next)), false)
			if err != nil {
				return err
			}
			if p.Name = strings.TrimSpace(string(line)); p.Name == "" {
				p.Name = next
			}
			if err := c.check(p); err != nil {
				fmt.Fprintf(c.Err, "  %s\n", strings.Join(reasons(err), "\n  "))
				p.Name = wanted
			}
		}
	}
}

// saveImport saves a profile, then its secrets: the profile may get another id,
// and those of another one must stay.
func (c *call) saveImport(ctx context.Context, p *importer.Imported) (path string, status int) {
	e, err := c.store.Create(p.Profile)
	if err != nil {
		return "", c.notStored(err)
	}
	if p.Secrets.PSK != nil || p.Secrets.Password != nil || p.Secrets.TunnelSecret != nil {
		if err := c.keep(ctx, e.Profile.ID, &p.Secrets); err != nil {
			fmt.Fprintf(c.Err, "%s\n  %v\n", noKeychain, err)
		}
	}
	if !c.on(jsonOption.name) {
		fmt.Fprintf(c.Out, "“%s” is saved: culvert up %s connects.\n", clean(e.Name()), shellWord(e.Name()))
	}
	p.Profile = e.Profile
	return e.Path, exitDone
}

// importLine is a line of --json: a connection, or what belongs to none.
type importLine struct {
	Type       string          `json:"type"` // profile, source
	Format     importer.Format `json:"format"`
	Name       string          `json:"name,omitempty"`
	Path       string          `json:"path,omitempty"`    // of the profile that was saved
	Profile    string          `json:"profile,omitempty"` // the text of a profile file
	Secrets    []string        `json:"secrets,omitempty"` // which there are
	Missing    []string        `json:"missing,omitempty"`
	Understood []importer.Item `json:"understood,omitempty"`
	LeftOut    []importer.Item `json:"left_out,omitempty"`
}

func (c *call) importJSON(format importer.Format, p *importer.Imported, path string) {
	l := importLine{Type: "profile", Format: format, Name: importName(*p), Path: path, Missing: p.Missing, Understood: p.Understood, LeftOut: p.LeftOut}
	if text, err := p.Profile.Text(); err == nil { // what was checked has one
		l.Profile = string(text)
	}
	for _, s := range []struct {
		name string
		s    secret.Secret
	}{{"psk", p.Secrets.PSK}, {"password", p.Secrets.Password}, {"tunnel_secret", p.Secrets.TunnelSecret}} {
		if s.s != nil {
			l.Secrets = append(l.Secrets, s.name)
		}
	}
	c.printJSON(l)
}

func (c *call) printJSON(v any) {
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(v); err == nil { // strings and lists always can be
		_, _ = c.Out.Write(b.Bytes())
	}
}

var exportCommand = &command{
	name: "export", args: "PROFILE --format toml|mobileconfig|nmconnection|powershell [--with-secrets]",
	short: "print a profile in the form of another program", takes: aProfile,
	long: "mobileconfig is for macOS and iOS, nmconnection for NetworkManager-l2tp, powershell for Windows, toml for another\n" +
		"Culvert. Without --with-secrets there is no secret in it. What that form has no place for is said.",
	options: []option{
		{"format", "FORMAT", "toml, mobileconfig, nmconnection or powershell"},
		{"with-secrets", "", "with the secrets that the keychain has: whoever reads it can connect"},
	},
	run: func(ctx context.Context, c *call) int {
		var ref string
		if !c.parse(&ref) {
			return exitUsage
		}
		if c.given["format"] == "" {
			c.usage("give --format")
			return exitUsage
		}
		return c.export(ctx, ref)
	},
}

func (c *call) export(ctx context.Context, ref string) int {
	e, err := c.profile(ref)
	if err != nil {
		return c.noProfile(err)
	}
	s := &profile.Secrets{}
	defer s.Zero()
	if c.on("with-secrets") {
		if err := client.FromKeychain(ctx, c.keys, e.Profile, s); err != nil {
			c.say("the keychain cannot be reached, so nothing was written: %v", err)
			return exitInternal
		}
		for _, name := range s.Missing(e.Profile) {
			fmt.Fprintf(c.Err, "The keychain has no %s of it.\n", strings.ToLower(secretWords[name]))
		}
	}
	out, err := importer.Export(e.Profile, s, importer.Format(c.given["format"]))
	if errors.Is(err, importer.ErrFormat) {
		c.usage(fmt.Sprintf("%q is not known; there is: toml, mobileconfig, nmconnection, powershell", c.given["format"]))
		return exitUsage
	}
	if err != nil {
		c.say("%v", err)
		return exitInternal
	}
	defer clear(out.Data)
	if _, err := c.Out.Write(out.Data); err != nil {
		c.say("%v", err)
		return exitInternal
	}
	if len(out.LeftOut) > 0 {
		printItems(c.Err, "not in it", out.LeftOut)
	}
	return exitDone
}
