package viewmodel

import (
	"math"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/culvert-vpn/culvert/app/api"
	"github.com/culvert-vpn/culvert/app/profile"
	"github.com/culvert-vpn/culvert/engine/failure"
)

func TestSteps(t *testing.T) {
	w := english(t)
	s := w.Steps(heard(api.Status{State: api.Connecting, Stages: stagesTo(failure.Authenticate)}), office(), noon)
	if s == nil || s.Folded || s.Around != 6 || s.Total != "2.6\u00a0s so far" || s.Hint != "If somebody must approve this on a phone, Culvert waits up to 90 seconds." {
		t.Fatalf("Steps = %+v", s)
	}
	want := []Step{
		{StepDone, "Find the server", "198.51.100.1", "10\u00a0ms"},
		{StepDone, "Secure the line", "AES-256, SHA-256, 2048-bit key", "20\u00a0ms"},
		{StepDone, "Start encryption", "AES-128-GCM", "30\u00a0ms"},
		{StepDone, "Open the tunnel", "Tunnel 41, NAT on both sides", "40\u00a0ms"},
		{StepDone, "Open a session", "Session 7", "50\u00a0ms"},
		{StepDone, "Prepare the link", "Packets up to 1400 bytes", "60\u00a0ms"},
		{StepRunning, "Sign in", "Checking alice", "2.3\u00a0s"},
		{StepToCome, "Get an address", "", ""},
		{StepToCome, "Set up this computer", "", ""},
	}
	if !slices.Equal(s.Rows, want) {
		t.Errorf("rows\n%+v\nwant\n%+v", s.Rows, want)
	}
	if from, to := s.Lines(420); from != 0 || to != 9 {
		t.Errorf("with room: %d to %d", from, to)
	}
	if from, to := s.Lines(419); from != 5 || to != 8 {
		t.Errorf("without room: %d to %d", from, to)
	}
	for _, c := range []struct {
		name   string
		status api.Status
		total  string
		folded bool
	}{
		{"waiting", api.Status{State: api.Waiting, Stages: stagesTo(failure.Authenticate)}, "6 of 9 done in 210\u00a0ms", true},
		{"connected", api.Status{State: api.Connected, Stages: stagesTo(failure.Connected)}, "9 of 9 done in 450\u00a0ms", true},
		{"connecting, nothing yet", api.Status{State: api.Connecting}, "", false},
		{"reconnecting", api.Status{State: api.Reconnecting, Stages: stagesTo(failure.Phase1)}, "2.6\u00a0s so far", false},
	} {
		got := w.Steps(heard(c.status), office(), noon)
		if got == nil || got.Total != c.total || got.Folded != c.folded || len(got.Rows) != 9 {
			t.Errorf("%s: %+v", c.name, got)
		}
	}
	for _, s := range []api.Status{{State: api.Disconnected}, {State: api.Blocked}, {State: api.Disconnecting}, {State: api.Reconnecting, Offline: true}} {
		if got := w.Steps(heard(s), office(), noon); got != nil {
			t.Errorf("%s has steps", s.State)
		}
	}
	plain := office()
	plain.IPsec.Enabled = false
	s = w.Steps(heard(api.Status{State: api.Connecting, Stages: []api.StageStatus{{Stage: failure.Tunnel, State: api.Started, Started: noon}}}), plain, noon)
	if r := s.Rows[1]; r != (Step{StepDone, "Secure the line", "Switched off in the profile", ""}) {
		t.Errorf("without encryption: %+v", r)
	}
}

