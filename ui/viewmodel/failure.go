package viewmodel

// What a failure card's filled button does, beside the actions on the connection.
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

// Segment is one of the nine of the bar on top of the card.
type Segment = StepState

// Card explains a failure.
type Card struct {
	Segments          []Segment // nine; empty: it was outside of a connection
	Reached, Stopped  string    // captions under the bar
	Title             string
	WhyLabel, Why     string
	DoLabel, Do       string
	Remedy            Button // the one filled button
	Copy              Button // "Copy report"
	Copied            string // what stands there afterwards
	Log               Button // "Open the log"
	DetailsTitle      string // of the folded row
	DetailsSummary    string // at its right: code, and the number in Windows
	Details           string // monospace, to select
	Report            string // what Copy copies: no secrets
	AdministratorNote string // what CopyMessage copies; "" with other remedies
	Field             string // key of the editor's field that the remedy opens; "": none
}
