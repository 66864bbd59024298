// Command write writes the generated assembly files into the current folder;
// go generate calls it in the folder of package multibuffer.
package main

import (
	"fmt"
	"os"

	"github.com/culvert-vpn/culvert/engine/esp/multibuffer/internal/gen"
)

func main() {
	for name, content := range gen.Files() {
		if err := os.WriteFile(name, content, 0o644); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
	}
}