func TestFacts(t *testing.T) {
	w := english(t)
	m := heard(api.Status{State: api.Connected, Stages: stagesTo(failure.Connected), Network: api.Network{Suite: "3des-sha1", Server: "198.51.100.1",
		Address: netip.MustParseAddr("10.99.0.10"), DNS: []netip.Addr{netip.MustParseAddr("10.99.0.1"), netip.MustParseAddr("10.99.0.2")}}})
	f := w.Facts(m, office(), api.StatsEvent{RxBytes: 1240000000, TxBytes: 87300000}, noon)
	var got []string
	for _, x := range f.Grid {
		got = append(got, x.Label+"="+x.Value)
	}
	want := "Your address=10.99.0.10|Gateway=198.51.100.1|DNS=10.99.0.1, 10.99.0.2|Received=1.24\u00a0GB|Sent=87.3\u00a0MB|Through the VPN=All traffic"
	if strings.Join(got, "|") != want {
		t.Errorf("%s\nwant %s", strings.Join(got, "|"), want)
	}
	if e := f.Encryption; e != (Encryption{"Encryption", "3DES, SHA-1", Weak, "Weak", "The gateway offers nothing newer. Ask its administrator to allow AES."}) {
		t.Errorf("encryption %+v", e)
	}
	split := office()
	split.Routing.Mode, split.Routing.Include = "split", make([]netip.Prefix, 3)
	split.DNS.Mode = "off"
	f = w.Facts(m, split, api.StatsEvent{}, noon)
	if f.Grid[5].Value != "3 networks" || f.Grid[2].Value != "Unchanged" {
		t.Errorf("split: %+v", f.Grid)
	}
	if w.Facts(heard(api.Status{State: api.Connecting}), office(), api.StatsEvent{}, noon) != nil {
		t.Error("facts without a connection")
	}
}

// Weak is 3DES, DES, MD5 and groups of 1024 bit and less, and no more.
func TestBadge(t *testing.T) {
	w := english(t)
	for _, c := range []struct {
		first, second string
		badge         BadgeKind
		why           string
	}{
		{"aes256-sha256-modp2048", "aes128gcm16", NoBadge, ""},
		{"aes256-sha1-modp1536", "aes128-sha1", NoBadge, ""},
		{"aes256-sha1-ecp384", "aes256-sha256", NoBadge, ""},
		{"3des-sha1-modp2048", "aes128-sha1", Weak, "AES."},
		{"aes128-sha1-modp2048", "des-sha1", Weak, "AES."},
		{"aes128-md5-modp2048", "aes128-sha1", Weak, "SHA-256."},
		{"aes128-sha1-modp2048", "aes128-md5", Weak, "SHA-256."},
		{"aes128-sha1-modp1024", "aes128-sha1", Weak, "2048-bit key."},
		{"aes128-sha1-modp768", "aes128-sha1", Weak, "2048-bit key."},
		{"", "none", NotEncrypted, "Switch encryption on in the profile."},
		{"", "", NotEncrypted, "Switch encryption on in the profile."},
	} {
		list := stagesTo(failure.Connected)
		list[1].Detail = map[string]string{"suite": c.first}
		e := w.encryption(heard(api.Status{State: api.Connected, Stages: list, Network: api.Network{Suite: c.second}}), office())
		if e.Badge != c.badge || !strings.HasSuffix(e.Sentence, c.why) || (c.badge == NoBadge) != (e.Sentence == "") {
			t.Errorf("%s, %s: %+v", c.first, c.second, e)
		}
	}
	p, err := profile.Parse("own", []byte("version = 1\nservers = [\"a\"]\nuser = \"b\"\n[ipsec]\nphase2 = [\"3des-sha1\"]\n"))
	if err != nil {
		t.Fatal(err)
	}
	e := w.encryption(heard(api.Status{State: api.Connected, Network: api.Network{Suite: "3des-sha1"}}), p)
	if e.Badge != Weak || e.Sentence != "The profile asks for this. Put its encryption back to automatic." {
		t.Errorf("a person's own choice: %+v", e)
	}
}

