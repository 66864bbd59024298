package route

import "os/exec"

func newRunner() (runner, error) {
	return &commands{table: table, find: linkOf, run: func(c command) (string, error) {
		out, err := exec.Command(c[0], c[1:]...).CombinedOutput() //nolint:gosec // names of interfaces and addresses
		return string(out), err
	}}, nil
}
