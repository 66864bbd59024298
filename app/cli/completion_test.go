package cli

import (
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
