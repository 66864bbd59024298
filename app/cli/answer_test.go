package cli

import (
	"context"
	"strings"
	"testing"
)

// A helper that was started anew goes on with what was wanted, once somebody in
// the person's session gives it the secrets again.
func TestWatchAnswers(t *testing.T) {
	d := newDesk(t)
	p := d.profile("Office", "[reconnect]\non_start = true\n")
	d.expect(0, "Connected", "", "up", "Office")
	restart := func() {
		d.stop()
		d.serve()
	}
	restart()
	d.expect(0, "asks for  psk, password: culvert up Office", "", "status")

	watch := func(until string, more ...string) string {
		t.Helper()
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		status, out, errs := d.runUntil(ctx, map[string]func(){until: cancel}, append([]string{"watch", "--answer"}, more...)...)
		if status != 0 || errs != "" {
			t.Errorf("watch: status %d\n%s%s", status, out, errs)
		}
		return out
	}
	out := watch("was given the secrets")
	if !strings.Contains(out, "  disconnected “Office”; asks for psk, password\n") || !strings.Contains(out, "  the helper was given the secrets of “Office”\n") {
		t.Errorf("watch said\n%s", out)
	}
	watch("  connected “Office”")
	if got := d.sys.secrets[len(d.sys.secrets)-1]; got != "the key correct horse" {
		t.Errorf("connected with %q", got)
	}

	restart()
	delete(d.keys.values, p.ID+"/password")
	watch("not every secret of “Office” is in this keychain")
	d.keys.err = errLocked
	watch("the helper was not given its secrets: ", "--json")
	d.keys.err = nil
	d.expect(0, "Disconnected", "", "down")
	if out := d.expect(0, "Not connected.", "", "status"); strings.Contains(out, "asks for") {
		t.Errorf("disconnected, and still: %s", out)
	}
}
