package helper

import (
	"context"
	"errors"
	"fmt"

	"github.com/culvert-vpn/culvert/app/supervisor"
	"github.com/culvert-vpn/culvert/platform/firewall"
)

// Hold closes the kill switch if it was closed when the last helper ended, as it
// has to be before the machine has any network. A helper that starts later takes
// over from there.
func Hold(ctx context.Context, stateDir string) error {
	wish, err := wishOf(stateDir).read()
	if wish == nil || !wish.KillSwitch {
		return err
	}
	j, jerr := journalOf(stateDir)
	if jerr != nil {
		return errors.Join(err, jerr)
	}
	fire, ferr := firewall.New(j.Part(partFirewall))
	if ferr == nil {
		ferr = fire.Set(ctx, firewallConfig(supervisor.SetFirewall{State: supervisor.Closed, KillSwitch: true, Profile: wish.Profile}))
	}
	return errors.Join(err, ferr)
}

// Restore puts the machine back to how it was before any helper changed it, the
// kill switch included, and forgets what is wanted: for when no helper follows.
func Restore(stateDir string) error {
	j, err := journalOf(stateDir)
	if err != nil {
		return err
	}
	sys, err := Machine(j)
	if err != nil {
		return err
	}
	if err := errors.Join(sys.Recover(j), sys.SetFirewall(context.Background(), firewall.Config{}), wishOf(stateDir).write(nil)); err != nil {
		return fmt.Errorf("helper: restore: %w", err)
	}
	return nil
}
