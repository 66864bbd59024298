package ipc

import (
	"net"
	"testing"
)

// TestLimit has users dial more often than they may: none takes another's
// connections, root has no limit, and what ends makes room.
func TestLimit(t *testing.T) {
	path := place(t)
	l := Limit(mustListen(t, path), Limits{User: 5, All: 12})
	go func() {
		var kept []net.Conn
		defer func() { closeAll(kept) }()
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			if _, err := c.Write([]byte("!")); err != nil {
				c.Close()
				continue
			}
			kept = append(kept, c)
			// Whoever hangs up makes room, as with a server that reads.
			go func() {
				_, _ = c.Read(make([]byte, 1))
				c.Close()
			}()
		}
	}()
	dial := func(uid, number, served string) *child {
		t.Helper()
		c := run(t, "dial-many", uid, path, number)
		if c.said != served {
			t.Errorf("uid %s: %s of %s connections are served, want %s", uid, c.said, number, served)
		}
		return c
	}
	dial("1001", "3", "3")
	dial("1001", "4", "2")
	first := dial("1002", "9", "5")
	dial("1003", "9", "2") // all together
	dial("0", "30", "30")
	first.end()
	again := 0
	for range 200 { // the listener hears of the end when it hears of it
		if c := run(t, "dial-many", "1004", path, "5"); c.said == "5" {
			again++
			break
		}
	}
	if again != 1 {
		t.Error("connections that ended still count")
	}
}
