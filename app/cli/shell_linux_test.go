package cli

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// shellRoom is a person's home with a profile, and culvert in the path.
func shellRoom(t *testing.T) (env []string, dir string) {
	t.Helper()
	exe := built(t) // it is started many times, and quick
	dir = t.TempDir()
	profiles := filepath.Join(dir, "config", "culvert", "profiles")
	if err := os.MkdirAll(profiles, 0o755); err != nil {
		t.Fatal(err)
	}
	for name, text := range map[string]string{"config/culvert/profiles/office.toml": "name = \"My Office\"\nservers = [\"gw\"]\nuser = \"u\"\n", "some-file.toml": ""} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return append(os.Environ(), "HOME="+dir, "XDG_CONFIG_HOME="+filepath.Join(dir, "config"), "PATH="+filepath.Dir(exe)+":"+os.Getenv("PATH"), "TERM=dumb"), dir
}

// The real shells, with the scripts that people install.
func TestCompletionInShells(t *testing.T) {
	env, dir := shellRoom(t)
	for _, c := range []struct {
		shell, script string
		want          []string // in the output
	}{
		{"bash", `eval "$(culvert completion bash)"
try() { COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); _culvert; echo "$*: ${COMPREPLY[*]}"; }
try culvert do
try culvert up M
try culvert up --sec
try culvert up --direct some
try culvert profiles add --preset me
`, []string{"culvert do: down doctor\n", `culvert up M: My\ Office` + "\n", "culvert up --sec: --secrets\n", "culvert up --direct some: some-file.toml\n", "culvert profiles add --preset me: meraki\n"}},
		{"fish", `culvert completion fish | source
complete -C "culvert do"
complete -C "culvert up M"
complete -C "culvert up --direct some"
`, []string{"down\tdisconnect", "doctor\tcheck", "\nMy Office\tgw\n", "some-file.toml"}},
		{"zsh", `mkdir zfunc; culvert completion zsh > zfunc/_culvert; fpath+=($PWD/zfunc); autoload -Uz compinit; compinit -u -D
_describe() { print -l "described:" ${(P)2} }
_files() { print files }
try() { words=("$@"); CURRENT=$#; _culvert }
echo "$_comps[culvert]"
try culvert do
try culvert up M
try culvert up --direct some
true
`, []string{"_culvert\ndescribed:\ndown:disconnect", "\ndoctor:check", "\nMy Office:gw\nfiles\n"}},
	} {
		t.Run(c.shell, func(t *testing.T) {
			args := map[string][]string{"bash": {"--norc"}, "zsh": {"-f"}, "fish": {"--no-config"}}[c.shell]
			cmd := exec.Command(c.shell, append(args, "-c", c.script)...)
			cmd.Env, cmd.Dir = env, dir
			out, err := cmd.CombinedOutput()
			if err != nil {
				t.Fatalf("%v: %s", err, out)
			}
			for _, w := range c.want {
				if !strings.Contains(string(out), w) {
					t.Errorf("no %q in\n%s", w, out)
				}
			}
		})
	}
}

func TestEditor(t *testing.T) {
	file := filepath.Join(t.TempDir(), "a file")
	if err := os.WriteFile(file, []byte("a\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	t.Setenv("VISUAL", "")
	t.Setenv("EDITOR", "sed -i s/a/b/")
	if err := runEditor(t.Context(), file, Streams{}); err != nil {
		t.Fatal(err)
	}
	t.Setenv("VISUAL", "sed -i s/b/c/")
	if err := runEditor(t.Context(), file, Streams{}); err != nil {
		t.Fatal(err)
	}
	if text, _ := os.ReadFile(file); string(text) != "c\n" {
		t.Errorf("the file is %q, want c", text)
	}
	t.Setenv("VISUAL", "false")
	if err := runEditor(t.Context(), file, Streams{}); err == nil {
		t.Error("an editor that fails is no error")
	}
	t.Setenv("VISUAL", "")
	t.Setenv("EDITOR", "")
	t.Setenv("PATH", t.TempDir())
	if err := runEditor(t.Context(), file, Streams{}); err == nil || !strings.Contains(err.Error(), "set VISUAL or EDITOR") {
		t.Errorf("no editor: %v", err)
	}
}
