package testroom

import (
	"crypto/sha256"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

// Tree is a system of Debian's packages, unpacked once and kept. Nobody writes
// to it.
type Tree struct {
	Name    string
	Options []string // of mmdebstrap(1)
}

// suite is the Debian that trees are made of.
const suite = "bookworm"

// cache is where trees are, and the roots of rooms: they have devices in them,
// which many systems do not allow below /tmp.
func cache() string {
	if dir := os.Getenv("CULVERT_LAB_CACHE"); dir != "" {
		return dir
	}
	if os.Geteuid() != 0 { // who is not root makes no devices
		return os.TempDir()
	}
	return "/var/cache/culvert-lab"
}

// Dir is the tree's directory. When there is none yet it is made, in a minute or
// two.
func (tree *Tree) Dir(t testing.TB) string {
	t.Helper()
	args := append([]string{"--quiet", "--mode=root", "--components=main", "--aptopt=Acquire::Retries \"5\"",
		"--dpkgopt=path-exclude=/usr/share/man/*", "--dpkgopt=path-exclude=/usr/share/doc/*", "--dpkgopt=path-exclude=/usr/share/locale/*"}, tree.Options...)
	sum := sha256.Sum256([]byte(suite + strings.Join(args, " ")))
	dir := filepath.Join(cache(), fmt.Sprintf("%s-%x", tree.Name, sum[:6]))
	Must(t, os.MkdirAll(cache(), 0o755))
	lock, err := os.Create(filepath.Join(cache(), tree.Name+"-lock"))
	Must(t, err)
	defer lock.Close()
	Must(t, unix.Flock(int(lock.Fd()), unix.LOCK_EX))
	if _, err := os.Stat(dir); err == nil {
		return dir
	}
	if _, err := exec.LookPath("mmdebstrap"); err != nil {
		t.Fatal("mmdebstrap is missing, which makes the systems in rooms: packaging/linux/need unit installs it")
	}
	t.Logf("making %s, once", dir)
	Must(t, os.RemoveAll(dir+".part"))
	if out, err := exec.Command("mmdebstrap", append(args, suite, dir+".part")...).CombinedOutput(); err != nil {
		t.Fatalf("mmdebstrap: %v\n%s", err, out)
	}
	Must(t, os.Rename(dir+".part", dir))
	return dir
}