func TestTraffic(t *testing.T) {
	w := english(t)
	var tr Traffic
	at := func(n int) time.Time { return noon.Add(time.Duration(n) * time.Second) }
	tr.Sample(at(0), 1000, 1000) // of before: no rate
	g := w.Graph(&tr, at(0))
	if !math.IsNaN(g.Received[Samples-1]) || g.ReceivedRate != "–" || g.Axis != [4]string{"1.5\u00a0kbit/s", "1", "0.5", "0"} {
		t.Errorf("at first: %v %s %v", g.Received[Samples-1], g.ReceivedRate, g.Axis)
	}
	rx := uint64(1000)
	for n := 1; n <= 3; n++ {
		rx += 2675000 // 21.4 Mbit/s
		tr.Sample(at(n).Add(30*time.Millisecond*time.Duration(n%2)), rx, 1000+uint64(n)*200000)
	}
	g = w.Graph(&tr, at(3))
	if g.Axis != [4]string{"30\u00a0Mbit/s", "20", "10", "0"} || g.SentRate != "1.6\u00a0Mbit/s" {
		t.Errorf("axis %v, sent %s", g.Axis, g.SentRate)
	}
	if y := g.Received[Samples-1]; y < 0.69 || y > 0.74 {
		t.Errorf("received at %v of the axis", y)
	}
	// Three lost seconds are a gap, and what came in them is spread over them.
	tr.Sample(at(7), rx+4*1000000, 1000)
	if tr.last != 0 { // tx went back: another connection begins anew
		t.Error("counters of another connection go on")
	}
	tr = Traffic{}
	for _, n := range []int{0, 1, 2, 6, 7} {
		tr.Sample(at(n), uint64(n)*125000, 0)
	}
	g = w.Graph(&tr, at(7))
	for i, gap := range []bool{false, false, true, true, true, false, false} {
		if got := math.IsNaN(g.Received[Samples-7+i]); got != gap {
			t.Errorf("second %d: gap %t, want %t", i+1, got, gap)
		}
	}
	if g.ReceivedRate != "1.0\u00a0Mbit/s" || g.SentRate != "0\u00a0kbit/s" {
		t.Errorf("rates %s, %s", g.ReceivedRate, g.SentRate)
	}
	// Nothing new for a while: the picture moves on, without a zero.
	g = w.Graph(&tr, at(12))
	if !math.IsNaN(g.Received[Samples-1]) || g.ReceivedRate != "–" || math.IsNaN(g.Received[Samples-5]) {
		t.Errorf("nothing new: %v, %s", g.Received[Samples-8:], g.ReceivedRate)
	}
	if g = w.Graph(&tr, at(500)); !math.IsNaN(g.Received[0]) {
		t.Error("something is left after minutes")
	}
}

// The axis grows at once and shrinks after ten seconds of need.
func TestAxis(t *testing.T) {
	for peak, want := range map[float64]float64{0: 1500, 1500: 1500, 1501: 3000, 3001: 6000, 6001: 15000, 21.4e6: 30e6, 59e6: 60e6, 61e6: 150e6, 2e9: 3e9} {
		if got := axisTop(peak); got != want {
			t.Errorf("axisTop(%v) = %v, want %v", peak, got, want)
		}
	}
	w := english(t)
	for top, want := range map[float64]string{1500: "1.5\u00a0kbit/s 1 0.5", 600e3: "600\u00a0kbit/s 400 200", 1.5e6: "1.5\u00a0Mbit/s 1 0.5", 15e9: "15\u00a0Gbit/s 10 5"} {
		if a := w.axis(top); strings.Join(a[:3], " ") != want {
			t.Errorf("axis(%v) = %q, want %s", top, a, want)
		}
	}
	var tr Traffic
	rx, n := uint64(0), 0
	second := func(bits uint64) float64 {
		rx += bits / 8
		tr.Sample(noon.Add(time.Duration(n)*time.Second), rx, 0)
		n++
		return tr.top
	}
	second(0)
	if got := second(20e6); got != 30e6 {
		t.Fatalf("grows to %v", got)
	}
	for range Samples - 1 {
		if got := second(1e6); got != 30e6 {
			t.Fatalf("shrinks while the peak is in view, after %d s, to %v", n, got)
		}
	}
	for i := range 10 {
		if got := second(1e6); got != 30e6 {
			t.Fatalf("shrinks after %d s", i)
		}
	}
	if got := second(1e6); got != 1.5e6 {
		t.Errorf("after ten seconds it is %v", got)
	}
}

