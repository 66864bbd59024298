// Package authorize decides who may use the helper, by what the system says of
// the process that connected.
package authorize

import (
	"context"
	"errors"
	"fmt"
	"os/user"
	"slices"
	"strconv"
	"time"

	"github.com/culvert-vpn/culvert/platform/ipc"
)

// Action is the polkit action that lets a user connect. Its defaults are in
// io.github.culvert.policy, beside this file.
const Action = "io.github.culvert.connect"

// Group is the group whose members may connect.
const Group = "culvert"

// Ours: how long the answer may take when the caller sets no deadline. A person
// may have to find a password.
const (
	answerTime = 5 * time.Second
	personTime = 90 * time.Second
)

var (
	// ErrDenied is no. What wraps it says why, for the log; the one who asked is
	// told no more than this.
	ErrDenied = errors.New("authorize: not allowed")
	// ErrInteraction is no, but yes is possible when a person may be asked for a
	// password. It is an ErrDenied as well.
	ErrInteraction = fmt.Errorf("%w without asking a person", ErrDenied)
)

// Reason is why somebody may.
type Reason string

// The reasons.
const (
	Root          Reason = "root"
	Member        Reason = "group"         // of Group
	Polkit        Reason = "polkit"        // it allows Action: a local active user, unless configured otherwise
	Console       Reason = "console"       // macOS: who sits at the screen
	System        Reason = "system"        // Windows: the system itself
	Administrator Reason = "administrator" // Windows: elevated; macOS: of the group admin
	Interactive   Reason = "interactive"   // Windows: logged on at a screen
)

// Config says how to decide; the zero value is the ordinary way.
type Config struct {
	// Group is the name of a group; empty: Group.
	Group string
	// Bus is the address of the system bus (Linux); empty: the usual one.
	Bus string
}

// Authorizer decides who may use the helper.
type Authorizer struct {
	cfg     Config
	groupID func(name string) (gid uint32, err error)
	member  func(uid, gid uint32) bool
}

// New is an Authorizer; it asks nothing yet.
func New(cfg Config) *Authorizer {
	if cfg.Group == "" {
		cfg.Group = Group
	}
	return &Authorizer{cfg: cfg, groupID: groupID, member: member}
}

// Authorize says why p may use the helper. Every error is an ErrDenied. With
// interactive, polkit may ask a person for a password; set it when a person
// waits. Without a deadline in ctx it takes 5 s at most, 90 s with interactive.
func (a *Authorizer) Authorize(ctx context.Context, p ipc.Peer, interactive bool) (Reason, error) {
	limit := answerTime
	if interactive {
		limit = personTime
	}
	if _, ok := ctx.Deadline(); !ok {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, limit)
		defer cancel()
	}
	switch {
	case p.Unix != nil:
		return a.unix(ctx, p, interactive)
	case p.Windows != nil:
		return windows(p.Windows)
	}
	return "", fmt.Errorf("%w: the peer is not known", ErrDenied)
}

// unix asks for root, for the group, and then for what the system has.
func (a *Authorizer) unix(ctx context.Context, p ipc.Peer, interactive bool) (Reason, error) {
	if p.Unix.UID == 0 {
		return Root, nil
	}
	// Looked up each time: the group may be made while the helper runs, and a
	// group that is gone must not leave its number to the next one.
	gid, err := a.groupID(a.cfg.Group)
	// A process has the groups of when its user signed in; who was made a member
	// since then may as well.
	if err == nil && (p.Unix.GID == gid || slices.Contains(p.Unix.Groups, gid) || a.member(p.Unix.UID, gid)) {
		return Member, nil
	}
	r, err := a.local(ctx, p, interactive)
	if err != nil && !errors.Is(err, ErrDenied) {
		err = fmt.Errorf("%w: %w", ErrDenied, err)
	}
	return r, err
}

// windows decides for a user of Windows.
func windows(w *ipc.Windows) (Reason, error) {
	switch {
	case w.System:
		return System, nil
	case w.Administrator:
		return Administrator, nil
	case w.Interactive:
		return Interactive, nil
	}
	return "", fmt.Errorf("%w: %s is not logged on at a screen", ErrDenied, w.SID)
}

// groupID looks a group up where the system has them.
func groupID(name string) (uint32, error) {
	g, err := user.LookupGroup(name)
	if err != nil {
		return 0, err
	}
	n, err := strconv.ParseUint(g.Gid, 10, 32)
	if err != nil {
		return 0, fmt.Errorf("group %s: %w", name, err)
	}
	return uint32(n), nil
}

// member says that a user is in a group by now.
func member(uid, gid uint32) bool {
	u, err := user.LookupId(strconv.FormatUint(uint64(uid), 10))
	if err != nil {
		return false
	}
	groups, err := u.GroupIds()
	return err == nil && slices.Contains(groups, strconv.FormatUint(uint64(gid), 10))
}
