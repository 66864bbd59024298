package udp

// drainer empties a socket that tells when it is empty. Some systems give an
// error of the network once only, so one behind datagrams waits for the next
// call.
type drainer struct {
	n       int // datagrams of this call
	err     error
	pending error
}

// drain has one read datagrams 0, 1 and so on until it says that there is none,
// or there are want. It says whether there was anything, be it an error.
func (d *drainer) drain(want int, one func(i int) (some bool, err error)) bool {
	d.n, d.err, d.pending = 0, d.pending, nil
	if d.err != nil {
		return true
	}
	for d.n < want {
		some, err := one(d.n)
		switch {
		case err != nil && d.n > 0:
			d.pending = err
			return true
		case err != nil:
			d.err = err
			return true
		case !some:
			return d.n > 0
		}
		d.n++
	}
	return true
}
