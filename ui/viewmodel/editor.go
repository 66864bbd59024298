package viewmodel

// FieldKind is how a field is filled in.
type FieldKind uint8

// The kinds of fields.
const (
	TextField   FieldKind = iota + 1
	ListField             // several texts, one a line
	ChoiceField           // a Select
	TickField             // a Check; Value is "true" or "false"
	NumberField
	SpanField   // of time: "30s", "8h"
	SecretField // never in the profile
)

// Choice is one thing to choose.
type Choice struct {
	Value string // as the profile has it
	Text  string
	Later bool // this version cannot do it yet: shown, and not to be chosen
}

// SecretState is what is known of a secret.
type SecretState uint8

// The states of a secret.
const (
	SecretNone   SecretState = iota // there is none yet
	SecretKept                      // in the keychain
	SecretAsked                     // each time, and never kept
	SecretTyped                     // now, not kept yet
	SecretUnkept                    // there is no keychain: it is asked for each time
)

// Field is one key of a profile, or one secret.
type Field struct {
	Key      string // as the profile file has it: "ipsec.group", or a secret's: "psk"
	Label    string
	Help     string // replaced by Fault while there is one
	Kind     FieldKind
	Choices  []Choice // of a ChoiceField, or what a ListField is chosen from; may be empty
	Value    string   // of a ListField one a line; of a SecretField always ""
	Hint     string   // what stands in an empty field
	Fault    string
	Enabled  bool
	Shown    bool // it means something beside the others
	Changed  bool // from automatic
	Secret   SecretState
	Multiple bool // several lines high
}

// Section is a part of the editor.
type Section struct {
	Key     string // "always", "name", "ipsec", "l2tp", "ppp", "routing", "dns", "reconnect"
	Title   string
	Summary string // at its right while it is folded: "Automatic", "1 changed: local network off"
	Always  bool   // it is not to be folded
	Open    bool   // a fault is in it
	Fields  []Field
	Back    string // "Back to automatic"; "" when nothing is changed
}

// Form is the editor as it is to be drawn.
type Form struct {
	Title, Paste           string
	Sections               []Section
	Problems               string // "1 field needs a look: Server"; "": all is well
	ProblemKey             string // the field that its link leads to
	Cancel, Save, Connect  string
	CanSave, CanConnect    bool
	Dirty                  bool
	Ask, Keep, Discard     string // the question when it is left with changes
	ReadOnly               string // why nothing can be changed; "": it can
	AskEachTime            string // beside the password
	ShowSecret, HideSecret string
}
