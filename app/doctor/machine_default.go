//go:build !linux

package doctor

import (
	"context"

	"github.com/culvert-vpn/culvert/app/diagnosis"
)

// Machine looks at this computer.
func Machine(_ context.Context, _ bool) []Check {
	return []Check{found(Tun, Note, diagnosis.TunUnknown), found(Ports, Note, diagnosis.PortsUnknown)}
}

// Member says whether this user is in a group of those who may use the helper: here
// there is none.
func Member(string) bool { return false }
