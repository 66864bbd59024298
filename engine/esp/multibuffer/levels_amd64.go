//go:build !purego

package multibuffer

import "golang.org/x/sys/cpu"

// Places of the words of a lane where the SHA extensions want them.
var (
	sha1NIWords   = []int{3, 2, 1, 0, 7}
	sha256NIWords = []int{3, 2, 7, 6, 1, 0, 5, 4}
)

// The kernels, each with its cost where it is used: the standard library is three
// times as quick with the SHA extensions as without.
var (
	encrypt8  = &encryptKernel{shape{8, 16}, encryptAESNI, nil}
	encrypt16 = &encryptKernel{shape{16, 20}, encryptVAES, encrypt8}

	sha1x4    = &hashKernel{shape{4, 23}, sha1NI, nil, sha1NIWords, nil}
	sha256x4  = &hashKernel{shape{4, 26}, sha256NI, nil, sha256NIWords, nil}
	sha1x16NI = &hashKernel{shape{16, 48}, sha1AVX512, sha1OuterAVX512, nil, sha1x4}

	sha1x8    = &hashKernel{shape{8, 32}, sha1AVX2, nil, nil, nil}
	sha256x8  = &hashKernel{shape{8, 35}, sha256AVX2, nil, nil, nil}
	sha1x16   = &hashKernel{shape{16, 30}, sha1AVX512, sha1OuterAVX512, nil, nil}
	sha256x16 = &hashKernel{shape{16, 27}, sha256AVX512, sha256OuterAVX512, nil, nil}
)

// machineLevels asks the CPU, and through x/sys/cpu the system, which has to
// save the wide registers. AVX-512 gains nothing with SHA-256 over the SHA
// extensions.
func machineLevels() (found []*level) {
	x := &cpu.X86
	if !x.HasAES || !x.HasSSSE3 {
		return nil
	}
	wide, shani := x.HasAVX512F && x.HasAVX512BW, hasSHANI()
	if wide && x.HasAVX512VAES && shani {
		best := &level{"vaes", encrypt16, decryptVAES, sha1x16NI, sha256x4, nil}
		if x.HasAVX512VL && x.HasAVX512VPCLMULQDQ && x.HasBMI2 {
			best.gcm = &gcmKernel{sealGCMVAES, openGCMVAES}
		}
		found = append(found, best)
	}
	if wide {
		found = append(found, &level{"avx512", encrypt8, decryptAESNI, sha1x16, sha256x16, nil})
	}
	if shani {
		found = append(found, &level{"shani", encrypt8, decryptAESNI, sha1x4, sha256x4, nil})
	}
	if x.HasAVX2 {
		found = append(found, &level{"avx2", encrypt8, decryptAESNI, sha1x8, sha256x8, nil})
	}
	return append(found, &level{name: "aesni", encrypt: encrypt8, decrypt: decryptAESNI})
}

// hasSHANI reports the SHA extensions: leaf 7, EBX, bit 29. The standard library
// has them too, with SSE 4.1.
func hasSHANI() bool {
	most, _, _, _ := cpuid(0, 0)
	if most < 7 || !cpu.X86.HasSSE41 {
		return false
	}
	_, b, _, _ := cpuid(7, 0)
	return b>>29&1 != 0
}
