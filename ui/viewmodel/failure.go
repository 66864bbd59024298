package viewmodel

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/culvert-vpn/culvert/app/api"
	"github.com/culvert-vpn/culvert/app/diagnosis"
	"github.com/culvert-vpn/culvert/app/profile"
	"github.com/culvert-vpn/culvert/engine/failure"
)

// What a failure card's buttons do, beside the actions on the connection.
const (
	TypePassword     Action = "type-password"
	TypeKey          Action = "type-key"
	TypeTunnelSecret Action = "type-tunnel-secret"
	ChangePassword   Action = "change-password"
	CheckServer      Action = "check-server"
	TryOtherSettings Action = "try-other-settings"
	SetGroup         Action = "set-group"
	OpenCertificate  Action = "open-certificate"
	AllowSignIn      Action = "allow-sign-in"
	CopyMessage      Action = "copy-message"
	TryAgain         Action = "try-again"
	Repair           Action = "repair"
	StartHelper      Action = "start-helper"
	AllowMe          Action = "allow-me"
	RestartHelper    Action = "restart-helper"
	OpenProfile      Action = "open-profile"
	AskEachTime      Action = "ask-each-time"
	TypeNow          Action = "type-now"
	CopyReport       Action = "copy-report"
	OpenLog          Action = "open-log"
)

// remedies is the one filled button of each failure.
var remedies = map[api.Code]Action{
	failure.DNSNotFound: CheckServer,
	failure.DNSNoAnswer: TryAgain,

	failure.IKENoAnswer:            TryAgain,
	failure.IKEUnreachable:         CheckServer,
	failure.IKENotIKE:              CheckServer,
	failure.IKENoProposal:          TryOtherSettings,
	failure.IKEPort4500Blocked:     TryAgain,
	failure.IKEPSKMismatch:         TypeKey,
	failure.IKEIdentityRejected:    SetGroup,
	failure.IKECertificateUntrust:  OpenCertificate,
	failure.IKECertificateExpired:  OpenCertificate,
	failure.IKECertificateRejected: OpenCertificate,
	failure.IKEAggressiveRefused:   TryOtherSettings,

	failure.IPsecNoProposal:        TryOtherSettings,
	failure.IPsecSelectorsRejected: TryOtherSettings,
	failure.IPsecNoAnswer:          TryAgain,
	failure.IPsecSameNAT:           TryOtherSettings,

	failure.L2TPNoAnswer:        TryAgain,
	failure.L2TPRefused:         TryAgain,
	failure.L2TPAuthFailed:      TypeTunnelSecret,
	failure.L2TPVersion:         TryOtherSettings,
	failure.L2TPSessionRefused:  TryAgain,
	failure.L2TPSessionNoAnswer: TryAgain,

	failure.PPPNoAnswer:          TryAgain,
	failure.PPPLoopback:          TryOtherSettings,
	failure.PPPNegotiationFailed: TryOtherSettings,
	failure.PPPAuthMethodRefused: AllowSignIn,
	failure.PPPBadCredentials:    TypePassword,
	failure.PPPPasswordExpired:   ChangePassword,
	failure.PPPAccountDisabled:   CopyMessage,
	failure.PPPNoDialIn:          CopyMessage,
	failure.PPPLogonHours:        CopyMessage,
	failure.PPPApprovalTimeout:   TryAgain,
	failure.PPPServerNotGenuine:  CopyMessage,
	failure.PPPSessionRefused:    CopyMessage,
	failure.PPPNoAddress:         CopyMessage,
	failure.PPPIPCPRejected:      TryOtherSettings,
	failure.PPPMPPERequired:      TryOtherSettings,

	failure.OSPermission: Repair,
	failure.OSTUN:        Repair,
	failure.OSRoutes:     Repair,
	failure.OSDNS:        Repair,
	failure.OSFirewall:   Repair,

	failure.PathDead:         TryAgain,
	failure.PathMTU:          TryOtherSettings,
	failure.GatewayClosed:    TryAgain,
	failure.GatewayRestarted: TryAgain,
	failure.NetworkChanged:   TryAgain,

	api.ConnectionIdle: TryAgain,

	api.HelperNotRunning:    StartHelper,
	api.HelperNotAllowed:    AllowMe,
	api.ProfileInvalid:      OpenProfile,
	api.KeychainUnavailable: AskEachTime,
	api.SecretMissing:       TypeNow,
}

// Remedy is what the filled button of a failure does. What is not known may pass.
func Remedy(code api.Code) Action {
	if a, ok := remedies[code]; ok {
		return a
	}
	return TryAgain
}

// remedyFields is the field of the editor that a remedy opens.
var remedyFields = map[Action]string{
	TypePassword: FieldPassword, ChangePassword: FieldPassword, TypeKey: FieldPSK, TypeTunnelSecret: FieldTunnelSecret,
	CheckServer: FieldServer, SetGroup: "ipsec.group", OpenCertificate: "ipsec.certificate", AllowSignIn: "ppp.auth",
}

// Card explains a failure.
type Card struct {
	Segments          []StepState // nine; empty: it was outside of a connection
	Reached, Stopped  string      // captions under the segments
	Title             string
	WhyLabel, Why     string
	DoLabel, Do       string
	Remedy            Button // the one filled button
	Field             string // key of the editor's field that the remedy opens; "": none
	Copy              Button // "Copy report"
	Copied            string // what stands there afterwards
	Log               Button // "Open the log"
	DetailsTitle      string // of the folded row
	DetailsSummary    string // at its right: the code, and the number in Windows
	Details           string // monospace, to select
	Report            string // what Copy copies: no secrets
	AdministratorNote string // what the remedy CopyMessage copies; "" with other remedies
}

