package ui

import (
	"context"
	"errors"
	"os/exec"
	"os/user"
	"strings"
	"time"

	"github.com/culvert-vpn/culvert/ui/viewmodel"
	"github.com/culvert-vpn/culvert/ui/widgets"

	"fyne.io/fyne/v2"
)

// repairTime is how long a person may take to show that they are an administrator.
const repairTime = 3 * time.Minute

// errNoRepair is a system on which the line in a terminal is all there is.
var errNoRepair = errors.New("ui: nothing here asks for an administrator's leave")

// repair does what takes an administrator, whom the system asks for. Where it
// does not, the line for a terminal is shown.
func (d *Desktop) repair(a viewmodel.Action) {
	name := ""
	if u, err := user.Current(); err == nil {
		name = u.Username
	}
	cmd, line := repairCommand(a, name)
	d.start(func(ctx context.Context) {
		ctx, cancel := context.WithTimeout(ctx, repairTime)
		defer cancel()
		err := errNoRepair
		if len(cmd) > 0 {
			if _, err = exec.LookPath(cmd[0]); err == nil {
				err = exec.CommandContext(ctx, cmd[0], cmd[1:]...).Run()
			}
		}
		if err != nil && ctx.Err() == nil {
			d.do(func() { d.showLine(line) })
		}
	})
}

// showLine shows what to type in a terminal.
func (d *Desktop) showLine(line string) {
	m := d.words.Terminal()
	d.ask([]fyne.CanvasObject{widgets.NewSubHeading(m.Title), widgets.NewSentence(m.Sentence), widgets.NewText(line)}, nil, []answer{
		{text: m.Close},
		{text: m.Copy, filled: true, do: func() { d.copyText(line) }},
	})
}

// quoted is a command as a shell takes it: the words are our own but for a name.
func quoted(words ...string) string {
	out := make([]string, len(words))
	for i, w := range words {
		out[i] = w
		if strings.ContainsAny(w, " \t'\"\\$`;&|<>()*?!#~") || w == "" {
			out[i] = "'" + strings.ReplaceAll(w, "'", `'\''`) + "'"
		}
	}
	return strings.Join(out, " ")
}
