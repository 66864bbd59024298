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
// does not, the line for a terminal is shown; where it did and it went wrong, what
// was said as well. There is one at a time.
func (d *Desktop) repair(a viewmodel.Action) {
	if d.repairing {
		return
	}
	name := ""
	if u, err := user.Current(); err == nil {
		name = u.Username
	}
	cmd, line := repairCommand(a, d.cfg.Programs, name)
	d.repairing = true
	d.start(func(ctx context.Context) {
		ctx, cancel := context.WithTimeout(ctx, repairTime)
		defer cancel()
		said, err := runRepair(ctx, cmd)
		late := ctx.Err() != nil // nobody answered, or the program ends
		d.do(func() {
			d.repairing = false
			var end *exec.ExitError
			switch ended := errors.As(err, &end); {
			case err == nil || late || ended && givenUp(end.ExitCode()):
			case ended && !notAsked(end.ExitCode()):
				d.showLine(line, said)
			default:
				d.showLine(line, "")
			}
		})
	})
}

// runRepair runs beside Fyne; what was said is for people.
func runRepair(ctx context.Context, words []string) (said string, err error) {
	if len(words) == 0 {
		return "", errNoRepair
	}
	if _, err := exec.LookPath(words[0]); err != nil {
		return "", err
	}
	out, err := exec.CommandContext(ctx, words[0], words[1:]...).CombinedOutput()
	said = strings.TrimSpace(string(out))
	return said[:min(len(said), maxSaid)], err
}

// maxSaid is how much of what a program says a dialog shows.
const maxSaid = 600

// showLine shows what to type in a terminal, and what was said when it was tried
// without; "": nothing could try.
func (d *Desktop) showLine(line, said string) {
	m := d.words.Terminal()
	objects := []fyne.CanvasObject{widgets.NewSubHeading(m.Title), widgets.NewSentence(m.Sentence), widgets.NewText(line)}
	if said != "" {
		objects = []fyne.CanvasObject{widgets.NewSubHeading(m.Failed), widgets.NewText(said), widgets.NewSentence(m.More), widgets.NewText(line)}
	}
	d.ask(objects, nil, []answer{
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
