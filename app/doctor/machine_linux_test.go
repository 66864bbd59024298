package doctor

import (
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/culvert-vpn/culvert/platform/testroom"
)

func TestTun(t *testing.T) {
	if c := tun(filepath.Join(t.TempDir(), "tun")); c.Verdict != Bad || !strings.Contains(c.Found, "no such file") || !strings.Contains(c.Advice, "modprobe tun") {
		t.Errorf("no device: %+v", c)
	}
	path := filepath.Join(t.TempDir(), "tun")
	if err := os.WriteFile(path, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if c := tun(path); c.Verdict != Good {
		t.Errorf("a device: %+v", c)
	}
}

// Somebody else has the port, and it is us who can tell.
func TestPorts(t *testing.T) {
	testroom.Own(t)
	const proc = "/proc/thread-self" // of the test's network
	if c := ports(proc, false); c.Verdict != Good {
		t.Errorf("free: %+v", c)
	}
	s, err := net.ListenUDP("udp4", &net.UDPAddr{Port: portNATT})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	if c := ports(proc, false); c.Verdict != Note || !strings.HasPrefix(c.Found, "UDP port 4500 is another program's: ") {
		t.Errorf("held: %+v", c)
	}
	if c := ports(proc, true); c.Verdict != Bad || !strings.Contains(c.Advice, "ipsec.source_ports") {
		t.Errorf("held and wanted: %+v", c)
	}
}

// A tree as proc(5) has it.
func TestWhoHasPorts(t *testing.T) {
	proc := t.TempDir()
	for name, text := range map[string]string{
		"net/udp": "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode ref pointer drops\n" +
			"  100: 00000000:01F4 00000000:0000 07 00000000:00000000 00:00000000 00000000     0        0 4711 2 0 0\n" +
			"  101: 00000000:1194 00000000:0000 07 00000000:00000000 00:00000000 00000000     0        0 4712 2 0 0\n" +
			"  102: 00000000:0035 00000000:0000 07 00000000:00000000 00:00000000 00000000     0        0 4713 2 0 0\n",
		"77/comm": "charon\n", "78/comm": "bash\n", "79/comm": "openvpn\n",
	} {
		path := filepath.Join(proc, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	for link, to := range map[string]string{"77/fd/5": "socket:[4711]", "77/fd/6": "socket:[4712]", "78/fd/1": "socket:[4713]", "78/fd/2": "4711"} {
		path := filepath.Join(proc, link)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.Symlink(to, path); err != nil {
			t.Fatal(err)
		}
	}
	if c := ports(proc, false); c.Found != "UDP port 500 and 4500 is another program's: charon, process 77" {
		t.Errorf("ports = %+v", c)
	}
	if c := ports(proc, true); c.Verdict != Bad {
		t.Errorf("ports that the profile wants = %+v", c)
	}
	if c := others(proc); c.Found != "Other VPN programs run: OpenVPN, strongSwan" {
		t.Errorf("others = %+v", c)
	}
	if err := os.RemoveAll(filepath.Join(proc, "77")); err != nil {
		t.Fatal(err)
	}
	if c := ports(proc, false); !strings.HasSuffix(c.Found, ": only root may see which") {
		t.Errorf("ports = %+v", c)
	}
	if err := os.RemoveAll(filepath.Join(proc, "79")); err != nil {
		t.Fatal(err)
	}
	if c := others(proc); c.Verdict != Good {
		t.Errorf("others = %+v", c)
	}
}

func TestMachine(t *testing.T) {
	for i, c := range Machine(t.Context(), false) {
		if want := []Part{Tun, Resolver, Ports, Others}[i]; c.Part != want || c.Found == "" {
			t.Errorf("check %d: %+v, want %s", i, c, want)
		}
	}
	if Member("no such group") {
		t.Error("a member of a group that is not there")
	}
}
