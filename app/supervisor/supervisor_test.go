package supervisor

import (
	"errors"
	"fmt"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/culvert-vpn/culvert/app/api"
	"github.com/culvert-vpn/culvert/app/profile"
	"github.com/culvert-vpn/culvert/engine/failure"
)

// What an engine says that is not at work any more.
func TestStaleResults(t *testing.T) {
	b := newBench(t).connected(office("ks")).after(time.Hour).in(Route{true, "eth0"})
	f := &failure.Failure{Code: failure.PPPBadCredentials}
	stale := func(n uint64) {
		t.Helper()
		for _, in := range []Input{Server{n, network(1).Peer, ""}, Stage{n, failure.Link, true, nil}, Waiting{n, time.Minute, api.OTP, ""}, Up{n, network(5)}, Applied{n}, ApplyFailed{n, f}} {
			if b.in(in); len(b.out.Effects) != 0 {
				t.Errorf("%T of attempt %d: %s", in, n, b.said())
			}
		}
	}
	stale(1) // it is being stopped
	b.down("").did("start #2 Office at 198.51.100.1 as 10.99.0.10")
	stale(1)
	stale(3)
	b.in(Down{1, f}).did().in(Down{3, f}).did().in(Down{0, f}).did().state(api.Reconnecting)
	b.online().in(Down{1, f}).did().state(api.Connected)
}

// Disconnect at every step of a connection's life ends in Disconnected, with
// nothing left behind.
func TestDisconnectWins(t *testing.T) {
	for _, how := range []string{"", "ks"} {
		p := office()
		if how != "" {
			p = office(how)
		}
		for _, sit := range situations {
			b := newBench(t)
			if sit.make(b, p); b.m.leaving {
				continue
			}
			name := sit.name + " " + how
			if b.in(Disconnect{}); b.err != nil {
				t.Errorf("%s: %v", name, b.err)
			}
			if b.m.engine != idle {
				b.state(api.Disconnecting).in(Connect{home()}, Disconnect{}, Disconnect{}).down("")
			}
			if b.state(api.Disconnected); b.m.firewall.State != Open || b.m.applied || b.m.secrets || b.m.persisted != nil {
				t.Errorf("%s: left behind: firewall %v, network %t, secrets %t, wish %v", name, b.m.firewall.State, b.m.applied, b.m.secrets, b.m.persisted)
			}
			if b.after(48 * time.Hour); b.said() != "" {
				t.Errorf("%s: afterwards %s", name, b.said())
			}
		}
	}
}

func TestOrderlyEndHasALimit(t *testing.T) {
	b := newBench(t).connected(office()).in(Disconnect{}).after(stopWait).did("stop #1 at once").after(time.Hour).did().state(api.Disconnecting)
	b.down("").state(api.Disconnected)
}

func TestBusy(t *testing.T) {
	b := newBench(t).connected(office()).in(Connect{home()})
	var busy *BusyError
	if !errors.As(b.err, &busy) || busy.Profile != (api.ProfileName{ID: officeID, Name: "Office"}) {
		t.Fatalf("Connect = %v, want a BusyError with Office", b.err)
	}
	if got := busy.Error(); got != `supervisor: "Office" is connected: disconnect it first` {
		t.Errorf("it says %q", got)
	}
	b.did().state(api.Connected).in(Disconnect{}, Connect{home()}).state(api.Disconnecting).down("").did("wish Home ks=false orderly=false", "start #2 Home")
}

// Once more the same: it is there already, or it is time now.
func TestConnectAgain(t *testing.T) {
	b := newBench(t).connected(office()).in(Connect{office()}).did().state(api.Connected)
	b.after(time.Hour).down(failure.PathDead)
	waitsOf(b, failure.L2TPRefused, 6)
	b.in(Connect{office()}).did().down(failure.L2TPRefused).in(Connect{office()}).did("start #9 Office at 198.51.100.1 as 10.99.0.10")
	b.down(failure.L2TPRefused)
	if got := b.m.Status(b.now).NextAttempt.Sub(b.now); got != time.Second {
		t.Errorf("then in %v, want 1s", got)
	}
}

