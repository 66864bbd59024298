//go:build linux

package main

import (
	"context"
	"encoding/json"
	"fmt"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"time"
)

// variant is a tunnel to measure.
type variant struct {
	name  string
	start func(ctx context.Context, h *harness, b *bed) (*tunnel, error)
}

// tunnel is a variant at work.
type tunnel struct {
	client, server *process
	peer           netip.Addr // the far end, through the tunnel
}

// Names that figures are related to.
const (
	passName      = "pass"
	wireguardName = "wireguard-go"
	openvpnName   = "openvpn"
	nameWidth     = 22
)

// suites are what culvert is measured with.
var suites = []string{"aes128-sha1", "aes256-sha256", "aes128gcm16"}

func culvertName(suite string) string { return "culvert-" + suite }

var allVariants = []variant{
	{culvertName(suites[0]), culvert(suites[0])},
	{culvertName(suites[1]), culvert(suites[1])},
	{culvertName(suites[2]), culvert(suites[2])},
	{wireguardName, startWireguard},
	{openvpnName, startOpenVPN},
	{passName, startPass},
}

func names(vs []variant) []string {
	var list []string
	for _, v := range vs {
		list = append(list, v.name)
	}
	return list
}

// find is the variant of that name, which must be one.
func find(name string) variant {
	for _, v := range allVariants {
		if v.name == name {
			return v
		}
	}
	panic("no variant " + name)
}

// harness is what all measurements share.
type harness struct {
	options options
	dir     string            // temporary
	built   map[string]string // programs, by package
}

// build builds a program of this module, or of one that it knows, once.
func (h *harness) build(ctx context.Context, pkg, ldflags string) (string, error) {
	if path := h.built[pkg]; path != "" {
		return path, nil
	}
	path := filepath.Join(h.dir, filepath.Base(pkg))
	cmd := exec.CommandContext(ctx, "go", "build", "-trimpath", "-ldflags", ldflags, "-o", path, pkg)
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL, Setpgid: true}
	cmd.Cancel = func() error { return syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) }
	cmd.WaitDelay = time.Second
	if out, err := cmd.CombinedOutput(); err != nil {
		return "", fmt.Errorf("build %s: %w\n%s", pkg, err, out)
	}
	h.built[pkg] = path
	return path, nil
}

// Invented, and gone with the bed.
const (
	testUser     = "alice"
	testPSK      = "comparison"
	testPassword = "of tunnels"
)

// culvert is the program against its own gateway, with keys that they agree on.
func culvert(suite string) func(context.Context, *harness, *bed) (*tunnel, error) {
	return func(ctx context.Context, h *harness, b *bed) (*tunnel, error) {
		program, err := h.build(ctx, "github.com/culvert-vpn/culvert/app/cmd/culvert", "")
		if err != nil {
			return nil, err
		}
		t := &tunnel{peer: farInner.Addr()}
		config, err := b.file("gateway.toml", fmt.Appendf(nil,
			"listen = %q\npsk = %q\nphase2 = [%q]\naddress = %q\npool = %q\nmtu = %d\ninside = \"tun\"\nhttp = false\n\n[users]\n%s = %q\n",
			farOuter.Addr(), testPSK, suite, farInner.Addr(), farInner.Masked(), innerMTU, testUser, testPassword))
		if err != nil {
			return nil, err
		}
		if t.server, err = b.far.start("culvert gateway", program, "gateway", "--config", config); err != nil {
			return nil, err
		}
		err = t.server.until(ctx, t.server.out, "gateway", func(line string) (bool, error) { return strings.HasPrefix(line, "Serving"), nil })
		if err != nil {
			return nil, err
		}
		profile, err := b.file("profile.toml", fmt.Appendf(nil,
			"version = 1\nname = \"Comparison\"\nservers = [%q]\nuser = %q\n\n[ipsec]\nphase2 = [%q]\nencapsulation = \"udp\"\n\n"+
				"[routing]\nmode = \"split\"\ninclude = [%q]\n\n[dns]\nmode = \"off\"\n", // names are the machine's, not the namespace's
			farOuter.Addr(), testUser, suite, farInner.Masked()))
		if err != nil {
			return nil, err
		}
		secrets, err := b.file("secrets.toml", fmt.Appendf(nil, "psk = %q\npassword = %q\n", testPSK, testPassword))
		if err != nil {
			return nil, err
		}
		if t.client, err = b.near.start("culvert up", program, "up", "--direct", profile, "--secrets", secrets, "--json"); err != nil {
			return nil, err
		}
		return t, t.client.until(ctx, t.client.out, "connection", func(line string) (bool, error) { return connected(line, suite) })
	}
}

// connected says whether a line of culvert up --json is the connection that is
// to be measured.
func connected(line, suite string) (bool, error) {
	var e struct{ Type, State, Suite, Code string }
	if err := json.Unmarshal([]byte(line), &e); err != nil {
		return false, fmt.Errorf("culvert up: %q is no event: %w", line, err)
	}
	switch {
	case e.Type == "failure":
		return false, fmt.Errorf("culvert up: %s", e.Code)
	case e.Type != "state" || e.State != "connected":
		return false, nil
	case e.Suite != suite:
		return false, fmt.Errorf("culvert up: connected with %q, want %q", e.Suite, suite)
	}
	return true, nil
}

const passPort = 4500

func startPass(ctx context.Context, _ *harness, b *bed) (*tunnel, error) {
	self, err := os.Executable()
	if err != nil {
		return nil, err
	}
	end := func(on *host, local, remote, inner netip.Prefix) (*process, error) {
		p, err := on.start("pass", self, "pass",
			"-local", netip.AddrPortFrom(local.Addr(), passPort).String(), "-remote", netip.AddrPortFrom(remote.Addr(), passPort).String())
		if err != nil {
			return nil, err
		}
		var name string
		err = p.until(ctx, p.out, "device", func(line string) (bool, error) { name = line; return true, nil })
		if err != nil {
			return nil, err
		}
		return p, on.configure(name, inner, innerMTU)
	}
	t := &tunnel{peer: farInner.Addr()}
	if t.server, err = end(b.far, farOuter, nearOuter, farInner); err != nil {
		return nil, err
	}
	t.client, err = end(b.near, nearOuter, farOuter, nearInner)
	return t, err
}
