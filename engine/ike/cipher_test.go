package ike

import (
	"bytes"
	"crypto/des"
	"errors"
	"testing"

	"github.com/culvert-vpn/culvert/engine/suite"
)

const nistPlain = "6bc1bee22e409f96e93d7e117393172a ae2d8a571e03ac9c9eb76fac45af8e51" +
	"30c81c46a35ce411e5fbc1191a0a52ef f69f2445df4f9b17ad2b417be66c3710"

// NIST SP 800-38A, F.2.1 to F.2.6; the DES example of FIPS 81, table C1.
func TestCBCVectors(t *testing.T) {
	tests := []struct {
		name               string
		c                  suite.Cipher
		key, iv, plain, ct string
	}{
		{
			"AES-128", suite.AESCBC, "2b7e151628aed2a6abf7158809cf4f3c", "000102030405060708090a0b0c0d0e0f", nistPlain,
			"7649abac8119b246cee98e9b12e9197d 5086cb9b507219ee95db113a917678b2" +
				"73bed6b8e3c1743b7116e69e22229516 3ff1caa1681fac09120eca307586e1a7",
		},
		{
			"AES-192", suite.AESCBC, "8e73b0f7da0e6452c810f32b809079e562f8ead2522c6b7b", "000102030405060708090a0b0c0d0e0f", nistPlain,
			"4f021db243bc633d7178183a9fa071e8 b4d9ada9ad7dedf4e5e738763f69145a" +
				"571b242012fb7ae07fa9baac3df102e0 08b0e27988598881d920a9e64f5615cd",
		},
		{
			"AES-256", suite.AESCBC, "603deb1015ca71be2b73aef0857d77811f352c073b6108d72d9810a30914dff4", "000102030405060708090a0b0c0d0e0f", nistPlain,
			"f58c4c04d6e5f1ba779eabfb5f7bfbd6 9cfc4e967edb808d679f777bc6702c7d" +
				"39f23369a9d9bacfa530e26304231461 b2eb05e2c39be9fcda6c19078c6a9d1b",
		},
		{
			"DES", suite.DES, "0123456789abcdef", "1234567890abcdef", "4e6f77206973207468652074696d6520666f7220616c6c20",
			"e5c7cdde872bf27c43e934008c389c0f683788499a7c05f6",
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			b, err := newBlock(tt.c, unhex(t, tt.key))
			if err != nil {
				t.Fatal(err)
			}
			iv, plain, want := unhex(t, tt.iv), unhex(t, tt.plain), unhex(t, tt.ct)
			ct, next := encryptCBC(b, iv, plain)
			if !bytes.Equal(ct, want) || !bytes.Equal(next, want[len(want)-len(iv):]) {
				t.Errorf("encryptCBC(%x) = %x, %x, want %x and its last block", plain, ct, next, want)
			}
			got, next, err := decryptCBC(b, iv, want)
			if err != nil || !bytes.Equal(got, plain) || !bytes.Equal(next, want[len(want)-len(iv):]) {
				t.Errorf("decryptCBC(%x) = %x, %x, %v, want %x and the last block", want, got, next, err, plain)
			}
		})
	}
}

// 3DES against three DES made by hand, two messages of one exchange.
func TestTripleDES(t *testing.T) {
	key := unhex(t, "0123456789abcdef 23456789abcdef01 456789abcdef0123")
	b, err := newBlock(suite.TripleDES, key)
	if err != nil {
		t.Fatal(err)
	}
	chain := unhex(t, "f69f2445df4f9b17")
	iv := bytes.Clone(chain)
	for _, plain := range [][]byte{[]byte("Now is the time "), []byte("for all good men")} {
		var want []byte
		for i := 0; i < len(plain); i += 8 {
			block := make([]byte, 8)
			for j := range block {
				block[j] = plain[i+j] ^ chain[j]
			}
			for n := range 3 {
				d, err := des.NewCipher(key[8*n : 8*n+8])
				if err != nil {
					t.Fatal(err)
				}
				if n == 1 {
					d.Decrypt(block, block)
				} else {
					d.Encrypt(block, block)
				}
			}
			chain = block
			want = append(want, block...)
		}
		var got []byte
		if got, iv = encryptCBC(b, iv, plain); !bytes.Equal(got, want) {
			t.Errorf("encryptCBC(%q) = %x, want %x", plain, got, want)
		}
	}
}

