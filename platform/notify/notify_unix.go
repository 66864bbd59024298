//go:build !windows && !darwin

package notify

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"

	"github.com/godbus/dbus/v5"
)

// From the specification (Desktop Notifications Specification 1.2).
const (
	service = "org.freedesktop.Notifications"
	path    = "/org/freedesktop/Notifications"

	serversTime   = int32(-1) // how long it is shown is the server's to say
	defaultAction = "default" // a click on the notification itself
	markup        = "body-markup"
)

// system is a connection to the session's bus.
type system struct {
	conn   *dbus.Conn // nil: none yet, or it has ended
	markup bool       // bodies are markup
	wg     sync.WaitGroup

	mu   sync.Mutex // guards last
	last uint32     // the notification that is shown, or was
}

// connect opens a connection, if there is none. It lives longer than ctx.
func (n *Notifier) connect(ctx context.Context) error {
	if n.conn != nil && n.conn.Connected() {
		return nil
	}
	n.close()
	life, end := context.WithCancel(context.WithoutCancel(ctx))
	stop := context.AfterFunc(ctx, end)
	var conn *dbus.Conn
	var err error
	if n.cfg.Bus == "" {
		conn, err = dbus.ConnectSessionBus(dbus.WithContext(life))
	} else {
		conn, err = dbus.Connect(n.cfg.Bus, dbus.WithContext(life))
	}
	if !stop() && err == nil {
		conn.Close()
		err = ctx.Err()
	}
	if err != nil {
		end()
		return err
	}
	context.AfterFunc(conn.Context(), end)
	var can []string
	if err := conn.Object(service, path).CallWithContext(ctx, service+".GetCapabilities", 0).Store(&can); err != nil {
		conn.Close()
		return err
	}
	n.conn, n.markup, n.last = conn, slices.Contains(can, markup), 0
	return n.listen(ctx)
}

// clicks is how many may wait for Clicked; godbus waits when they are more.
const clicks = 16

// listen has clicks heard until the connection ends.
func (n *Notifier) listen(ctx context.Context) error {
	if n.cfg.Clicked == nil {
		return nil
	}
	err := n.conn.AddMatchSignalContext(ctx, dbus.WithMatchObjectPath(path), dbus.WithMatchInterface(service), dbus.WithMatchMember("ActionInvoked"))
	if err != nil {
		n.close()
		return err
	}
	come := make(chan *dbus.Signal, clicks)
	n.conn.Signal(come)
	n.wg.Go(func() { // ends with the connection, which closes the channel
		for s := range come {
			var id uint32
			var action string
			if dbus.Store(s.Body, &id, &action) == nil && n.ours(id) && action == defaultAction {
				n.cfg.Clicked()
			}
		}
	})
	return nil
}

// ours says that a notification is the one of this program.
func (n *Notifier) ours(id uint32) bool {
	n.mu.Lock()
	defer n.mu.Unlock()
	return id == n.last
}

// plain is a text as markup. The few elements there are belong to servers.
var plain = strings.NewReplacer("&", "&amp;", "<", "&lt;", ">", "&gt;")

func (n *Notifier) show(ctx context.Context, note Note) error {
	if err := n.connect(ctx); err != nil {
		return fmt.Errorf("notify: %w", err)
	}
	body := note.Body
	if n.markup {
		body = plain.Replace(body)
	}
	var actions []string
	if n.cfg.Clicked != nil {
		actions = []string{defaultAction, n.cfg.Open}
	}
	hints := map[string]dbus.Variant{"desktop-entry": dbus.MakeVariant(n.cfg.Entry), "category": dbus.MakeVariant("network")}
	n.mu.Lock()
	last := n.last
	n.mu.Unlock()
	var id uint32
	err := n.conn.Object(service, path).CallWithContext(ctx, service+".Notify", 0,
		n.cfg.Name, last, n.cfg.Entry, note.Title, body, actions, hints, serversTime).Store(&id)
	if err != nil {
		return fmt.Errorf("notify: %w", err)
	}
	n.mu.Lock()
	n.last = id
	n.mu.Unlock()
	return nil
}

func (n *Notifier) close() {
	if n.conn != nil {
		n.conn.Close()
		n.wg.Wait()
		n.conn = nil
	}
}