func TestWaitingForAPerson(t *testing.T) {
	b := newBench(t).in(Start{}, Connect{office()}, Stage{Attempt: 1, Stage: failure.Authenticate}, Waiting{1, 90 * time.Second, "", ""}).state(api.Waiting)
	b.after(30 * time.Second)
	if got := b.m.Status(b.now).SecondsLeft; got != 60 {
		t.Errorf("%d s left, want 60", got)
	}
	b.in(Answer{})
	if !errors.Is(b.err, ErrNotAsked) {
		t.Errorf("Answer = %v, want ErrNotAsked", b.err)
	}
	b.in(Waiting{1, 50 * time.Second, "", ""}, Stage{Attempt: 1, Stage: failure.Authenticate}).state(api.Waiting)
	b.in(Stage{Attempt: 1, Stage: failure.Authenticate, Done: true}).state(api.Connecting)
	if got := b.m.Status(b.now).SecondsLeft; got != 0 {
		t.Errorf("%d s left, want none", got)
	}
	b.in(Waiting{1, time.Minute, api.OTP, ""}).state(api.Waiting).asks(api.OTP).in(Answer{}).did("answer #1 otp").state(api.Connecting).asks()
	b.in(Waiting{1, time.Minute, "", ""}, Waiting{1, 0, "", ""}).state(api.Connecting)
	// And at a try that is repeated.
	b = newBench(t).connected(office()).after(time.Hour).down(failure.PathDead).in(Waiting{2, time.Minute, "", ""}).state(api.Waiting)
	b.in(Up{2, network(10)}).state(api.Reconnecting)
}

// A code is good once, and only a person has the next: nothing is tried without one.
func TestCodes(t *testing.T) {
	ask := func(attempt uint64, prompt string) Waiting {
		return Waiting{attempt, 90 * time.Second, api.OTP, prompt}
	}
	b := newBench(t).in(Start{}, Connect{office()}, ask(1, "Code:")).state(api.Waiting).asks(api.OTP)
	if got := b.m.Status(b.now); got.Prompt != "Code:" || got.SecondsLeft != 90 {
		t.Errorf("asked %q for %d s", got.Prompt, got.SecondsLeft)
	}
	// A wrong one is told, and not asked for again by itself.
	b.in(Answer{}).did("answer #1 otp").state(api.Connecting).asks().down(failure.PPPBadCredentials).state(api.Disconnected).asks().failure(failure.PPPBadCredentials)
	if got := b.m.Status(b.now).Prompt; got != "" {
		t.Errorf("the question %q is still there", got)
	}
	// Two questions.
	b.in(Connect{office()}, ask(2, "Code:"), Answer{}).state(api.Connecting).in(ask(2, "Next code:")).state(api.Waiting).asks(api.OTP).in(Answer{}).did("answer #2 otp")
	b.online().state(api.Connected)
	// Lost: the next login takes another code.
	b.after(time.Hour).down(failure.PathDead).state(api.Disconnected).asks(api.OTP)
	b.after(time.Minute).did().in(Answer{}).state(api.Connecting).in(Coded{3}).online().state(api.Connected)
	b.after(time.Hour).down(failure.GatewayClosed).state(api.Disconnected).asks(api.OTP)
	// Whoever connects is asked by the gateway, also who joins in while it asks.
	b.in(Connect{office()}).state(api.Connecting).asks().in(ask(4, "Code:"), Connect{office()}).state(api.Waiting).asks(api.OTP)
	b.in(Answer{}).online().after(time.Hour).down(failure.PathDead).state(api.Disconnected).asks(api.OTP)

	// After a start nobody knows of codes; one question is left without an answer.
	b = newBench(t).in(Start{Wish: &Wish{Profile: office()}, Secrets: true}).state(api.Reconnecting)
	b.in(ask(1, "Code:")).state(api.Waiting).asks(api.OTP).after(90 * time.Second).down(failure.PPPApprovalTimeout).state(api.Disconnected).asks(api.OTP)
	// A person who did not answer knows.
	newBench(t).in(Start{}, Connect{office()}, ask(1, "")).down(failure.PPPApprovalTimeout).state(api.Disconnected).asks()
}

