package layout

import (
	"encoding/json"
	"errors"
	"io"
	"os/exec"
	"slices"
	"strings"
	"testing"
)

const module = "github.com/culvert-vpn/culvert/"

// pkg is what go list says of a package, with our own paths shortened.
type pkg struct {
	ImportPath string
	Name       string
	Doc        string
	Imports    []string
	Deps       []string // what it links, all of it
}

// packages lists all packages of the module as an operating system has them.
func packages(t *testing.T, goos string) []pkg {
	t.Helper()
	cmd := exec.Command("go", "list", "-json=ImportPath,Name,Doc,Imports,Deps", "-e", "./...")
	cmd.Dir = root(t)
	cmd.Env = append(cmd.Environ(), "GOOS="+goos)
	var stderr strings.Builder
	cmd.Stderr = &stderr
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	var list []pkg
	for dec := json.NewDecoder(out); ; {
		var p pkg
		if err := dec.Decode(&p); errors.Is(err, io.EOF) {
			break
		} else if err != nil {
			t.Fatal(err)
		}
		p.ImportPath = strings.TrimPrefix(p.ImportPath, module)
		for _, paths := range [][]string{p.Imports, p.Deps} {
			for i := range paths {
				paths[i] = strings.TrimPrefix(paths[i], module)
			}
		}
		list = append(list, p)
	}
	if err := cmd.Wait(); err != nil {
		t.Fatalf("go list: %v\n%s", err, &stderr)
	}
	if len(list) == 0 {
		t.Fatal("go list knows no package")
	}
	return list
}

// under says whether a path is one of the folders, or in one.
func under(path string, folders ...string) bool {
	return slices.ContainsFunc(folders, func(f string) bool { return path == f || strings.HasPrefix(path, f+"/") })
}

// ours says whether a path is of this module.
func ours(path string) bool {
	return under(path, "app", "engine", "ui", "assets", "platform", "packaging")
}

// never are the arrows that must not be: what a folder may not import.
var never = []struct {
	from, except []string
	to           []string
	why          string
}{
	{from: []string{"engine"}, except: []string{"engine/interop/compare"}, to: []string{"app", "platform", "ui", "assets", "packaging"},
		why: "the engine knows neither the program around it nor the operating system"},
	{from: []string{"platform"}, to: []string{"app", "engine", "ui", "assets", "packaging"},
		why: "platform satisfies the engine's interfaces by shape"},
	{from: []string{"app"}, except: []string{"app/cmd/culvert-desktop"}, to: []string{"ui", "assets", "packaging"},
		why: "only the desktop has windows"},
	{from: []string{"ui", "app/cmd/culvert-desktop", "app/client"},
		to:  []string{"engine/dataplane", "engine/stack", "engine/ike", "engine/gateway", "platform/tun", "platform/route", "platform/dns", "platform/firewall", "app/helper"},
		why: "the desktop speaks to the helper and does nothing itself"},
	{from: []string{"ui"}, to: []string{"fyne.io/fyne/v2/app"},
		why: "without the app there is no OpenGL, so that windows are tested everywhere and without cgo"},
	{from: []string{"ui/viewmodel"}, to: []string{"ui/widgets", "ui/theme", "app/client", "platform", "fyne.io/fyne/v2", "os", "net/http", "sync", "context"},
		why: "the view model is a pure function of the state"},
	{from: []string{"app", "engine", "ui", "platform"}, except: []string{"engine/interop"}, to: []string{"engine/interop", "engine/enginetest"},
		why: "what is for tests is not for programs"},
	{from: []string{"app", "engine", "ui", "platform", "packaging", "assets"}, to: []string{"platform/testroom"},
		why: "rooms are for tests, and what is for tests is not for programs"},
	{from: []string{"app", "engine", "ui", "platform"}, except: []string{"engine/dhcp"}, to: []string{"github.com/insomniacslk"},
		why: "one package speaks DHCP"},
}

