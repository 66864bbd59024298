package ipc

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"runtime"

	"github.com/Microsoft/go-winio"
	"golang.org/x/sys/windows"
)

// Address is where the helper listens.
const Address = `\\.\pipe\culvertd`

// pipeBuffer is the size of the pipe's buffers in octets: a whole state fits.
const pipeBuffer = 64 << 10

var impersonateNamedPipeClient = windows.NewLazySystemDLL("advapi32.dll").NewProc("ImpersonateNamedPipeClient")

func listen(address string) (net.Listener, error) {
	// The name must not exist: whoever made it first would be the one to say who
	// else may.
	l, err := winio.ListenPipe(address, &winio.PipeConfig{
		SecurityDescriptor: pipeSecurity, InputBufferSize: pipeBuffer, OutputBufferSize: pipeBuffer,
	})
	switch {
	case errors.Is(err, windows.ERROR_ALREADY_EXISTS), errors.Is(err, windows.ERROR_ACCESS_DENIED), errors.Is(err, windows.ERROR_PIPE_BUSY):
		return nil, fmt.Errorf("%w: %w", ErrInUse, err)
	case err != nil:
		return nil, fmt.Errorf("ipc: %w", err)
	}
	return &listener{l}, nil
}

type listener struct{ net.Listener }

// Accept waits for a client, whose identity is asked for later: Windows tells
// it only once something was read.
func (l *listener) Accept() (net.Conn, error) {
	for {
		c, err := l.Listener.Accept()
		if err != nil {
			return nil, err
		}
		h, err := handleOf(c)
		if err != nil {
			c.Close()
			continue
		}
		return &Conn{Conn: c, ask: func() (Peer, error) { return client(h) }}, nil
	}
}

// handleOf is the pipe's handle, for as long as c is not closed.
func handleOf(c net.Conn) (windows.Handle, error) {
	f, ok := c.(interface{ Fd() uintptr })
	if !ok {
		return 0, fmt.Errorf("ipc: %T has no handle", c)
	}
	return windows.Handle(f.Fd()), nil
}

// client asks who is at the other end of a pipe. The token is the one with
// which the pipe was opened, so that a reused process id deceives nobody.
func client(h windows.Handle) (Peer, error) {
	var pid uint32
	if err := windows.GetNamedPipeClientProcessId(h, &pid); err != nil {
		return Peer{}, fmt.Errorf("GetNamedPipeClientProcessId: %w", err)
	}
	token, err := clientToken(h)
	if err != nil {
		return Peer{}, err
	}
	defer token.Close()
	w, err := identify(token)
	if err != nil {
		return Peer{}, err
	}
	return Peer{PID: int(pid), Windows: w}, nil
}

// clientToken is the token of the client, got by being the client for a moment.
func clientToken(h windows.Handle) (token windows.Token, err error) {
	// A thread that could not become itself again must never run anything else:
	// Go ends a locked thread with its goroutine.
	result := make(chan error, 1)
	go func() {
		runtime.LockOSThread()
		if ok, _, err := impersonateNamedPipeClient.Call(uintptr(h)); ok == 0 {
			runtime.UnlockOSThread()
			result <- fmt.Errorf("ImpersonateNamedPipeClient: %w", err)
			return
		}
		err := windows.OpenThreadToken(windows.CurrentThread(), windows.TOKEN_QUERY, true, &token)
		if err != nil {
			err = fmt.Errorf("OpenThreadToken: %w", err)
		}
		if windows.RevertToSelf() == nil {
			runtime.UnlockOSThread()
		}
		result <- err
	}()
	err = <-result
	return token, err
}

// identify says who a client's token stands for. An administrator's filtered
// token has the group for denying only, and is none.
func identify(token windows.Token) (*Windows, error) {
	user, err := token.GetTokenUser()
	if err != nil {
		return nil, fmt.Errorf("token user: %w", err)
	}
	w := &Windows{SID: user.User.Sid.String()}
	w.System = w.SID == sidSystem
	for _, g := range []struct {
		sid windows.WELL_KNOWN_SID_TYPE
		in  *bool
	}{{windows.WinBuiltinAdministratorsSid, &w.Administrator}, {windows.WinInteractiveSid, &w.Interactive}} {
		sid, err := windows.CreateWellKnownSid(g.sid)
		if err != nil {
			return nil, fmt.Errorf("well-known SID: %w", err)
		}
		if *g.in, err = token.IsMember(sid); err != nil {
			return nil, fmt.Errorf("token groups: %w", err)
		}
	}
	return w, nil
}

func dial(ctx context.Context, address string) (*Conn, error) {
	// A wrong server may learn who we are, and cannot act as us.
	c, err := winio.DialPipeAccessImpLevel(ctx, address, pipeAccess, winio.PipeImpLevelIdentification)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil, fmt.Errorf("%w: %w", ErrNotRunning, err)
	case errors.Is(err, fs.ErrPermission):
		return nil, fmt.Errorf("%w: %w", ErrNotAllowed, err)
	case err != nil:
		return nil, fmt.Errorf("ipc: %w", err)
	}
	p, err := server(c)
	if err != nil {
		c.Close()
		return nil, err
	}
	return newConn(c, p), nil
}

// server says who made the pipe, if that is somebody to trust: any program can
// take the name while the helper does not run.
func server(c net.Conn) (Peer, error) {
	h, err := handleOf(c)
	if err != nil {
		return Peer{}, err
	}
	sd, err := windows.GetSecurityInfo(h, windows.SE_KERNEL_OBJECT, windows.OWNER_SECURITY_INFORMATION)
	if err != nil {
		return Peer{}, fmt.Errorf("%w: owner: %w", ErrNotTrusted, err)
	}
	owner, _, err := sd.Owner()
	if err != nil || owner == nil {
		return Peer{}, fmt.Errorf("%w: it has no owner", ErrNotTrusted)
	}
	sid := owner.String()
	if !trustedOwner(sid) {
		return Peer{}, fmt.Errorf("%w: %s made the pipe", ErrNotTrusted, sid)
	}
	var pid uint32
	if err := windows.GetNamedPipeServerProcessId(h, &pid); err != nil {
		return Peer{}, fmt.Errorf("%w: GetNamedPipeServerProcessId: %w", ErrNotTrusted, err)
	}
	return Peer{PID: int(pid), Windows: &Windows{SID: sid, System: sid == sidSystem, Administrator: true}}, nil
}