// A wrong password is forgotten, the other secrets wait for the right one, but
// not for ever.
func TestAskAfterFailure(t *testing.T) {
	for code, name := range map[failure.Code]api.SecretName{failure.PPPBadCredentials: api.Password, failure.IKEPSKMismatch: api.PSK, failure.L2TPAuthFailed: api.TunnelSecret} {
		b := newBench(t).in(Start{}, Connect{office()}).down(code).asks(name)
		b.did("wish nothing", fmt.Sprintf("forget [%s]", name), "tell "+string(code))
		b.in(Answer{}).did("wish Office ks=false orderly=false", "start #2 Office").state(api.Connecting).asks().failure("")
		b.down(code).after(askTime - 1).did().after(1).did("forget all").asks().failure(code)
		b.in(Answer{})
		if !errors.Is(b.err, ErrNotAsked) {
			t.Errorf("Answer = %v, want ErrNotAsked", b.err)
		}
	}
}

// A password that works once is not sent twice.
func TestOneTimePassword(t *testing.T) {
	b := newBench(t).in(Start{}, Route{true, "wlan0"}, Connect{office("ask")}, Server{1, server, ""}, Stage{Attempt: 1, Stage: failure.Authenticate}, Up{1, network(10)})
	b.in(Applied{1}).did("firewall tunnel for 198.51.100.1 by culvert0", "forget [password]").after(time.Hour)
	b.down(failure.PathDead).did("wish nothing", "clear", "forget [password]", "firewall open", "tell path.dead").state(api.Disconnected).asks(api.Password)
	b.in(Answer{}).did("wish Office ks=false orderly=false", "start #2 Office at 198.51.100.1 as 10.99.0.10")
	// Not sent yet: the same does once more.
	b.in(Stage{Attempt: 2, Stage: failure.Phase1}, Route{true, "eth0"}).down("").did("start #3 Office at 198.51.100.1 as 10.99.0.10")
	b.in(Stage{Attempt: 3, Stage: failure.Authenticate}, Route{true, "wlan0"}).down("").state(api.Disconnected).asks(api.Password)
}

// Secrets are kept for what may come by itself, and for nothing else.
func TestSecretsAreForgotten(t *testing.T) {
	b := newBench(t).connected(office("nodrop"))
	b.did("firewall tunnel for 198.51.100.1 by culvert0", "forget all").after(time.Hour).down(failure.PathDead).did("wish nothing", "clear", "firewall open", "tell path.dead").state(api.Disconnected)
	// Reconnecting is switched on too late.
	b = newBench(t).connected(office("nodrop")).in(ProfileChanged{officeID, office()}).after(time.Hour)
	b.down(failure.PathDead).state(api.Disconnected).failure(api.SecretMissing).asks(api.PSK, api.Password)
}

func TestProfileChanges(t *testing.T) {
	b := newBench(t).connected(office()).after(time.Hour)
	b.in(ProfileChanged{homeID, home("ks")}).did()
	b.in(ProfileChanged{officeID, office("split")}).did("wish Office ks=false orderly=false", "firewall tunnel for 198.51.100.1 by culvert0", "apply #1 10.99.0.10").in(Applied{1}).did().state(api.Connected)
	b.in(ProfileChanged{officeID, nil}).did("forget all").state(api.Connected).down(failure.PathDead).state(api.Disconnected)

	// What is mended is tried at once, at its new address.
	b = newBench(t).connected(office()).after(time.Hour).down(failure.PathDead).down(failure.DNSNotFound)
	p := office()
	p.Servers = []string{"other.example.com"}
	b.in(ProfileChanged{officeID, p}).did("wish Office ks=false orderly=false", "start #3 Office")

	// A queued profile is started as it is then.
	b = newBench(t).connected(office()).in(Disconnect{}, Connect{home()}, ProfileChanged{homeID, home("ks")}).down("")
	b.did("wish Home ks=true orderly=false", "firewall closed", "start #2 Home")
}

