// Package layout holds no code. Its tests hold the whole tree to its rules: who
// may import whom, how long a file may be, what may not be left behind.
package layout
