package netmon

import (
	"context"
	"os"
	"sync"
	"time"

	"github.com/godbus/dbus/v5"
)

// From org.freedesktop.login1(5).
const (
	login1        = "org.freedesktop.login1"
	login1Path    = "/org/freedesktop/login1"
	login1Manager = "org.freedesktop.login1.Manager"
)

// Ours: for answers of programs on the same machine.
const busTimeout = 5 * time.Second

// logind tells of sleep and wake. It holds an inhibitor lock of the mode
// "delay": the machine waits until it is closed, or InhibitDelayMaxSec (5 s).
type logind struct {
	in      *inbox
	address string // of the bus; "": the system's
	ctx     context.Context
	cancel  context.CancelFunc
	retry   chan struct{} // capacity 1: set or not
	wg      sync.WaitGroup

	mu    sync.Mutex // guards what follows
	there bool       // it tells
	lock  *os.File   // closed: the machine may sleep; nil: there is none
	going *os.File   // the lock of the sleep that was told of last
}

func newLogind(in *inbox, address string) *logind {
	ctx, cancel := context.WithCancel(context.Background())
	l := &logind{in: in, address: address, ctx: ctx, cancel: cancel, retry: make(chan struct{}, 1)}
	l.wg.Go(l.run)
	return l
}

func (l *logind) close() {
	l.cancel()
	l.wg.Wait()
}

// tells is whether sleep and wake will be told of.
func (l *logind) tells() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.there
}

// tryAgain is for when there was no bus or no logind.
func (l *logind) tryAgain() {
	select {
	case l.retry <- struct{}{}:
	default:
	}
}

// run is the goroutine that keeps a connection to the bus.
func (l *logind) run() {
	for l.ctx.Err() == nil {
		l.serve()
		l.set(false)
		select {
		case <-l.ctx.Done():
		case <-l.retry:
		}
	}
}

// set notes whether logind tells of sleep; the Monitor then looks at the clock,
// or does not any more.
func (l *logind) set(there bool) {
	l.mu.Lock()
	was := l.there
	l.there = there
	if !there {
		closeLocks(&l.lock, &l.going)
	}
	l.mu.Unlock()
	if was != there {
		l.in.tell(0)
	}
}

func closeLocks(locks ...**os.File) {
	for _, f := range locks {
		if *f != nil {
			_ = (*f).Close() // perhaps closed already
			*f = nil
		}
	}
}

// serve lasts as long as the connection to the bus.
func (l *logind) serve() {
	conn, err := l.connect()
	if err != nil {
		return
	}
	defer conn.Close()
	signals := make(chan *dbus.Signal, 16) // the library queues what is more
	conn.Signal(signals)
	ctx, cancel := context.WithTimeout(l.ctx, busTimeout)
	defer cancel()
	if conn.AddMatchSignalContext(ctx, dbus.WithMatchInterface(login1Manager), dbus.WithMatchMember("PrepareForSleep"), dbus.WithMatchObjectPath(login1Path)) != nil ||
		conn.AddMatchSignalContext(ctx, dbus.WithMatchInterface("org.freedesktop.DBus"), dbus.WithMatchMember("NameOwnerChanged"), dbus.WithMatchArg(0, login1)) != nil {
		return
	}
	l.inhibit(conn)
	for {
		select {
		case <-l.ctx.Done():
			return
		case <-l.retry: // there is a bus: it says when there is a logind
		case s, ok := <-signals:
			if !ok {
				return
			}
			l.handle(conn, s)
		}
	}
}

func (l *logind) connect() (*dbus.Conn, error) {
	if l.address == "" {
		return dbus.ConnectSystemBus(dbus.WithContext(l.ctx))
	}
	return dbus.Connect(l.address, dbus.WithContext(l.ctx))
}

func (l *logind) handle(conn *dbus.Conn, s *dbus.Signal) {
	switch s.Name {
	case "org.freedesktop.DBus.NameOwnerChanged":
		if len(s.Body) == 3 && s.Body[2] == "" {
			l.set(false)
			return
		}
		l.inhibit(conn)
	case login1Manager + ".PrepareForSleep":
		var start bool
		if dbus.Store(s.Body, &start) != nil {
			return
		}
		if start {
			l.in.tell(Sleep, l.let())
			return
		}
		l.in.tell(Wake | reread)
		l.inhibit(conn)
	}
}

// let is what lets the machine sleep, this once.
func (l *logind) let() func() {
	l.mu.Lock()
	defer l.mu.Unlock()
	f := l.lock
	if f == nil {
		return func() {}
	}
	closeLocks(&l.going)
	l.lock, l.going = nil, f
	return func() { _ = f.Close() } // perhaps closed already
}

// inhibit takes a lock, for the next sleep.
func (l *logind) inhibit(conn *dbus.Conn) {
	ctx, cancel := context.WithTimeout(l.ctx, busTimeout)
	defer cancel()
	var fd dbus.UnixFD
	err := conn.Object(login1, login1Path).CallWithContext(ctx, login1Manager+".Inhibit", dbus.FlagNoAutoStart,
		"sleep", "Culvert", "The VPN disconnects in order", "delay").Store(&fd)
	if err != nil {
		// A logind that gives no lock tells nevertheless.
		l.set(conn.Object(login1, login1Path).CallWithContext(ctx, "org.freedesktop.DBus.Peer.Ping", dbus.FlagNoAutoStart).Err == nil)
		return
	}
	l.mu.Lock()
	closeLocks(&l.lock, &l.going)
	l.lock = os.NewFile(uintptr(fd), "inhibitor lock") //nolint:gosec // a descriptor
	l.mu.Unlock()
	l.set(true)
}
