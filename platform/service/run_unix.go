//go:build !windows

package service

import (
	"context"
	"errors"
	"os/signal"
	"sync"
	"syscall"
)

func (s Service) run(parent context.Context) error {
	n, err := newNotifier()
	if err != nil {
		return err
	}
	defer n.close()
	ctx, stop := signal.NotifyContext(parent, syscall.SIGINT, syscall.SIGTERM)
	defer stop()
	ctx, fail := context.WithCancelCause(ctx)
	defer fail(nil)

	var wg sync.WaitGroup
	over := make(chan struct{})
	wg.Go(func() { n.watch(over, s.Healthy) })
	var stopping sync.Once
	sayStopping := func() { stopping.Do(func() { _ = n.notify("STOPPING=1") }) } // the manager sees the end in any case
	wg.Go(func() {
		select {
		case <-ctx.Done():
			stop() // a second signal ends a Main that does not
			sayStopping()
		case <-over:
		}
	})
	var once sync.Once
	ready := func() {
		once.Do(func() {
			// Without this the manager would wait, and kill a service that works.
			if err := n.notify("READY=1"); err != nil {
				fail(err)
			}
		})
	}
	err = s.Main(ctx, ready, nil)
	sayStopping()
	close(over)
	wg.Wait()
	if cause := context.Cause(ctx); cause != nil && !errors.Is(cause, context.Canceled) && !errors.Is(cause, context.DeadlineExceeded) {
		return cause
	}
	return ended(ctx, err)
}
