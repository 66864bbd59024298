//go:build !purego

package multibuffer

import "golang.org/x/sys/cpu"

// Places of the words of a state: transposed over 16 lanes, or as the SHA
// extensions want them.
var (
	acrossLanes  = [8]int{0, 16, 32, 48, 64, 80, 96, 112}
	sha1NIWords  = [8]int{3, 2, 1, 0, 7}
	sha256NIWord = [8]int{3, 2, 7, 6, 1, 0, 5, 4}
)

// machineLevels asks the CPU, and through x/sys/cpu the system, which has to
// save the wide registers.
func machineLevels() (found []*level) {
	x := &cpu.X86
	if !x.HasAES || !x.HasSSSE3 {
		return nil
	}
	hasSHANI := hasSHANI()
	costs := costsWithout
	if hasSHANI {
		costs = costsWith
	}
	aes8 := &encryptKernel{8, encryptAESNI}
	sha1x8 := &hashKernel{8, sha1AVX2, acrossLanes, 1, costs.sha1AVX2}
	if x.HasAVX512F && x.HasAVX512BW {
		sha1 := &hashKernel{16, sha1AVX512, acrossLanes, 1, costs.sha1AVX512}
		sha256 := &hashKernel{16, sha256AVX512, acrossLanes, 1, costs.sha256AVX512}
		if x.HasAVX512VAES {
			found = append(found, &level{"vaes", &encryptKernel{16, encryptVAES}, decryptVAES, sha1, sha256})
		}
		found = append(found, &level{"avx512", aes8, decryptAESNI, sha1, sha256})
	}
	if x.HasAVX2 {
		if hasSHANI {
			sha256 := &hashKernel{2, sha256NI, sha256NIWord, 8, costs.sha256NI}
			found = append(found, &level{"shani", aes8, decryptAESNI, sha1x8, sha256})
		}
		sha256 := &hashKernel{8, sha256AVX2, acrossLanes, 1, costs.sha256AVX2}
		found = append(found, &level{"avx2", aes8, decryptAESNI, sha1x8, sha256})
	}
	return append(found, &level{name: "aesni", encrypt: aes8, decrypt: decryptAESNI})
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

// hashCosts are the costs of the kernels, measured.
type hashCosts struct {
	sha1AVX512, sha256AVX512, sha1AVX2, sha256AVX2, sha256NI int
}

// The standard library is much quicker with the SHA extensions.
var (
	costsWith    = hashCosts{64, 100, 64, 200, 20}
	costsWithout = hashCosts{32, 32, 40, 50, 20}
)
