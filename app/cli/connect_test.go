package cli

import (
	"context"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/culvert-vpn/culvert/app/api"
	"github.com/culvert-vpn/culvert/app/client"
	"github.com/culvert-vpn/culvert/app/profile"
	"github.com/culvert-vpn/culvert/engine/failure"
	"github.com/culvert-vpn/culvert/platform/testroom"
)

// varying is what differs from run to run.
var varying = regexp.MustCompile(`[0-9]+ ms|[0-9]{2}:[0-9]{2}:[0-9]{2}|\([0-9]+ s\)`)

func steady(s string) string { return varying.ReplaceAllString(s, "N") }

// A day of a person: up, status, down.
func TestUpAndDown(t *testing.T) {
	d := newDesk(t)
	d.profile("Office", "")
	d.expect(0, "Not connected.\n", "", "status")
	status, stdout, stderr := d.run("up", "office")
	const up = `  ✓ Find server N  198.51.100.1
  ✓ Phase 1     N  aes256-sha256-modp2048
  ✓ Routes      N  culvert0

Connected to 198.51.100.1 after N: address 10.99.0.10 on culvert0, aes128gcm16, packets of up to 1400 octets.
`
	if got := regexp.MustCompile(` +N`).ReplaceAllString(steady(stdout), " N"); status != 0 || stderr != "" || got != regexp.MustCompile(` +N`).ReplaceAllString(up, " N") {
		t.Errorf("up: status %d\n%s%s\nwant\n%s", status, got, stderr, up)
	}
	if got := d.sys.secrets; !slices.Equal(got, []string{"the key correct horse"}) {
		t.Errorf("the gateway got %q", got)
	}
	const connected = `Connected: “Office”
  since     N N
  gateway   198.51.100.1
  address   10.99.0.10 on culvert0, packets of up to 1400 octets
  DNS       10.99.0.1
  suite     aes128gcm16
  traffic   12.3 MB received, 999 octets sent
`
	if status, stdout, _ := d.run("status"); status != 0 || steady(stdout) != connected {
		t.Errorf("status: %d\n%s\nwant\n%s", status, steady(stdout), connected)
	}
	_, stdout, _ = d.run("status", "--json")
	if got := types(t, stdout); !slices.Equal(got, []string{"state connected", "stats"}) || !strings.Contains(stdout, `"rx_bytes":12345678`) {
		t.Errorf("status --json:\n%s", stdout)
	}
	d.expect(0, "Connected already, since ", "", "up", "Office")
	d.profile("Home", "")
	d.expect(3, "", "“Office” is connected: disconnect it first", "up", "home")
	d.expect(0, "info state state=connected", "", "log")
	if all := d.expect(0, `"type":"log","level":"info"`, "", "log", "--json"); strings.Contains(all, "horse") {
		t.Error("a secret is in the log")
	}
	d.expect(0, "Disconnected.\n", "", "down")
	d.expect(0, "Disconnected.\n", "", "down") // once more does no harm
	_, stdout, _ = d.run("up", "--json", "Office")
	got := types(t, stdout)
	if got[0] != "state connecting" || got[len(got)-1] != "state connected" || !slices.Contains(got, "stage phase1 done") || !strings.Contains(stdout, `"interface":"culvert0"`) {
		t.Errorf("up --json:\n%s", stdout)
	}
	_, stdout, _ = d.run("down", "--json")
	if got := types(t, stdout); got[len(got)-1] != "state disconnected" {
		t.Errorf("down --json:\n%s", stdout)
	}
}

func TestUpFails(t *testing.T) {
	d := newDesk(t)
	d.profile("Office", "")
	d.sys.fails = &failure.Failure{Stage: failure.Phase1, Code: failure.IKENoAnswer, Evidence: []string{"seen"}}
	d.expect(3, "  ✗ Phase 1 ", "\nNo VPN server answered.\n", "up", "Office")
	d.expect(0, "Not connected.\n\nThe last failure, of “Office”: No VPN server answered.\n", "", "status")
	_, stdout, _ := d.run("up", "Office", "--json")
	if got := types(t, stdout); !slices.Contains(got, "failure phase1 ike.no-answer") || !slices.Equal(got[len(got)-2:], []string{"failure phase1 ike.no-answer", "state disconnected"}) {
		t.Errorf("up --json:\n%s", stdout)
	}
	d.profile("Safe", "routing.kill_switch = true\n")
	d.expect(3, "✗ Phase 1", "\nculvert up: the kill switch keeps the network closed; culvert down opens it\n", "up", "Safe")
	d.expect(0, "the kill switch keeps the network closed.\n", "", "status")
	d.expect(0, "Disconnected.\n", "", "down")
}

