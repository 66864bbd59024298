package whole

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"testing"
)

// The programs, built once.
var culvertd, culvert string

func TestMain(m *testing.M) {
	status, err := run(m)
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		status = 1
	}
	os.Exit(status)
}

func run(m *testing.M) (int, error) {
	if os.Geteuid() != 0 {
		return 1, errors.New("these tests make network namespaces, interfaces and routes: run them as root")
	}
	if err := os.MkdirAll(cache(), 0o755); err != nil {
		return 1, err
	}
	if err := sweep(); err != nil {
		return 1, err
	}
	dir, err := os.MkdirTemp(cache(), fmt.Sprintf("%s%d-", roomPrefix, os.Getpid()))
	if err != nil {
		return 1, err
	}
	defer os.RemoveAll(dir)
	for program, path := range map[string]*string{"culvertd": &culvertd, "culvert": &culvert} {
		*path = filepath.Join(dir, program)
		cmd := exec.Command("go", "build", "-o", *path, "github.com/culvert-vpn/culvert/app/cmd/"+program)
		cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
		if out, err := cmd.CombinedOutput(); err != nil {
			return 1, fmt.Errorf("go build %s: %w\n%s", program, err, out)
		}
	}
	return m.Run(), nil
}

const roomPrefix = "whole"

// cache is where rooms are: they have devices in them, which many systems do not
// allow below /tmp.
func cache() string {
	if dir := os.Getenv("CULVERT_LAB_CACHE"); dir != "" {
		return dir
	}
	return "/var/cache/culvert-lab"
}

// sweep removes what tests left that were killed; their processes died with them.
func sweep() error {
	left, err := filepath.Glob(filepath.Join(cache(), roomPrefix+"*-*"))
	if err != nil {
		return err
	}
	for _, dir := range left {
		var pid int
		if _, err := fmt.Sscanf(filepath.Base(dir), roomPrefix+"%d-", &pid); err != nil || !errors.Is(syscall.Kill(pid, 0), syscall.ESRCH) {
			continue
		}
		if err := os.RemoveAll(dir); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
	}
	return nil
}
