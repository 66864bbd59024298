package cli

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

func TestComplete(t *testing.T) {
	d := newDesk(t)
	d.profile("Office", "")
	d.profile("O'Hara & co", "")
	for _, c := range []struct {
		words string // the last one behind the last space
		want  string // the completions, without what they mean
	}{
		{"", "up down status watch profiles import export doctor log report demo gateway completion version help"},
		{"d", "down doctor demo"},
		{"st", "status"},
		{"fly ", ""},
		{"help pro", "profiles"},
		{"help profiles ", "list show add edit remove secrets"},
		{"profiles s", "show secrets"},
		{"profiles show of", "Office"},
		{"up ", "O'Hara & co|Office"},
		{"up Office ", ""},
		{"up --w", "--wait"},
		{"up --json --", "--wait --secrets --direct --json"},
		{"up --secrets ", ":files"},
		{"up --secrets x O", "O'Hara & co|Office"},
		{"up --direct ", ":files"},
		{"up ./", ":files"},
		{"doctor ", "O'Hara & co|Office"},
		{"profiles add --preset m", "meraki mikrotik"},
		{"profiles add --server ", ""},
		{"completion ", "bash zsh fish"},
		{"gateway --config ", ":files"},
		{"import ", ":files"},
		{"export Office --format n", "nmconnection"},
		{"status ", ""},
	} {
		words := strings.Split(c.words, " ")
		status, stdout, stderr := d.run(append([]string{completeWord}, words...)...)
		var got []string
		for line := range strings.Lines(stdout) {
			text, _, _ := strings.Cut(strings.TrimSuffix(line, "\n"), "\t")
			got = append(got, text)
		}
		sep := " "
		if strings.Contains(c.want, "|") {
			sep = "|"
		}
		if status != 0 || stderr != "" || strings.Join(got, sep) != c.want {
			t.Errorf("complete %q: %d %q %s, want %q", c.words, status, got, stderr, c.want)
		}
	}
	d.expect(0, "Office\tgw.example\n", "", completeWord, "up", "off")
	d.expect(2, "", `"tcsh" is not known; there is: bash, zsh, fish`, "completion", "tcsh")
}

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
