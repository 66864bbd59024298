//go:build !purego

package multibuffer

// The kernels; see encryptKernel and hashKernel. decrypt takes whole packets.

//go:noescape
func encryptAESNI(keys *[240]byte, rounds int, ptrs *[16]*byte, chain *[16][16]byte, blocks int)

//go:noescape
func decryptAESNI(keys *[240]byte, rounds int, iv *[16]byte, data *byte, blocks int)

//go:noescape
func encryptVAES(keys *[240]byte, rounds int, ptrs *[16]*byte, chain *[16][16]byte, blocks int)

//go:noescape
func decryptVAES(keys *[240]byte, rounds int, iv *[16]byte, data *byte, blocks int)

//go:noescape
func sha1AVX512(state *[128]uint32, ptrs *[16]*byte, blocks int)

//go:noescape
func sha256AVX512(state *[128]uint32, ptrs *[16]*byte, blocks int)

//go:noescape
func sha1OuterAVX512(state *[128]uint32, keyed *[8]uint32)

//go:noescape
func sha256OuterAVX512(state *[128]uint32, keyed *[8]uint32)

//go:noescape
func sha1AVX2(state *[128]uint32, ptrs *[16]*byte, blocks int)

//go:noescape
func sha256AVX2(state *[128]uint32, ptrs *[16]*byte, blocks int)

//go:noescape
func sha1NI(state *[128]uint32, ptrs *[16]*byte, blocks int)

//go:noescape
func sha256NI(state *[128]uint32, ptrs *[16]*byte, blocks int)

//go:noescape
func sealGCMVAES(key *gcmKey, nonce *[12]byte, tag *[16]byte, aad, data []byte)

//go:noescape
func openGCMVAES(key *gcmKey, nonce *[12]byte, tag *[16]byte, aad, data []byte)

func cpuid(leaf, sub uint32) (a, b, c, d uint32)
