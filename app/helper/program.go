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
	"sync/atomic"
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
       culvertd --hold | --restore [--state DIR]

The helper of Culvert: it connects for people who need no privilege themselves.
It runs as root, or as the system's service; users ask it with culvert.

--hold closes the kill switch again that was closed when the machine went down,
and ends: for before there is any network. --restore puts the machine back to
how it was without a helper, the kill switch included: for when none follows.
`

// Main is the program culvertd; version is its own.
func Main(version string, args []string, errs io.Writer) int {
	f := flag.NewFlagSet(serviceName, flag.ContinueOnError)
	f.SetOutput(errs)
	f.Usage = func() { fmt.Fprint(errs, usage) }
	socket := f.String("socket", "", "")
	state := f.String("state", stateDir(), "")
	debug := f.Bool("debug", false, "")
	hold, restore := f.Bool("hold", false, ""), f.Bool("restore", false, "")
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
	err := service.NoDumps()
	switch {
	case err != nil:
	case *restore:
		err = Restore(*state)
	case *hold:
		err = Hold(context.Background(), *state)
	default:
		log := logging.New(logging.Config{Level: level, Output: errs})
		var at atomic.Pointer[Helper] // nil: not made yet
		err = service.Service{
			Name: serviceName,
			Main: func(ctx context.Context, ready func(), _ <-chan service.Event) error {
				return serve(ctx, version, *socket, *state, log, ready, at.Store)
			},
			Healthy: func() bool { h := at.Load(); return h == nil || h.Healthy() },
		}.Run(context.Background())
	}
	if err != nil {
		fmt.Fprintf(errs, "culvertd: %v\n", err)
		return 1
	}
	return 0
}

// serve is the service's work; it tells made of the helper.
func serve(ctx context.Context, version, socket, state string, log *logging.Log, ready func(), made func(*Helper)) error {
	l, err := ipc.Listen(socket)
	if err != nil {
		return err
	}
	l = ipc.Limit(l, ipc.DefaultLimits)
	may := authorize.New(authorize.Config{})
	h, err := New(Config{Listener: l, System: Machine, StateDir: state, Log: log, Version: version, Ready: ready,
		Authorize: func(ctx context.Context, p ipc.Peer) error {
			_, err := may.Authorize(ctx, p, false)
			return err
		}})
	if err != nil {
		return errors.Join(err, l.Close())
	}
	made(h)
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
