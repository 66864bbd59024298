package dns

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"time"
)

// resolvconfPart gives resolvconf(8), Debian's or openresolv, a record of ours.
type resolvconfPart struct {
	opts   Options
	Record string `json:"record,omitempty"`
}

// recordName is ours for an interface. Debian's resolvconf puts records in the
// order of /etc/resolvconf/interface-order, where tun* comes before what has a
// cable or an antenna, and any other name after it.
func recordName(iface string) string { return "tun." + iface + ".culvert" }

func (p *resolvconfPart) kind() string { return kindResolvconf }

// findResolvconf is the program's path below the root, or "". Under the same
// name systemd has one that only talks to systemd-resolved.
func findResolvconf(opts Options) string {
	for _, dir := range []string{"/usr/sbin", "/sbin", "/usr/bin", "/bin", "/usr/local/sbin", "/run/current-system/sw/bin"} {
		path := filepath.Join(dir, "resolvconf")
		at := followed(opts.Root, path)
		info, err := os.Stat(at)
		if err == nil && info.Mode()&0o111 != 0 && filepath.Base(at) != "resolvectl" {
			return path
		}
	}
	return ""
}

// run runs resolvconf; nothing of our environment reaches it.
func (p *resolvconfPart) run(ctx context.Context, input string, args ...string) (string, error) {
	program := findResolvconf(p.opts)
	if program == "" {
		return "", fmt.Errorf("%w: the program resolvconf is gone", errNotRunning)
	}
	cmd := exec.CommandContext(ctx, program, args...)
	cmd.Env = []string{"PATH=/usr/sbin:/usr/bin:/sbin:/bin", "LC_ALL=C"}
	cmd.Dir = "/"
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	if p.opts.Root != "" && p.opts.Root != "/" {
		cmd.SysProcAttr.Chroot = p.opts.Root
	}
	// It is a script, and what it calls would live on.
	cmd.Cancel = func() error { return syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) }
	cmd.WaitDelay = time.Second
	cmd.Stdin = strings.NewReader(input)
	out, err := cmd.CombinedOutput()
	if err != nil {
		return "", fmt.Errorf("%s %s: %w: %s", program, strings.Join(args, " "), err, strings.TrimSpace(string(out)))
	}
	return string(out), nil
}

// open reports whether the program is openresolv, which has more options.
func (p *resolvconfPart) open(ctx context.Context) (bool, error) {
	out, err := p.run(ctx, "", "--version")
	return strings.HasPrefix(out, "openresolv"), err
}

func (p *resolvconfPart) set(ctx context.Context, cfg Config, note func() error) error {
	if cfg.split() {
		return fmt.Errorf("%w: libc knows no such thing", ErrNoSplit)
	}
	open, err := p.open(ctx)
	if err != nil {
		return err
	}
	p.Record = recordName(cfg.Interface)
	if err := note(); err != nil {
		return err
	}
	args := []string{"-a", p.Record}
	if open {
		args = append([]string{"-m", "0", "-x"}, args...) // before all others, and without them
	}
	_, err = p.run(ctx, confText(cfg), args...)
	return err
}

func (p *resolvconfPart) verify(ctx context.Context, cfg Config) error {
	text, err := os.ReadFile(followed(p.opts.Root, confPath))
	if err != nil {
		return fmt.Errorf("%w: %w", ErrNotTaken, err)
	}
	c := parseConf(string(text))
	if !c.asks(cfg) && !c.forwarded() {
		return fmt.Errorf("%w: /etc/resolv.conf names the servers %v, want %v", ErrNotTaken, c.servers, cfg.Servers)
	}
	list, err := p.run(ctx, "", "-l")
	if err != nil {
		return err
	}
	if !strings.Contains(list, "# resolv.conf from "+p.Record+"\n") {
		return fmt.Errorf("%w: there is no record %s", ErrNotTaken, p.Record)
	}
	return nil
}

func (p *resolvconfPart) clear(ctx context.Context) error {
	if p.Record == "" {
		return nil
	}
	open, err := p.open(ctx)
	if err == nil {
		args := []string{"-d", p.Record}
		if open {
			args = append([]string{"-f"}, args...) // no record is no error
		}
		_, err = p.run(ctx, "", args...)
	}
	if errors.Is(err, errNotRunning) {
		return nil // uninstalled, its records with it
	}
	return err
}
