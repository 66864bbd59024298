package gateway

import (
	"io"
	"net"
	"testing"
	"time"
)

// One client held as many connections of the service inside as it liked, for ever.
func TestServiceConnections(t *testing.T) {
	g := start(t, nil)
	greedy, err := connect(t, g, nil)
	if err != nil {
		t.Fatal(err)
	}
	modest, err := connect(t, g, nil)
	if err != nil {
		t.Fatal(err)
	}
	var open []net.Conn
	refused := 0
	for range maxConnections + 8 {
		c, err := greedy.net.DialContext(t.Context(), "tcp", "10.99.0.1:80")
		if err != nil {
			refused++
			continue
		}
		defer c.Close()
		open = append(open, c)
	}
	for _, c := range open {
		if _, err := io.WriteString(c, "GET /bytes?n=1 HTTP/1.1\r\nHost: g\r\n\r\n"); err != nil {
			refused++
			continue
		}
		if err := c.SetReadDeadline(time.Now().Add(5 * time.Second)); err != nil {
			t.Fatal(err)
		}
		if _, err := c.Read(make([]byte, 1)); err != nil {
			refused++
		}
	}
	if refused != 8 {
		t.Errorf("%d of %d connections were refused, want 8", refused, maxConnections+8)
	}
	if err := modest.transfer(64 << 10); err != nil {
		t.Errorf("another client: %v", err)
	}
	for _, c := range open {
		c.Close()
	}
	greedy.web.CloseIdleConnections()
	for deadline := time.Now().Add(5 * time.Second); ; {
		if err = greedy.transfer(1 << 10); err == nil || time.Now().After(deadline) {
			break
		}
	}
	if err != nil {
		t.Errorf("after they were closed: %v", err)
	}
}
