package cli

import (
	"errors"
	"fmt"
	"os"
	"reflect"
	"strings"
	"syscall"
	"testing"

	"github.com/culvert-vpn/culvert/app/profile"
	"github.com/culvert-vpn/culvert/engine/gateway"
)

// The help shows a file that works, and the defaults that there are.
func TestGatewayHelp(t *testing.T) {
	got, err := profile.ParseGateway("help", []byte(gatewayDefaults+gatewayExample+gatewayCodes))
	if err != nil {
		t.Fatal(err)
	}
	if len(got.Users) != 2 || string(got.Users[`CORP\bob`]) != "another one" {
		t.Errorf("the users of the example are %v, want alice and CORP\\bob", got.Users)
	}
	if cfg, err := gatewayConfig(got); err != nil || string(cfg.Codes["alice"].TOTP) == "" || string(cfg.Codes[`CORP\bob`].Fixed) != "424242" {
		t.Errorf("the codes of the example: %v", err)
	}
	want := profile.DefaultGateway()
	want.TOTP, want.Codes = got.TOTP, got.Codes
	want.Listen, want.PSK, want.Users = got.Listen, got.PSK, got.Users
	if !reflect.DeepEqual(got, want) {
		t.Errorf("the help shows %+v, want the defaults %+v", got, want)
	}
	status, stdout, stderr := run(t, "", "help", "gateway")
	if status != 0 || stderr != "" || !strings.Contains(stdout, gatewayExample) || !strings.Contains(stdout, gatewayDefaults) || !strings.Contains(stdout, gatewayCodes) {
		t.Errorf("help gateway: status %d, %q, %q", status, stdout, stderr)
	}
}

func TestGatewayRefuses(t *testing.T) {
	const text = "listen = \"127.0.0.1\"\npsk = \"hush\"\n[users]\nalice = \"hush\"\n"
	for _, c := range []struct {
		name, text string
		mode       os.FileMode
		want       string
	}{
		{"a file that the group reads", text, 0o640, "others than its owner can open it (mode 0640); run: chmod 600 "},
		{"a file that all may write", text, 0o602, "others than its owner can open it (mode 0602); run: chmod 600 "},
		{"no key", "listen = \"127.0.0.1\"\n", 0o600, "psk: must be the key that clients share with this gateway"},
		{"a key that is none", text + "[totp]\nalice = \"hush hush\"\n", 0o600, "culvert gateway: impossible configuration: totp.alice: a key for TOTP is Base32 of 16 digits at least"},
		{"an address of another machine", strings.Replace(text, "127.0.0.1", "192.0.2.1", 1), 0o600, "listen has to be an address of this machine."},
	} {
		t.Run(c.name, func(t *testing.T) {
			path := write(t, "gateway.toml", c.text, c.mode)
			if err := os.Chmod(path, c.mode); err != nil { // past the umask
				t.Fatal(err)
			}
			status, stdout, stderr := run(t, "", "gateway", "--config", path)
			if status != 2 || stdout != "" || !strings.Contains(stderr, c.want) || strings.Contains(stderr, "hush") {
				t.Errorf("status %d, output %q, errors %q; want 2 and %q", status, stdout, stderr, c.want)
			}
		})
	}
	if status, _, stderr := run(t, "", "gateway"); status != 2 || !strings.Contains(stderr, "give --config FILE") {
		t.Errorf("without a file: status %d, errors %q", status, stderr)
	}
}

func TestNotServing(t *testing.T) {
	for _, c := range []struct {
		err    error
		status int
		want   string
	}{
		{fmt.Errorf("gateway: x: %w", gateway.ErrConfig), 2, "culvert gateway: x"},
		{fmt.Errorf("gateway: x: %w", syscall.EADDRINUSE), 1, "Another IPsec program"},
		{fmt.Errorf("gateway: x: %w", syscall.EADDRNOTAVAIL), 2, "an address of this machine"},
		{fmt.Errorf("gateway: x: %w", os.ErrPermission), 1, "take root"},
		{errors.New("gateway: x"), 1, "culvert gateway: x\n"},
	} {
		var stderr strings.Builder
		status := notServing(&call{Streams: Streams{Err: &stderr}}, c.err)
		if status != c.status || !strings.Contains(stderr.String(), c.want) {
			t.Errorf("%v: status %d, %q; want %d and %q", c.err, status, stderr.String(), c.status, c.want)
		}
	}
}