// --wait stays until the end, whoever or whatever ends it.
func TestUpWait(t *testing.T) {
	for _, c := range []struct {
		name   string
		more   string
		then   func(d *desk, cancel func())
		status int
		want   string
	}{
		{"a person has enough", "", func(_ *desk, cancel func()) { cancel() }, 0, "Disconnecting.\nDisconnected.\n"},
		{"another one has", "", func(d *desk, _ func()) { go d.around.helper.Disconnect(context.Background()) }, 0, "octets.\n"},
		{"the gateway ends it", "reconnect.on_drop = false\n", func(d *desk, _ func()) { d.lose(failure.GatewayClosed) }, 5, "The gateway ended the connection.\n"},
		{"the helper ends", "", func(d *desk, _ func()) { go d.stop() }, 0, "octets.\n"},
	} {
		t.Run(c.name, func(t *testing.T) {
			d := newDesk(t)
			d.profile("Office", c.more)
			ctx, cancel := context.WithCancel(t.Context())
			defer cancel()
			status, stdout, stderr := d.runUntil(ctx, map[string]func(){"Connected to": func() { c.then(d, cancel) }}, "up", "--wait", "Office")
			if status != c.status || !strings.Contains(stdout+stderr, c.want) {
				t.Errorf("status %d\n%s%s\nwant %d and %q", status, stdout, stderr, c.status, c.want)
			}
		})
	}
}

// lose ends the connection from the gateway's side, once the helper has it: the
// routes, and with them the connection, come a moment before.
func (d *desk) lose(code failure.Code) {
	var s *calmSession
	testroom.Eventually(d.T, "the connection", func() bool {
		d.sys.mu.Lock()
		defer d.sys.mu.Unlock()
		s = d.sys.session
		return s != nil
	})
	s.end(&failure.Failure{Stage: failure.Connected, Code: code})
}

// It connects again by itself, and tells so.
func TestUpWaitReconnects(t *testing.T) {
	d := newDesk(t)
	d.profile("Office", "")
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	connected := 0
	status, stdout, stderr := d.runUntil(ctx, map[string]func(){"Connected to": func() {
		if connected++; connected == 1 {
			d.lose(failure.GatewayClosed)
		} else {
			cancel()
		}
	}}, "up", "--wait", "Office")
	if status != 0 || connected != 2 || !strings.Contains(stdout, "Connecting again.\n") || !strings.Contains(stderr, "The gateway ended the connection.\n") {
		t.Errorf("status %d, connected %d times\n%s%s", status, connected, stdout, stderr)
	}
}

// A person who has enough while it connects.
func TestUpCancelled(t *testing.T) {
	d := newDesk(t)
	d.profile("Office", "")
	d.sys.hangs = make(chan struct{})
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	status, stdout, stderr := d.runUntil(ctx, map[string]func(){`"stage":"phase1","state":"started"`: cancel}, "up", "Office", "--json")
	if got := types(t, stdout); status != 3 || stderr != "" || got[len(got)-1] != "state disconnected" {
		t.Errorf("status %d\n%s%s", status, stdout, stderr)
	}
	d.expect(0, "Not connected.\n", "", "status")
}

