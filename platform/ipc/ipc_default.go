//go:build !linux && !darwin && !windows

package ipc

import (
	"context"
	"net"
)

// Address is nowhere on this system.
const Address = ""

func listen(string) (net.Listener, error) { return nil, ErrUnsupported }

func dial(context.Context, string) (*Conn, error) { return nil, ErrUnsupported }
