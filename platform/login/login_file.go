//go:build !windows

package login

// On says whether the program starts.
func (e *Entry) On() bool {
	p, err := path()
	return err == nil && exists(p)
}

// Set has it start, or not, from the next time on.
func (e *Entry) Set(on bool) error {
	p, err := path()
	switch {
	case err != nil:
		return err
	case on:
		return write(p, fileText(e.program, e.args...))
	}
	return remove(p)
}