// Program is what a report says of this computer.
type Program struct {
	Version string // as app/version tells it
	System  string // "Debian 12"; "" if not known
}

// Card explains why p is not connected; nil: it is, or nobody knows why not.
func (w *Words) Card(m *Model, p *profile.Profile, about Program, now time.Time) *Card {
	f := m.Failure()
	k := m.Kind(now)
	if f == nil || k != Failed && k != Blocked || m.Profile(now).ID != p.ID {
		return nil
	}
	e := w.Explain(f.Code, p)
	c := &Card{
		Title: e.Title, WhyLabel: w.Text("card.why"), Why: e.Cause, DoLabel: w.Text("card.do"), Do: e.Advice,
		Remedy: w.button(Remedy(f.Code)), Field: remedyFields[Remedy(f.Code)],
		Copy: w.button(CopyReport), Copied: w.Text("card.copied"), Log: w.button(OpenLog),
		DetailsTitle: w.Text("card.details"), DetailsSummary: string(f.Code), Details: details(f, e),
		Report: report(m, f, e, p, about, now),
	}
	if e.Windows != 0 {
		c.DetailsSummary = w.args("card.windows", Args{"Code": string(f.Code), "Windows": strconv.Itoa(e.Windows)})
	}
	if c.Remedy.Does == CopyMessage {
		c.AdministratorNote = w.args("card.note", Args{"Server": strings.Join(p.Servers, ", "), "User": line(p.Login()),
			"Title": e.Title, "Why": e.Cause, "Code": c.DetailsSummary, "Date": now.Format(w.date), "Time": w.Clock(now)})
	}
	w.segments(c, m, f)
	return c
}

// Explain is the words of a failure in this language, with the profile's names in
// them. The numbers are those of app/diagnosis.
func (w *Words) Explain(code api.Code, p *profile.Profile) diagnosis.Entry {
	e := diagnosis.Window(code)
	key := "failure." + string(code)
	if _, known := remedies[code]; !known {
		key = "failure.unknown"
	}
	args := Args{"Server": "", "User": ""}
	if p != nil {
		args["User"] = line(p.User)
		if len(p.Servers) > 0 {
			args["Server"] = p.Servers[0]
		}
	}
	e.Title, e.Cause, e.Advice = w.args(key+".title", args), w.args(key+".cause", args), w.args(key+".advice", args)
	return e
}

// reached is how far a connection came that ended at a stage.
func reached(s api.Stage) string {
	switch {
	case s == failure.Connected:
		return "reached.connected"
	case s > failure.Network:
		return "reached.address"
	case s > failure.Authenticate:
		return "reached.signedin"
	case s > failure.Tunnel:
		return "reached.tunnel"
	case s > failure.Phase1:
		return "reached.secure"
	case s > failure.Resolve:
		return "reached.found"
	}
	return ""
}

// segments draws how far it came.
func (w *Words) segments(c *Card, m *Model, f *api.FailureEvent) {
	if f.Stage < failure.Resolve || f.Stage > failure.Connected {
		return
	}
	for s := failure.Resolve; s <= failure.Routes; s++ {
		state := StepToCome
		switch {
		case s < f.Stage:
			state = StepDone
		case s == f.Stage:
			state = StepFailed
		}
		c.Segments = append(c.Segments, state)
	}
	if key := reached(f.Stage); key != "" {
		c.Reached = w.Text(key)
	}
	if f.Stage != failure.Connected {
		c.Stopped = w.Text("step." + f.Stage.String() + ".name")
	}
}

// details is what support wants to see, in the words of the engine.
func details(f *api.FailureEvent, e diagnosis.Entry) string {
	lines := []string{string(f.Code)}
	if e.Windows != 0 {
		lines = append(lines, fmt.Sprintf("Windows: %d", e.Windows))
	}
	if f.Stage != 0 {
		lines = append(lines, "stage: "+f.Stage.String())
	}
	for _, s := range f.Evidence {
		lines = append(lines, line(s))
	}
	return strings.Join(lines, "\n")
}

// report is what is sent to support: English names and values, whatever language
// the window has. A profile has no secrets, nor has evidence.
func report(m *Model, f *api.FailureEvent, e diagnosis.Entry, p *profile.Profile, about Program, now time.Time) string {
	var b strings.Builder
	say := func(name, value string) {
		if value != "" {
			fmt.Fprintf(&b, "%-10s %s\n", name, line(value))
		}
	}
	say("program", about.Version)
	say("system", about.System)
	say("time", now.UTC().Format(time.RFC3339))
	say("state", string(m.Status.State))
	say("failure", string(f.Code))
	if e.Windows != 0 {
		say("windows", strconv.Itoa(e.Windows))
	}
	if f.Stage != 0 {
		say("stage", f.Stage.String())
	}
	for _, s := range f.Evidence {
		say("evidence", s)
	}
	say("shown", e.Title)
	for _, s := range m.Status.Stages {
		took := string(s.State)
		if s.MS != nil {
			took = strconv.FormatInt(*s.MS, 10) + " ms"
		}
		var kv []string
		for k, v := range s.Detail {
			kv = append(kv, k+"="+v)
		}
		slices.Sort(kv)
		say(s.Stage.String(), strings.Join(append([]string{took}, kv...), " "))
	}
	if text, err := p.Text(); err == nil {
		b.WriteString("\n" + string(text))
	}
	return b.String()
}
