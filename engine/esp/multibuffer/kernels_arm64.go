//go:build !purego

package multibuffer

// The kernels; see encryptKernel and hashKernel. decrypt takes whole packets.

//go:noescape
func encryptARM64(keys *[240]byte, rounds int, ptrs *[16]*byte, chain *[16][16]byte, blocks int)

//go:noescape
func decryptARM64(keys *[240]byte, rounds int, iv *[16]byte, data *byte, blocks int)

//go:noescape
func sha1ARM64(state *[128]uint32, ptrs *[16]*byte, blocks int)

//go:noescape
func sha256ARM64(state *[128]uint32, ptrs *[16]*byte, blocks int)
