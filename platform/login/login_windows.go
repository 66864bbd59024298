package login

import (
	"errors"
	"fmt"

	"golang.org/x/sys/windows"
	"golang.org/x/sys/windows/registry"
)

// The user's own programs that Windows starts.
const (
	runKey   = `Software\Microsoft\Windows\CurrentVersion\Run`
	runValue = "Culvert"
)

// On says whether the program starts.
func (e *Entry) On() bool {
	k, err := registry.OpenKey(registry.CURRENT_USER, runKey, registry.QUERY_VALUE)
	if err != nil {
		return false
	}
	defer k.Close()
	_, _, err = k.GetStringValue(runValue)
	return err == nil
}

// Set has it start, or not.
func (e *Entry) Set(on bool) error {
	k, _, err := registry.CreateKey(registry.CURRENT_USER, runKey, registry.SET_VALUE)
	if err != nil {
		return fmt.Errorf("login: %w", err)
	}
	defer k.Close()
	if on {
		err = k.SetStringValue(runValue, windows.ComposeCommandLine(append([]string{e.program}, e.args...)))
	} else if err = k.DeleteValue(runValue); errors.Is(err, registry.ErrNotExist) {
		err = nil
	}
	if err != nil {
		return fmt.Errorf("login: %w", err)
	}
	return nil
}