// Where secrets come from.
func TestUpSecrets(t *testing.T) {
	d := newDesk(t)
	p := d.profile("Office", "")
	delete(d.keys.values, p.ID+"/password")
	d.expect(2, "", "give password with --secrets FILE", "up", "Office")
	d.keys.err = errLocked
	d.expect(2, "", "the keychain was not reached: keyring: no secret store to be had: locked", "up", "Office")
	d.keys.err = nil
	file := write(t, "s.toml", "password = \"from a file\"\n", 0o600)
	d.expect(0, "Connected to", "", "up", "Office", "--secrets", file)
	d.run("down")

	someone := &person{answers: []string{"", "typed"}}
	d.around.terminal = someone
	d.expect(0, "Connected to", "", "up", "Office")
	d.run("down")
	d.keys.err = errLocked
	someone.answers = []string{"typed key", "typed too"}
	d.expect(0, "Connected to", noKeychain, "up", "Office")
	d.run("down")
	if want := []string{"the key from a file", "the key typed", "typed key typed too"}; !slices.Equal(d.sys.secrets, want) {
		t.Errorf("the gateway got %q, want %q", d.sys.secrets, want)
	}
	want := []string{"[Password of alice for “Office”: ]", "[Password of alice for “Office”: ]", "[Pre-shared key for “Office”: ]", "[Password of alice for “Office”: ]"}
	if !slices.Equal(someone.asked, want) {
		t.Errorf("asked %q, want %q", someone.asked, want)
	}
	someone.answers = []string{"", "", ""}
	d.expect(2, "", "nothing was entered", "up", "Office")
	d.expect(2, "", ": no such file or directory\n", "up", "Office", "--secrets", filepath.Join(t.TempDir(), "none"))
}

// A wrong password is asked for again, and not for ever.
func TestUpAsksAgain(t *testing.T) {
	d := newDesk(t)
	d.profile("Office", "")
	d.sys.password = "right"
	someone := &person{answers: []string{"still wrong", "right"}}
	d.around.terminal = someone
	d.expect(0, "Connected to", "Wrong user name or password.\n", "up", "Office")
	d.run("down")
	someone.answers, someone.asked = []string{"wrong", "wrong", "right"}, nil
	d.expect(3, "✓ Find server", "Wrong user name or password.\n", "up", "Office")
	if len(someone.asked) != maxAsked {
		t.Errorf("asked %q, want %d times", someone.asked, maxAsked)
	}
	someone.answers, someone.asked = nil, nil // who ends the input
	d.expect(3, "✓ Find server", "Wrong user name or password.\n", "up", "Office")
	if len(someone.asked) != 1 {
		t.Errorf("asked %q, want once", someone.asked)
	}
}

// ask_password keeps no password.
func TestUpAskPassword(t *testing.T) {
	d := newDesk(t)
	d.profile("Office", "ask_password = true\n")
	d.expect(2, "", "give password with", "up", "Office")
	d.around.terminal = &person{answers: []string{"123456"}}
	d.expect(0, "Connected to", "", "up", "Office")
	if want := []string{"the key 123456"}; !slices.Equal(d.sys.secrets, want) {
		t.Errorf("the gateway got %q, want %q", d.sys.secrets, want)
	}
}

// PROFILE may be many things.
func TestUpWhich(t *testing.T) {
	d := newDesk(t)
	p := d.profile("Office", "")
	file := write(t, "elsewhere.toml", "servers = [\"gw.example\"]\nuser = \"bob\"\n", 0o644)
	own := filepath.Join(d.folders.User, "office.toml")
	for _, ref := range []string{"Office", "OFF", p.ID, p.ID[:8], own} {
		d.expect(0, "Connected to", "", "up", ref)
		d.expect(0, "Disconnected.", "", "down")
	}
	d.expect(0, "Connected to", "", "up", file, "--secrets", write(t, "s.toml", "psk = \"k\"\npassword = \"p\"\n", 0o600))
	d.expect(0, "Connected already, since ", "", "up", file)
	d.expect(0, "Disconnected.", "", "down")
	d.expect(2, "", `culvert up: there is no profile "home"; there is: Office`+"\n", "up", "home")
	d.profile("Office 2", "")
	d.expect(2, "", `"off" may be any of `, "up", "off")
	d.expect(0, "Connected to", "", "up", "office") // whole, if in small letters
	d.expect(0, "Disconnected.", "", "down")
	d.profile("a/b", "")
	d.expect(0, "Connected to", "", "up", "a/b")
	d.expect(0, "Disconnected.", "", "down")
	d.expect(2, "", "none/x.toml: no such file or directory\n", "up", "none/x.toml")
	bad := write(t, "bad.toml", "servers = []\nuser = 7\n", 0o644)
	d.expect(2, "", bad+":2: user: must be a string", "up", bad)
}

