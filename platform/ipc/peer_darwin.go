package ipc

import (
	"fmt"
	"net"

	"golang.org/x/sys/unix"
)

// Address is where the helper listens.
const Address = "/var/run/culvert/culvertd.sock"

// From the specification (unix(4), xucred: the version of its layout).
const xucredVersion = 0

// peerOf asks the kernel who is at the other end of c. On the listening side
// that is the process that connected; on the other, the one that listens.
func peerOf(c *net.UnixConn) (Peer, error) {
	p := Peer{Unix: &Unix{}}
	err := control(c, func(fd int) error {
		cred, err := unix.GetsockoptXucred(fd, unix.SOL_LOCAL, unix.LOCAL_PEERCRED)
		if err != nil {
			return fmt.Errorf("LOCAL_PEERCRED: %w", err)
		}
		if cred.Version != xucredVersion || cred.Ngroups < 1 || int(cred.Ngroups) > len(cred.Groups) {
			return fmt.Errorf("LOCAL_PEERCRED: version %d with %d groups", cred.Version, cred.Ngroups)
		}
		p.Unix.UID, p.Unix.GID = cred.Uid, cred.Groups[0]
		p.Unix.Groups = append(p.Unix.Groups, cred.Groups[:cred.Ngroups]...)
		if p.PID, err = unix.GetsockoptInt(fd, unix.SOL_LOCAL, unix.LOCAL_PEERPID); err != nil {
			return fmt.Errorf("LOCAL_PEERPID: %w", err)
		}
		return nil
	})
	if err != nil {
		return Peer{}, err
	}
	return p, nil
}