// Every failure has a card, with one button that does what SPEC, 4 says.
func TestCards(t *testing.T) {
	w := english(t)
	for _, code := range allCodes(t) {
		for stage := failure.Resolve; stage <= failure.Connected; stage++ {
			m := heard(api.Status{State: api.Disconnected, Profile: nameOf(office()), Stages: stagesTo(stage),
				Failure: &api.FailureEvent{Stage: stage, Code: code, Evidence: []string{"E=691 R=1", "from\x1b[31mthere"}}})
			c := w.Card(m, office(), Program{Version: "culvert 1.4", System: "Debian 12"}, noon)
			if c == nil || c.Title == "" || c.Why == "" || c.Do == "" || c.Remedy.Text == "" || c.Remedy.Does != remedies[code] || len(c.Segments) != 9 {
				t.Fatalf("%s: %+v", code, c)
			}
			for _, text := range []string{c.Title, c.Why, c.Do, c.Report, c.Details, c.AdministratorNote} {
				if strings.Contains(text, "{{") || strings.Contains(text, "no value") || strings.Contains(text, "\x1b") {
					t.Errorf("%s: %q", code, text)
				}
			}
			if (c.Remedy.Does == CopyMessage) != (c.AdministratorNote != "") {
				t.Errorf("%s: note %q", code, c.AdministratorNote)
			}
			if n := slices.Index(c.Segments, StepFailed); stage <= failure.Routes && n != int(stage)-1 || stage == failure.Connected && n >= 0 {
				t.Errorf("%s at %v: segments %v", code, stage, c.Segments)
			}
		}
	}
}

func TestCard(t *testing.T) {
	w := english(t)
	f := &api.FailureEvent{Stage: failure.Authenticate, Code: failure.PPPBadCredentials, Evidence: []string{"E=691 R=1"}}
	status := api.Status{State: api.Disconnected, Profile: nameOf(office()), Stages: stagesTo(failure.Authenticate), Failure: f}
	c := w.Card(heard(status), office(), Program{Version: "culvert 1.4"}, noon)
	for _, x := range []struct{ got, want string }{
		{c.Title, "Wrong user name or password"}, {c.Why, "The gateway did not accept this password for alice. The pre-shared key is right."},
		{c.Do, `Type the password again and watch Caps Lock. If your company uses Windows accounts, put its name in front: COMPANY\alice.`},
		{c.Remedy.Text, "Type the password again"}, {c.Field, FieldPassword}, {c.Reached, "The tunnel is open"}, {c.Stopped, "Sign in"},
		{c.DetailsSummary, "ppp.bad-credentials, known on Windows as error 691"}, {c.Details, "ppp.bad-credentials\nWindows: 691\nstage: authenticate\nE=691 R=1"},
		{c.Copied, "Copied. It holds no passwords, keys or user names."},
	} {
		if x.got != x.want {
			t.Errorf("%q, want %q", x.got, x.want)
		}
	}
	for _, line := range []string{"program    culvert 1.4", "failure    ppp.bad-credentials", "windows    691", "evidence   E=691 R=1", "phase1     20 ms nat=both suite=aes256-sha256-modp2048", `servers = ['vpn.example.com']`} {
		if !strings.Contains(c.Report, line+"\n") {
			t.Errorf("the report lacks %q:\n%s", line, c.Report)
		}
	}
	status.State = api.Blocked
	if w.Card(heard(status), office(), Program{}, noon) == nil {
		t.Error("blocked, and nobody says why")
	}
	home := office()
	home.ID = "home"
	if w.Card(heard(status), home, Program{}, noon) != nil {
		t.Error("another profile's failure")
	}
	status.State = api.Reconnecting
	if w.Card(heard(status), office(), Program{}, noon) != nil {
		t.Error("a card while it connects again")
	}
	note := w.Card(heard(api.Status{State: api.Disconnected, Profile: nameOf(office()), Failure: &api.FailureEvent{Stage: failure.Authenticate, Code: failure.PPPNoDialIn}}), office(), Program{}, noon).AdministratorNote
	if note != "My VPN connection to vpn.example.com as alice failed on 22 November 2026, 12:00. The account may not use the VPN. "+
		"The password is right, but the account has no permission for remote access. (ppp.no-dial-in, known on Windows as error 649)" {
		t.Errorf("note %q", note)
	}
}