func TestNoHelper(t *testing.T) {
	d := newDesk(t)
	d.profile("Office", "")
	d.refuse = errLocked
	commands := [][]string{{"up", "Office"}, {"down"}, {"status"}, {"watch"}, {"log"}, {"log", "--follow"}}
	for _, args := range commands {
		all := d.expect(4, "", "culvert "+args[0]+": You may not use the helper. Join the group culvert: sudo usermod -aG culvert $USER, then sign out and in again.\n", args...)
		if strings.Contains(all, "locked") || strings.Count(all, "\n") != 1 {
			t.Errorf("%q says\n%s", args, all)
		}
	}
	d.around.helper = client.New(filepath.Join(t.TempDir(), "nobody"))
	for _, args := range commands {
		d.expect(4, "", "culvert "+args[0]+": The helper is not running. Start it: sudo systemctl start culvertd.socket.\n", args...)
	}
	d.expect(4, `"type":"failure","code":"helper.not-running"`, "", "status", "--json")
}

// What is not up --direct's is refused by its key.
func TestNotDirect(t *testing.T) {
	file := write(t, "p.toml", "servers = [\"198.51.100.1\"]\nuser = \"alice\"\nask_password = true\n[routing]\nkill_switch = true\nlocal_network = false\n"+
		"[dns]\nmode = \"manual\"\nservers = [\"10.0.0.1\"]\nsearch = [\"a\"]\ndomains = [\"b\"]\n[reconnect]\non_start = true\n", 0o644)
	status, stdout, stderr := run(t, "", "up", "--direct", file)
	if status != 2 || stdout != "" {
		t.Errorf("status %d, output %q", status, stdout)
	}
	for _, key := range []string{"routing.kill_switch", `dns.mode = "manual"`, "dns.search", "dns.domains", "reconnect.on_start"} {
		if !strings.Contains(stderr, key+" takes the helper") {
			t.Errorf("no word of %s in\n%s", key, stderr)
		}
	}
	if strings.Contains(stderr, "ask_password") || strings.Contains(stderr, "local_network") {
		t.Errorf("refuses what it does:\n%s", stderr)
	}
	if keys := notDirect(profile.Default()); len(keys) > 0 {
		t.Errorf("refuses defaults: %q", keys)
	}
}

func TestWatch(t *testing.T) {
	d := newDesk(t)
	d.profile("Office", "")
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	at := map[string]func(){
		"  disconnected": func() { go d.run("up", "Office") },
		"  connected “Office”: address 10.99.0.10 on culvert0, aes128gcm16, gateway 198.51.100.1": cancel,
	}
	status, stdout, stderr := d.runUntil(ctx, at, "watch")
	if status != 0 || stderr != "" || !strings.Contains(stdout, "  phase 1 done after ") || !strings.Contains(stdout, "  connecting “Office”\n") {
		t.Errorf("status %d\n%s%s", status, stdout, stderr)
	}
	ctx, cancel = context.WithCancel(t.Context())
	defer cancel()
	status, stdout, stderr = d.runUntil(ctx, map[string]func(){`"state":"connected"`: cancel}, "watch", "--json")
	if got := types(t, stdout); status != 0 || stderr != "" || !slices.Equal(got, []string{"state connected"}) {
		t.Errorf("status %d\n%s%s", status, stdout, stderr)
	}
	reader, pipe, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	reader.Close()
	defer pipe.Close()
	if status := runCommand(t.Context(), nil, []string{"watch"}, Streams{strings.NewReader(""), pipe, pipe}, d.around); status != 0 {
		t.Errorf("nobody reads: status %d, want 0", status)
	}
	status, _, stderr = d.runUntil(t.Context(), map[string]func(){"  connected": func() { go d.stop() }}, "watch")
	if status != 4 || !strings.Contains(stderr, "The helper is not running.") {
		t.Errorf("the helper ends: status %d, %s", status, stderr)
	}
}

