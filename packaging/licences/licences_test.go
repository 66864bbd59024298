package main

import (
	"slices"
	"strings"
	"testing"

	"github.com/culvert-vpn/culvert/assets"
)

// TestUpToDate collects them anew: what the desktop shows is what is linked now.
func TestUpToDate(t *testing.T) {
	want, err := collect("../..")
	if err != nil {
		t.Fatal(err)
	}
	got, err := assets.Licences()
	if err != nil {
		t.Fatal(err)
	}
	names := func(all []assets.Licence) (out []string) {
		for _, l := range all {
			out = append(out, l.Path+" "+l.Version)
		}
		return out
	}
	if g, w := names(got), names(want); !slices.Equal(g, w) {
		t.Fatalf("the desktop shows the licences of\n%s\nlinked are\n%s\nrun packaging/licences/make", strings.Join(g, "\n"), strings.Join(w, "\n"))
	}
	for n, l := range got {
		if l.Path != "Go" && l.Text != want[n].Text { // of Go there may be several versions
			t.Errorf("%s has another text now: run packaging/licences/make", l.Path)
		}
		if len(l.Text) < 200 || !strings.Contains(strings.ToLower(l.Text), "copyright") {
			t.Errorf("%s: %q is no licence", l.Path, l.Text)
		}
	}
	for _, path := range []string{"Go", "fyne.io/fyne/v2", "gvisor.dev/gvisor", "golang.zx2c4.com/wireguard/windows"} {
		if !slices.ContainsFunc(got, func(l assets.Licence) bool { return l.Path == path }) {
			t.Errorf("%s is not among them", path)
		}
	}
}
