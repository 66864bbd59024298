// Command culvert connects to L2TP/IPsec gateways from the command line.
package main

import (
	"os"

	"github.com/culvert-vpn/culvert/app/cli"
)

func main() { os.Exit(cli.Main()) }
