//go:build !windows && !darwin

package helper

// standardState is where what outlives the helper is kept.
const standardState = "/var/lib/culvert"
