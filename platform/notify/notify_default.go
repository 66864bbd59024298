//go:build windows || darwin

package notify

import (
	"context"
	"errors"
	"fmt"
)

// system is for systems that have their own ways, which Fyne knows.
type system struct{}

func (*Notifier) show(context.Context, Note) error {
	return fmt.Errorf("notify: %w", errors.ErrUnsupported)
}

func (*Notifier) close() {}
