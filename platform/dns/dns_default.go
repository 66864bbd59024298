//go:build !linux && !windows && !darwin

package dns

import "context"

func supported() error { return ErrUnsupported }

func detect(context.Context, Options, Config) ([]part, string, error) {
	return nil, "", ErrUnsupported
}

func newPart(string, Options) (part, error) { return nil, ErrUnsupported }