// What is closed for one profile does not open for another one before that is up.
func TestBlockedThenAnotherProfile(t *testing.T) {
	b := newBench(t).connected(office("ks")).after(time.Hour).down(failure.PPPAccountDisabled).state(api.Blocked)
	b.in(Connect{home()}).did("wish Home ks=true orderly=false", "firewall closed", "start #2 Home")
	b.down(failure.IKENoAnswer).state(api.Blocked).in(Connect{home()}).did("start #3 Home")
	b.in(Server{3, server, ""}, Up{3, network(10)}, Applied{3}).did("wish Home ks=false orderly=false", "firewall tunnel for 198.51.100.1 by culvert0").state(api.Connected)
}

func TestApplyFails(t *testing.T) {
	f := &failure.Failure{Stage: failure.Routes, Code: failure.OSDNS, Evidence: []string{"no resolver"}}
	b := newBench(t).in(Start{}, Connect{office()}, Up{1, network(10)}, ApplyFailed{1, f}).did("clear", "stop #1 in order").state(api.Connecting)
	b.down("").did("wish nothing", "forget all", "tell os.dns").state(api.Disconnected).failure(failure.OSDNS)
	b = newBench(t).connected(office()).after(time.Hour).in(Up{1, network(11)}, ApplyFailed{1, f}).state(api.Reconnecting).down("").state(api.Reconnecting).failure(failure.OSDNS)
	b.after(time.Second).did("start #2 Office at 198.51.100.1 as 10.99.0.10")
}

func TestFirewallFails(t *testing.T) {
	f := &failure.Failure{Stage: failure.Routes, Code: failure.OSFirewall, Evidence: []string{"no nf_tables"}}
	t.Run("not closed: no connection", func(t *testing.T) {
		b := newBench(t).in(Start{}, Connect{office("ks")}, FirewallFailed{f}).did("wish nothing", "stop #1 in order", "forget all", "tell os.firewall").state(api.Disconnecting)
		b.down("").did().state(api.Disconnected).failure(failure.OSFirewall)
	})
	t.Run("not opened for the tunnel: no connection", func(t *testing.T) {
		b := newBench(t).connected(office("ks")).in(FirewallFailed{f}).did("clear", "stop #1 in order")
		b.down("").state(api.Blocked).failure(failure.OSFirewall)
	})
	t.Run("not closed behind the tunnel: nothing leaks, tried again", func(t *testing.T) {
		b := newBench(t).connected(office("ks")).after(time.Hour).down(failure.PathDead).in(FirewallFailed{f}).did("tell os.firewall").state(api.Reconnecting)
		b.after(firewallPause).did("firewall closed for 198.51.100.1")
	})
	t.Run("not opened: said as it is", func(t *testing.T) {
		b := newBench(t).connected(office("ks")).in(Disconnect{}).down("").did("firewall open").state(api.Disconnected)
		b.in(FirewallFailed{f}).did("tell os.firewall").state(api.Blocked).after(time.Hour).did()
		b.in(Disconnect{}).did("firewall open").state(api.Disconnected)
	})
	t.Run("no protection from leaks, no kill switch: said, and used nevertheless", func(t *testing.T) {
		newBench(t).connected(office()).in(FirewallFailed{f}).did("tell os.firewall").state(api.Connected).after(time.Hour).did().down(failure.PathDead).state(api.Reconnecting)
	})
	t.Run("not opened for a tunnel without a kill switch: no connection", func(t *testing.T) {
		b := newBench(t).connected(office("ks")).down(failure.PPPAccountDisabled).in(Connect{home()}).online().in(FirewallFailed{f}).did("clear", "stop #2 in order", "firewall open")
		b.down("").state(api.Disconnected).failure(failure.OSFirewall)
	})
	t.Run("switched on while connected: said, tried again", func(t *testing.T) {
		b := newBench(t).connected(office()).in(ProfileChanged{officeID, office("ks")}, FirewallFailed{f}).did("tell os.firewall").state(api.Connected)
		b.after(firewallPause).did("firewall tunnel only for 198.51.100.1 by culvert0")
	})
	t.Run("at the start, unknown what is: tried again", func(t *testing.T) {
		b := newBench(t).in(Start{Wish: &Wish{Profile: office("ks"), KillSwitch: true}}, FirewallFailed{nil}).did("tell os.firewall").state(api.Blocked)
		b.after(firewallPause).did("firewall closed")
	})
}

