package authorize

import (
	"errors"
	"runtime"
	"testing"

	"github.com/culvert-vpn/culvert/platform/ipc"
)

func TestWithoutPolkit(t *testing.T) {
	unix := func(uid, gid uint32, groups ...uint32) ipc.Peer {
		return ipc.Peer{PID: 1, Unix: &ipc.Unix{UID: uid, GID: gid, Groups: groups, StartTime: 1}}
	}
	win := func(w ipc.Windows) ipc.Peer { return ipc.Peer{PID: 1, Windows: &w} }
	const gid = 4711
	noGroup := errors.New("no such group")
	for _, c := range []struct {
		name  string
		peer  ipc.Peer
		group error // of the lookup
		want  Reason
	}{
		{"nobody known", ipc.Peer{}, nil, ""},
		{"only a process id", ipc.Peer{PID: 1}, nil, ""},
		{"root", unix(0, 0), nil, Root},
		{"root without the group", unix(0, 0), noGroup, Root},
		{"a user", unix(1000, 1000, 4, 27), nil, ""},
		{"of the group", unix(1000, 1000, 4, gid), nil, Member},
		{"of the group first", unix(1000, gid), nil, Member},
		{"of a group that is gone", unix(1000, gid, gid), noGroup, ""},
		{"group 0 is no root", unix(1000, 0, 0), noGroup, ""},
		{"the system", win(ipc.Windows{SID: "S-1-5-18", System: true}), nil, System},
		{"elevated", win(ipc.Windows{SID: "S-1-5-21-1", Administrator: true, Interactive: true}), nil, Administrator},
		{"at a screen", win(ipc.Windows{SID: "S-1-5-21-1", Interactive: true}), nil, Interactive},
		{"a service", win(ipc.Windows{SID: "S-1-5-20"}), nil, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			a := New(Config{Bus: "unix:path=/nonexistent/bus"})
			a.groupID = func(name string) (uint32, error) {
				if name != "culvert" {
					t.Errorf("looked up %q", name)
				}
				if c.group != nil {
					return 0, c.group
				}
				return gid, nil
			}
			got, err := a.Authorize(t.Context(), c.peer, false)
			if got != c.want || (c.want == "") != errors.Is(err, ErrDenied) || c.want != "" && err != nil {
				t.Errorf("Authorize(%v) = %q, %v, want %q", c.peer, got, err, c.want)
			}
		})
	}
}

// TestGroupEachTime makes and takes away the group while the helper runs.
func TestGroupEachTime(t *testing.T) {
	a := New(Config{Bus: "unix:path=/nonexistent/bus"})
	var now error
	a.groupID = func(string) (uint32, error) { return 4711, now }
	p := ipc.Peer{PID: 1, Unix: &ipc.Unix{UID: 1000, Groups: []uint32{4711}}}
	for i, gone := range []bool{false, true, false} {
		now = nil
		if gone {
			now = errors.New("no such group")
		}
		if _, err := a.Authorize(t.Context(), p, false); (err != nil) != gone {
			t.Errorf("call %d, group gone %v: %v", i, gone, err)
		}
	}
}

// TestMemberSince: who was made a member after signing in is one.
func TestMemberSince(t *testing.T) {
	a := New(Config{Bus: "unix:path=/nonexistent/bus"})
	a.groupID = func(string) (uint32, error) { return 4711, nil }
	is := false
	a.member = func(uid, gid uint32) bool { return is && uid == 1000 && gid == 4711 }
	p := ipc.Peer{PID: 1, Unix: &ipc.Unix{UID: 1000, Groups: []uint32{4}}}
	for _, is = range []bool{false, true, false} {
		if _, err := a.Authorize(t.Context(), p, false); (err == nil) != is {
			t.Errorf("a member: %v; Authorize: %v", is, err)
		}
	}
	if runtime.GOOS != "windows" && (!member(0, 0) || member(0, 4711) || member(4_000_000_000, 0)) {
		t.Error("root is in its own group, and nobody else is in it")
	}
}

func TestGroupID(t *testing.T) {
	if gid, err := groupID("daemon"); err != nil || gid != 1 {
		t.Errorf("group daemon = %d, %v, want 1", gid, err)
	}
	if gid, err := groupID("no such group"); err == nil {
		t.Errorf("a group that is not there has number %d", gid)
	}
}
