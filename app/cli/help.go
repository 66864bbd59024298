package cli

import (
	"fmt"
	"io"
	"slices"
	"strings"
)

func isHelp(s string) bool { return slices.Contains([]string{"help", "-h", "-help", "--help"}, s) }

// help is culvert help, and culvert help COMMAND.
func help(args []string, s Streams) int {
	if len(args) == 0 {
		printHelp(s.Out)
		return exitDone
	}
	cmd, rest := find(args)
	if cmd == nil || len(rest) > 0 {
		return unknown(strings.Join(args, " "), s)
	}
	cmd.printUsage(s.Out)
	return exitDone
}

const helpEnd = `
  culvert help COMMAND
        says more

PROFILE is the name of a profile, the beginning of it, its id, or the path of a file.
CULVERT_SOCKET names the helper's socket where it is not at its usual place.
Exit status: 0 done, 1 internal error, 2 usage or an invalid profile, 3 could not connect,
4 the helper is not reachable or not for this user, 5 connection lost.
`

func printHelp(w io.Writer) {
	fmt.Fprint(w, "Culvert connects to L2TP/IPsec gateways.\n\n")
	for _, c := range commands() {
		c.printLine(w)
	}
	fmt.Fprint(w, helpEnd)
}

func (c *command) printUsage(w io.Writer) {
	for i, line := range c.lines() {
		fmt.Fprintf(w, "%s culvert %s\n", []string{"usage:", "   or:"}[min(i, 1)], line)
	}
	fmt.Fprintf(w, "\n%s.\n", strings.ToUpper(c.short[:1])+c.short[1:])
	if c.long != "" {
		fmt.Fprintf(w, "\n%s\n", c.long)
	}
	if len(c.sub) > 0 {
		fmt.Fprintln(w)
	}
	for _, s := range c.sub {
		s.printLine(w)
	}
	if len(c.options) > 0 {
		fmt.Fprintln(w)
	}
	for _, o := range c.options {
		fmt.Fprintf(w, "  %-18s %s\n", strings.TrimSpace("--"+o.name+" "+o.arg), o.help)
	}
}

// lines are the ways to use the command.
func (c *command) lines() []string {
	var out []string
	for args := range strings.SplitSeq(c.args, "\n") {
		out = append(out, strings.TrimSpace(c.name+" "+args))
	}
	return out
}

// printLine prints the command's entry in a list.
func (c *command) printLine(w io.Writer) {
	for _, line := range c.lines() {
		fmt.Fprintf(w, "  culvert %s\n", line)
	}
	fmt.Fprintf(w, "        %s\n", c.short)
}

// word is the command's last word.
func (c *command) word() string { return c.name[strings.LastIndexByte(c.name, ' ')+1:] }
