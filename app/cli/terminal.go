package cli

import (
	"context"
	"fmt"
	"io"
	"os"
)

// maxAnswer bounds a line that a person types, in octets.
const maxAnswer = 4096

// terminal is a person who can be asked.
type terminal interface {
	// ask gives the answer to a question, without its end of line; hidden keeps
	// it off the screen. The error is io.EOF when the person ends the input, or
	// ctx's.
	ask(ctx context.Context, question string, hidden bool) ([]byte, error)
}

// newTerminal is the terminal of a process; nil: it has none.
func newTerminal(s Streams) terminal {
	in, ok := s.In.(*os.File)
	if !ok || !isTerminal(in) {
		return nil
	}
	for _, w := range []io.Writer{s.Err, s.Out} {
		if isTerminal(w) {
			return &console{in: in, out: w}
		}
	}
	return nil
}

// console is a terminal of the system. It is one goroutine's.
type console struct {
	in      *os.File
	out     io.Writer
	reading chan typed // of a question that was given up, too; nil: nobody reads
}

// typed is what came of reading a line.
type typed struct {
	line []byte
	err  error
}

func (t *console) ask(ctx context.Context, question string, hidden bool) ([]byte, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	if hidden { // before the question: some type at once
		show, err := hideInput(t.in)
		if err != nil {
			return nil, fmt.Errorf("the terminal would show what is typed: %w", err)
		}
		defer func() {
			show()
			fmt.Fprintln(t.out) // the person's own was not shown either
		}()
	}
	fmt.Fprint(t.out, question)
	if t.reading == nil {
		t.reading = make(chan typed, 1)
		go func(to chan<- typed) { // ends with a line, or with the process
			line, err := readLine(t.in)
			to <- typed{line, err}
		}(t.reading)
	}
	select {
	case a := <-t.reading:
		t.reading = nil
		return a.line, a.err
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// readLine reads a line octet by octet, so that what follows it is left for
// others. The error is io.EOF where there is none.
func readLine(r io.Reader) ([]byte, error) {
	line := make([]byte, 0, maxAnswer) // never grown: it may be a secret
	one := make([]byte, 1)
	for len(line) < maxAnswer {
		switch n, err := r.Read(one); {
		case n == 1 && one[0] == '\n':
			return trimReturn(line), nil
		case n == 1:
			line = append(line, one[0])
		case err != nil && len(line) > 0:
			return trimReturn(line), nil
		case err != nil:
			return nil, io.EOF
		}
	}
	clear(line)
	return nil, fmt.Errorf("more than %d octets", maxAnswer)
}

func trimReturn(line []byte) []byte {
	if n := len(line); n > 0 && line[n-1] == '\r' {
		return line[:n-1]
	}
	return line
}

// isTerminal says whether a stream is a terminal, where somebody reads or types.
func isTerminal(stream any) bool {
	f, ok := stream.(*os.File)
	return ok && f != nil && isConsole(f)
}

// confirm asks a question to be answered with yes or no; usual is what Enter means.
func confirm(ctx context.Context, t terminal, question string, usual bool) (bool, error) {
	choice := " [y/N] "
	if usual {
		choice = " [Y/n] "
	}
	for {
		line, err := t.ask(ctx, question+choice, false)
		if err != nil {
			return false, err
		}
		switch string(line) {
		case "":
			return usual, nil
		case "y", "Y", "yes":
			return true, nil
		case "n", "N", "no":
			return false, nil
		}
	}
}
