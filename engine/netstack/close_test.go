package netstack

import (
	"context"
	"errors"
	"net"
	"net/netip"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/culvert-vpn/culvert/engine/packet"
)

func TestClose(t *testing.T) {
	before := goroutines()
	p := newPair(t, nil)
	l, err := p.a.ListenTCP(80)
	if err != nil {
		t.Fatal(err)
	}
	u, err := p.a.ListenUDP(53)
	if err != nil {
		t.Fatal(err)
	}
	client, err := p.b.DialContext(t.Context(), "tcp", "10.99.0.1:80")
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	server, err := l.Accept()
	if err != nil {
		t.Fatal(err)
	}
	alone := newStack(t, addrA, netip.Addr{})

	// All of these wait; Close must end each.
	ends := map[string]func() error{
		"Accept":      func() error { _, err := l.Accept(); return err },
		"conn.Read":   func() error { _, err := server.Read(make([]byte, 1)); return err },
		"ReadFrom":    func() error { _, _, err := u.ReadFrom(make([]byte, 1)); return err },
		"Dial":        func() error { _, err := p.a.DialContext(t.Context(), "tcp", "192.0.2.1:80"); return err },
		"Ping":        func() error { _, err := p.a.Ping(t.Context(), netip.MustParseAddr("192.0.2.1")); return err },
		"device.Read": func() error { _, err := alone.Read(packet.NewBatch(1)); return err },
	}
	type end struct {
		what string
		err  error
	}
	out := make(chan end, len(ends))
	var started sync.WaitGroup
	for what, f := range ends {
		started.Add(1)
		go func() {
			started.Done()
			out <- end{what, f()}
		}()
	}
	started.Wait()
	if err := errors.Join(p.a.Close(), alone.Close(), p.a.Close()); err != nil {
		t.Errorf("Close() = %v", err)
	}
	for range ends {
		select {
		case e := <-out:
			typed := e.what == "Accept" || e.what == "device.Read" || e.what == "Ping" || e.what == "Dial"
			if e.err == nil || typed && !errors.Is(e.err, net.ErrClosed) {
				t.Errorf("%s ended with %v, want %v", e.what, e.err, net.ErrClosed)
			}
		case <-time.After(soon):
			t.Fatalf("something still waits after Close:\n%s", strings.Join(goroutines(), "\n\n"))
		}
	}

	for what, f := range map[string]func() error{
		"Read":      func() error { _, err := p.a.Read(packet.NewBatch(1)); return err },
		"Write":     func() error { return p.a.Write(packet.NewBatch(1)) },
		"ListenTCP": func() error { _, err := p.a.ListenTCP(1); return err },
		"ListenUDP": func() error { _, err := p.a.ListenUDP(1); return err },
		"Dial tcp":  func() error { _, err := p.a.DialContext(t.Context(), "tcp", "10.99.0.10:1"); return err },
		"Dial udp":  func() error { _, err := p.a.DialContext(t.Context(), "udp", "10.99.0.10:1"); return err },
		"Ping":      func() error { _, err := p.a.Ping(t.Context(), addrB); return err },
	} {
		if err := f(); !errors.Is(err, net.ErrClosed) {
			t.Errorf("%s after Close = %v, want %v", what, err, net.ErrClosed)
		}
	}
	_ = p.b.Close()
	noLeak(t, before)
}

func TestListenerClose(t *testing.T) {
	p := newPair(t, nil)
	l, err := p.a.ListenTCP(80)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := p.a.ListenTCP(80); err == nil {
		t.Error("ListenTCP took a port twice")
	}
	done := make(chan error, 1)
	go func() {
		_, err := l.Accept()
		done <- err
	}()
	_, _ = l.Close(), l.Close()
	if err := <-done; !errors.Is(err, net.ErrClosed) {
		t.Errorf("Accept() = %v, want %v", err, net.ErrClosed)
	}
	again, err := p.a.ListenTCP(80)
	if err != nil {
		t.Fatalf("ListenTCP on a port given back: %v", err)
	}
	_ = again.Close()
}

// TestCloseWhileBusy closes a stack that is just answering: what comes up the link
// and what ends the stack must not wait for each other.
func TestCloseWhileBusy(t *testing.T) {
	before := goroutines()
	b := newStack(t, addrB, addrB6)
	ctx, cancel := context.WithCancel(t.Context())
	dialled := make(chan struct{})
	go func() {
		defer close(dialled)
		if c, err := b.DialContext(ctx, "tcp", netip.AddrPortFrom(addrA, 9).String()); err == nil {
			c.Close()
		}
	}()
	syn := packet.NewBatch(1)
	if n, err := b.Read(syn); n != 1 || err != nil { // to a port that nobody listens on
		t.Fatalf("Read = %d, %v", n, err)
	}
	cancel()
	<-dialled
	b.Close()
	for range 300 {
		a := newStack(t, addrA, addrA6)
		var busy sync.WaitGroup
		for range 2 {
			busy.Go(func() {
				own := packet.NewBatch(1)
				for own[0].Set(syn[0].Bytes()) && a.Write(own) == nil {
				}
			})
		}
		closed := make(chan struct{})
		go func() {
			a.Close()
			close(closed)
		}()
		select {
		case <-closed:
		case <-time.After(soon):
			t.Fatal("Close hangs")
		}
		busy.Wait()
	}
	noLeak(t, before)
}
