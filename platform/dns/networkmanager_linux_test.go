package dns

import (
	"errors"
	"os"
	"strings"
	"testing"

	"github.com/culvert-vpn/culvert/platform/testroom"
)

// startManager starts NetworkManager, which gives eth0 its address and server.
func (r *room) startManager(settings string) *testroom.Process {
	r.t.Helper()
	r.Write("/etc/NetworkManager/NetworkManager.conf", "[main]\nplugins=keyfile\nauth-polkit=root-only\nno-auto-default=*\n"+settings+"\n")
	const profile = "/etc/NetworkManager/system-connections/eth0.nmconnection"
	r.Write(profile, "[connection]\nid=eth0\nuuid=3f1c1c3e-7d0a-4f0e-9d7e-0e6f3c0a5b11\ntype=ethernet\ninterface-name=eth0\n"+
		"[ipv4]\nmethod=manual\naddress1=192.0.2.10/24\ndns="+outside+";\n[ipv6]\nmethod=disabled\n")
	must(r.t, os.Chmod(r.Path(profile), 0o600))
	// At its first start it would take over an address that is there.
	if _, err := os.Stat(r.Path("/run/NetworkManager")); err != nil {
		r.IP("addr flush dev eth0", "link set eth0 down")
	}
	// Without /sys it does not wait for udev.
	p := r.Start("/usr/sbin/NetworkManager", "--no-daemon")
	r.awaitName(nmObject.name)
	eventually(r.t, "the server of NetworkManager's connection", func() bool {
		out, err := r.Try("nmcli", "-g", "IP4.DNS", "device", "show", "eth0")
		return err == nil && strings.Contains(out, outside) && r.answer("www.example") != "none"
	})
	return p
}

func TestNetworkManager(t *testing.T) {
	r := newRoom(t)
	r.startBus()
	nm := r.startManager("dns=default\nrc-manager=file")
	ctx := t.Context()
	r.lookup("before", asBefore)
	before := r.read(confPath)
	var j journal
	m := newManager(t, r.opts, j.write)

	if err := m.Set(ctx, some()); !errors.Is(err, ErrNoSplit) {
		t.Errorf("Set of some domains = %v, want ErrNoSplit", err)
	}
	if got := r.read(confPath); got != before {
		t.Errorf("resolv.conf after a Set that failed: %s", got)
	}
	stopped(t, r.opts)
	if got := r.read(confPath); got != before {
		t.Errorf("resolv.conf after a Set that was stopped: %s", got)
	}
	must(t, m.Set(ctx, full()))
	backend(t, m, "NetworkManager")
	r.lookup("full", asFull)
	must(t, m.Set(ctx, full()))

	// NetworkManager's own doings do not undo it.
	r.Run("nmcli", "general", "reload", "dns-full")
	r.Run("nmcli", "device", "reapply", "eth0")
	must(t, m.Verify(ctx))
	r.lookup("after a reload", asFull)

	must(t, m.Clear())
	r.lookup("after", asBefore)
	if got := r.read(confPath); got != before {
		t.Errorf("resolv.conf after Clear: %s, want %s", got, before)
	}

	// A power cut: NetworkManager remembers, and starts later than we do.
	must(t, m.Set(ctx, full()))
	record := j.last()
	nm.Kill()
	if !strings.Contains(r.read(nmIntern), inside.String()) {
		t.Error("NetworkManager remembers nothing: this test tests nothing")
	}
	must(t, CleanUp(record))
	if strings.Contains(r.read(nmIntern), inside.String()) {
		t.Errorf("NetworkManager still remembers:\n%s", r.read(nmIntern))
	}
	r.startManager("dns=default\nrc-manager=file")
	eventually(t, "the file of before", func() bool { return r.read(confPath) == before })
	r.lookup("after a restart", asBefore)
	must(t, CleanUp(record))

	// A crash while it runs.
	must(t, newManager(t, r.opts, j.write).Set(ctx, full()))
	r.lookup("full again", asFull)
	must(t, CleanUp(j.last()))
	must(t, CleanUp(j.last()))
	r.lookup("cleaned up", asBefore)

	// A process that kept no journal was killed, and another one comes.
	must(t, newManager(t, r.opts, nil).Set(ctx, full()))
	cfg := full()
	cfg.Search = nil
	m = newManager(t, r.opts, nil)
	must(t, m.Set(ctx, cfg))
	must(t, m.Clear())
	if got := r.read(confPath); got != before {
		t.Errorf("resolv.conf after a second process: %s, want %s", got, before)
	}
}

