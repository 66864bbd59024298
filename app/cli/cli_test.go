package cli

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// run is one command line.
func run(t *testing.T, stdin string, args ...string) (status int, stdout, stderr string) {
	t.Helper()
	var out, err strings.Builder
	status = Run(t.Context(), args, Streams{strings.NewReader(stdin), &out, &err})
	return status, out.String(), err.String()
}

func write(t *testing.T, name, text string, mode os.FileMode) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(path, []byte(text), mode); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestUsage(t *testing.T) {
	for _, c := range []struct {
		name   string
		args   []string
		status int
		stdout string // what has to be in the output
		stderr string // what has to be in the errors
	}{
		{"nothing", nil, 2, "", "Culvert connects to"},
		{"help", []string{"help"}, 0, "culvert up --direct", ""},
		{"-h", []string{"-h"}, 0, "culvert version", ""},
		{"help of a command", []string{"help", "up"}, 0, "   or: culvert up --direct FILE [--secrets FILE|-] [--json]", ""},
		{"-h of a command", []string{"up", "--help"}, 0, "usage: culvert up", ""},
		{"help of nothing", []string{"help", "fly"}, 2, "", `no command "fly"`},
		{"unknown command", []string{"fly"}, 2, "", `no command "fly"`},
		{"unknown flag", []string{"up", "--fast", "x"}, 2, "", "flag provided but not defined: -fast"},
		{"up without a file", []string{"up", "--direct"}, 2, "", "something is missing"},
		{"up with two files", []string{"up", "--direct", "a", "b"}, 2, "", `"b" is one argument too many`},
		{"up --direct --wait", []string{"up", "--direct", "--wait", "a"}, 2, "", "leave --wait out"},
		{"help of two words", []string{"help", "profiles", "edit"}, 0, "usage: culvert profiles edit PROFILE\n", ""},
		{"-h of two words", []string{"profiles", "add", "-h"}, 0, "usage: culvert profiles add", ""},
		{"help of one word too many", []string{"help", "up", "down"}, 2, "", `no command "up down"`},
		{"profiles of nothing", []string{"profiles"}, 2, "", "something is missing"},
		{"profiles drop", []string{"profiles", "drop", "x"}, 2, "", `"drop" is not known`},
		{"version", []string{"version"}, 0, "culvert ", ""},
		{"version with more", []string{"version", "x"}, 2, "", "one argument too many"},
	} {
		t.Run(c.name, func(t *testing.T) {
			status, stdout, stderr := run(t, "", c.args...)
			if status != c.status || !strings.Contains(stdout, c.stdout) || !strings.Contains(stderr, c.stderr) || c.stdout == "" && stdout != "" || c.stderr == "" && stderr != "" {
				t.Errorf("culvert %q: status %d, output %q, errors %q; want %d, %q, %q", c.args, status, stdout, stderr, c.status, c.stdout, c.stderr)
			}
		})
	}
}

// every is every command that runs, the second words too.
func every() []*command {
	var out []*command
	for _, c := range commands() {
		if c.run != nil {
			out = append(out, c)
		}
		out = append(out, c.sub...)
	}
	return out
}

// Help names every command that there is, and nothing that there is not.
func TestHelpIsComplete(t *testing.T) {
	_, stdout, _ := run(t, "", "help")
	for _, c := range commands() {
		if !strings.Contains(stdout, "\n  culvert "+c.name) || c.short == "" {
			t.Errorf("help does not explain %s:\n%s", c.name, stdout)
		}
	}
	for line := range strings.Lines(stdout) {
		words := strings.Fields(line)
		if strings.HasPrefix(line, "  culvert ") && words[1] != "help" && named(commands(), words[1]) == nil {
			t.Errorf("help lists what is no command: %s", line)
		}
	}
	flags := regexp.MustCompile(`--([a-z-]+)`)
	for _, c := range every() {
		_, stdout, _ := run(t, "", append([]string{"help"}, strings.Fields(c.name)...)...)
		for _, o := range c.options {
			if !strings.Contains(stdout, "\n  --"+o.name) || o.help == "" || !strings.Contains(c.args, "--"+o.name) {
				t.Errorf("%s: no word of --%s in\n%s", c.name, o.name, stdout)
			}
		}
		for _, f := range flags.FindAllStringSubmatch(c.args+c.long, -1) {
			if c.option(f[1]) == nil {
				t.Errorf("%s: --%s is no flag of it", c.name, f[1])
			}
		}
	}
}

