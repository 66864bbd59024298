package profile

import (
	"fmt"
	"strings"
	"time"

	"github.com/culvert-vpn/culvert/engine/suite"
)

// Duration is a time span as profiles write it: "90s", "8h", "0".
type Duration time.Duration

// String is the shortest form: "8h", not "8h0m0s".
func (d Duration) String() string {
	if d == 0 {
		return "0"
	}
	s := time.Duration(d).String()
	if strings.HasSuffix(s, "m0s") {
		s = strings.TrimSuffix(s, "0s")
	}
	if strings.HasSuffix(s, "h0m") {
		s = strings.TrimSuffix(s, "0m")
	}
	return s
}

// MarshalText is String.
func (d Duration) MarshalText() ([]byte, error) { return []byte(d.String()), nil }

// Std is the span as the standard library has it.
func (d Duration) Std() time.Duration { return time.Duration(d) }

// IKESuite is a phase 1 suite that is written by its name.
type IKESuite suite.Phase1

// MarshalText is the suite's name.
func (s IKESuite) MarshalText() ([]byte, error) { return []byte(suite.Phase1(s).String()), nil }

// ESPSuite is a phase 2 suite that is written by its name.
type ESPSuite suite.Phase2

// MarshalText is the suite's name.
func (s ESPSuite) MarshalText() ([]byte, error) { return []byte(suite.Phase2(s).String()), nil }

// PFS is the choice of perfect forward secrecy in phase 2.
type PFS struct {
	Auto  bool        // the preset's choice
	Group suite.Group // else this group; 0: off
}

// MarshalText is "auto", "off" or the group's name.
func (p PFS) MarshalText() ([]byte, error) {
	switch {
	case p.Auto:
		return []byte("auto"), nil
	case p.Group == 0:
		return []byte("off"), nil
	}
	return []byte(p.Group.String()), nil
}

func parsePFS(s string) (PFS, error) {
	switch s {
	case "auto":
		return PFS{Auto: true}, nil
	case "off":
		return PFS{}, nil
	}
	g, err := suite.ParseGroup(s)
	if err != nil {
		return PFS{}, fmt.Errorf("%w; also allowed: auto, off", err)
	}
	return PFS{Group: g}, nil
}

// AuthMethod is a way to log in over PPP.
type AuthMethod string

// The methods that are honoured.
const (
	MSCHAPv2 AuthMethod = "mschapv2"
	CHAP     AuthMethod = "chap"
	PAP      AuthMethod = "pap"

	EAPMSCHAPv2 AuthMethod = "eap-mschapv2"
	EAPMD5      AuthMethod = "eap-md5"
	// EAPGTC is what a gateway asks one-time codes by (types GTC and OTP). It sees
	// what is typed, as with PAP the password.
	EAPGTC AuthMethod = "eap-gtc"
)

// authMethods are all that are honoured.
var authMethods = []string{string(MSCHAPv2), string(CHAP), string(PAP), string(EAPMSCHAPv2), string(EAPMD5), string(EAPGTC)}
