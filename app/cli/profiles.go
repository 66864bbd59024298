package cli

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
	"text/tabwriter"

	"github.com/culvert-vpn/culvert/app/api"
	"github.com/culvert-vpn/culvert/app/diagnosis"
	"github.com/culvert-vpn/culvert/app/profile"
	"github.com/culvert-vpn/culvert/platform/keyring"
)

var profilesCommand = &command{
	name: "profiles", args: "list|show|add|edit|remove|secrets", short: "the connections that are saved",
	sub: []*command{profilesList, profilesShow, profilesAdd, profilesEdit, profilesRemove, profilesSecrets},
}

var profilesList = &command{
	name: "profiles list", args: "[--json]", short: "list all profiles",
	options: []option{jsonOption},
	run: func(_ context.Context, c *call) int {
		if !c.parse() {
			return exitUsage
		}
		list, err := c.store.List()
		if c.on(jsonOption.name) {
			listJSON(c.Out, list)
		} else {
			listTable(c.Streams, list)
		}
		if err != nil { // the others are listed nevertheless
			c.say("%v", err)
			return exitInternal
		}
		return exitDone
	},
}

// listJSON prints an object for each profile.
func listJSON(w io.Writer, list []profile.Entry) {
	for _, e := range list {
		out := struct {
			ID       string   `json:"id,omitempty"`
			Name     string   `json:"name"`
			Servers  []string `json:"servers,omitempty"`
			User     string   `json:"user,omitempty"`
			Path     string   `json:"path"`
			ReadOnly bool     `json:"read_only"`
			Faults   []string `json:"faults,omitempty"`
		}{Name: e.Name(), Path: e.Path, ReadOnly: e.ReadOnly}
		if p := e.Profile; p != nil {
			out.ID, out.Servers, out.User = p.ID, p.Servers, p.Login()
		} else {
			out.Faults = faults(e.Err)
		}
		if line, err := json.Marshal(out); err == nil { // strings and a switch always can be
			fmt.Fprintf(w, "%s\n", line)
		}
	}
}

// listTable prints a line for each profile, and what is wrong with files.
func listTable(s Streams, list []profile.Entry) {
	if len(list) == 0 {
		fmt.Fprintln(s.Err, "There is no profile yet: culvert profiles add makes one.")
		return
	}
	t := tabwriter.NewWriter(s.Out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(t, "NAME\tSERVER\tUSER\tID")
	for _, e := range list {
		if e.Profile == nil {
			fmt.Fprintf(t, "%s\t(cannot be used)\t\t\n", clean(e.Name()))
			continue
		}
		id, _, _ := strings.Cut(e.Profile.ID, "-")
		if e.ReadOnly {
			id += "  (the machine's)"
		}
		fmt.Fprintf(t, "%s\t%s\t%s\t%s\n", clean(e.Name()), strings.Join(e.Profile.Servers, ", "), clean(e.Profile.Login()), id)
	}
	t.Flush()
	for _, e := range list {
		if e.Profile == nil {
			printInvalid(s.Err, e.Err)
		}
	}
}

var profilesShow = &command{
	name: "profiles show", args: "PROFILE", short: "check a profile and print it with every default", takes: aProfile,
	long: "Every fault of the file is named with its line and its key. There are no secrets in it.",
	run: func(_ context.Context, c *call) int {
		var ref string
		if !c.parse(&ref) {
			return exitUsage
		}
		e, err := c.profile(ref)
		if err != nil {
			return c.noProfile(err)
		}
		p := e.Profile
		text, err := p.Marshal()
		if err != nil {
			c.say("%v", err)
			return exitInternal
		}
		offer := p.Proposals()
		fmt.Fprintf(c.Out, "%s\n# What this offers a gateway:\n#   phase 1  %s\n#   phase 2  %s\n#   pfs      %s\n#   log in   %s\n",
			text, words(offer.Phase1), words(offer.Phase2), pfsName(offer), words(p.AuthMethods()))
		return exitDone
	},
}

func words[T any](items []T) string {
	out := make([]string, len(items))
	for i, s := range items {
		out[i] = fmt.Sprint(s)
	}
	return strings.Join(out, " ")
}

func pfsName(offer profile.Proposals) string {
	if offer.PFS == 0 {
		return "off"
	}
	return offer.PFS.String()
}

var profilesRemove = &command{
	name: "profiles remove", args: "PROFILE [--yes]", short: "remove a profile and its secrets", takes: aProfile,
	long:    "At a terminal it asks first. What is connected stays so.",
	options: []option{{"yes", "", "do not ask"}},
	run: func(ctx context.Context, c *call) int {
		e, status := c.toChange()
		if status != exitDone {
			return status
		}
		if c.terminal != nil && !c.on("yes") {
			if yes, err := confirm(ctx, c.terminal, fmt.Sprintf("Remove “%s” and its secrets?", clean(e.Name())), false); err != nil || !yes {
				fmt.Fprintln(c.Err, "It stays.")
				return exitUsage
			}
		}
		gone, err := c.store.Remove(e)
		if err != nil {
			return c.notStored(err)
		}
		fmt.Fprintf(c.Out, "“%s” is removed.\n", clean(e.Name()))
		if gone.ID == "" {
			return exitDone
		}
		return c.forget(ctx, gone.ID)
	},
}

// toChange is the profile that the command line names, for a command that changes
// it; with a status other than exitDone it has been said why there is none.
func (c *call) toChange() (e profile.Entry, status int) {
	var ref string
	if !c.parse(&ref) {
		return e, exitUsage
	}
	e, err := c.profile(ref)
	if e.Path == "" {
		return e, c.noProfile(err)
	}
	return e, c.changeable(e)
}

// forget removes the secrets of a profile from the keychain.
func (c *call) forget(ctx context.Context, id string) int {
	switch err := c.keys.DeleteProfile(ctx, id); {
	case errors.Is(err, keyring.ErrUnavailable):
		fmt.Fprintln(c.Err, "No keychain can be reached here: what it may have of the profile stays there.")
	case err != nil:
		c.say("its secrets: %v", err)
		return exitInternal
	}
	return exitDone
}

// changeable refuses what is none of the person's own profiles.
func (c *call) changeable(e profile.Entry) int {
	if !e.ReadOnly {
		return exitDone
	}
	if _, own := c.stored(e.Path); own {
		c.say("%s belongs to the machine, and only its administrator changes it", e.Path)
	} else {
		c.say("%s is none of the saved profiles, which culvert profiles list names", e.Path)
	}
	return exitUsage
}

// notStored says why a change was not made, and gives the exit status.
func (c *call) notStored(err error) int {
	var faulty *profile.Error
	var taken *profile.NameTakenError
	switch {
	case errors.As(err, &faulty):
		printInvalid(c.Err, err)
		return exitUsage
	case errors.As(err, &taken):
		c.say("there is another profile called %q already: %s", taken.Name, taken.Path)
		return exitUsage
	}
	c.say("%v", err)
	return exitInternal
}

// faults is the lines that a broken profile or secrets file is reported with.
func faults(err error) []string {
	var e *profile.Error
	if errors.As(err, &e) {
		out := make([]string, len(e.Faults))
		for i, f := range e.Faults {
			out[i] = f.Error()
		}
		return out
	}
	return []string{err.Error()}
}

func printInvalid(w io.Writer, err error) {
	fmt.Fprintf(w, "%s:\n", diagnosis.Lookup(api.ProfileInvalid).Title)
	for _, f := range faults(err) {
		fmt.Fprintf(w, "  %s\n", f)
	}
}