func TestStart(t *testing.T) {
	for _, c := range []struct {
		name  string
		in    Start
		state api.State
		fails api.Code
		want  string
	}{
		{"nothing wanted", Start{}, api.Disconnected, "", "clear · firewall open"},
		{"crashed", Start{Wish: &Wish{Profile: office()}, Secrets: true}, api.Reconnecting, "", "clear · start #1 Office · firewall open"},
		{"crashed, kill switch", Start{Wish: &Wish{Profile: office("ks"), KillSwitch: true}, Secrets: true}, api.Reconnecting, "", "firewall closed · clear · start #1 Office"},
		{"crashed, secrets gone", Start{Wish: &Wish{Profile: office()}}, api.Disconnected, api.SecretMissing, "clear · firewall open · tell secret.missing"},
		{"to be connected, secrets gone", Start{Wish: &Wish{Profile: office("onstart"), Orderly: true}}, api.Disconnected, api.SecretMissing,
			"wish Office ks=false orderly=false · clear · firewall open · tell secret.missing"},
		{"crashed, kill switch, secrets gone", Start{Wish: &Wish{Profile: office("ks"), KillSwitch: true}}, api.Blocked, api.SecretMissing, "firewall closed · clear · tell secret.missing"},
		{"crashed, not to be repeated", Start{Wish: &Wish{Profile: office("nodrop")}, Secrets: true}, api.Disconnected, "", "wish nothing · clear · firewall open · forget all"},
		{"ended in order", Start{Wish: &Wish{Profile: office(), Orderly: true}, Secrets: true}, api.Disconnected, "", "wish nothing · clear · firewall open · forget all"},
		{"ended in order, to be connected", Start{Wish: &Wish{Profile: office("onstart"), Orderly: true}, Secrets: true}, api.Reconnecting, "",
			"wish Office ks=false orderly=false · clear · start #1 Office · firewall open"},
		{"ended in order, kill switch", Start{Wish: &Wish{Profile: office("ks"), KillSwitch: true, Orderly: true}, Secrets: true}, api.Blocked, "",
			"wish Office ks=true orderly=false · firewall closed · clear · forget all"},
		{"profile gone, kill switch", Start{Wish: &Wish{KillSwitch: true}}, api.Blocked, api.ProfileInvalid, "firewall closed · clear · tell profile.invalid"},
		{"profile gone", Start{Wish: &Wish{}}, api.Disconnected, api.ProfileInvalid, "wish nothing · clear · firewall open · tell profile.invalid"},
		{"closed for another profile", Start{Wish: &Wish{Profile: office(), KillSwitch: true}, Secrets: true}, api.Reconnecting, "", "firewall closed · clear · start #1 Office"},
	} {
		t.Run(c.name, func(t *testing.T) {
			newBench(t).in(c.in).did(strings.Split(c.want, " · ")...).state(c.state).failure(c.fails)
		})
	}
}

