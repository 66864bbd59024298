package udp

import (
	"errors"
	"fmt"
	"syscall"

	"golang.org/x/sys/windows"
)

// names are the errors that callers look for by the names of the other systems.
var names = map[syscall.Errno]syscall.Errno{
	windows.WSAECONNRESET:    syscall.ECONNREFUSED, // of a datagram: its port is closed
	windows.WSAECONNREFUSED:  syscall.ECONNREFUSED,
	windows.WSAENETUNREACH:   syscall.ENETUNREACH,
	windows.WSAEHOSTUNREACH:  syscall.EHOSTUNREACH,
	windows.WSAEHOSTDOWN:     syscall.EHOSTUNREACH,
	windows.WSAEADDRINUSE:    syscall.EADDRINUSE,
	windows.WSAEADDRNOTAVAIL: syscall.EADDRNOTAVAIL,
	windows.WSAEMSGSIZE:      syscall.EMSGSIZE,
	windows.WSAEACCES:        syscall.EACCES,
}

// posix makes an error of Windows Sockets one of POSIX as well.
func posix(err error) error {
	var e syscall.Errno
	if !errors.As(err, &e) {
		return err
	}
	if name, ok := names[e]; ok {
		return fmt.Errorf("%w: %w", name, err)
	}
	return err
}
