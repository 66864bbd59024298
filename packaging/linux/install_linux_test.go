package linux

import (
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// maxExposure is the most that systemd-analyze may say of a unit, of 10.
const maxExposure = 3.0

var exposure = regexp.MustCompile(`Overall exposure level for \S+: (\d+\.\d)`)

// TestExposure has systemd judge the sandboxes, and the README say the same.
func TestExposure(t *testing.T) {
	for _, unit := range []string{"culvertd.service", "culvertd-hold.service"} {
		out, err := exec.Command("systemd-analyze", "security", "--offline=true", "--no-pager", unit).CombinedOutput()
		m := exposure.FindSubmatch(out)
		if err != nil || m == nil {
			t.Fatalf("systemd-analyze security %s (package systemd; packaging/linux/need unit installs it): %v\n%s", unit, err, out)
		}
		got, err := strconv.ParseFloat(string(m[1]), 64)
		must(t, err)
		t.Logf("%s: %s", unit, m[1])
		if got > maxExposure {
			t.Errorf("the exposure of %s is %.1f, want at most %.1f:\n%s", unit, got, maxExposure, out)
		}
		if unit != "culvertd.service" {
			continue
		}
		readme, err := os.ReadFile("../../README.md")
		must(t, err)
		if line := "systemd-analyze security: " + string(m[1]); !strings.Contains(string(readme), line) {
			t.Errorf("the README does not say %q", line)
		}
	}
}

// TestUnits has systemd read the units.
func TestUnits(t *testing.T) {
	dir := t.TempDir()
	makeTarget(t, "install", programsIn(t, "culvert", "culvertd"), dir, "/usr")
	cmd := exec.Command("systemd-analyze", "verify", "--man=no", "--recursive-errors=no", "--root="+dir,
		"culvertd.service", "culvertd.socket", "culvertd-hold.service")
	if out, err := cmd.CombinedOutput(); err != nil || len(out) > 0 {
		t.Errorf("systemd-analyze verify: %v\n%s", err, out)
	}
}

// programsIn makes programs that do what make install needs of them.
func programsIn(t *testing.T, names ...string) string {
	t.Helper()
	dir := t.TempDir()
	for _, name := range names {
		text := "#!/bin/sh\n"
		if name == "culvert" { // as the command line does, of which the shells ask for completions
			text += "[ \"$1 $2\" = \"completion bash\" ] && echo complete -F _culvert culvert\n"
		}
		must(t, os.WriteFile(filepath.Join(dir, name), []byte(text), 0o755))
	}
	return dir
}

// installed is what make install makes, below the prefix.
var installed = []string{"/bin/culvert", "/lib/systemd/system/culvertd-hold.service", "/lib/systemd/system/culvertd.service",
	"/lib/systemd/system/culvertd.socket", "/lib/sysusers.d/culvert.conf", "/libexec/culvert/culvert-admin", "/sbin/culvertd", "/share/bash-completion/completions/culvert"}

// installedWindow is the rest of it, where the desktop is built.
var installedWindow = []string{"/bin/culvert-desktop", "/share/applications/io.github.culvert.desktop",
	"/share/icons/hicolor/128x128/apps/io.github.culvert.png", "/share/icons/hicolor/16x16/apps/io.github.culvert.png",
	"/share/icons/hicolor/22x22/apps/io.github.culvert.png", "/share/icons/hicolor/24x24/apps/io.github.culvert.png",
	"/share/icons/hicolor/256x256/apps/io.github.culvert.png", "/share/icons/hicolor/32x32/apps/io.github.culvert.png",
	"/share/icons/hicolor/48x48/apps/io.github.culvert.png", "/share/icons/hicolor/512x512/apps/io.github.culvert.png",
	"/share/icons/hicolor/64x64/apps/io.github.culvert.png", "/share/icons/hicolor/scalable/apps/io.github.culvert.svg",
	"/share/icons/hicolor/symbolic/apps/io.github.culvert-symbolic.svg", "/share/metainfo/io.github.culvert.metainfo.xml",
	"/share/mime/packages/io.github.culvert.xml"}

// TestInstall: the files are where systems look for them, name each other
// rightly whatever the prefix, and are gone after make uninstall.
func TestInstall(t *testing.T) {
	plain := programsIn(t, "culvert", "culvertd")
	all := programsIn(t, "culvert", "culvertd", "culvert-desktop")
	for _, c := range []struct {
		name, prefix, programs string
		window                 bool
		more                   []string
	}{
		{"where programs of the system are", "/usr", all, true, nil},
		{"where those of the machine are", "/usr/local", all, true, []string{"desktop=yes"}},
		{"no desktop is built", "/usr", plain, false, nil},
		{"no desktop is wanted", "/usr/local", all, false, []string{"desktop=no"}},
	} {
		var want []string
		for _, path := range installed {
			want = append(want, c.prefix+path)
		}
		if c.window {
			for _, path := range installedWindow {
				want = append(want, c.prefix+path)
			}
		}
		want = append(want, "/usr/share/polkit-1/actions/io.github.culvert.policy")
		slices.Sort(want)
		dest := t.TempDir()
		makeTarget(t, "install", c.programs, dest, c.prefix, c.more...)
		got := under(t, dest)
		slices.Sort(got)
		if !slices.Equal(got, want) {
			t.Errorf("%s: installed is\n%q, want\n%q", c.name, got, want)
		}
		for _, path := range got {
			text, err := os.ReadFile(filepath.Join(dest, path))
			must(t, err)
			starts := "\nExecStart=" + c.prefix + "/sbin/culvertd"
			switch {
			case strings.HasSuffix(path, ".desktop"):
				starts = "\nExec=" + c.prefix + "/bin/culvert-desktop %F\nTryExec=" + c.prefix + "/bin/culvert-desktop\n"
			case strings.HasSuffix(path, ".policy"):
				starts = ">" + c.prefix + "/libexec/culvert/culvert-admin</annotate>"
			case !strings.HasSuffix(path, ".service"):
				continue
			}
			if !strings.Contains(string(text), starts) {
				t.Errorf("%s: %s starts another program:\n%s", c.name, path, text)
			}
		}
		makeTarget(t, "uninstall", c.programs, dest, c.prefix)
		if left := under(t, dest); len(left) > 0 {
			t.Errorf("%s: uninstalled, there are %q", c.name, left)
		}
	}
	cmd := exec.Command("make", "install", "DESTDIR="+t.TempDir(), "builddir="+plain, "desktop=yes")
	cmd.Dir = "../.."
	if out, err := cmd.CombinedOutput(); err == nil || !strings.Contains(string(out), "make desktop") {
		t.Errorf("the desktop is wanted, and not built: %v\n%s", err, out)
	}
}

// under lists the files below a directory as seen from there.
func under(t *testing.T, dir string) []string {
	t.Helper()
	var out []string
	must(t, filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err == nil && !d.IsDir() {
			out = append(out, strings.TrimPrefix(path, dir))
		}
		return err
	}))
	return out
}
