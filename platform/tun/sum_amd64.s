//go:build !purego

#include "textflag.h"

// func sumAVX2(b *byte, n int) uint64
// n is a multiple of 32. Each half of eight octets is added as a
// number of 32 bits to a lane of 64: 2^32 of them cannot overflow it.
TEXT ·sumAVX2(SB), NOSPLIT, $0-24
	MOVQ b+0(FP), SI
	MOVQ n+8(FP), CX
	VPXOR Y0, Y0, Y0
	VPXOR Y1, Y1, Y1
	VPXOR Y2, Y2, Y2
	VPXOR Y3, Y3, Y3
	VPCMPEQD Y15, Y15, Y15
	VPSRLQ $32, Y15, Y15 // the lower halves

	SUBQ $128, CX
	JL   rest

loop:
	VMOVDQU (SI), Y4
	VMOVDQU 32(SI), Y5
	VMOVDQU 64(SI), Y6
	VMOVDQU 96(SI), Y7
	VPAND   Y15, Y4, Y8
	VPSRLQ  $32, Y4, Y4
	VPAND   Y15, Y5, Y9
	VPSRLQ  $32, Y5, Y5
	VPAND   Y15, Y6, Y10
	VPSRLQ  $32, Y6, Y6
	VPAND   Y15, Y7, Y11
	VPSRLQ  $32, Y7, Y7
	VPADDQ  Y8, Y0, Y0
	VPADDQ  Y4, Y1, Y1
	VPADDQ  Y9, Y2, Y2
	VPADDQ  Y5, Y3, Y3
	VPADDQ  Y10, Y0, Y0
	VPADDQ  Y6, Y1, Y1
	VPADDQ  Y11, Y2, Y2
	VPADDQ  Y7, Y3, Y3
	ADDQ    $128, SI
	SUBQ    $128, CX
	JGE     loop

rest:
	ADDQ $128, CX
	JZ   done

one:
	VMOVDQU (SI), Y4
	VPAND   Y15, Y4, Y8
	VPSRLQ  $32, Y4, Y4
	VPADDQ  Y8, Y0, Y0
	VPADDQ  Y4, Y1, Y1
	ADDQ    $32, SI
	SUBQ    $32, CX
	JNZ     one

done:
	VPADDQ       Y1, Y0, Y0
	VPADDQ       Y3, Y2, Y2
	VPADDQ       Y2, Y0, Y0
	VEXTRACTI128 $1, Y0, X1
	VPADDQ       X1, X0, X0
	VPSRLDQ      $8, X0, X1
	VPADDQ       X1, X0, X0
	VMOVQ        X0, AX
	VZEROUPPER
	MOVQ AX, ret+16(FP)
	RET
