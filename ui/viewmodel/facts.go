package viewmodel

// Fact is a value with its label above it. A click copies Value.
type Fact struct {
	Key    string // tells facts apart: "address", "gateway", "dns", "received", "sent", "through"
	Label  string
	Copied string // what the label says for two seconds after that
	Value  string
}

// BadgeKind is what a badge says of the encryption.
type BadgeKind uint8

// The badges.
const (
	NoBadge      BadgeKind = iota // strong: praise is noise
	Weak                          // waiting colour
	NotEncrypted                  // failed colour
)

// Encryption is the line below the facts.
type Encryption struct {
	Label, Value string
	Badge        BadgeKind
	BadgeText    string
	Sentence     string // why it is weak and what to do; "" when it is not
}

// Facts is the box of what was agreed.
type Facts struct {
	Grid       []Fact
	Encryption Encryption
}
