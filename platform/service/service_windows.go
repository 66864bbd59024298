package service

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"syscall"
	"time"

	"golang.org/x/sys/windows"
	"golang.org/x/sys/windows/svc"
	"golang.org/x/sys/windows/svc/mgr"
)

// Ours: how often a service that stops is looked at, how long after a death it
// is started again, and after how long deaths are forgotten.
const (
	stopPoll    = 200 * time.Millisecond
	forgetAfter = 24 * time.Hour
)

var restartAfter = []time.Duration{time.Second, 5 * time.Second, 30 * time.Second}

// handler is the service for the svc package.
type handler struct {
	ctx  context.Context // svc.Run takes no other way
	main Main
	err  error // of main; set before svc.Run returns
}

func (s Service) run(ctx context.Context) error {
	h := &handler{ctx: ctx, main: s.Main}
	err := svc.Run(s.Name, h)
	if errors.Is(err, windows.ERROR_FAILED_SERVICE_CONTROLLER_CONNECT) {
		return s.foreground(ctx) // a person started it
	}
	if err != nil {
		return fmt.Errorf("service: %w", err)
	}
	return h.err
}

// foreground runs the service without a manager.
func (s Service) foreground(ctx context.Context) error {
	ctx, stop := signal.NotifyContext(ctx, os.Interrupt, syscall.SIGTERM)
	defer stop()
	return ended(ctx, s.Main(ctx, func() {}, nil))
}

// Execute is called by the svc package. Its second value is not zero when the
// service failed, so that the manager restarts it.
func (h *handler) Execute(_ []string, in <-chan svc.ChangeRequest, out chan<- svc.Status) (bool, uint32) {
	tick := time.NewTicker(pendingTick)
	defer tick.Stop()
	requests := make(chan request)
	over := make(chan struct{})
	defer close(over)
	// The translator: it ends with Execute.
	go func() {
		for {
			select {
			case c := <-in:
				select {
				case requests <- requestOf(c):
				case <-over:
					return
				}
			case <-over:
				return
			}
		}
	}()
	m := manager{requests: requests, tick: tick.C, report: func(s status) { out <- statusOf(s) }}
	if h.err = m.serve(h.ctx, h.main); h.err != nil {
		return true, 1
	}
	return false, 0
}

// requestOf is a request of the manager in our words.
func requestOf(c svc.ChangeRequest) request {
	switch c.Cmd {
	case svc.Interrogate:
		return interrogate
	case svc.Stop, svc.Shutdown:
		return halt
	case svc.PowerEvent:
		return powerRequest(c.EventType)
	}
	return 0
}

// statusOf is our status in the manager's words.
func statusOf(s status) svc.Status {
	out := svc.Status{CheckPoint: s.checkpoint, WaitHint: uint32(s.hint.Milliseconds())}
	switch s.phase {
	case starting:
		out.State = svc.StartPending
	case running:
		out.State = svc.Running
		out.Accepts = svc.AcceptStop | svc.AcceptShutdown | svc.AcceptPowerEvent
	case stopping:
		out.State = svc.StopPending
	}
	return out
}

func install(ctx context.Context, d Definition) error {
	return withManager(func(m *mgr.Mgr) error { return scmInstall(ctx, database{m}, d) })
}

func remove(ctx context.Context, name string) error {
	return withManager(func(m *mgr.Mgr) error { return scmRemove(ctx, database{m}, name) })
}

func withManager(f func(*mgr.Mgr) error) error {
	m, err := mgr.Connect()
	if err != nil {
		return fmt.Errorf("service: connect to the service manager: %w", err)
	}
	return errors.Join(f(m), m.Disconnect())
}

// database is the manager's.
type database struct{ m *mgr.Mgr }

func (r database) state(name string) (d Definition, known, runs bool, err error) {
	s, err := r.m.OpenService(name)
	if errors.Is(err, windows.ERROR_SERVICE_DOES_NOT_EXIST) {
		return d, false, false, nil
	}
	if err != nil {
		return d, false, false, err
	}
	defer s.Close()
	c, err := s.Config()
	if err != nil {
		return d, false, false, err
	}
	words, err := windows.DecomposeCommandLine(c.BinaryPathName)
	if err != nil || len(words) == 0 {
		return d, false, false, fmt.Errorf("command line %q: %w", c.BinaryPathName, err)
	}
	st, err := s.Query()
	d = Definition{Name: name, DisplayName: c.DisplayName, Description: c.Description, Program: words[0], Arguments: words[1:]}
	return d, true, st.State != svc.Stopped, err
}

func (r database) do(ctx context.Context, o scmOp) error {
	if o.do == scmCreate {
		s, err := r.m.CreateService(o.def.Name, o.def.Program, configOf(o.def, mgr.Config{}), o.def.Arguments...)
		if err != nil {
			return err
		}
		return s.Close()
	}
	s, err := r.m.OpenService(o.def.Name)
	if err != nil {
		return err
	}
	defer s.Close()
	switch o.do {
	case scmConfigure:
		c, err := s.Config()
		if err != nil {
			return err
		}
		c = configOf(o.def, c)
		c.BinaryPathName = windows.ComposeCommandLine(append([]string{o.def.Program}, o.def.Arguments...))
		return s.UpdateConfig(c)
	case scmRecover:
		var actions []mgr.RecoveryAction
		for _, delay := range restartAfter {
			actions = append(actions, mgr.RecoveryAction{Type: mgr.ServiceRestart, Delay: delay})
		}
		if err := s.SetRecoveryActions(actions, uint32(forgetAfter.Seconds())); err != nil {
			return err
		}
		return s.SetRecoveryActionsOnNonCrashFailures(true)
	case scmStart:
		if err := s.Start(); err != nil && !errors.Is(err, windows.ERROR_SERVICE_ALREADY_RUNNING) {
			return err
		}
		return nil
	case scmStop:
		return stopService(ctx, s)
	case scmDelete:
		return s.Delete()
	}
	return fmt.Errorf("no operation %d", o.do)
}

// configOf is c with what d says.
func configOf(d Definition, c mgr.Config) mgr.Config {
	c.ServiceType = windows.SERVICE_WIN32_OWN_PROCESS
	c.StartType = mgr.StartAutomatic
	c.ErrorControl = mgr.ErrorNormal
	c.DisplayName, c.Description = d.DisplayName, d.Description
	c.Dependencies = []string{"Nsi", "TcpIp"} // routes and sockets
	// The firewall can tell the service's own traffic by its SID.
	c.SidType = windows.SERVICE_SID_TYPE_UNRESTRICTED
	return c
}

// stopService stops s and waits until it has stopped.
func stopService(ctx context.Context, s *mgr.Service) error {
	st, err := s.Control(svc.Stop)
	if errors.Is(err, windows.ERROR_SERVICE_NOT_ACTIVE) {
		return nil
	}
	if err != nil {
		return err
	}
	tick := time.NewTicker(stopPoll)
	defer tick.Stop()
	for st.State != svc.Stopped {
		select {
		case <-tick.C:
		case <-ctx.Done():
			return ctx.Err()
		}
		if st, err = s.Query(); err != nil {
			return err
		}
	}
	return nil
}
