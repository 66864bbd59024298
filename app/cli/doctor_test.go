package cli

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/culvert-vpn/culvert/app/client"
	"github.com/culvert-vpn/culvert/app/doctor"
	"github.com/culvert-vpn/culvert/engine/failure"
)

func TestDoctor(t *testing.T) {
	d := newDesk(t)
	d.around.checks = func(_ context.Context, wanted bool) []doctor.Check {
		out := []doctor.Check{{Part: doctor.Tun, Verdict: doctor.Good, Found: "A device", Evidence: []string{"not shown"}},
			{Part: doctor.Ports, Verdict: doctor.Note, Found: "A port", Advice: "Never mind."}}
		if wanted {
			out[1].Verdict = doctor.Bad
		}
		return out
	}
	all := d.expect(0, "· The helper is of another version: it is culvert test, and this program is ", "", "doctor")
	if want := "    Restart the helper: sudo systemctl restart culvertd.\n✓ A device.\n· A port.\n    Never mind.\n"; !strings.HasSuffix(all, want) {
		t.Errorf("doctor says\n%s\nwant at the end\n%s", all, want)
	}
	d.profile("Office", "")
	all = d.expect(3, "✗ The server name was not found.\n", "", "doctor", "Office")
	if want := "    code: dns.not-found\n"; !strings.HasSuffix(all, want) || !strings.Contains(all, "    (gw.example: ") {
		t.Errorf("doctor says\n%s\nwant at the end %q", all, want)
	}
	d.profile("Fixed", "ipsec.source_ports = \"standard\"\n")
	d.expect(3, "✗ A port.\n", "", "doctor", "Fixed")
	_, stdout, _ := d.run("doctor", "--json")
	if lines := strings.Split(stdout, "\n"); len(lines) != 4 || lines[1] != `{"check":"tun","verdict":"good","found":"A device","evidence":["not shown"]}` {
		t.Errorf("doctor --json:\n%s", stdout)
	}
	d.expect(2, "", `there is no profile "none"`, "doctor", "none")
	d.around.helper = client.New(filepath.Join(t.TempDir(), "nobody"))
	d.expect(4, "✗ The helper is not running.\n    Start it: sudo systemctl start culvertd.socket.\n", "", "doctor")
}

func TestReport(t *testing.T) {
	d := newDesk(t)
	t.Setenv("HOME", "/home/alice-smith")
	t.Setenv("USER", "alice-smith")
	d.around.checks = func(context.Context, bool) []doctor.Check {
		return []doctor.Check{{Verdict: doctor.Good, Found: "/home/alice-smith/x is there"}}
	}
	d.profile("Office", "domain = \"CORP\"\n")
	d.sys.fails = &failure.Failure{Stage: failure.Authenticate, Code: failure.PPPBadCredentials, Evidence: []string{`"CORP\\alice" is refused`}}
	d.expect(3, `"code":"ppp.bad-credentials"`, "", "up", "Office", "--json")
	_, text, stderr := d.run("report")
	for _, want := range []string{"== versions ==\n", "helper   culvert test\n", "== state ==\nNot connected.\n", "The last failure, of “Office”", "servers = ['gw.example']\n", "user = '[redacted]'\n", "domain = '[redacted]'\n",
		"✓ [redacted]/x is there\n", "== log ==\n", "state state=connecting"} {
		if !strings.Contains(text, want) {
			t.Errorf("no %q in\n%s", want, text)
		}
	}
	for _, hidden := range []string{"correct horse", "the key", "CORP", " alice", "\\alice", "alice-smith"} {
		if stderr != "" || strings.Contains(text, hidden) {
			t.Errorf("%q is in\n%s%s", hidden, text, stderr)
		}
	}
	file := filepath.Join(t.TempDir(), "r.txt")
	d.expect(0, file+" is written: read it before you hand it on.\n", "", "report", "Office", "--output", file)
	info, err := os.Stat(file)
	if err != nil || info.Mode().Perm() != 0o600 || info.Size() < 500 {
		t.Errorf("the file: %v, %v", info, err)
	}
	d.expect(1, "", "file exists", "report", "--output", file)
	d.expect(2, "", `there is no profile "none"`, "report", "none")

	// Without a helper there is less to say, and still something.
	d.around.helper = client.New(filepath.Join(t.TempDir(), "nobody"))
	d.expect(0, "== profile ==\nnone: culvert report PROFILE names one\n", "", "report")
	d.refuse = errors.New("no")
}