// What is wanted since the start is tried again and again, from when there are
// secrets on.
func TestStartGoesOn(t *testing.T) {
	b := newBench(t).in(Start{Wish: &Wish{Profile: office("onstart"), Orderly: true}, Secrets: true})
	if got := waitsOf(b, failure.IKEUnreachable, 4); got != "1s 2s 4s 4s" {
		t.Errorf("waits %s", got)
	}
	b = newBench(t).in(Start{Wish: &Wish{Profile: office("ks"), KillSwitch: true}}).asks(api.PSK, api.Password).state(api.Blocked)
	b.in(Answer{}).did("start #1 Office").state(api.Reconnecting).asks().failure("")
	b.down(failure.IKENoAnswer).state(api.Reconnecting).after(time.Minute).online()
	b = newBench(t).in(Start{Wish: &Wish{Profile: office("onstart"), Orderly: true}}, Route{Online: false}).after(48*time.Hour).asks(api.PSK, api.Password).state(api.Disconnected)
	if s := b.m.Status(b.now); s.SecondsLeft != 0 || b.m.persisted == nil {
		t.Errorf("after two days without secrets: %d s left, wish %v; want no end", s.SecondsLeft, b.m.persisted)
	}
	b.in(Answer{}).did("find a way").state(api.Reconnecting).in(Route{true, "wlan0"}).did("start #1 Office").down(failure.PPPBadCredentials).state(api.Disconnected).asks(api.Password)
	if b.m.persisted != nil || b.m.Status(b.now).SecondsLeft != 600 {
		t.Errorf("a wrong password: wish %v, %d s left", b.m.persisted, b.m.Status(b.now).SecondsLeft)
	}
	for name, in := range map[string]Input{"disconnected": Disconnect{}, "the profile is removed": ProfileChanged{officeID, nil}, "another one": Connect{home()}} {
		b := newBench(t).in(Start{Wish: &Wish{Profile: office("onstart"), Orderly: true}}, in).asks()
		if b.m.resume || b.m.persisted != nil && b.m.persisted.Profile.ID == officeID {
			t.Errorf("%s: it is still wanted: %v", name, b.m.persisted)
		}
	}
	newBench(t).in(Start{Wish: &Wish{Profile: office("onstart"), Orderly: true}}, Shutdown{}).did("wish Office ks=false orderly=true", "finished")
	newBench(t).in(Start{Wish: &Wish{KillSwitch: true}}, ProfileChanged{homeID, home()}).state(api.Blocked).in(Disconnect{}).did("wish nothing", "firewall open")
}

func TestShutdown(t *testing.T) {
	for _, c := range []struct {
		name string
		p    *profile.Profile
		want string
		last string
	}{
		{"plain", office(), "wish nothing · clear · stop #1 in order · firewall open · forget all", "finished"},
		{"kill switch", office("ks"), "wish Office ks=true orderly=true · firewall closed for 198.51.100.1 · clear · stop #1 in order · forget all", "finished"},
		{"on start", office("onstart"), "wish Office ks=false orderly=true · clear · stop #1 in order · firewall open · forget all", "finished"},
	} {
		t.Run(c.name, func(t *testing.T) {
			b := newBench(t).connected(c.p).in(Shutdown{}).did(strings.Split(c.want, " · ")...).down("").did(c.last)
			for _, in := range []Input{Connect{home()}, Disconnect{}, Wake{}, Route{true, "x"}, Down{1, nil}, Shutdown{}} {
				if b.in(in); !errors.Is(b.err, ErrOver) || len(b.out.Effects) != 0 {
					t.Errorf("%T after the end: %v, %s", in, b.err, b.said())
				}
			}
			if b.m.Advance(b.now.Add(time.Hour), &b.out); len(b.out.Effects) != 0 || !b.m.Deadline().IsZero() {
				t.Errorf("time after the end: %s", b.said())
			}
		})
	}
	// A person disconnects while it ends, or has done so before.
	newBench(t).connected(office("ks")).in(Shutdown{}, Disconnect{}).did("wish nothing").down("").did("firewall open", "finished")
	newBench(t).connected(office("ks")).in(Disconnect{}, Shutdown{}).did().down("").did("firewall open", "finished")
}

