//go:build race

package widgets

// With the race detector painting takes ten times as long: each picture is drawn
// in one of the variants, in turn.
const raced = true
