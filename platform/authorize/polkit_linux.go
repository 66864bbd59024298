package authorize

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"

	"github.com/culvert-vpn/culvert/platform/ipc"
	"github.com/godbus/dbus/v5"
	"golang.org/x/sys/unix"
)

// From the specification (polkit, org.freedesktop.PolicyKit1.Authority).
const (
	polkitName      = "org.freedesktop.PolicyKit1"
	polkitPath      = "/org/freedesktop/PolicyKit1/Authority"
	polkitInterface = "org.freedesktop.PolicyKit1.Authority"

	allowUserInteraction = 1
)

// subject is whom polkit is asked about.
type subject struct {
	Kind    string
	Details map[string]dbus.Variant
}

// result is polkit's answer.
type result struct {
	Authorized bool
	Challenge  bool // it would be yes after a password
	Details    map[string]string
}

// local asks polkit. Where there is none, the answer is no.
func (a *Authorizer) local(ctx context.Context, p ipc.Peer, interactive bool) (Reason, error) {
	if p.PID <= 0 || p.Unix.StartTime == 0 {
		return "", fmt.Errorf("%w: the process is gone", ErrDenied)
	}
	conn, err := connect(ctx, a.cfg.Bus)
	if err != nil {
		return "", fmt.Errorf("system bus: %w", err)
	}
	defer conn.Close()
	r, err := check(ctx, conn, p, interactive)
	switch {
	case err != nil:
		return "", fmt.Errorf("polkit: %w", err)
	case r.Challenge && !interactive:
		return "", fmt.Errorf("%w: polkit wants a password for %v", ErrInteraction, p)
	case !r.Authorized:
		return "", fmt.Errorf("%w: polkit says no to %v", ErrDenied, p)
	case p.Exited():
		// While polkit looked, the PID may have become that of somebody who may.
		return "", fmt.Errorf("%w: the process is gone", ErrDenied)
	}
	return Polkit, nil
}

// connect opens a connection to the bus that ends with ctx only while it is
// being made: after that, there may be a question to take back.
func connect(ctx context.Context, address string) (*dbus.Conn, error) {
	life, end := context.WithCancel(context.WithoutCancel(ctx))
	stop := context.AfterFunc(ctx, end)
	var conn *dbus.Conn
	var err error
	if address == "" {
		conn, err = dbus.ConnectSystemBus(dbus.WithContext(life))
	} else {
		conn, err = dbus.Connect(address, dbus.WithContext(life))
	}
	if !stop() {
		if err == nil {
			conn.Close()
		}
		err = errors.Join(ctx.Err(), err)
	}
	if err != nil {
		end()
		return nil, err
	}
	context.AfterFunc(conn.Context(), end)
	return conn, nil
}

// check asks whether p may do Action. When ctx ends first, the question is
// taken back, and with it a dialogue that a person sees.
func check(ctx context.Context, conn *dbus.Conn, p ipc.Peer, interactive bool) (result, error) {
	var flags uint32
	if interactive {
		flags = allowUserInteraction
	}
	s := subject{Kind: "unix-process", Details: map[string]dbus.Variant{
		"pid":        dbus.MakeVariant(uint32(p.PID)),
		"start-time": dbus.MakeVariant(p.Unix.StartTime),
		"uid":        dbus.MakeVariant(int32(p.Unix.UID)),
	}}
	// polkit before 124 does not know of pidfds, and looks at the rest.
	if fd, ok := pidfd(p); ok && conn.SupportsUnixFDs() {
		defer unix.Close(fd)
		s.Details["pidfd"] = dbus.MakeVariant(dbus.UnixFD(fd))
	}
	id := rand.Text()
	authority := conn.Object(polkitName, polkitPath)
	var r result
	err := authority.CallWithContext(ctx, polkitInterface+".CheckAuthorization", 0, s, Action, map[string]string{}, flags, id).Store(&r)
	if ctx.Err() != nil {
		authority.Call(polkitInterface+".CancelCheckAuthorization", dbus.FlagNoReplyExpected, id)
		return result{}, errors.Join(ctx.Err(), err)
	}
	return r, err
}

// pidfd is a descriptor of p's process, to be closed; a connection that is
// closed meanwhile does not close this one.
func pidfd(p ipc.Peer) (fd int, ok bool) {
	var err error
	has := p.Process(func(of int) { fd, err = unix.FcntlInt(uintptr(of), unix.F_DUPFD_CLOEXEC, 0) })
	return fd, has && err == nil
}
