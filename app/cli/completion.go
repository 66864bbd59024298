package cli

import (
	"context"
	_ "embed" // the scripts
	"fmt"
	"io"
	"strings"

	"github.com/culvert-vpn/culvert/app/importer"
	"github.com/culvert-vpn/culvert/app/profile"
)

// completeWord is the command that the shells' scripts ask: the words of a command
// line follow it, the last one unfinished.
const completeWord = "__complete"

// The scripts: each hands the words on, and offers what comes back.
var (
	//go:embed completion/culvert.bash
	bashScript string
	//go:embed completion/_culvert
	zshScript string
	//go:embed completion/culvert.fish
	fishScript string
)

// filesDirective has the shell offer files.
const filesDirective = ":files"

var shells = []string{"bash", "zsh", "fish"}

var completionCommand = &command{
	name: "completion", args: "bash|zsh|fish", short: "print what completes commands, flags and names of profiles in a shell", takes: aShell,
	long: "bash:  culvert completion bash > ~/.local/share/bash-completion/completions/culvert\n" +
		"zsh:   culvert completion zsh > ~/.zfunc/_culvert, with fpath+=~/.zfunc before compinit in ~/.zshrc\n" +
		"fish:  culvert completion fish > ~/.config/fish/completions/culvert.fish",
	run: func(_ context.Context, c *call) int {
		var shell string
		if !c.parse(&shell) {
			return exitUsage
		}
		script, ok := map[string]string{"bash": bashScript, "zsh": zshScript, "fish": fishScript}[shell]
		if !ok {
			c.usage(fmt.Sprintf("%q is not known; there is: %s", shell, strings.Join(shells, ", ")))
			return exitUsage
		}
		fmt.Fprint(c.Out, script)
		return exitDone
	},
}

// complete prints what the last of the words may become, a line each, with a
// description behind a tab where there is one.
func complete(words []string, w io.Writer, a *around) int {
	if len(words) == 0 {
		words = []string{""}
	}
	before, last := words[:len(words)-1], words[len(words)-1]
	if len(before) > 0 && isHelp(before[0]) {
		before = before[1:]
		cmd, _ := find(before)
		printWords(w, last, commandWords(cmd, false))
		return exitDone
	}
	cmd, rest := find(before)
	switch {
	case cmd == nil && len(before) > 0:
	case cmd == nil || cmd.run == nil:
		printWords(w, last, commandWords(cmd, cmd == nil))
	default:
		cmd.complete(rest, last, w, a)
	}
	return exitDone
}

// word is a completion.
type word struct{ text, about string }

// commandWords are the words that may follow a command; nil: at the start.
func commandWords(cmd *command, help bool) []word {
	list := commands()
	if cmd != nil {
		list = cmd.sub
	}
	var out []word
	for _, c := range list {
		out = append(out, word{c.word(), c.short})
	}
	if help {
		out = append(out, word{"help", "say more about a command"})
	}
	return out
}

func printWords(w io.Writer, start string, words []word) {
	for _, x := range words {
		if strings.HasPrefix(strings.ToLower(x.text), strings.ToLower(start)) {
			fmt.Fprintf(w, "%s\t%s\n", x.text, x.about)
		}
	}
}

// complete is what may follow the words of a command.
func (c *command) complete(before []string, last string, w io.Writer, a *around) {
	taken := 0 // arguments that are there
	direct := false
	for i := 0; i < len(before); i++ {
		name, isFlag := strings.CutPrefix(before[i], "--")
		switch o := c.option(name); {
		case isFlag && o != nil && o.arg != "":
			if i == len(before)-1 {
				c.completeOption(*o, last, w)
				return
			}
			i++
		case isFlag || strings.HasPrefix(before[i], "-") && before[i] != "-":
			direct = direct || name == "direct"
		default:
			taken++
		}
	}
	if strings.HasPrefix(last, "-") {
		var flags []word
		for _, o := range c.options {
			flags = append(flags, word{"--" + o.name, o.help})
		}
		printWords(w, last, flags)
		return
	}
	switch {
	case taken > 0:
	case c.takes == aShell:
		for _, s := range shells {
			printWords(w, last, []word{{s, ""}})
		}
	case c.takes == aProfile && !direct:
		printWords(w, last, profileWords(a))
		if isPath(last) {
			fmt.Fprintln(w, filesDirective)
		}
	case c.takes == aProfile || c.takes == aFile:
		fmt.Fprintln(w, filesDirective)
	}
}

// option is a flag by its name; nil: there is none.
func (c *command) option(name string) *option {
	for i := range c.options {
		if c.options[i].name == name {
			return &c.options[i]
		}
	}
	return nil
}

// completeOption is what may follow a flag.
func (c *command) completeOption(o option, last string, w io.Writer) {
	switch o.arg {
	case "FILE":
		fmt.Fprintln(w, filesDirective)
	case "PRESET":
		printWords(w, last, presetWords())
	case "FORMAT":
		for _, f := range importer.ExportFormats {
			printWords(w, last, []word{{string(f), f.Title()}})
		}
	}
}

func presetWords() []word {
	var out []word
	for _, p := range profile.Presets() {
		out = append(out, word{p.Name, p.Title})
	}
	return out
}

// profileWords are the names of the profiles.
func profileWords(a *around) []word {
	list, _ := a.store.List() // those that can be read
	var out []word
	for _, e := range list {
		about := "cannot be used"
		if e.Profile != nil {
			about = strings.Join(e.Profile.Servers, ", ")
		}
		out = append(out, word{clean(e.Name()), about})
	}
	return out
}
