package helper

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/culvert-vpn/culvert/app/profile"
	"github.com/culvert-vpn/culvert/app/supervisor"
)

// wishFile keeps a supervisor.Wish over a restart. It holds no secret.
type wishFile struct{ path string }

// wishOf is the wish that is kept in the directory.
func wishOf(stateDir string) wishFile { return wishFile{filepath.Join(stateDir, "wish.json")} }

// written is a wish in its file.
type written struct {
	Profile    string `json:"profile"` // as TOML
	KillSwitch bool   `json:"kill_switch"`
	Orderly    bool   `json:"orderly"`
}

// read gives the wish that was written last; nil: there is none. A profile that
// cannot be read any more is missing in it, and an error.
func (w wishFile) read() (*supervisor.Wish, error) {
	data, err := os.ReadFile(w.path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		// What it said of the kill switch is not known: better closed than open.
		return &supervisor.Wish{KillSwitch: true}, fmt.Errorf("helper: wish: %w", err)
	}
	var f written
	if err := json.Unmarshal(data, &f); err != nil {
		return &supervisor.Wish{KillSwitch: true}, fmt.Errorf("helper: wish %s: %w", w.path, err)
	}
	out := &supervisor.Wish{KillSwitch: f.KillSwitch, Orderly: f.Orderly}
	if f.Profile == "" {
		return out, nil
	}
	p, err := profile.Parse(w.path, []byte(f.Profile))
	if err != nil {
		return out, fmt.Errorf("helper: wish: %w", err)
	}
	out.Profile = p
	return out, nil
}

// write keeps a wish; nil: nothing is wanted.
func (w wishFile) write(wish *supervisor.Wish) error {
	if wish == nil {
		if err := os.Remove(w.path); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return fmt.Errorf("helper: wish: %w", err)
		}
		return nil
	}
	f := written{KillSwitch: wish.KillSwitch, Orderly: wish.Orderly}
	if wish.Profile != nil {
		text, err := wish.Profile.Marshal()
		if err != nil {
			return fmt.Errorf("helper: wish: %w", err)
		}
		f.Profile = string(text)
	}
	data, err := json.Marshal(f)
	if err == nil {
		err = writeFile(w.path, data)
	}
	if err != nil {
		return fmt.Errorf("helper: wish: %w", err)
	}
	return nil
}
