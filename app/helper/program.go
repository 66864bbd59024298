package helper

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"log/slog"
	"os"
	"strings"
	"time"

	"github.com/culvert-vpn/culvert/app/logging"
	"github.com/culvert-vpn/culvert/platform/authorize"
	"github.com/culvert-vpn/culvert/platform/ipc"
	"github.com/culvert-vpn/culvert/platform/netmon"
	"github.com/culvert-vpn/culvert/platform/service"
)

// Ours.
const (
	serviceName  = "culvertd"
	ownInterface = "culvert" // what the names of our interfaces begin with
)

const usage = `usage: culvertd [--socket PATH] [--state DIR] [--debug]

The helper of Culvert: it connects for people who need no privilege themselves.
It runs as root, or as the system's service; users ask it with culvert.
`

// Main is the program culvertd; version is its own.
func Main(version string, args []string, errs io.Writer) int {
	f := flag.NewFlagSet(serviceName, flag.ContinueOnError)
	f.SetOutput(errs)
	f.Usage = func() { fmt.Fprint(errs, usage) }
	socket := f.String("socket", "", "")
	state := f.String("state", stateDir(), "")
	debug := f.Bool("debug", false, "")
	if err := f.Parse(args); err != nil || f.NArg() > 0 {
		if err == nil {
			f.Usage()
		}
		return 2
	}
	level := slog.LevelInfo
	if *debug {
		level = slog.LevelDebug
	}
	log := logging.New(logging.Config{Level: level, Output: errs})
	err := service.Run(context.Background(), serviceName, func(ctx context.Context, ready func(), _ <-chan service.Event) error {
		return serve(ctx, version, *socket, *state, log, ready)
	})
	if err != nil {
		fmt.Fprintf(errs, "culvertd: %v\n", err)
		return 1
	}
	return 0
}

// serve is the service's work.
func serve(ctx context.Context, version, socket, state string, log *logging.Log, ready func()) error {
	l, err := ipc.Listen(socket)
	if err != nil {
		return err
	}
	may := authorize.New(authorize.Config{})
	h, err := New(Config{Listener: l, System: Machine, StateDir: state, Log: log, Version: version, Ready: ready,
		Authorize: func(ctx context.Context, p ipc.Peer) error {
			_, err := may.Authorize(ctx, p, false)
			return err
		}})
	if err != nil {
		return errors.Join(err, l.Close())
	}
	m, err := netmon.New(netmon.Options{Ignore: func(name string) bool { return strings.HasPrefix(name, ownInterface) }})
	if err != nil {
		return errors.Join(err, l.Close())
	}
	defer m.Close()
	h.Tell(Network(m.State()))
	go h.Watch(m.Events()) // ends with the monitor
	log.Info("culvertd", "version", version, "started", time.Now().UTC())
	return h.Run(ctx)
}

// stateDir is where systemd says, or the usual place.
func stateDir() string {
	if dir := os.Getenv("STATE_DIRECTORY"); dir != "" {
		return dir
	}
	return standardState
}
