// Package cli is the command line: what a person types, what it prints, and
// with which status it ends.
package cli

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"strings"

	"github.com/culvert-vpn/culvert/app/version"
)

// The exit statuses. Scripts rely on them.
const (
	exitDone         = 0
	exitInternal     = 1
	exitUsage        = 2 // also an invalid profile
	exitNotConnected = 3
	exitLost         = 5
)

// Streams are the three of a process.
type Streams struct {
	In       io.Reader
	Out, Err io.Writer
}

// command is a word after the program's name.
type command struct {
	name  string
	args  string // its arguments, for the usage
	short string // one line for the list
	long  string // what is worth knowing besides
	run   func(ctx context.Context, c *call) int
}

// call is one use of a command.
type call struct {
	Streams
	hurry   <-chan struct{} // closed: end without waiting for anybody
	command *command
	args    []string
}

// commands is what is built, in the order of the list.
func commands() []*command {
	return []*command{demoCommand, upCommand, profilesCommand, gatewayCommand, versionCommand}
}

var versionCommand = &command{
	name: "version", short: "print the version",
	run: func(_ context.Context, c *call) int {
		if !c.parse(c.flags()) {
			return exitUsage
		}
		fmt.Fprintln(c.Out, version.Text())
		return exitDone
	},
}

// Run runs one command line, without the program's name, and gives the exit
// status. The end of ctx is the wish to stop in order.
func Run(ctx context.Context, args []string, s Streams) int { return runCommand(ctx, nil, args, s) }

func runCommand(ctx context.Context, hurry <-chan struct{}, args []string, s Streams) int {
	if len(args) == 0 {
		printHelp(s.Err)
		return exitUsage
	}
	name, rest := args[0], args[1:]
	if isHelp(name) {
		return help(rest, s)
	}
	if len(rest) > 0 && isHelp(rest[0]) {
		return help([]string{name}, s)
	}
	for _, c := range commands() {
		if c.name == name {
			return c.run(ctx, &call{s, hurry, c, rest})
		}
	}
	return unknown(name, s)
}

func unknown(name string, s Streams) int {
	fmt.Fprintf(s.Err, "culvert: there is no command %q; culvert help lists them\n", name)
	return exitUsage
}

func isHelp(s string) bool { return s == "help" || s == "-h" || s == "-help" || s == "--help" }

func help(args []string, s Streams) int {
	if len(args) == 0 {
		printHelp(s.Out)
		return exitDone
	}
	for _, c := range commands() {
		if c.name == args[0] {
			c.printUsage(s.Out)
			return exitDone
		}
	}
	return unknown(args[0], s)
}

func printHelp(w io.Writer) {
	fmt.Fprint(w, "Culvert connects to L2TP/IPsec gateways.\n\n")
	for _, c := range commands() {
		fmt.Fprintf(w, "  culvert %s\n        %s\n", strings.TrimSpace(c.name+" "+c.args), c.short)
	}
	fmt.Fprint(w, "\nculvert help COMMAND says more. Exit status: 0 done, 1 internal error, 2 usage or an invalid profile,\n3 could not connect, 5 connection lost.\n")
}

func (c *command) printUsage(w io.Writer) {
	fmt.Fprintf(w, "usage: culvert %s\n\n%s.\n", strings.TrimSpace(c.name+" "+c.args), strings.ToUpper(c.short[:1])+c.short[1:])
	if c.long != "" {
		fmt.Fprintf(w, "\n%s\n", c.long)
	}
}

// flags is an empty set of flags that keeps quiet: parse reports.
func (c *call) flags() *flag.FlagSet {
	f := flag.NewFlagSet(c.command.name, flag.ContinueOnError)
	f.SetOutput(io.Discard)
	return f
}

// parse reads flags, which may stand before and after the arguments, and
// checks that the rest are as many arguments as want has names, which it fills.
func (c *call) parse(f *flag.FlagSet, want ...*string) bool {
	var rest []string
	args := c.args
	for {
		if err := f.Parse(args); errors.Is(err, flag.ErrHelp) {
			return c.usage("")
		} else if err != nil {
			return c.usage(err.Error())
		}
		if f.NArg() == 0 {
			break
		}
		rest, args = append(rest, f.Arg(0)), f.Args()[1:]
	}
	switch {
	case len(rest) < len(want):
		return c.usage("something is missing")
	case len(rest) > len(want):
		return c.usage(fmt.Sprintf("%q is one argument too many", rest[len(want)]))
	}
	for i, w := range want {
		*w = rest[i]
	}
	return true
}

// usage says what is wrong and how it goes; it is false.
func (c *call) usage(problem string) bool {
	if problem != "" {
		fmt.Fprintf(c.Err, "culvert %s: %s\n", c.command.name, problem)
	}
	c.command.printUsage(c.Err)
	return false
}
