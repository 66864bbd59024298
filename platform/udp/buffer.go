package udp

// Ours: below it, the system's own size is as good.
const leastBuffer = 256 << 10

// setBuffer sets a socket's buffer to size octets, or to half and so on where
// the system refuses as much.
func setBuffer(set func(size int) error, size int) {
	for ; set(size) != nil && size > leastBuffer; size /= 2 { //nolint:revive // the condition does it
	}
}