func TestCountdown(t *testing.T) {
	w := english(t)
	m := heard(api.Status{State: api.Waiting, SecondsLeft: 72})
	c := w.Countdown(m, office(), noon)
	if c == nil || c.Left != 0.8 || c.Seconds != "72" || c.Unit != "seconds" || c.Title != "Approve the sign-in on your phone" || c.Code != nil {
		t.Errorf("Countdown = %+v", c)
	}
	later := noon.Add(71 * time.Second)
	m.Alive(later)
	if c = w.Countdown(m, office(), later); c.Seconds != "1" || c.Unit != "second" {
		t.Errorf("a second left: %+v", c)
	}
	m.Alive(later.Add(time.Minute))
	if c = w.Countdown(m, office(), later.Add(time.Minute)); c.Seconds != "0" || c.Left != 0 {
		t.Errorf("over: %+v", c)
	}
	c = w.Countdown(heard(api.Status{State: api.Waiting, SecondsLeft: 200, Ask: []api.SecretName{api.OTP}}), office(), noon)
	if c.Left != 1 || c.Code == nil || c.Code.Secret != api.OTP || c.Code.Hidden || c.Code.Field != "Code" || c.Code.Send.Does != SendCode {
		t.Errorf("a code: %+v %+v", c, c.Code)
	}
	c = w.Countdown(heard(api.Status{State: api.Waiting, SecondsLeft: 9, Ask: []api.SecretName{api.OTP}, Prompt: "Code\u202e\x1b:"}), office(), noon)
	if c.Sentence != "The gateway says: Code  :" {
		t.Errorf("its own words: %q", c.Sentence)
	}
	c = w.Countdown(heard(api.Status{State: api.Waiting, Ask: []api.SecretName{api.Password}}), office(), noon)
	if !c.Code.Hidden || c.Code.Field != "Password" || c.Code.Secret != api.Password {
		t.Errorf("a password: %+v", c.Code)
	}
	if w.Countdown(heard(api.Status{State: api.Connecting}), office(), noon) != nil {
		t.Error("nobody is waited for")
	}
	if got := CleanCode(" 123\u00a0456\u200b\n"); got != "123456" {
		t.Errorf("CleanCode = %q", got)
	}
}

func TestSecretBox(t *testing.T) {
	w := english(t)
	p := office()
	b := w.SecretBox(p, []api.SecretName{api.PSK, api.Password}, true)
	if b == nil || b.Title != "Connect to Office" || len(b.Fields) != 2 || b.Fields[0].Key != FieldPSK || b.Fields[1].Label != "Password" || b.Connect.Does != Connect {
		t.Fatalf("SecretBox = %+v", b)
	}
	if b.Fields[1].Help != "Kept in this computer's keychain." {
		t.Errorf("help %q", b.Fields[1].Help)
	}
	p.AskPassword = true
	if b = w.SecretBox(p, []api.SecretName{api.PSK, api.Password}, true); b.Fields[1].Help != "Culvert asks each time." || b.Fields[0].Secret != SecretNone {
		t.Errorf("asked each time: %+v", b.Fields)
	}
	if w.SecretBox(p, nil, true) != nil {
		t.Error("nothing to ask")
	}
}

func TestReached(t *testing.T) {
	w := english(t)
	for stage, want := range map[api.Stage][2]string{
		failure.Resolve: {"", "Find the server"}, failure.Phase1: {"The server was found", "Secure the line"},
		failure.Phase2: {"The server was found and the line is secure", "Start encryption"}, failure.Tunnel: {"The server was found and the line is secure", "Open the tunnel"},
		failure.Session: {"The tunnel is open", "Open a session"}, failure.Link: {"The tunnel is open", "Prepare the link"}, failure.Authenticate: {"The tunnel is open", "Sign in"},
		failure.Network: {"You are signed in", "Get an address"}, failure.Routes: {"You have an address", "Set up this computer"}, failure.Connected: {"The connection was up", ""}, 0: {"", ""},
	} {
		c := w.Card(heard(api.Status{State: api.Disconnected, Profile: nameOf(office()), Failure: &api.FailureEvent{Stage: stage, Code: failure.PathDead}}), office(), Program{}, noon)
		if c.Reached != want[0] || c.Stopped != want[1] {
			t.Errorf("%v: %q, %q, want %q", stage, c.Reached, c.Stopped, want)
		}
	}
}
