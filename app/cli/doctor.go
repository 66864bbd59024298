package cli

import (
	"context"
	"encoding/json"
	"fmt"
	"net"
	"net/netip"
	"strings"

	"github.com/culvert-vpn/culvert/app/doctor"
	"github.com/culvert-vpn/culvert/app/version"
	"github.com/culvert-vpn/culvert/platform/authorize"
)

var doctorCommand = &command{
	name: "doctor", args: "[PROFILE] [--json]", short: "check this computer and, with a profile, the way to its gateway", takes: aProfile,
	long: "It changes nothing. The gateway is asked the first question of a connection, on UDP ports 500 and 4500, without\n" +
		"any secret. ✓ is well, · is worth knowing, ✗ is in the way; then the exit status is 3, or 4 if it is the helper.",
	options: []option{jsonOption},
	run: func(ctx context.Context, c *call) int {
		var ref string
		if !c.parseSome(0, &ref) {
			return exitUsage
		}
		cfg := doctor.Config{
			Helper: c.helper, Version: version.Text(), Member: func() bool { return doctor.Member(authorize.Group) },
			Lookup: c.machine.lookup, Dial: dialUDP, Machine: c.checks,
		}
		if ref != "" {
			e, err := c.profile(ref)
			if err != nil {
				return c.noProfile(err)
			}
			cfg.Profile = e.Profile
		}
		return examine(ctx, c, cfg)
	},
}

// dialUDP opens a socket that one peer alone can answer to.
func dialUDP(ctx context.Context, to netip.AddrPort) (net.Conn, error) {
	var d net.Dialer
	return d.DialContext(ctx, "udp", to.String())
}

// examine prints each check as it is done, and gives the exit status.
func examine(ctx context.Context, c *call, cfg doctor.Config) int {
	status := exitDone
	doctor.Run(ctx, cfg, func(k doctor.Check) {
		switch {
		case k.Verdict != doctor.Bad:
		case k.Part == doctor.Service:
			status = exitNoHelper
		case status == exitDone:
			status = exitNotConnected
		}
		if c.on(jsonOption.name) {
			if line, err := json.Marshal(k); err == nil { // strings always can be
				fmt.Fprintf(c.Out, "%s\n", line)
			}
			return
		}
		printCheck(c, k)
	})
	if ctx.Err() != nil {
		return exitNotConnected
	}
	return status
}

// marks stand before the checks.
var marks = map[doctor.Verdict]string{doctor.Good: "✓", doctor.Note: "·", doctor.Bad: "✗"}

func printCheck(c *call, k doctor.Check) {
	fmt.Fprintf(c.Out, "%s %s.\n", marks[k.Verdict], clean(k.Found))
	if k.Verdict == doctor.Good {
		return
	}
	if k.Advice != "" {
		fmt.Fprintf(c.Out, "    %s\n", k.Advice)
	}
	if len(k.Evidence) > 0 {
		fmt.Fprintf(c.Out, "    (%s)\n", clean(strings.Join(k.Evidence, "; ")))
	}
	if k.Code != "" {
		fmt.Fprintf(c.Out, "    code: %s\n", k.Code)
	}
}
