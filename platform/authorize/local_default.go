//go:build !linux && !darwin

package authorize

import (
	"context"

	"github.com/culvert-vpn/culvert/platform/ipc"
)

// local has nobody to ask.
func (a *Authorizer) local(context.Context, ipc.Peer, bool) (Reason, error) {
	return "", ErrDenied
}
