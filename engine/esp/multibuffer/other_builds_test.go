//go:build linux && amd64 && !purego

package multibuffer

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// otherBuild runs the tests of this package once more, built otherwise, and
// returns what they print.
func otherBuild(t *testing.T, runner []string, buildArgs []string, env ...string) string {
	t.Helper()
	program := filepath.Join(t.TempDir(), "multibuffer.test")
	build := exec.Command("go", append([]string{"test", "-c", "-o", program}, buildArgs...)...)
	build.Env = append(append(os.Environ(), "CGO_ENABLED=0"), env...)
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("%v: %v\n%s", build, err, out)
	}
	args := append(append([]string{}, runner...), program, "-test.v", "-test.timeout=5m")
	out, err := exec.Command(args[0], args[1:]...).CombinedOutput()
	if err != nil {
		t.Fatalf("%v: %v\n%s", args, err, out)
	}
	return string(out)
}

// TestARM64 runs the tests as a program for arm64, on an emulated CPU that has
// the extensions.
func TestARM64(t *testing.T) {
	qemu, err := exec.LookPath("qemu-aarch64")
	if err != nil {
		t.Fatal("qemu-aarch64 is missing: it is in the package qemu-user, and runs the code for arm64 here")
	}
	out := otherBuild(t, []string{qemu, "-cpu", "max"}, nil, "GOARCH=arm64")
	for _, want := range []string{"--- PASS: TestCBC/arm64 ", "--- PASS: TestHMAC/arm64/only0 ", "--- PASS: TestGuardPages/arm64 ", "--- PASS: TestGCM/arm64 "} {
		if !strings.Contains(out, want) {
			t.Errorf("no %q in what the tests print:\n%s", want, out)
		}
	}
}

// TestPureGo runs the tests without any assembly.
func TestPureGo(t *testing.T) {
	out := otherBuild(t, nil, []string{"-tags", "purego"})
	if !strings.Contains(out, "--- PASS: TestCBC/generic ") || strings.Contains(out, "aes") {
		t.Errorf("want the level generic alone:\n%s", out)
	}
}
