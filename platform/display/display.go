// Package display says whether there is a screen to show windows on, and something
// to show a tray in.
package display

import "errors"

// ErrNone is a session without a screen: a terminal, a service, ssh.
var ErrNone = errors.New("display: there is no screen here: neither Wayland nor X11 answers (WAYLAND_DISPLAY, DISPLAY)")
