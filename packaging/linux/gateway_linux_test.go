package linux

import (
	"bufio"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

const gatewayFile = `listen = "198.51.100.1"
psk = "lab psk"
esp = true
[users]
alice = "correct horse"
`

// startGateway serves a network that is on a cable with the one of the process,
// until the end of the test.
func startGateway(t *testing.T, programs string, process int) {
	t.Helper()
	config := filepath.Join(t.TempDir(), "gateway.toml")
	must(t, os.WriteFile(config, []byte(gatewayFile), 0o600))
	// It waits until its network is there.
	cmd := exec.Command("sh", "-c", `read go && exec "$@"`, "sh", filepath.Join(programs, "culvert"), "gateway", "--config", config)
	cmd.SysProcAttr = &syscall.SysProcAttr{Cloneflags: syscall.CLONE_NEWNET, Pdeathsig: syscall.SIGKILL}
	in, err := cmd.StdinPipe()
	must(t, err)
	out, err := cmd.StdoutPipe()
	must(t, err)
	cmd.Stderr = cmd.Stdout
	must(t, cmd.Start())
	t.Cleanup(func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
	})
	for _, step := range []struct {
		process int
		args    string
	}{
		{cmd.Process.Pid, fmt.Sprintf("link add g0 type veth peer name eth0 netns %d", process)},
		{cmd.Process.Pid, "addr add 198.51.100.1/24 dev g0"}, {cmd.Process.Pid, "link set g0 up"}, {cmd.Process.Pid, "link set lo up"},
		{process, "addr add 198.51.100.3/24 dev eth0"}, {process, "link set eth0 up"}, {process, "route add default via 198.51.100.1"},
	} {
		ip := append([]string{fmt.Sprintf("--net=/proc/%d/ns/net", step.process), "ip"}, strings.Fields(step.args)...)
		if out, err := exec.Command("nsenter", ip...).CombinedOutput(); err != nil {
			t.Fatalf("ip %s: %v\n%s", step.args, err, out)
		}
	}
	_, err = io.WriteString(in, "go\n")
	must(t, err)
	lines := bufio.NewScanner(out)
	for lines.Scan() {
		if strings.Contains(lines.Text(), "Inside:") {
			go func() { _, _ = io.Copy(io.Discard, out) }() // until its end
			return
		}
	}
	t.Fatal("the gateway does not start")
}