func TestCBCPadding(t *testing.T) {
	b, err := newBlock(suite.AESCBC, make([]byte, 16))
	if err != nil {
		t.Fatal(err)
	}
	iv := unhex(t, "000102030405060708090a0b0c0d0e0f")
	for n := range 50 {
		plain := bytes.Repeat([]byte{0xaa}, n)
		kept := bytes.Clone(iv)
		ct, next := encryptCBC(b, iv, plain)
		if !bytes.Equal(iv, kept) {
			t.Fatalf("encryptCBC changed its IV to %x", iv)
		}
		if n == 0 {
			if len(ct) != 0 || !bytes.Equal(next, iv) {
				t.Errorf("encryptCBC of nothing = %x, %x, want nothing and the IV", ct, next)
			}
			continue
		}
		if want := (n + 15) / 16 * 16; len(ct) != want {
			t.Errorf("encryptCBC of %d octets gave %d, want %d", n, len(ct), want)
		}
		got, next2, err := decryptCBC(b, iv, ct)
		want := append(bytes.Clone(plain), make([]byte, len(ct)-n)...)
		if err != nil || !bytes.Equal(got, want) || !bytes.Equal(next, next2) {
			t.Errorf("decryptCBC = %x, %x, %v, want %x, %x", got, next2, err, want, next)
		}
		ct[len(ct)-1] ^= 1
		if bytes.Equal(ct[len(ct)-16:], next2) {
			t.Error("the next IV is a view into the ciphertext")
		}
	}
}

func TestDecryptCBCRefuses(t *testing.T) {
	b, err := newBlock(suite.AESCBC, make([]byte, 16))
	if err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		name    string
		iv, ct  int
		wantErr bool
	}{
		{"a block", 16, 16, false},
		{"nothing", 16, 0, true},
		{"half a block", 16, 8, true},
		{"an octet too many", 16, 33, true},
		{"short IV", 8, 16, true},
		{"no IV", 0, 16, true},
	} {
		if _, _, err := decryptCBC(b, make([]byte, tt.iv), make([]byte, tt.ct)); errors.Is(err, errCiphertext) != tt.wantErr {
			t.Errorf("%s: decryptCBC = %v, want an error: %v", tt.name, err, tt.wantErr)
		}
	}
}

// Weak keys are used as they come: the peer does not look for them either.
func TestWeakDESKeys(t *testing.T) {
	weak := unhex(t, "0101010101010101")
	for _, tt := range []struct {
		c   suite.Cipher
		key []byte
	}{{suite.DES, weak}, {suite.TripleDES, bytes.Repeat(weak, 3)}} {
		b, err := newBlock(tt.c, tt.key)
		if err != nil {
			t.Fatalf("newBlock with a weak key: %v", err)
		}
		// A weak key's encryption is its own inverse.
		ct, _ := encryptCBC(b, make([]byte, 8), []byte("abcdefgh"))
		if twice, _ := encryptCBC(b, make([]byte, 8), ct); string(twice) != "abcdefgh" {
			t.Errorf("encrypting twice with a weak key gave %q, want the plaintext", twice)
		}
	}
}

func TestPhase1KeyLen(t *testing.T) {
	for _, tt := range []struct {
		s    suite.Phase1
		want int
	}{
		{suite.Phase1{Cipher: suite.DES}, 8},
		{suite.Phase1{Cipher: suite.TripleDES}, 24},
		{suite.Phase1{Cipher: suite.AESCBC, KeyBits: 128}, 16},
		{suite.Phase1{Cipher: suite.AESCBC, KeyBits: 192}, 24},
		{suite.Phase1{Cipher: suite.AESCBC, KeyBits: 256}, 32},
		{suite.Phase1{Cipher: suite.AESCBC}, 0},
		{suite.Phase1{Cipher: suite.AESCBC, KeyBits: 512}, 0},
		{suite.Phase1{Cipher: suite.AESGCM16, KeyBits: 128}, 0},
		{suite.Phase1{}, 0},
	} {
		got, err := phase1KeyLen(tt.s)
		if got != tt.want || (err == nil) != (tt.want != 0) {
			t.Errorf("phase1KeyLen(%+v) = %d, %v, want %d", tt.s, got, err, tt.want)
		}
	}
}