// What somebody else has set there comes back, and what they set meanwhile
// stays.
func TestNetworkManagerOthers(t *testing.T) {
	r := newRoom(t)
	r.startBus()
	r.startManager("dns=default\nrc-manager=file")
	global := func(args ...string) {
		t.Helper()
		r.Run("busctl", append([]string{"set-property", nmObject.name, string(nmObject.path), nmIface, nmGlobal, "a{sv}"}, args...)...)
	}
	theirs := func(server string) []string {
		return []string{"1", "domains", "a{sv}", "1", "*", "a{sv}", "1", "servers", "as", "1", server}
	}
	m := newManager(t, r.opts, nil)
	global(theirs("192.0.2.99")...)
	must(t, m.Set(t.Context(), full()))
	r.lookup("full", asFull)
	must(t, m.Clear())
	if c := parseConf(r.read(confPath)); len(c.servers) != 1 || c.servers[0].String() != "192.0.2.99" {
		t.Errorf("resolv.conf after Clear: %s", r.read(confPath))
	}

	must(t, m.Set(t.Context(), full()))
	global(theirs("192.0.2.98")...)
	if err := m.Verify(t.Context()); !errors.Is(err, ErrNotTaken) {
		t.Errorf("Verify = %v", err)
	}
	var changed *ChangedError
	if err := m.Clear(); !errors.As(err, &changed) || changed.Backend != "NetworkManager" {
		t.Errorf("Clear = %v, want a ChangedError", err)
	}
	must(t, m.Clear())
	if c := parseConf(r.read(confPath)); len(c.servers) != 1 || c.servers[0].String() != "192.0.2.98" {
		t.Errorf("resolv.conf after Clear: %s", r.read(confPath))
	}
}

// A person who wrote global DNS servers into NetworkManager.conf has the last
// word, and is told so.
func TestNetworkManagerRefuses(t *testing.T) {
	r := newRoom(t)
	r.startBus()
	r.startManager("dns=default\nrc-manager=file\n[global-dns-domain-*]\nservers=" + outside)
	before := r.read(confPath)
	m := newManager(t, r.opts, nil)
	err := m.Set(t.Context(), full())
	var own *Error
	if !errors.As(err, &own) || own.Backend != "NetworkManager" {
		t.Errorf("Set = %v", err)
	}
	t.Log(err)
	if got := r.read(confPath); got != before {
		t.Errorf("resolv.conf after a Set that failed: %s", got)
	}
	r.lookup("after", asBefore)
}

// With its dnsmasq, NetworkManager can split; the servers of the connections
// are followed when they change.
func TestNetworkManagerDnsmasq(t *testing.T) {
	r := newRoom(t)
	r.startBus()
	r.startManager("dns=dnsmasq\nrc-manager=file")
	m := newManager(t, r.opts, nil)
	r.lookup("before", asBefore)
	must(t, m.Set(t.Context(), some()))
	backend(t, m, "NetworkManager")
	eventually(t, "dnsmasq with the tunnel's server", func() bool { return r.answer("files.corp.example") == filesIn })
	r.lookup("split", asSplit)
	must(t, m.Set(t.Context(), full()))
	eventually(t, "dnsmasq with the tunnel's server only", func() bool { return r.answer("www.example") == wwwInside })
	r.lookup("full", asFull)
	must(t, m.Clear())
	eventually(t, "dnsmasq as before", func() bool { return r.answer("www.example") == wwwOutside })
	r.lookup("after", asBefore)
}

// NetworkManager with systemd-resolved leaves our interface's servers alone.
func TestNetworkManagerResolved(t *testing.T) {
	r := newRoom(t)
	must(t, os.Symlink("../run/systemd/resolve/stub-resolv.conf", r.Path(confPath)))
	r.startBus()
	r.startResolved()
	nm := r.startManager("")
	m := newManager(t, r.opts, nil)
	r.lookup("before", asBefore)
	must(t, m.Set(t.Context(), full()))
	backend(t, m, "systemd-resolved")
	r.Run("nmcli", "general", "reload", "dns-full")
	r.Run("nmcli", "device", "reapply", "eth0")
	must(t, m.Verify(t.Context()))
	r.lookup("after a reload", asFull)
	nm.Kill()
	r.startManager("")
	must(t, m.Verify(t.Context()))
	r.lookup("after NetworkManager's restart", asFull)
	must(t, m.Clear())
	r.lookup("after", asBefore)
}

func TestWithoutGlobal(t *testing.T) {
	const mine = "[.intern.global-dns]\nsearches=a.example\n\n[.intern.global-dns-domain-*]\nservers=10.0.0.1\n"
	const rest = "# a comment\n[main]\n.set.x=1\n"
	for _, text := range []string{rest + mine, rest + mine + "[other]\ny=2\n", mine, rest, ""} {
		kept, dropped := withoutGlobal(text)
		if want := strings.Replace(text, mine, "", 1); kept != want {
			t.Errorf("withoutGlobal(%q) keeps %q, want %q", text, kept, want)
		}
		if want := strings.Contains(text, mine); (dropped == mine) != want {
			t.Errorf("withoutGlobal(%q) drops %q", text, dropped)
		}
	}
}
