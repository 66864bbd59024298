package whole

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/culvert-vpn/culvert/platform/testroom"
)

// The programs, built once.
var culvertd, culvert string

func TestMain(m *testing.M) { testroom.Main(m, build) }

func build(dir string) error {
	for program, path := range map[string]*string{"culvertd": &culvertd, "culvert": &culvert} {
		*path = filepath.Join(dir, program)
		cmd := exec.Command("go", "build", "-o", *path, "github.com/culvert-vpn/culvert/app/cmd/"+program)
		cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
		if out, err := cmd.CombinedOutput(); err != nil {
			return fmt.Errorf("go build %s: %w\n%s", program, err, out)
		}
	}
	return nil
}
