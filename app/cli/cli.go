// Package cli is the command line: what a person types, what it prints, and
// with which status it ends.
package cli

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"

	"github.com/culvert-vpn/culvert/app/version"
)

// The exit statuses. Scripts rely on them.
const (
	exitDone         = 0
	exitInternal     = 1
	exitUsage        = 2 // also an invalid profile
	exitNotConnected = 3
	exitNoHelper     = 4 // not reachable, or not allowed
	exitLost         = 5
)

// Streams are the three of a process.
type Streams struct {
	In       io.Reader
	Out, Err io.Writer
}

// command is a word after the program's name.
type command struct {
	name    string // with the words before it: "profiles add"
	args    string // its arguments, for the usage, a line for each way
	short   string // one line for the list
	long    string // what is worth knowing besides
	options []option
	takes   argument   // what its argument is, for completion
	sub     []*command // the words that may follow; then there is no run
	run     func(ctx context.Context, c *call) int
}

// option is a flag of a command.
type option struct {
	name string // without its dashes
	arg  string // what follows it, such as FILE; "": nothing does
	help string
}

// argument is what a command's argument is.
type argument uint8

const (
	aProfile argument = iota + 1 // a name, an id or a file
	aShell
	aFile
)

// call is one use of a command.
type call struct {
	Streams
	*around
	hurry   <-chan struct{} // closed: end without waiting for anybody
	command *command
	args    []string
	given   map[string]string // flags, by their names
}

// commands is what is built, in the order of the list.
func commands() []*command {
	return []*command{upCommand, downCommand, statusCommand, watchCommand, profilesCommand, importCommand, exportCommand, doctorCommand, logCommand, reportCommand,
		demoCommand, gatewayCommand, completionCommand, versionCommand}
}

var jsonOption = option{"json", "", "one JSON object a line instead of words"}

var versionCommand = &command{
	name: "version", short: "print the version",
	run: func(_ context.Context, c *call) int {
		if !c.parse() {
			return exitUsage
		}
		fmt.Fprintln(c.Out, version.Text())
		return exitDone
	},
}

// Run runs one command line, without the program's name, and gives the exit
// status. The end of ctx is the wish to stop in order.
func Run(ctx context.Context, args []string, s Streams) int {
	return runCommand(ctx, nil, args, s, realAround(s))
}

func runCommand(ctx context.Context, hurry <-chan struct{}, args []string, s Streams, a *around) int {
	if len(args) == 0 {
		printHelp(s.Err)
		return exitUsage
	}
	if args[0] == completeWord {
		return complete(args[1:], s.Out, a)
	}
	if isHelp(args[0]) {
		return help(args[1:], s)
	}
	cmd, rest := find(args)
	if cmd == nil {
		return unknown(args[0], s)
	}
	if len(rest) > 0 && isHelp(rest[0]) {
		cmd.printUsage(s.Out)
		return exitDone
	}
	c := &call{Streams: s, around: a, hurry: hurry, command: cmd, args: rest}
	if cmd.run != nil {
		return cmd.run(ctx, c)
	}
	if len(rest) == 0 {
		c.usage("something is missing")
	} else {
		c.usage(fmt.Sprintf("%q is not known", rest[0]))
	}
	return exitUsage
}

// find is the command that the first words name, and the words after it.
func find(args []string) (*command, []string) {
	var found *command
	list, rest := commands(), args
	for len(rest) > 0 {
		next := named(list, rest[0])
		if next == nil {
			break
		}
		found, list, rest = next, next.sub, rest[1:]
	}
	return found, rest
}

// named is the command of a list with that last word; nil: there is none.
func named(list []*command, word string) *command {
	for _, c := range list {
		if c.word() == word {
			return c
		}
	}
	return nil
}

func unknown(name string, s Streams) int {
	fmt.Fprintf(s.Err, "culvert: there is no command %q; culvert help lists them\n", name)
	return exitUsage
}

// flags is the options of the command as package flag has them, which put what
// is given into c.
func (c *call) flags() *flag.FlagSet {
	f := flag.NewFlagSet(c.command.name, flag.ContinueOnError)
	f.SetOutput(io.Discard)
	for _, o := range c.command.options {
		set := func(s string) error {
			c.given[o.name] = s
			return nil
		}
		if o.arg == "" {
			f.BoolFunc(o.name, "", set)
		} else {
			f.Func(o.name, "", set)
		}
	}
	return f
}

// on says whether a flag was given that nothing follows.
func (c *call) on(name string) bool {
	v, ok := c.given[name]
	return ok && v != "false"
}

// parse reads the flags, which may stand before and after the arguments, and
// checks that the rest are as many arguments as want has names, which it fills.
func (c *call) parse(want ...*string) bool { return c.parseSome(len(want), want...) }

// parseSome is parse where only the first few arguments have to be there.
func (c *call) parseSome(least int, want ...*string) bool {
	c.given = map[string]string{}
	f := c.flags()
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
	case len(rest) < least:
		return c.usage("something is missing")
	case len(rest) > len(want):
		return c.usage(fmt.Sprintf("%q is one argument too many", rest[len(want)]))
	}
	for i, s := range rest {
		*want[i] = s
	}
	return true
}

// usage says what is wrong and how it goes; it is false.
func (c *call) usage(problem string) bool {
	if problem != "" {
		c.say("%s", problem)
	}
	c.command.printUsage(c.Err)
	return false
}

// say is a line to the person, with the command in front.
func (c *call) say(format string, args ...any) {
	fmt.Fprintf(c.Err, "culvert %s: %s\n", c.command.name, fmt.Sprintf(format, args...))
}
