package cli

import (
	"context"
	"os"
	"os/signal"
	"syscall"
)

// Main is the whole program: the command line of this process, its streams and
// its signals. It gives the exit status.
//
// The first SIGINT, SIGTERM or SIGHUP is the wish to stop in order, the second
// one to do so without waiting for anybody, and a third one kills. A terminal
// or a pipe that goes away must not end the process on the spot: routes would
// stay behind.
func Main() int {
	signal.Ignore(syscall.SIGPIPE)
	asked := make(chan os.Signal, 2)
	wanted := []os.Signal{os.Interrupt, syscall.SIGTERM}
	if !signal.Ignored(syscall.SIGHUP) { // as nohup has it
		wanted = append(wanted, syscall.SIGHUP)
	}
	signal.Notify(asked, wanted...)
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	hurry := make(chan struct{})
	go func() { // ends with the process
		<-asked
		cancel()
		<-asked
		signal.Stop(asked)
		close(hurry)
	}()
	s := Streams{In: os.Stdin, Out: os.Stdout, Err: os.Stderr}
	return runCommand(ctx, hurry, os.Args[1:], s, realAround(s))
}
