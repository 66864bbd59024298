package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/culvert-vpn/culvert/app/api"
	"github.com/culvert-vpn/culvert/app/diagnosis"
	"github.com/culvert-vpn/culvert/app/profile"
)

var profilesCommand = &command{
	name: "profiles", args: "show FILE", short: "check a profile file and print it with every default",
	long: "Every fault of the file is named with its line and its key.",
	run:  profiles,
}

func profiles(_ context.Context, c *call) int {
	var verb, file string
	if !c.parse(c.flags(), &verb, &file) {
		return exitUsage
	}
	if verb != "show" {
		c.usage(fmt.Sprintf("%q is not known; there is: show", verb))
		return exitUsage
	}
	p, err := profile.Load(file)
	if err != nil {
		printInvalid(c.Err, err)
		return exitUsage
	}
	text, err := p.Marshal()
	if err != nil {
		fmt.Fprintf(c.Err, "culvert profiles: %v\n", err)
		return exitInternal
	}
	offer := p.Proposals()
	fmt.Fprintf(c.Out, "%s\n# What this offers a gateway:\n#   phase 1  %s\n#   phase 2  %s\n#   pfs      %s\n#   log in   %s\n",
		text, words(offer.Phase1), words(offer.Phase2), pfsName(offer), words(p.AuthMethods()))
	return exitDone
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
