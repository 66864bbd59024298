package ipc

import (
	"context"
	"errors"
	"fmt"
	"net"
	"strings"
	"testing"
)

func TestPeerString(t *testing.T) {
	for _, c := range []struct {
		peer Peer
		want string
	}{
		{Peer{}, "nobody"},
		{Peer{PID: 7, Unix: &Unix{UID: 1000, GID: 100, Groups: []uint32{4, 27}}}, "pid 7 uid 1000 gid 100"},
		{Peer{PID: 7, Windows: &Windows{SID: "S-1-5-18", System: true, Administrator: true}}, "pid 7 sid S-1-5-18 system administrator"},
		{Peer{Windows: &Windows{SID: "S-1-5-21-1", Interactive: true}}, "pid 0 sid S-1-5-21-1 interactive"},
	} {
		if got := c.peer.String(); got != c.want {
			t.Errorf("String = %q, want %q", got, c.want)
		}
	}
}

func TestNoPeer(t *testing.T) {
	a, b := net.Pipe()
	defer a.Close()
	defer b.Close()
	for name, ctx := range map[string]context.Context{
		"no ConnContext":     t.Context(),
		"another's listener": ConnContext(t.Context(), a),
	} {
		if p, err := PeerFromContext(ctx); !errors.Is(err, ErrNoPeer) {
			t.Errorf("%s: %v, %v, want ErrNoPeer", name, p, err)
		}
	}
}

// TestPeerLater has a transport that knows its peer only after a while, as
// Windows does.
func TestPeerLater(t *testing.T) {
	a, b := net.Pipe()
	defer b.Close()
	asked, early := 0, errors.New("nothing was read yet")
	c := &Conn{Conn: a, ask: func() (Peer, error) {
		if asked++; asked == 1 {
			return Peer{}, early
		}
		return Peer{PID: 7, Windows: &Windows{SID: "S-1-5-21-1"}}, nil
	}}
	ctx := ConnContext(t.Context(), c)
	if _, err := PeerFromContext(ctx); !errors.Is(err, ErrNoPeer) || !errors.Is(err, early) {
		t.Errorf("before anything was read: %v, want ErrNoPeer and the reason", err)
	}
	for range 2 {
		if p, err := PeerFromContext(ctx); err != nil || p.PID != 7 {
			t.Errorf("after something was read: %v, %v", p, err)
		}
	}
	if asked != 2 {
		t.Errorf("asked %d times, want 2: what is known stays", asked)
	}
}

// TestPeerClosed asks for the peer of a closed connection: its handle may be
// another's by then.
func TestPeerClosed(t *testing.T) {
	a, b := net.Pipe()
	defer b.Close()
	c := &Conn{Conn: a, ask: func() (Peer, error) {
		t.Error("asked with a closed handle")
		return Peer{}, nil
	}}
	for range 2 {
		if err := c.Close(); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := c.Peer(); !errors.Is(err, ErrNoPeer) {
		t.Errorf("Peer = %v, want ErrNoPeer", err)
	}
}

func TestPipeSecurity(t *testing.T) {
	for _, r := range []struct {
		right int
		name  string
	}{{fileCreateInstance, "make an instance"}, {0x00010000, "delete"}, {0x00040000, "change the DACL"}, {0x00080000, "change the owner"}} {
		if pipeAccess&r.right != 0 {
			t.Errorf("a client's access %#x lets it %s", pipeAccess, r.name)
		}
	}
	if want := fmt.Sprintf("(A;;%#x;;;IU)", pipeAccess); !strings.Contains(pipeSecurity, want) {
		t.Errorf("the DACL %s does not give interactive users what Dial asks for, %s", pipeSecurity, want)
	}
	if !strings.Contains(pipeSecurity, "D:P(D;;GA;;;NU)") {
		t.Errorf("the DACL %s does not begin by keeping the network out, and its parents' entries", pipeSecurity)
	}
	for _, who := range []string{"WD", "AN", "BU", "AU", "AC"} {
		if strings.Contains(pipeSecurity, ";;;"+who+")") {
			t.Errorf("the DACL %s names %s", pipeSecurity, who)
		}
	}
	for sid, want := range map[string]bool{
		"S-1-5-18": true, "S-1-5-32-544": true, "S-1-5-19": false, "S-1-5-32-545": false, "S-1-5-21-1-2-3-500": false, "": false,
	} {
		if got := trustedOwner(sid); got != want {
			t.Errorf("trustedOwner(%q) = %v, want %v", sid, got, want)
		}
	}
}
