//go:build !windows

package udp

const rawESP = true
