// Command culvertd is the helper: a service that connects for people who need no
// privilege themselves.
package main

import (
	"os"

	"github.com/culvert-vpn/culvert/app/helper"
	"github.com/culvert-vpn/culvert/app/version"
)

func main() { os.Exit(helper.Main(version.Text(), os.Args[1:], os.Stderr)) }