func TestHints(t *testing.T) {
	b := newBench(t).connected(office()).after(time.Hour).down(failure.PathMTU).did("clear", "start #2 Office at 198.51.100.1 as 10.99.0.10 mru 1280", "firewall open", "tell path.mtu")
	// What is given back is not asked for again: the gateway may not have noticed.
	b.in(Disconnect{}).down("").in(Connect{office()}).did("wish Office ks=false orderly=false", "start #3 Office at 198.51.100.1 mru 1280")
	b.in(Disconnect{}).down("").in(Connect{home()}).did("wish Home ks=false orderly=false", "start #4 Home")
	b = newBench(t).connected(office()).after(time.Hour).down(failure.PathDead).did("clear", "start #2 Office at 198.51.100.1 as 10.99.0.10", "firewall open", "tell path.dead")
	b.down(failure.PPPNoAddress).after(time.Minute).did("start #3 Office at 198.51.100.1")
}

func TestStages(t *testing.T) {
	b := newBench(t).in(Start{}, Connect{office()}, Stage{Attempt: 1, Stage: failure.Phase1})
	b.now = b.now.Add(41 * time.Millisecond)
	b.in(Stage{1, failure.Phase1, true, map[string]string{"suite": "s"}})
	var told []api.Event
	for _, e := range b.out.Effects {
		told = append(told, e.(Tell).Event)
	}
	if len(told) != 1 {
		t.Fatalf("told %v, want the stage alone", told)
	}
	if e := told[0].(api.StageEvent); e.Stage != failure.Phase1 || e.State != api.Done || *e.MS != 41 || e.Detail["suite"] != "s" {
		t.Errorf("told %+v", e)
	}
	b.in(Stage{Attempt: 1, Stage: failure.Phase2})
	kept := b.m.Status(b.now).Stages
	b.in(Stage{Attempt: 1, Stage: failure.Phase1}) // otherwise
	if got := b.m.Status(b.now).Stages; len(got) != 1 || got[0].State != api.Started {
		t.Errorf("begun again: %+v", got)
	}
	if len(kept) != 2 || kept[0].State != api.Done || *kept[0].MS != 41 || !kept[1].Started.Equal(b.now) {
		t.Errorf("a status that was given out changed: %+v", kept)
	}
	b.down(failure.IKENoAnswer)
	if got := b.m.Status(b.now).Stages; len(got) != 1 {
		t.Errorf("after the failure: %+v, want how far it came", got)
	}
	b.in(Connect{office()})
	if got := b.m.Status(b.now).Stages; len(got) != 0 {
		t.Errorf("at the next try: %+v", got)
	}
}

// The last status told is the status, whatever happens.
func TestToldStatus(t *testing.T) {
	b := newBench(t).connected(office())
	last, ok := b.out.Effects[len(b.out.Effects)-1].(Tell)
	if !ok {
		t.Fatalf("said %s", b.said())
	}
	st := last.Event.(api.Status)
	want := network(10)
	if st.State != api.Connected || !st.Since.Equal(epoch) || st.Profile != (api.ProfileName{ID: officeID, Name: "Office"}) || st.Address != want.Address || st.Interface != want.Interface || st.Server != want.Server {
		t.Errorf("told %+v", st)
	}
	b.after(time.Hour).down(failure.PathDead)
	if st := b.m.Status(b.now); st.Address.IsValid() || !st.Since.Equal(b.now) || st.Attempt != 1 {
		t.Errorf("after the loss: %+v", st)
	}
}

