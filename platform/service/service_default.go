//go:build !windows && !darwin

package service

import "context"

func install(context.Context, Definition) error { return ErrUnsupported }

func remove(context.Context, string) error { return ErrUnsupported }
