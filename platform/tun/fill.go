package tun

import "errors"

// errEmpty is a device that has no packet at the moment.
var errEmpty = errors.New("tun: nothing to read")

// fill has next put packets behind offset octets of the buffers, one each, until
// there are none or no more buffers. A packet of no octets, such as one that
// has no room, is none. An error behind packets is left for the next time, for
// next will give it again.
func fill(bufs [][]byte, sizes []int, offset int, next func(b []byte) (int, error)) (int, error) {
	n := 0
	for n < len(bufs) {
		size, err := next(bufs[n][offset:])
		if err != nil {
			if n == 0 {
				return 0, err
			}
			return n, nil
		}
		if size > 0 {
			sizes[n] = size
			n++
		}
	}
	return n, nil
}
