package linux

import (
	"encoding/xml"
	"fmt"
	"image/png"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/culvert-vpn/culvert/platform/login"
	"github.com/culvert-vpn/culvert/ui/viewmodel"
)

// tool runs a program that says something only if something is wrong.
func tool(t *testing.T, environ []string, name string, args ...string) string {
	t.Helper()
	if _, err := exec.LookPath(name); err != nil {
		t.Fatalf("%v: packaging/linux/need unit installs it", err)
	}
	cmd := exec.Command(name, args...)
	cmd.Env = append(os.Environ(), environ...)
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Errorf("%s %s: %v\n%s", name, strings.Join(args, " "), err, out)
	}
	return string(out)
}

// TestEntry has the tools of desktops read what tells them of the program.
func TestEntry(t *testing.T) {
	if out := tool(t, nil, "desktop-file-validate", "io.github.culvert.desktop"); out != "" {
		t.Error(out)
	}
	tool(t, nil, "appstreamcli", "validate", "--no-net", "io.github.culvert.metainfo.xml")
	entry := filepath.Join(t.TempDir(), "at-login.desktop")
	must(t, os.WriteFile(entry, []byte(login.DesktopEntry("/opt/100% \"mine\"/culvert-desktop", "--hidden")), 0o600))
	if out := tool(t, nil, "desktop-file-validate", entry); out != "" {
		t.Error(out)
	}
	// One name everywhere: the icon, the class of windows and the entry.
	text, err := os.ReadFile("io.github.culvert.desktop")
	must(t, err)
	for _, line := range []string{"\nIcon=io.github.culvert\n", "\nStartupWMClass=io.github.culvert\n"} {
		if !strings.Contains(string(text), line) {
			t.Errorf("%q is not in\n%s", line, text)
		}
	}
	for _, c := range []struct{ file, want string }{
		{"../../app/cmd/culvert-desktop/main.go", `const id = "io.github.culvert"`},
		{"../../platform/login/desktop.go", `Icon=io.github.culvert\n`},
	} {
		text, err := os.ReadFile(c.file)
		must(t, err)
		if !strings.Contains(string(text), c.want) {
			t.Errorf("%s has no %s", c.file, c.want)
		}
	}
}

// TestFiles installs for real, into a folder, and opens files as a file manager
// does: the desktop is started with their names.
func TestFiles(t *testing.T) {
	dir := t.TempDir()
	programs := programsIn(t, "culvert", "culvertd")
	started := filepath.Join(dir, "started")
	must(t, os.WriteFile(filepath.Join(programs, "culvert-desktop"), []byte("#!/bin/sh\nprintf '%s\\n' \"$@\" >'"+started+".new'; mv '"+started+".new' '"+started+"'\n"), 0o755))
	prefix := filepath.Join(dir, "usr")
	// Nothing of the running system but caches, which are below the prefix.
	mk := func(target string) {
		makeTarget(t, target, programs, "", prefix, "polkitdir="+dir+"/polkit", "live=")
	}
	mk("install")
	for _, cache := range []string{"/share/applications/mimeinfo.cache", "/share/mime/mime.cache"} {
		if _, err := os.Stat(prefix + cache); err != nil {
			t.Errorf("%v: packaging/linux/need unit installs what makes it", err)
		}
	}

	home := filepath.Join(dir, "home")
	must(t, os.Mkdir(home, 0o700))
	environ := []string{"HOME=" + home, "XDG_DATA_HOME=" + home, "XDG_CONFIG_HOME=" + home, "XDG_DATA_DIRS=" + prefix + "/share:/usr/share", "LC_ALL=C.UTF-8"}
	kind := func(name string) string {
		path := filepath.Join(home, name)
		must(t, os.WriteFile(path, []byte("version = 1\n"), 0o600))
		_, kind, _ := strings.Cut(tool(t, environ, "gio", "info", "-a", "standard::content-type", path), "standard::content-type: ")
		return strings.TrimSpace(kind)
	}
	for name, want := range map[string]string{
		"Büro 2" + viewmodel.ProfileEnding: "application/x-culvert-profile", "Office.mobileconfig": "application/x-apple-aspen-config",
		"net.onc": "application/x-onc", "Cargo.toml": "application/toml",
	} {
		if got := kind(name); got != want {
			t.Errorf("%s is of type %q, want %q", name, got, want)
		}
		if want == "application/toml" {
			continue // everybody's
		}
		tool(t, environ, "gio", "open", filepath.Join(home, name))
		eventually(t, "the desktop for "+name, func() bool {
			text, err := os.ReadFile(started)
			return err == nil && string(text) == filepath.Join(home, name)+"\n"
		})
		must(t, os.Remove(started))
	}
	mk("uninstall")
	if got := kind("Other" + viewmodel.ProfileEnding); got != "application/toml" {
		t.Errorf("after make uninstall a profile is of type %s", got)
	}
}

// TestIcons: what is installed as an icon of a size is a picture of that size.
func TestIcons(t *testing.T) {
	dest := t.TempDir()
	makeTarget(t, "install", programsIn(t, "culvert", "culvertd", "culvert-desktop"), dest, "/usr")
	icons := filepath.Join(dest, "usr/share/icons/hicolor")
	paths, err := filepath.Glob(icons + "/*/apps/*.png")
	must(t, err)
	if len(paths) != 9 {
		t.Errorf("%d pictures", len(paths))
	}
	for _, path := range paths {
		f, err := os.Open(path)
		must(t, err)
		p, err := png.DecodeConfig(f)
		must(t, err)
		must(t, f.Close())
		if want := filepath.Base(filepath.Dir(filepath.Dir(path))); want != fmt.Sprintf("%[1]dx%[1]d", p.Width) || p.Width != p.Height {
			t.Errorf("%s is %d by %d", path, p.Width, p.Height)
		}
	}
	for _, name := range []string{"scalable/apps/io.github.culvert.svg", "symbolic/apps/io.github.culvert-symbolic.svg"} {
		text, err := os.ReadFile(filepath.Join(icons, name))
		must(t, err)
		var svg struct {
			XMLName xml.Name `xml:"http://www.w3.org/2000/svg svg"`
		}
		if err := xml.Unmarshal(text, &svg); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		if strings.HasPrefix(name, "symbolic") && strings.Count(string(text), `fill="#000000"`) != strings.Count(string(text), "fill=") {
			t.Errorf("%s has more than one colour", name)
		}
	}
}
