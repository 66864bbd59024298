//go:build !race

package widgets

const raced = false
