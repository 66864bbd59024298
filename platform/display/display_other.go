//go:build windows || darwin

package display

import "context"

// Check is nil: these systems always have a screen, or refuse windows by themselves.
func Check() error { return nil }

// TrayHost says that there is a tray.
func TrayHost(context.Context) bool { return true }
