package ipc

import "net"

// activated is nothing here: launchd passes sockets through a C library only.
func activated(string) (net.Listener, error) { return nil, nil }
