package profile

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestParseSecrets(t *testing.T) {
	s, err := ParseSecrets("s", []byte("psk = 'lab\\psk'\npassword = \"correct horse \\u00e9\"\ntunnel_secret = \"t\"\notp = \"123456\"\n"))
	if err != nil {
		t.Fatal(err)
	}
	if string(s.PSK) != `lab\psk` || string(s.Password) != "correct horse é" || string(s.TunnelSecret) != "t" || string(s.OTP) != "123456" {
		t.Errorf("ParseSecrets = %q, %q, %q", []byte(s.PSK), []byte(s.Password), []byte(s.TunnelSecret))
	}
	s.Zero()
	if strings.Trim(string(s.PSK)+string(s.Password)+string(s.TunnelSecret)+string(s.OTP), "\x00") != "" {
		t.Error("Zero left octets behind")
	}
}

// None of the messages repeats what may be a secret.
func TestSecretsFaults(t *testing.T) {
	for _, c := range []struct{ name, text, want string }{
		{"syntax", "psk = hunter2\n", "s:1: is not valid TOML"},
		{"number out of range", "psk = 99999999999999999999\n", "s:1: is not valid TOML"},
		{"twice", "psk = \"hunter2\"\npsk = \"hunter3\"\n", "s:2: psk: is not valid TOML"},
		{"types", "psk = 1234\npassword = [\"hunter2\"]\n", "s:1: psk: must be a string, not an integer\ns:2: password: must be a string, not a list"},
		{"empty", "psk = \"\"\n", "s:1: psk: is empty; leave it out if there is none"},
		{"unknown", "pass = \"hunter2\"\n", "s:1: pass: unknown key; allowed: psk, password, tunnel_secret, key_passphrase, otp"},
		{"later", "otp = \"123456\"\nkey_passphrase = \"hunter2\"\n", "s:2: key_passphrase: is not supported yet: leave it out"},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, err := ParseSecrets("s", []byte(c.text))
			if err == nil || err.Error() != c.want {
				t.Errorf("ParseSecrets(%q) says\n%v\nwant\n%s", c.text, err, c.want)
			}
		})
	}
}

func TestLoadSecretsMode(t *testing.T) {
	path := filepath.Join(t.TempDir(), "secrets.toml")
	if err := os.WriteFile(path, []byte("psk = \"x\"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	for mode, ok := range map[os.FileMode]bool{0o600: true, 0o400: true, 0o640: false, 0o604: false, 0o620: false, 0o601: false} {
		if err := os.Chmod(path, mode); err != nil {
			t.Fatal(err)
		}
		_, err := LoadSecrets(path, nil)
		if (err == nil) != ok {
			t.Errorf("LoadSecrets with mode %04o = %v, want ok %t", mode, err, ok)
		}
		if !ok && (!errors.Is(err, ErrReadable) || !strings.HasSuffix(err.Error(), "run: chmod 600 "+path)) {
			t.Errorf("LoadSecrets with mode %04o = %v, want ErrReadable and the fix", mode, err)
		}
	}
	s, err := LoadSecrets("-", strings.NewReader("password = \"p\"\n"))
	if err != nil || string(s.Password) != "p" {
		t.Errorf("LoadSecrets(-) = %v, %v", s, err)
	}
}

func TestMissing(t *testing.T) {
	p := Default()
	p.L2TP.TunnelAuth = true
	if got := fmt.Sprint((&Secrets{}).Missing(p)); got != "[psk password tunnel_secret]" {
		t.Errorf("Missing = %s", got)
	}
	p.IPsec.Enabled, p.L2TP.TunnelAuth = false, false
	if got := (&Secrets{Password: []byte("p")}).Missing(p); got != nil {
		t.Errorf("Missing = %v, want none", got)
	}
}

// What is done with sets of secrets is done to each.
func TestSecretsMove(t *testing.T) {
	full := func() *Secrets {
		return &Secrets{PSK: []byte("k"), Password: []byte("p"), TunnelSecret: []byte("t")}
	}
	for _, name := range SecretNames {
		s := full()
		c := s.Clone()
		s.Forget(name, "no such")
		if *s.Slot(name) != nil || len(*c.Slot(name)) == 0 || s.Empty() {
			t.Errorf("without %s: %x, its copy has %x", name, *s.Slot(name), *c.Slot(name))
		}
		old := *c.Slot(name)
		one := &Secrets{}
		*one.Slot(name) = []byte("new")
		if c.Take(one); string(*c.Slot(name)) != "new" || !one.Empty() || old[0] != 0 {
			t.Errorf("with another %s: %x, left %x, the old one %x", name, *c.Slot(name), *one.Slot(name), old)
		}
		if one.Take(s); *one.Slot(name) != nil || !s.Empty() {
			t.Errorf("what nobody has was taken: %x", *one.Slot(name))
		}
	}
	if s := (&Secrets{}); !s.Empty() || s.Slot("no such") != nil || !s.Clone().Empty() {
		t.Error("there is something in nothing")
	}
	s := full()
	k := s.PSK
	if s.Zero(); k[0] != 0 {
		t.Error("Zero left a secret")
	}
}
