package authorize

import (
	"context"
	"fmt"
	"os/user"
	"slices"
	"strconv"

	"github.com/culvert-vpn/culvert/platform/ipc"
	"golang.org/x/sys/unix"
)

// admin is the group of the administrators of a Mac.
const admin = 80

// local lets the user at the screen and the administrators pass.
func (a *Authorizer) local(_ context.Context, p ipc.Peer, _ bool) (Reason, error) {
	var st unix.Stat_t
	// The login window gives the console to whoever sits there, and takes it
	// back when another user's session comes to the front.
	if err := unix.Stat("/dev/console", &st); err == nil && st.Uid == p.Unix.UID {
		return Console, nil
	}
	groups, err := groupsOf(p)
	switch {
	case err != nil:
		return "", fmt.Errorf("groups of %v: %w", p, err)
	case slices.Contains(groups, admin):
		return Administrator, nil
	}
	if gid, err := a.groupID(a.cfg.Group); err == nil && slices.Contains(groups, gid) {
		return Member, nil
	}
	return "", fmt.Errorf("%w: %v is neither at the console nor an administrator", ErrDenied, p)
}

// groupsOf is all groups of p's user: the socket tells 16 of them, which on a
// Mac are soon used up.
func groupsOf(p ipc.Peer) ([]uint32, error) {
	u, err := user.LookupId(strconv.FormatUint(uint64(p.Unix.UID), 10))
	if err != nil {
		return nil, err
	}
	ids, err := u.GroupIds()
	if err != nil {
		return nil, err
	}
	groups := slices.Clone(p.Unix.Groups)
	for _, id := range ids {
		if n, err := strconv.ParseUint(id, 10, 32); err == nil {
			groups = append(groups, uint32(n))
		}
	}
	return groups, nil
}
