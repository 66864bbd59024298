package layout

import (
	"bytes"
	"go/format"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// root is the module's directory: these tests run two folders below it.
func root(t *testing.T) string {
	t.Helper()
	dir, err := filepath.Abs("../..")
	if err != nil {
		t.Fatal(err)
	}
	return dir
}

// files calls f with the path and the text of every file of ours.
func files(t *testing.T, f func(path, text string)) {
	t.Helper()
	top := root(t)
	n := 0
	err := filepath.WalkDir(top, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		rel, err := filepath.Rel(top, path)
		if err != nil {
			return err
		}
		if d.IsDir() {
			if rel == ".git" || rel == "build" || d.Name() == "testdata" {
				return filepath.SkipDir
			}
			return nil
		}
		if !d.Type().IsRegular() {
			return nil
		}
		text, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		n++
		f(filepath.ToSlash(rel), string(text))
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if n < 50 {
		t.Fatalf("only %d files found in %s", n, top)
	}
}

// sources calls f with every Go file.
func sources(t *testing.T, f func(path, text string)) {
	t.Helper()
	files(t, func(path, text string) {
		if strings.HasSuffix(path, ".go") {
			f(path, text)
		}
	})
}

func TestFormat(t *testing.T) {
	sources(t, func(path, text string) {
		want, err := format.Source([]byte(text))
		if err != nil {
			t.Errorf("%s: %v", path, err)
		} else if !bytes.Equal(want, []byte(text)) {
			t.Errorf("%s is not gofmt-ed", path)
		}
	})
}

var generated = regexp.MustCompile(`(?m)^// Code generated .* DO NOT EDIT\.$`)

func TestFileLength(t *testing.T) {
	const most = 600
	sources(t, func(path, text string) {
		if strings.HasSuffix(path, "_test.go") || generated.MatchString(text) {
			return
		}
		if n := strings.Count(text, "\n"); n > most {
			t.Errorf("%s has %d lines, more than %d: it holds more than one thing", path, n, most)
		}
	})
}

// words are what may not be left behind. They are put together here, so as not
// to be found in this file.
var words = []struct {
	what    string
	pattern string
	in      func(path string) bool
}{
	{"something left for later", `\b(TO` + `DO|FIX` + `ME|XX` + `X)\b|(?i)not imple` + `mented|unimple` + `mented`, code},
	{"a test that skips itself: what cannot run installs what it needs, or fails and says why", `\bt\.Sk` + `ip(f|Now)?\(`, code},
	{"a path of one machine", `/(wo` + `rk|fa` + `rm)/|/ro` + `ot/[a-z]|/ho` + `me/[a-z]+/`, everywhere},
	{"errors told apart by their text", `strings\.Contains\([a-z]*[eE]rr(\.Error\(\))?,`, func(path string) bool {
		return code(path) && !strings.HasSuffix(path, "_test.go")
	}},
	{"a wait by sleeping in a test of a protocol", `time\.Sl` + `eep\(`, func(path string) bool {
		return strings.HasSuffix(path, "_test.go") && under(path, "engine") && !under(path, "engine/interop")
	}},
}

func code(path string) bool {
	return slices.Contains([]string{".go", ".sh", ".s"}, filepath.Ext(path))
}

func everywhere(string) bool { return true }

func TestWords(t *testing.T) {
	for _, w := range words {
		pattern := regexp.MustCompile(w.pattern)
		files(t, func(path, text string) {
			if !w.in(path) || path == "go.sum" {
				return
			}
			for _, at := range pattern.FindAllStringIndex(text, -1) {
				line := 1 + strings.Count(text[:at[0]], "\n")
				t.Errorf("%s:%d: %q: %s", path, line, text[at[0]:at[1]], w.what)
			}
		})
	}
}

// TestTopLevel holds the folders and files that a newcomer sees first.
func TestTopLevel(t *testing.T) {
	must := []string{"README.md", "ARCHITECTURE.md", "CONTRIBUTING.md", "CHANGELOG.md", "LICENSE", "Makefile", "go.mod", "go.sum",
		".ci/run", ".golangci.yml"}
	for _, name := range must {
		if _, err := os.Stat(filepath.Join(root(t), name)); err != nil {
			t.Error(err)
		}
	}
	may := []string{".ci", ".git", ".gitignore", ".gitattributes", "FyneApp.toml", "build",
		"app", "engine", "ui", "assets", "platform", "packaging"}
	entries, err := os.ReadDir(root(t))
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		if !slices.Contains(may, e.Name()) && !slices.ContainsFunc(must, func(m string) bool { return under(m, e.Name()) }) {
			t.Errorf("%s does not belong at the top", e.Name())
		}
	}
}

var shebang = regexp.MustCompile(`^#!/bin/(sh|bash)\n`)

// TestScripts has every script read by its shell.
func TestScripts(t *testing.T) {
	n := 0
	files(t, func(path, text string) {
		m := shebang.FindStringSubmatch(text)
		if m == nil {
			return
		}
		n++
		full := filepath.Join(root(t), path)
		if out, err := exec.Command(m[1], "-n", full).CombinedOutput(); err != nil {
			t.Errorf("%s: %v\n%s", path, err, out)
		}
		info, err := os.Stat(full)
		if err != nil {
			t.Fatal(err)
		}
		if info.Mode()&0o111 == 0 && !strings.HasSuffix(path, "/guest-init") {
			t.Errorf("%s is not executable", path)
		}
	})
	if n == 0 {
		t.Error("no scripts found")
	}
}
