// Command culvert-desktop is Culvert's window and its tray.
package main

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strings"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/app"
	"fyne.io/fyne/v2/lang"

	"github.com/culvert-vpn/culvert/app/client"
	"github.com/culvert-vpn/culvert/app/profile"
	"github.com/culvert-vpn/culvert/app/version"
	"github.com/culvert-vpn/culvert/assets"
	"github.com/culvert-vpn/culvert/platform/display"
	"github.com/culvert-vpn/culvert/platform/keyring"
	"github.com/culvert-vpn/culvert/platform/login"
	"github.com/culvert-vpn/culvert/platform/notify"
	"github.com/culvert-vpn/culvert/platform/single"
	"github.com/culvert-vpn/culvert/ui"
)

// id is by what Fyne keeps the settings.
const id = "io.github.culvert"

var errUsage = errors.New("usage: culvert-desktop [--hidden] [--demo] [FILE...]: --hidden shows only the tray at first, --demo has a profile of a practice gateway, and of a FILE is shown what could be imported")

func main() {
	if err := run(os.Args[1:]); err != nil {
		fmt.Fprintf(os.Stderr, "culvert-desktop: %v\n", err)
		os.Exit(1)
	}
}

// options is what the arguments say. Files are found from anywhere.
func options(args []string) (o ui.Options, err error) {
	onlyFiles := false
	for _, a := range args {
		switch {
		case onlyFiles || !strings.HasPrefix(a, "-"):
			path, err := filepath.Abs(a)
			if err != nil {
				return o, err
			}
			o.Files = append(o.Files, path)
		case a == "--":
			onlyFiles = true
		case a == "--hidden":
			o.Hidden = true
		case a == "--demo":
			o.Demo = true
		default:
			return o, errUsage
		}
	}
	return o, nil
}

func run(args []string) error {
	o, err := options(args)
	if err != nil {
		return err
	}
	if err := display.Check(); err != nil { // without one GLFW panics
		return err
	}
	folders, err := profile.StandardFolders()
	if err != nil {
		return err
	}
	one, first, err := single.Claim("desktop", o.Files...)
	if err != nil || !first {
		return err // or the other one shows its window
	}
	defer one.Close()
	program, err := os.Executable()
	if err != nil {
		return err
	}
	app.SetMetadata(fyne.AppMetadata{ID: id, Name: "Culvert", Version: version.Text(), Migrations: map[string]bool{"fyneDo": true}})
	if err := lang.AddTranslationsFS(assets.Translations, "translations"); err != nil {
		return err
	}
	var d *ui.Desktop
	notifier := notify.New(notify.Config{Name: "Culvert", Entry: id, Open: "Culvert", Clicked: func() { fyne.Do(func() { d.Show() }) }})
	d = ui.New(ui.Config{
		App: app.NewWithID(id), Helper: client.New(os.Getenv("CULVERT_SOCKET")), Store: profile.NewStore(folders), Keys: keyring.New(),
		Login: login.New(program, "--hidden"), Notifier: notifier, Version: version.Text(), System: runtime.GOOS + "/" + runtime.GOARCH,
		Programs: filepath.Dir(program), Minimise: minimise, TrayHost: display.TrayHost,
	})
	one.OnWanted(func(files []string) { fyne.Do(func() { d.Open(files) }) })
	nameWindows(id)
	d.Run(o)
	return nil
}
