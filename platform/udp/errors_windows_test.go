package udp

import (
	"errors"
	"io/fs"
	"net"
	"os"
	"syscall"
	"testing"

	"golang.org/x/sys/windows"
)

func TestNamesOfErrors(t *testing.T) {
	for _, c := range []struct {
		err  error
		want error
	}{
		{windows.WSAECONNRESET, syscall.ECONNREFUSED},
		{&net.OpError{Err: os.NewSyscallError("connect", windows.WSAENETUNREACH)}, syscall.ENETUNREACH},
		{windows.WSAENOBUFS, windows.WSAENOBUFS},
		{&net.OpError{Err: net.ErrClosed}, net.ErrClosed},
		{windows.ERROR_ACCESS_DENIED, fs.ErrPermission},
	} {
		got := posix(c.err)
		if !errors.Is(got, c.want) || !errors.Is(got, c.err) {
			t.Errorf("posix(%v) = %v, want %v as well", c.err, got, c.want)
		}
	}
}
