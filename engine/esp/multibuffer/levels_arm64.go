//go:build !purego

package multibuffer

import "golang.org/x/sys/cpu"

// A lane's words are together and in order.
var inLane = []int{0, 1, 2, 3, 4, 5, 6, 7}

// Ours: two lanes are taken to need no more than half as long again as the one
// of the standard library, which uses the same instructions.
const costARM64 = 24

// machineLevels asks the system for the extensions of the CPU. The standard
// library has no other code for SHA-1 and SHA-256 either where they lack.
func machineLevels() []*level {
	a := &cpu.ARM64
	if !a.HasAES {
		return nil
	}
	l := &level{name: "arm64", encrypt: &encryptKernel{shape{8, 16}, encryptARM64, nil}, decrypt: decryptARM64}
	if a.HasSHA1 {
		l.sha1 = &hashKernel{shape{2, costARM64}, sha1ARM64, nil, inLane, nil}
	}
	if a.HasSHA2 {
		l.sha256 = &hashKernel{shape{2, costARM64}, sha256ARM64, nil, inLane, nil}
	}
	return []*level{l}
}