// TestLearned applies what the gateway pushes after it is connected, and keeps
// the connection without it if it cannot be.
func TestLearned(t *testing.T) {
	failed := &failure.Failure{Stage: failure.Routes, Code: failure.OSRoutes, Evidence: []string{"taken"}}
	routes := func(b *bench, want string) {
		b.t.Helper()
		if s := b.m.Status(b.now); fmt.Sprint(s.Routes, s.DNS, s.Search) != want {
			b.t.Errorf("status has %v %v %v, want %s", s.Routes, s.DNS, s.Search, want)
		}
	}
	const none, some = "[] [] []", "[10.1.0.0/16] [10.1.0.1] [corp.example]"
	t.Run("applied", func(t *testing.T) {
		b := newBench(t).connected(office()).after(time.Second)
		routes(b, none)
		b.in(pushed(1, 1)).did("apply #1 10.99.0.10 with [10.1.0.0/16]").in(Applied{1}).did().state(api.Connected)
		routes(b, some)
		b.in(pushed(1, 1)).did()
		b.in(Up{1, network(10)}).did() // the same once more is no news
		b.in(pushed(1, 2)).did("apply #1 10.99.0.10 with [10.2.0.0/16]")
		b.in(Up{1, network(11)}).did("firewall tunnel for 198.51.100.1 by culvert0", "apply #1 10.99.0.11")
		routes(b, none)
	})
	t.Run("before it is connected", func(t *testing.T) {
		b := newBench(t)
		b.in(Start{}, Route{true, "wlan0"}, Connect{office()}, Server{1, server, ""}, pushed(1, 1)).did()
		b.in(Up{1, network(10)}).did("apply #1 10.99.0.10").in(pushed(1, 1)).did("apply #1 10.99.0.10 with [10.1.0.0/16]")
		b.in(Applied{1}).state(api.Connected).in(Applied{1}).did()
		routes(b, some)
	})
	t.Run("cannot be applied", func(t *testing.T) {
		b := newBench(t).connected(office()).after(time.Second)
		b.in(pushed(1, 1)).in(ApplyFailed{1, failed}).did("apply #1 10.99.0.10", "tell os.routes").state(api.Connected).failure(failure.OSRoutes)
		routes(b, none)
		b.in(Applied{1}).did().in(ApplyFailed{1, failed}).did("clear", "stop #1 in order", "firewall open")
	})
	t.Run("name servers stay where none are pushed", func(t *testing.T) {
		n := network(10)
		n.DNS = []netip.Addr{netip.MustParseAddr("10.99.0.1")}
		b := newBench(t)
		b.in(Start{}, Route{true, "wlan0"}, Connect{office()}, Server{1, server, ""}, Up{1, n}, Applied{1})
		b.in(Learned{Attempt: 1, Search: []string{"corp.example"}}).did("apply #1 10.99.0.10")
		routes(b, "[] [10.99.0.1] [corp.example]")
	})
	t.Run("nothing pushed", func(t *testing.T) { newBench(t).connected(office()).in(pushed(1, 0)).did() })
	t.Run("not wanted", func(t *testing.T) {
		b := newBench(t).connected(office("nopush")).in(pushed(1, 1)).did()
		b.in(ProfileChanged{officeID, office()}).did("wish Office ks=false orderly=false", "firewall tunnel for 198.51.100.1 by culvert0", "apply #1 10.99.0.10 with [10.1.0.0/16]")
		b.in(ProfileChanged{officeID, office("nopush")}).did("wish Office ks=false orderly=false", "firewall tunnel for 198.51.100.1 by culvert0", "apply #1 10.99.0.10")
	})
	t.Run("of another try", func(t *testing.T) {
		b := newBench(t).connected(office()).after(time.Minute).in(pushed(1, 1)).down(failure.PathDead)
		b.in(pushed(1, 1)).did().online()
		routes(b, none)
		b.in(pushed(1, 1)).did()
	})
}
