//go:build !amd64 || purego

package tun

// sum adds b to s.
func sum(s uint64, b []byte) uint64 { return sumWords(s, b) }
