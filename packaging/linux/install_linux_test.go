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
	programs := t.TempDir()
	for _, name := range []string{"culvert", "culvertd"} {
		must(t, os.WriteFile(filepath.Join(programs, name), []byte("#!/bin/sh\n"), 0o755))
	}
	makeTarget(t, "install", programs, dir, "/usr")
	cmd := exec.Command("systemd-analyze", "verify", "--man=no", "--recursive-errors=no", "--root="+dir,
		"culvertd.service", "culvertd.socket", "culvertd-hold.service")
	if out, err := cmd.CombinedOutput(); err != nil || len(out) > 0 {
		t.Errorf("systemd-analyze verify: %v\n%s", err, out)
	}
}

// TestInstall: the files are where systems look for them, name each other
// rightly whatever the prefix, and are gone after make uninstall.
func TestInstall(t *testing.T) {
	programs := t.TempDir()
	must(t, os.WriteFile(filepath.Join(programs, "culvertd"), []byte("#!/bin/sh\n"), 0o755))
	// As the command line does, of which the shells ask for completions.
	must(t, os.WriteFile(filepath.Join(programs, "culvert"), []byte("#!/bin/sh\n[ \"$1 $2\" = \"completion bash\" ] && echo complete -F _culvert culvert\n"), 0o755))
	for prefix, want := range map[string][]string{
		"/usr": {"/usr/bin/culvert", "/usr/lib/systemd/system/culvertd-hold.service", "/usr/lib/systemd/system/culvertd.service",
			"/usr/lib/systemd/system/culvertd.socket", "/usr/lib/sysusers.d/culvert.conf", "/usr/sbin/culvertd",
			"/usr/share/bash-completion/completions/culvert", "/usr/share/polkit-1/actions/io.github.culvert.policy"},
		"/usr/local": {"/usr/local/bin/culvert", "/usr/local/lib/systemd/system/culvertd-hold.service", "/usr/local/lib/systemd/system/culvertd.service",
			"/usr/local/lib/systemd/system/culvertd.socket", "/usr/local/lib/sysusers.d/culvert.conf", "/usr/local/sbin/culvertd",
			"/usr/local/share/bash-completion/completions/culvert", "/usr/share/polkit-1/actions/io.github.culvert.policy"},
	} {
		dest := t.TempDir()
		makeTarget(t, "install", programs, dest, prefix)
		got := under(t, dest)
		if !slices.Equal(got, want) {
			t.Errorf("installed with prefix %s:\n%q, want\n%q", prefix, got, want)
		}
		for _, path := range got {
			text, err := os.ReadFile(filepath.Join(dest, path))
			must(t, err)
			if strings.HasSuffix(path, ".service") && !strings.Contains(string(text), "\nExecStart="+prefix+"/sbin/culvertd") {
				t.Errorf("%s starts another program:\n%s", path, text)
			}
		}
		makeTarget(t, "uninstall", programs, dest, prefix)
		if left := under(t, dest); len(left) > 0 {
			t.Errorf("uninstalled with prefix %s, there are %q", prefix, left)
		}
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
