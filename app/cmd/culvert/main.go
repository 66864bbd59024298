// Command culvert connects to L2TP/IPsec gateways from the command line.
package main

import (
	"context"
	"os"
	"os/signal"
	"syscall"

	"github.com/culvert-vpn/culvert/app/cli"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	// The first signal asks for an orderly end; a second one does not wait.
	context.AfterFunc(ctx, stop)
	status := cli.Run(ctx, os.Args[1:], cli.Streams{In: os.Stdin, Out: os.Stdout, Err: os.Stderr})
	stop()
	os.Exit(status)
}
