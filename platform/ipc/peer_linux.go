package ipc

import (
	"bytes"
	"errors"
	"fmt"
	"net"
	"os"
	"strconv"
	"unsafe"

	"golang.org/x/sys/unix"
)

// Address is where the helper listens.
const Address = "/run/culvert/culvertd.sock"

// maxGroups is the kernel's NGROUPS_MAX (setgroups(2)).
const maxGroups = 65536

// peerOf asks the kernel who is at the other end of c. On the listening side
// that is the process that connected; on the other, the one that listens.
func peerOf(c *net.UnixConn) (Peer, error) {
	p := Peer{Unix: &Unix{}}
	err := control(c, func(fd int) error {
		cred, err := unix.GetsockoptUcred(fd, unix.SOL_SOCKET, unix.SO_PEERCRED)
		if err != nil {
			return fmt.Errorf("SO_PEERCRED: %w", err)
		}
		p.PID, p.Unix.UID, p.Unix.GID = int(cred.Pid), cred.Uid, cred.Gid
		if p.Unix.Groups, err = peerGroups(fd); err != nil {
			return err
		}
		// Linux before 6.5 has no such option: the start time has to do.
		if pidfd, err := unix.GetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_PEERPIDFD); err == nil {
			p.process = os.NewFile(uintptr(pidfd), "pidfd")
		}
		return nil
	})
	if err != nil {
		return Peer{}, err
	}
	p.Unix.StartTime = startTime(p)
	return p, nil
}

// peerGroups reads the supplementary groups of the peer, as they were when it
// connected (SO_PEERGROUPS, socket(7)).
func peerGroups(fd int) ([]uint32, error) {
	groups := make([]uint32, 32)
	for {
		size := uint32(len(groups) * 4)
		_, _, errno := unix.Syscall6(unix.SYS_GETSOCKOPT, uintptr(fd), unix.SOL_SOCKET, unix.SO_PEERGROUPS,
			uintptr(unsafe.Pointer(&groups[0])), uintptr(unsafe.Pointer(&size)), 0)
		n := int(size / 4)
		switch {
		case errno == 0 && n <= len(groups):
			return groups[:n], nil
		case errno == unix.ERANGE && n > len(groups) && n <= maxGroups:
			groups = make([]uint32, n)
		case errno == 0:
			return nil, errors.New("SO_PEERGROUPS: more than there is room for")
		default:
			return nil, fmt.Errorf("SO_PEERGROUPS: %w", errno)
		}
	}
}

// startTime is when p's process began; 0 when it is gone or was not seen to
// live on after it was asked.
func startTime(p Peer) uint64 {
	if p.PID <= 0 {
		return 0
	}
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", p.PID))
	if err != nil {
		return 0
	}
	// The PID was not another process's meanwhile if this one still lives.
	if p.Exited() {
		return 0
	}
	return parseStartTime(stat)
}

// hasExited says whether the process of a pidfd has ended: it is readable then.
func hasExited(pidfd int) bool {
	fds := []unix.PollFd{{Fd: int32(pidfd), Events: unix.POLLIN}}
	for {
		n, err := unix.Poll(fds, 0)
		if errors.Is(err, unix.EINTR) {
			continue
		}
		return err != nil || n > 0
	}
}

// parseStartTime finds field 22 of /proc/PID/stat. The second one is a name
// that the process chose, with blanks and parentheses as it likes.
func parseStartTime(stat []byte) uint64 {
	end := bytes.LastIndexByte(stat, ')')
	if end < 0 {
		return 0
	}
	fields := bytes.Fields(stat[end+1:])
	const after = 22 - 3 // the first one here is field 3
	if len(fields) <= after {
		return 0
	}
	n, err := strconv.ParseUint(string(fields[after]), 10, 64)
	if err != nil {
		return 0
	}
	return n
}
