package cli

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// run is one command line.
func run(t *testing.T, stdin string, args ...string) (status int, stdout, stderr string) {
	t.Helper()
	var out, errs strings.Builder
	status = Run(t.Context(), args, Streams{strings.NewReader(stdin), &out, &errs})
	return status, out.String(), errs.String()
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
		out    string // what has to be in the output
		err    string // what has to be in the errors
	}{
		{"nothing", nil, 2, "", "Culvert connects to"},
		{"help", []string{"help"}, 0, "culvert up --direct", ""},
		{"-h", []string{"-h"}, 0, "culvert version", ""},
		{"help of a command", []string{"help", "up"}, 0, "usage: culvert up --direct [--secrets FILE|-] [--json] FILE", ""},
		{"-h of a command", []string{"up", "--help"}, 0, "usage: culvert up", ""},
		{"help of nothing", []string{"help", "fly"}, 2, "", `no command "fly"`},
		{"unknown command", []string{"fly"}, 2, "", `no command "fly"`},
		{"unknown flag", []string{"up", "--fast", "x"}, 2, "", "flag provided but not defined: -fast"},
		{"up without a file", []string{"up", "--direct"}, 2, "", "something is missing"},
		{"up with two files", []string{"up", "--direct", "a", "b"}, 2, "", `"b" is one argument too many`},
		{"up through a service", []string{"up", "office"}, 2, "", "give --direct"},
		{"profiles of nothing", []string{"profiles"}, 2, "", "something is missing"},
		{"profiles drop", []string{"profiles", "drop", "x"}, 2, "", `"drop" is not known; there is: show`},
		{"version", []string{"version"}, 0, "culvert ", ""},
		{"version with more", []string{"version", "x"}, 2, "", "one argument too many"},
	} {
		t.Run(c.name, func(t *testing.T) {
			status, out, errs := run(t, "", c.args...)
			if status != c.status || !strings.Contains(out, c.out) || !strings.Contains(errs, c.err) || c.out == "" && out != "" || c.err == "" && errs != "" {
				t.Errorf("culvert %q: status %d, output %q, errors %q; want %d, %q, %q", c.args, status, out, errs, c.status, c.out, c.err)
			}
		})
	}
}

// Help names every command that there is, and nothing that there is not.
func TestHelpIsComplete(t *testing.T) {
	_, out, _ := run(t, "", "help")
	for _, c := range commands() {
		if !strings.Contains(out, "culvert "+c.name) || c.short == "" {
			t.Errorf("help does not explain %s:\n%s", c.name, out)
		}
	}
	if n := strings.Count(out, "\n  culvert "); n != len(commands()) {
		t.Errorf("help lists %d commands, want %d", n, len(commands()))
	}
}

func TestProfilesShow(t *testing.T) {
	path := write(t, "office.toml", "servers = [\"vpn.example.com\"]\nuser = \"alice\"\npreset = \"meraki\"\n", 0o644)
	status, out, errs := run(t, "", "profiles", "show", path)
	if status != 0 || errs != "" {
		t.Fatalf("status %d, errors %q", status, errs)
	}
	for _, want := range []string{"name = 'vpn.example.com'", "[reconnect]", "#   phase 1  aes128-sha1-modp2048 3des-sha1-modp1024\n", "#   pfs      off\n", "#   log in   pap\n"} {
		if !strings.Contains(out, want) {
			t.Errorf("no %q in\n%s", want, out)
		}
	}
	path = write(t, "bad.toml", "servers = []\nuser = 7\n", 0o644)
	status, out, errs = run(t, "", "profiles", "show", path)
	want := "The profile cannot be used:\n  " + path + ":1: servers: must name at least one gateway, such as [\"vpn.example.com\"]\n  " + path + ":2: user: must be a string, not an integer\n"
	if status != 2 || out != "" || errs != want {
		t.Errorf("status %d, output %q, errors\n%s\nwant\n%s", status, out, errs, want)
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
			status, out, errs := run(t, c.stdin, c.args...)
			if status != 2 || out != "" {
				t.Errorf("status %d, output %q, want 2 and nothing", status, out)
			}
			for _, w := range c.want {
				if !strings.Contains(errs, w) {
					t.Errorf("errors have no %q:\n%s", w, errs)
				}
			}
			if strings.Contains(errs, "\"k\"") {
				t.Errorf("a secret is in\n%s", errs)
			}
		})
	}
	status, out, errs := run(t, "", "up", "--direct", "--json", bad)
	if status != 2 || errs != "" || !strings.Contains(out, `"type":"failure","code":"profile.invalid"`) {
		t.Errorf("--json: status %d, output %q, errors %q", status, out, errs)
	}
}