func TestProfilesShow(t *testing.T) {
	path := write(t, "office.toml", "servers = [\"vpn.example.com\"]\nuser = \"alice\"\npreset = \"meraki\"\n", 0o644)
	status, stdout, stderr := run(t, "", "profiles", "show", path)
	if status != 0 || stderr != "" {
		t.Fatalf("status %d, errors %q", status, stderr)
	}
	for _, want := range []string{"name = 'vpn.example.com'", "[reconnect]", "#   phase 1  aes128-sha1-modp2048 3des-sha1-modp1024\n", "#   pfs      off\n", "#   log in   pap\n"} {
		if !strings.Contains(stdout, want) {
			t.Errorf("no %q in\n%s", want, stdout)
		}
	}
	path = write(t, "bad.toml", "servers = []\nuser = 7\n", 0o644)
	status, stdout, stderr = run(t, "", "profiles", "show", path)
	want := "The profile cannot be used:\n  " + path + ":1: servers: must name at least one gateway, such as [\"vpn.example.com\"]\n  " + path + ":2: user: must be a string, not an integer\n"
	if status != 2 || stdout != "" || stderr != want {
		t.Errorf("status %d, output %q, errors\n%s\nwant\n%s", status, stdout, stderr, want)
	}
}

func TestUpRefuses(t *testing.T) {
	good := write(t, "good.toml", "servers = [\"vpn.example.com\"]\nuser = \"alice\"\n", 0o644)
	bad := write(t, "bad.toml", "user = \"alice\"\n", 0o644)
	open := write(t, "open.toml", "psk = \"k\"\npassword = \"p\"\n", 0o644)
	for _, c := range []struct {
		name  string
		stdin string
		args  []string
		want  []string
	}{
		{"no such profile", "", []string{"up", "--direct", bad + "x"}, []string{"The profile cannot be used.", "no such file"}},
		{"bad profile", "", []string{"up", "--direct", bad}, []string{"The profile cannot be used.", "profile.invalid\n", "  evidence  " + bad + ": servers: must name"}},
		{"no secrets", "", []string{"up", good, "--direct"}, []string{"A secret is missing or cannot be used.", "secret.missing\n", "  evidence  give psk, password with --secrets FILE"}},
		{"not all secrets", "psk = \"k\"\n", []string{"up", "--direct", "--secrets", "-", good}, []string{"give password with"}},
		{"secrets that others read", "", []string{"up", "--direct", "--secrets", open, good}, []string{"chmod 600 " + open}},
		{"faulty secrets", "psk = 1\n", []string{"up", "--direct", "--secrets", "-", good}, []string{"stdin:1: psk: must be a string, not an integer"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			status, stdout, stderr := run(t, c.stdin, c.args...)
			if status != 2 || stdout != "" {
				t.Errorf("status %d, output %q, want 2 and nothing", status, stdout)
			}
			for _, w := range c.want {
				if !strings.Contains(stderr, w) {
					t.Errorf("errors have no %q:\n%s", w, stderr)
				}
			}
			if strings.Contains(stderr, "\"k\"") {
				t.Errorf("a secret is in\n%s", stderr)
			}
		})
	}
	status, stdout, stderr := run(t, "", "up", "--direct", "--json", bad)
	if status != 2 || stderr != "" || !strings.Contains(stdout, `"type":"failure","code":"profile.invalid"`) {
		t.Errorf("--json: status %d, output %q, errors %q", status, stdout, stderr)
	}
}
