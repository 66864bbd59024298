package service

import (
	"context"
	"encoding/xml"
	"errors"
	"io"
	"slices"
	"strings"
	"testing"
)

const wantPlist = `<?xml version="1.0" encoding="UTF-8"?>
<!DOCTYPE plist PUBLIC "-//Apple//DTD PLIST 1.0//EN" "http://www.apple.com/DTDs/PropertyList-1.0.dtd">
<plist version="1.0">
<dict>
	<key>Label</key>
	<string>culvertd</string>
	<key>ProgramArguments</key>
	<array>
		<string>/new/culvertd</string>
		<string>run</string>
	</array>
	<key>RunAtLoad</key>
	<true/>
	<key>KeepAlive</key>
	<dict>
		<key>SuccessfulExit</key>
		<false/>
	</dict>
	<key>ProcessType</key>
	<string>Interactive</string>
	<key>ExitTimeOut</key>
	<integer>30</integer>
</dict>
</plist>
`

func TestPlist(t *testing.T) {
	if got := string(Plist(newDefinition)); got != wantPlist {
		t.Errorf("Plist =\n%s\nwant\n%s", got, wantPlist)
	}
	odd := Definition{Name: "a", Program: "/A & B/<c>", Arguments: []string{`"'`, "\x00é"}}
	var words []string
	for dec := xml.NewDecoder(strings.NewReader(string(Plist(odd)))); ; {
		tok, err := dec.Token()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			t.Fatalf("not well-formed: %v", err)
		}
		if s, ok := tok.(xml.CharData); ok && strings.TrimSpace(string(s)) != "" {
			words = append(words, string(s))
		}
	}
	if want := []string{"/A & B/<c>", `"'`, "\ufffdé"}; !slices.Equal(words[3:6], want) {
		t.Errorf("arguments %q, want %q", words[3:6], want)
	}
}

// fakeLaunchd is launchd with at most one job.
type fakeLaunchd struct {
	plist  []byte
	loaded bool
	fail   string
	ops    []string
}

func (f *fakeLaunchd) state(context.Context, string) ([]byte, bool, error) {
	return f.plist, f.loaded, nil
}

func (f *fakeLaunchd) do(_ context.Context, o jobOp) error {
	s := "launchctl " + strings.Join(o.arguments(), " ")
	switch o.do {
	case writePlist:
		s = "write " + o.path() + " "
		switch string(o.plist) {
		case wantPlist:
			s += "new"
		default:
			s += string(o.plist)
		}
	case removePlist:
		s = "rm " + o.path()
	}
	f.ops = append(f.ops, s)
	if s == f.fail {
		return errRefused
	}
	return nil
}

// The operations on our job.
const (
	opBootout   = "launchctl bootout system/culvertd"
	opEnable    = "launchctl enable system/culvertd"
	opBootstrap = "launchctl bootstrap system /Library/LaunchDaemons/culvertd.plist"
	opWrite     = "write /Library/LaunchDaemons/culvertd.plist new"
	opWriteOld  = "write /Library/LaunchDaemons/culvertd.plist old"
	opRemove    = "rm /Library/LaunchDaemons/culvertd.plist"
)

func TestLaunchd(t *testing.T) {
	for _, c := range []struct {
		name   string
		remove bool
		fake   fakeLaunchd
		want   []string
	}{
		{"new", false, fakeLaunchd{}, []string{opWrite, opEnable, opBootstrap}},
		{"there", false, fakeLaunchd{plist: []byte("old")}, []string{opWrite, opEnable, opBootstrap}},
		{"loaded", false, fakeLaunchd{plist: []byte("old"), loaded: true}, []string{opBootout, opWrite, opEnable, opBootstrap}},
		{"not to be started", false, fakeLaunchd{fail: opBootstrap}, []string{opWrite, opEnable, opBootstrap, opRemove}},
		{"not to be written", false, fakeLaunchd{plist: []byte("old"), loaded: true, fail: opWrite},
			[]string{opBootout, opWrite, opWriteOld, opBootstrap}},
		{"not to be stopped", false, fakeLaunchd{plist: []byte("old"), loaded: true, fail: opBootout}, []string{opBootout, opBootstrap}},
		{"nothing to remove", true, fakeLaunchd{}, nil},
		{"remove", true, fakeLaunchd{plist: []byte("old"), loaded: true}, []string{opBootout, opRemove}},
		{"remove what is not loaded", true, fakeLaunchd{plist: []byte("old")}, []string{opRemove}},
		{"remove what does not stop", true, fakeLaunchd{plist: []byte("old"), loaded: true, fail: opBootout}, []string{opBootout, opRemove}},
	} {
		t.Run(c.name, func(t *testing.T) {
			var err error
			if c.remove {
				err = jobRemove(t.Context(), &c.fake, newDefinition.Name)
			} else {
				err = jobInstall(t.Context(), &c.fake, newDefinition)
			}
			if (c.fake.fail != "") != errors.Is(err, errRefused) {
				t.Errorf("got %v", err)
			}
			if !slices.Equal(c.fake.ops, c.want) {
				t.Errorf("did\n%q, want\n%q", c.fake.ops, c.want)
			}
		})
	}
}
