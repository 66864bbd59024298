// Command licences collects the licence texts of all that the programs contain of
// others, from the module cache, into assets/licences.json.gz, which the desktop
// shows. It is run by packaging/licences/make, from the top of the module.
package main

import (
	"bytes"
	"cmp"
	"compress/gzip"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"github.com/culvert-vpn/culvert/assets"
)

const result = "assets/licences.json.gz"

func main() {
	log.SetFlags(0)
	log.SetPrefix("licences: ")
	all, err := collect(".")
	if err == nil {
		err = write(result, all)
	}
	if err != nil {
		log.Fatal(err)
	}
	fmt.Printf("licences: %d\n", len(all))
}

// systems are those that programs are made for: each links something of its own.
var systems = []string{"linux", "windows", "darwin"}

// module is what go list says of one.
type module struct {
	Path, Version, Dir string
	Main               bool
	Replace            *module
}

// collect is the licences of Go, and of every module of which a program has a
// package, in the order of their paths. top is the top of the module.
func collect(top string) ([]assets.Licence, error) {
	linked := map[string]module{}
	for _, system := range systems {
		if err := list(top, system, linked); err != nil {
			return nil, err
		}
	}
	root, err := exec.Command("go", "env", "GOROOT").Output()
	if err != nil {
		return nil, fmt.Errorf("go env: %w", err)
	}
	text, err := os.ReadFile(filepath.Join(strings.TrimSpace(string(root)), "LICENSE"))
	if err != nil {
		return nil, err
	}
	all := []assets.Licence{{Path: "Go", Text: string(text)}}
	for _, m := range linked {
		text, err := texts(m.Dir)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", m.Path, err)
		}
		all = append(all, assets.Licence{Path: m.Path, Version: m.Version, Text: text})
	}
	slices.SortFunc(all, func(a, b assets.Licence) int { return cmp.Compare(strings.ToLower(a.Path), strings.ToLower(b.Path)) })
	return all, nil
}

// list adds the modules of what the programs link on a system.
func list(top, system string, to map[string]module) error {
	cmd := exec.Command("go", "list", "-deps", "-tags", "migrated_fynedo", "-json=Module", "./app/cmd/...")
	cmd.Dir = top
	cmd.Env = append(cmd.Environ(), "GOOS="+system, "CGO_ENABLED=1") // nothing is compiled
	var stderr strings.Builder
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		return fmt.Errorf("go list for %s: %w: %s", system, err, &stderr)
	}
	for dec := json.NewDecoder(bytes.NewReader(out)); ; {
		var p struct{ Module *module }
		if err := dec.Decode(&p); errors.Is(err, io.EOF) {
			return nil
		} else if err != nil {
			return fmt.Errorf("go list: %w", err)
		}
		if p.Module == nil || p.Module.Main {
			continue
		}
		m := *p.Module
		if m.Replace != nil { // by another version, or under another name
			m.Version, m.Dir = m.Replace.Version, m.Replace.Dir
		}
		to[m.Path] = m
	}
}

// licenceName is what files with a licence are called; fonts and C inside of a
// module have their own.
var licenceName = regexp.MustCompile(`(?i)^(licen[cs]e|copying|notice|patents|copyright)([._-].*)?$`)

// texts is all licence texts of a module, one after the other.
func texts(dir string) (string, error) {
	var out []string
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case d.IsDir() && slices.Contains([]string{"testdata", "examples", "_examples", ".github"}, d.Name()):
			return filepath.SkipDir
		case d.IsDir() || !licenceName.MatchString(d.Name()) || strings.HasSuffix(d.Name(), ".go"):
			return nil
		}
		text, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		rel, err := filepath.Rel(dir, path)
		if err != nil {
			return err
		}
		one := strings.TrimSpace(strings.ReplaceAll(string(text), "\r\n", "\n"))
		if strings.Contains(rel, string(filepath.Separator)) { // of a part
			one = filepath.ToSlash(rel) + "\n\n" + one
		}
		if !slices.Contains(out, one) {
			out = append(out, one)
		}
		return nil
	})
	if err == nil && len(out) == 0 {
		err = errors.New("no file with a licence")
	}
	return strings.Join(out, "\n\n\n"), err
}

// write packs them. The same licences are the same octets.
func write(name string, all []assets.Licence) error {
	var b bytes.Buffer
	z, err := gzip.NewWriterLevel(&b, gzip.BestCompression)
	if err != nil {
		return err
	}
	if err := errors.Join(json.NewEncoder(z).Encode(all), z.Close()); err != nil {
		return err
	}
	return os.WriteFile(name, b.Bytes(), 0o644)
}
