//go:build !windows && !darwin

package ui

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/culvert-vpn/culvert/ui/viewmodel"
)

// TestRepair presses the buttons for which an administrator is asked: what the
// person sees is what pkexec, which is not the real one, ends with.
func TestRepair(t *testing.T) {
	dir := t.TempDir()
	for _, d := range []string{"bin", "libexec/culvert"} {
		must(t, os.MkdirAll(filepath.Join(dir, d), 0o755))
	}
	script := func(name, text string) {
		must(t, os.WriteFile(filepath.Join(dir, name), []byte("#!/bin/sh\n"+text), 0o755))
	}
	script("libexec/culvert/culvert-admin", "")
	t.Setenv("PATH", filepath.Join(dir, "bin")+":"+os.Getenv("PATH"))
	b := newBench(t, nil, "Office")
	b.cfg.Programs = filepath.Join(dir, "bin")
	for _, c := range []struct {
		name, does, with string
		action           viewmodel.Action
		dialog           []string // what it says; none: there is none
	}{
		{"done", "exit 0", "start", viewmodel.StartHelper, nil},
		{"the person gave up", "exit 126", "repair", viewmodel.Repair, nil},
		{"nothing can ask", "exit 127", "allow", viewmodel.AllowMe, []string{"Nothing here could ask", "sudo usermod -aG culvert "}},
		{"it went wrong", "echo no such unit >&2; exit 5", "repair", viewmodel.RestartHelper, []string{"That did not work", "no such unit", "sudo systemctl restart culvertd.socket culvertd.service"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			script("bin/pkexec", "echo \"$*\" >'"+dir+"/asked'\n"+c.does+"\n")
			b.act(c.action, "")
			if !b.repairing {
				t.Fatal("nobody is asked")
			}
			b.until("the end of it", func() bool { return !b.repairing })
			asked, err := os.ReadFile(filepath.Join(dir, "asked"))
			must(t, err)
			b.want("what is run", strings.TrimSpace(string(asked)), filepath.Join(dir, "libexec/culvert/culvert-admin")+" "+c.with)
			if (b.dialog != nil) != (c.dialog != nil) {
				t.Errorf("a dialog: %v", b.dialog != nil)
			}
			for _, want := range c.dialog {
				if text := b.dialogText(); !strings.Contains(text, want) {
					t.Errorf("%q is not in\n%s", want, text)
				}
			}
			b.closeDialog()
		})
	}
}

func TestRepairCommand(t *testing.T) {
	for _, a := range []viewmodel.Action{viewmodel.StartHelper, viewmodel.AllowMe, viewmodel.Repair, viewmodel.RestartHelper} {
		dir := t.TempDir()
		must(t, os.WriteFile(filepath.Join(dir, "culvertd"), nil, 0o755))
		if isFile(adminFolders[1]+"/culvert-admin") || isFile(adminFolders[2]+"/culvert-admin") {
			t.Fatal("the program is installed on this machine, which this test is not made for")
		}
		cmd, line := repairCommand(a, dir, "al ice")
		want := "sudo " + dir + "/culvertd"
		if a == viewmodel.AllowMe {
			want = "sudo usermod -aG culvert 'al ice'"
		}
		if line != want || (a != viewmodel.AllowMe) != (cmd == nil) {
			t.Errorf("%s, not installed: %q, %s, want %s", a, cmd, line, want)
		}
	}
}