func TestLogFollows(t *testing.T) {
	d := newDesk(t)
	d.profile("Office", "")
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	status, stdout, stderr := d.runUntil(ctx, map[string]func(){"state=disconnected": func() { go d.run("up", "Office") }, "state=connected": cancel}, "log", "--follow")
	if status != 0 || stderr != "" || !strings.Contains(stdout, " info state state=connected") {
		t.Errorf("status %d\n%s%s", status, stdout, stderr)
	}
}

func TestStateText(t *testing.T) {
	for _, c := range []struct {
		s    api.Status
		want string
	}{
		{api.Status{State: api.Disconnected, Profile: api.ProfileName{Name: "Office"}}, "disconnected"},
		{api.Status{State: api.Waiting, Profile: api.ProfileName{Name: "Office"}, SecondsLeft: 88, Ask: []api.SecretName{api.OTP}}, "waiting “Office”: for a person, 88 s left; asks for otp"},
		{api.Status{State: api.Waiting, Profile: api.ProfileName{Name: "Office"}, SecondsLeft: 88, Ask: []api.SecretName{api.OTP}, Prompt: "Code\x1b:"}, "waiting “Office”: for a person, 88 s left; asks for otp: “Code :”"},
		{api.Status{State: api.Reconnecting, Profile: api.ProfileName{Name: "Of\x1bfice"}, Offline: true}, "reconnecting “Of fice”: no network"},
	} {
		if got := stateText(c.s.Since, c.s); got != c.want {
			t.Errorf("stateText = %q, want %q", got, c.want)
		}
	}
}

// keeper keeps what it is given to print.
type keeper struct{ lines []string }

func (k *keeper) print(_ time.Time, e api.Event) {
	switch e := e.(type) {
	case api.StageEvent:
		k.lines = append(k.lines, e.Stage.String()+" "+string(e.State))
	case api.Status:
		k.lines = append(k.lines, string(e.State))
	}
}

// TestUpMisses: between the state that a listener begins with and the next event
// something may happen, and a listener that is slow is given the state in the place
// of events.
func TestUpMisses(t *testing.T) {
	var k keeper
	u := &upRun{p: &profile.Profile{}, printer: &k, stages: map[api.Stage]api.StageState{}}
	ms := int64(3)
	done := func(stages ...api.Stage) (out []api.StageStatus) {
		for _, s := range stages {
			out = append(out, api.StageStatus{Stage: s, State: api.Done, Started: time.Unix(1, 0), MS: &ms})
		}
		return out
	}
	for _, e := range []api.Event{
		api.Status{State: api.Connecting, Attempt: 1, Stages: done(failure.Resolve)},
		api.StageEvent{Stage: failure.Phase1, State: api.Started},
		api.Status{State: api.Connecting, Attempt: 1, Stages: done(failure.Resolve, failure.Phase1)},
		api.StageEvent{Stage: failure.Phase1, State: api.Started}, // otherwise
		api.StageEvent{Stage: failure.Phase1, State: api.Done, MS: &ms},
		api.Status{State: api.Connecting, Attempt: 2, Stages: done(failure.Resolve)},
		api.Status{State: api.Connected, Stages: done(failure.Resolve, failure.Phase1, failure.Routes)},
	} {
		u.take(time.Unix(2, 0), e)
	}
	want := []string{"resolve started", "resolve done", "connecting", "phase1 started", "phase1 done", "connecting", "phase1 started", "phase1 done",
		"resolve started", "resolve done", "connecting", "phase1 started", "phase1 done", "routes started", "routes done", "connected"}
	if !slices.Equal(k.lines, want) {
		t.Errorf("printed %q\nwant %q", k.lines, want)
	}

	k.lines, u = nil, &upRun{p: &profile.Profile{}, printer: &k, stages: map[api.Stage]api.StageState{}, began: time.Unix(9, 0)}
	u.take(time.Unix(10, 0), api.Status{State: api.Connected, Since: time.Unix(2, 0), Attempt: 1, Stages: done(failure.Resolve)})
	if want := []string{"connected"}; !slices.Equal(k.lines, want) {
		t.Errorf("of a connection that there was: %q, want %q", k.lines, want)
	}
}