// only are the packages at the bottom, and all of ours that they may import.
var only = map[string][]string{
	"engine/internal/wire":   {},
	"engine/packet":          {},
	"engine/secret":          {},
	"engine/dhcp":            {"engine/internal/wire"},
	"engine/slaac":           {"engine/dhcp", "engine/internal/wire"},
	"engine/suite":           {},
	"engine/failure":         {},
	"engine/isakmp":          {"engine/internal/wire"},
	"engine/ike":             {"engine/isakmp", "engine/internal/wire", "engine/secret", "engine/suite"},
	"engine/esp/multibuffer": {},
	"engine/esp":             {"engine/esp/multibuffer", "engine/packet", "engine/secret", "engine/suite"},
	"engine/l2tp":            {"engine/internal/wire", "engine/secret"},
	"engine/ppp":             {"engine/ppp/mschap", "engine/internal/wire", "engine/secret"},
	"engine/ppp/mschap":      {},
	"app/profile":            {"engine/secret", "engine/suite"},
	"app/importer":           {"app/profile", "engine/secret", "engine/suite"},
	"app/api":                {"app/profile", "engine/failure"},
	"app/diagnosis":          {"app/api", "engine/failure"},
	"app/supervisor":         {"app/api", "app/diagnosis", "app/profile", "engine/failure"},
	"assets":                 {},
	"ui/viewmodel":           {"app/api", "app/diagnosis", "app/importer", "app/profile", "engine/failure", "engine/suite"},
	"ui/theme":               {},
	"ui/widgets":             {"assets", "ui/theme", "ui/viewmodel"},
}

func TestArrows(t *testing.T) {
	for _, goos := range []string{"linux", "windows", "darwin"} {
		for _, p := range packages(t, goos) {
			for _, i := range p.Imports {
				for _, rule := range never {
					if under(p.ImportPath, rule.from...) && !under(p.ImportPath, rule.except...) && under(i, rule.to...) {
						t.Errorf("%s: %s imports %s: %s", goos, p.ImportPath, i, rule.why)
					}
				}
				if allowed, ok := only[p.ImportPath]; ok && ours(i) && !slices.Contains(allowed, i) {
					t.Errorf("%s: %s imports %s; of ours it may import %q", goos, p.ImportPath, i, allowed)
				}
			}
		}
	}
}

// links are what a program must not contain, however deep.
var links = []struct {
	program string // empty: every one
	never   []string
	why     string
}{
	{"", []string{"platform/testroom"}, "rooms are for tests"},
	{"app/cmd/culvertd", []string{"fyne.io", "github.com/go-gl", "ui"}, "the helper has privileges and no window"},
	{"app/cmd/culvert", []string{"fyne.io", "github.com/go-gl", "ui"}, "the command line has no window"},
	{"app/cmd/culvert-desktop", []string{"engine/dataplane", "engine/stack", "engine/gateway", "engine/netstack", "gvisor.dev",
		"platform/tun", "platform/route", "platform/dns", "platform/firewall"}, "the desktop has no privileges and needs none"},
}

func TestLinks(t *testing.T) {
	for _, goos := range []string{"linux", "windows", "darwin"} {
		for _, p := range packages(t, goos) {
			for _, l := range links {
				if p.Name != "main" || l.program != "" && p.ImportPath != l.program {
					continue
				}
				for _, d := range p.Deps {
					if under(d, l.never...) {
						t.Errorf("%s: %s links %s: %s", goos, p.ImportPath, d, l.why)
					}
				}
			}
		}
	}
}

// TestClocks keeps clocks, timers and global randomness out of the protocol
// machines: time is a parameter there, and randomness a reader.
func TestClocks(t *testing.T) {
	machines := []string{"engine/isakmp", "engine/ike", "engine/l2tp", "engine/ppp", "engine/slaac", "engine/stack", "ui/viewmodel"}
	for _, p := range packages(t, "linux") {
		if !under(p.ImportPath, machines...) {
			continue
		}
		for _, i := range p.Imports {
			if slices.Contains([]string{"math/rand", "math/rand/v2", "log", "log/slog", "os"}, i) {
				t.Errorf("%s imports %s; a protocol machine has no I/O, log or randomness of its own", p.ImportPath, i)
			}
		}
	}
	sources(t, func(path, text string) {
		if !under(path, machines...) || strings.HasSuffix(path, "_test.go") {
			return
		}
		for _, word := range []string{"time." + "Now(", "time." + "After", "time." + "NewTimer(", "time." + "Sleep("} {
			if strings.Contains(text, word) {
				t.Errorf("%s: %s in a protocol machine", path, word)
			}
		}
	})
}

func TestPackageDocs(t *testing.T) {
	for _, p := range packages(t, "linux") {
		want := "Package " + p.Name + " "
		if p.Name == "main" {
			want = "Command " + p.ImportPath[strings.LastIndexByte(p.ImportPath, '/')+1:] + " "
		}
		if !strings.HasPrefix(p.Doc, want) {
			t.Errorf("%s: package comment %q, want it to begin with %q", p.ImportPath, p.Doc, want)
		}
	}
}
