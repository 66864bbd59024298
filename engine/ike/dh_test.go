package ike

import (
	"bytes"
	"encoding/hex"
	"errors"
	"io"
	"math/big"
	"math/rand"
	"strings"
	"testing"

	"github.com/culvert-vpn/culvert/engine/suite"
)

// unhex reads hexadecimal with spaces in it.
func unhex(t testing.TB, s string) []byte {
	t.Helper()
	b, err := hex.DecodeString(strings.Join(strings.Fields(s), ""))
	if err != nil {
		t.Fatalf("hexadecimal %q: %v", s, err)
	}
	return b
}

// testRand gives the same octets in every run.
func testRand(seed int64) io.Reader { return rand.New(rand.NewSource(seed)) }

// piTimes2 is floor(pi * 2^bits), by Machin's formula.
func piTimes2(bits uint) *big.Int {
	const guard = 64
	one := new(big.Int).Lsh(big.NewInt(1), bits+guard)
	arctanInverse := func(x int64) *big.Int {
		term := new(big.Int).Quo(one, big.NewInt(x))
		sum, x2 := new(big.Int).Set(term), big.NewInt(x*x)
		for n := int64(3); term.Sign() != 0; n += 2 {
			term.Quo(term, x2)
			next := new(big.Int).Quo(term, big.NewInt(n))
			if n%4 == 3 {
				next.Neg(next)
			}
			sum.Add(sum, next)
		}
		return sum
	}
	pi := new(big.Int).Mul(big.NewInt(4), arctanInverse(5))
	pi.Sub(pi, arctanInverse(239))
	pi.Mul(pi, big.NewInt(4))
	return pi.Rsh(pi, guard)
}

// The formulas: RFC 2409, 6.1 and 6.2; RFC 3526, 2 to 5.
func TestMODPPrimes(t *testing.T) {
	tests := []struct {
		group suite.Group
		bits  uint
		c     int64
	}{
		{suite.MODP768, 768, 149686},
		{suite.MODP1024, 1024, 129093},
		{suite.MODP1536, 1536, 741804},
		{suite.MODP2048, 2048, 124476},
		{suite.MODP3072, 3072, 1690314},
		{suite.MODP4096, 4096, 240904},
	}
	if len(tests) != len(modpGroups) {
		t.Errorf("%d MODP groups, want %d", len(modpGroups), len(tests))
	}
	for _, tt := range tests {
		t.Run(tt.group.String(), func(t *testing.T) {
			pow := func(n uint) *big.Int { return new(big.Int).Lsh(big.NewInt(1), n) }
			want := pow(tt.bits)
			want.Sub(want, pow(tt.bits-64))
			want.Sub(want, big.NewInt(1))
			middle := piTimes2(tt.bits - 130)
			middle.Add(middle, big.NewInt(tt.c))
			want.Add(want, middle.Mul(middle, pow(64)))

			got, ok := new(big.Int).SetString(modpGroups[tt.group].prime, 16)
			if !ok || got.Cmp(want) != 0 {
				t.Fatalf("the prime is %X, want %X", got, want)
			}
			if !got.ProbablyPrime(1) {
				t.Error("p is not prime")
			}
			if half := new(big.Int).Rsh(got, 1); !half.ProbablyPrime(1) {
				t.Error("(p-1)/2 is not prime")
			}
		})
	}
}

func TestMODPAgreesWithMathBig(t *testing.T) {
	for group, g := range modpGroups {
		t.Run(group.String(), func(t *testing.T) {
			a, err := generateDH(group, testRand(1))
			if err != nil {
				t.Fatal(err)
			}
			b, err := generateDH(group, testRand(2))
			if err != nil {
				t.Fatal(err)
			}
			p, _ := new(big.Int).SetString(g.prime, 16)
			size := p.BitLen() / 8
			wantPublic := new(big.Int).Exp(big.NewInt(2), new(big.Int).SetBytes(a.exponent), p).FillBytes(make([]byte, size))
			if got := a.public(); !bytes.Equal(got, wantPublic) {
				t.Errorf("public() = %x, want %x", got, wantPublic)
			}
			want := new(big.Int).Exp(new(big.Int).SetBytes(b.public()), new(big.Int).SetBytes(a.exponent), p).FillBytes(make([]byte, size))
			for _, pair := range [][2]*dhKey{{a, b}, {b, a}} {
				got, err := pair[0].shared(pair[1].public())
				if err != nil || !bytes.Equal(got, want) {
					t.Errorf("shared() = %x, %v, want %x", got, err, want)
				}
			}
		})
	}
}

// A value with leading zeros keeps its full length, and is taken without them.
func TestMODPLeadingZeros(t *testing.T) {
	k, err := newMODP(modpGroups[suite.MODP1024], []byte{5})
	if err != nil {
		t.Fatal(err)
	}
	if got, want := k.public(), append(make([]byte, 127), 32); !bytes.Equal(got, want) {
		t.Errorf("public() for the exponent 5 = %x, want %x", got, want)
	}
	want := append(make([]byte, 126), 3125/256, 3125%256)
	for _, peer := range [][]byte{{5}, {0, 0, 5}, append(make([]byte, 127), 5)} {
		if got, err := k.shared(peer); err != nil || !bytes.Equal(got, want) {
			t.Errorf("shared(%x) = %x, %v, want %x", peer, got, err, want)
		}
	}
}

func TestBadPublicValues(t *testing.T) {
	for group, g := range modpGroups {
		k, err := generateDH(group, testRand(3))
		if err != nil {
			t.Fatal(err)
		}
		p := unhex(t, g.prime)
		plus := func(d int) []byte {
			n := new(big.Int).Add(new(big.Int).SetBytes(p), big.NewInt(int64(d)))
			return n.FillBytes(make([]byte, len(p)))
		}
		for _, tt := range []struct {
			name string
			peer []byte
		}{
			{"nothing", nil},
			{"zero", make([]byte, len(p))},
			{"short zero", []byte{0}},
			{"one", append(make([]byte, len(p)-1), 1)},
			{"minus one", plus(-1)},
			{"the prime", p},
			{"above the prime", plus(1)},
			{"all ones", bytes.Repeat([]byte{0xff}, len(p))},
			{"too long", append([]byte{0}, plus(-2)...)},
		} {
			if got, err := k.shared(tt.peer); !errors.Is(err, errDHValue) {
				t.Errorf("%v: shared(%s) = %x, %v, want errDHValue", group, tt.name, got, err)
			}
		}
		if _, err := k.shared(plus(-2)); err != nil {
			t.Errorf("%v: shared(p-2) = %v, want no error", group, err)
		}
	}
	for group := range ecpGroups {
		k, err := generateDH(group, testRand(3))
		if err != nil {
			t.Fatal(err)
		}
		good := k.public()
		off := bytes.Clone(good)
		off[len(off)-1] ^= 1
		for _, tt := range []struct {
			name string
			peer []byte
		}{
			{"nothing", nil},
			{"zero", make([]byte, len(good))},
			{"off the curve", off},
			{"X alone", good[:len(good)/2]},
			{"compressed", append([]byte{2}, good[:len(good)/2]...)},
			{"with the 04", append([]byte{4}, good...)},
			{"all ones", bytes.Repeat([]byte{0xff}, len(good))},
		} {
			if got, err := k.shared(tt.peer); !errors.Is(err, errDHValue) {
				t.Errorf("%v: shared(%s) = %x, %v, want errDHValue", group, tt.name, got, err)
			}
		}
	}
}

// The vectors of RFC 5903, 8.1 to 8.3.
func TestECPVectors(t *testing.T) {
	tests := []struct {
		group                  suite.Group
		i, gi, r, gr, sharedGX string
	}{
		{
			group: suite.ECP256,
			i:     "C88F01F510D9AC3F70A292DAA2316DE544E9AAB8AFE84049C62A9C57862D1433",
			gi: "DAD0B65394221CF9B051E1FECA5787D098DFE637FC90B9EF945D0C3772581180" +
				"5271A0461CDB8252D61F1C456FA3E59AB1F45B33ACCF5F58389E0577B8990BB3",
			r: "C6EF9C5D78AE012A011164ACB397CE2088685D8F06BF9BE0B283AB46476BEE53",
			gr: "D12DFB5289C8D4F81208B70270398C342296970A0BCCB74C736FC7554494BF63" +
				"56FBF3CA366CC23E8157854C13C58D6AAC23F046ADA30F8353E74F33039872AB",
			sharedGX: "D6840F6B42F6EDAFD13116E0E12565202FEF8E9ECE7DCE03812464D04B9442DE",
		},
		{
			group: suite.ECP384,
			i:     "099F3C7034D4A2C699884D73A375A67F7624EF7C6B3C0F160647B67414DCE655E35B538041E649EE3FAEF896783AB194",
			gi: "667842D7D180AC2CDE6F74F37551F55755C7645C20EF73E31634FE72B4C55EE6DE3AC808ACB4BDB4C88732AEE95F41AA" +
				"9482ED1FC0EEB9CAFC4984625CCFC23F65032149E0E144ADA024181535A0F38EEB9FCFF3C2C947DAE69B4C634573A81C",
			r: "41CB0779B4BDB85D47846725FBEC3C9430FAB46CC8DC5060855CC9BDA0AA2942E0308312916B8ED2960E4BD55A7448FC",
			gr: "E558DBEF53EECDE3D3FCCFC1AEA08A89A987475D12FD950D83CFA41732BC509D0D1AC43A0336DEF96FDA41D0774A3571" +
				"DCFBEC7AACF3196472169E838430367F66EEBE3C6E70C416DD5F0C68759DD1FFF83FA40142209DFF5EAAD96DB9E6386C",
			sharedGX: "11187331C279962D93D604243FD592CB9D0A926F422E47187521287E7156C5C4D603135569B9E9D09CF5D4A270F59746",
		},
		{
			group: suite.ECP521,
			i: "0037ADE9319A89F4DABDB3EF411AACCCA5123C61ACAB57B5393DCE47608172A0" +
				"95AA85A30FE1C2952C6771D937BA9777F5957B2639BAB072462F68C27A57382D4A52",
			gi: "0015417E84DBF28C0AD3C278713349DC7DF153C897A1891BD98BAB4357C9ECBE" +
				"E1E3BF42E00B8E380AEAE57C2D107564941885942AF5A7F4601723C4195D176CED3E" +
				"017CAE20B6641D2EEB695786D8C946146239D099E18E1D5A514C739D7CB4A10A" +
				"D8A788015AC405D7799DC75E7B7D5B6CF2261A6A7F1507438BF01BEB6CA3926F9582",
			r: "0145BA99A847AF43793FDD0E872E7CDFA16BE30FDC780F97BCCC3F078380201E" +
				"9C677D600B343757A3BDBF2A3163E4C2F869CCA7458AA4A4EFFC311F5CB151685EB9",
			gr: "00D0B3975AC4B799F5BEA16D5E13E9AF971D5E9B984C9F39728B5E5739735A21" +
				"9B97C356436ADC6E95BB0352F6BE64A6C2912D4EF2D0433CED2B6171640012D9460F" +
				"015C68226383956E3BD066E797B623C27CE0EAC2F551A10C2C724D9852077B87" +
				"220B6536C5C408A1D2AEBB8E86D678AE49CB57091F4732296579AB44FCD17F0FC56A",
			sharedGX: "01144C7D79AE6956BC8EDB8E7C787C4521CB086FA64407F97894E5E6B2D79B04" +
				"D1427E73CA4BAA240A34786859810C06B3C715A3A8CC3151F2BEE417996D19F3DDEA",
		},
	}
	for _, tt := range tests {
		t.Run(tt.group.String(), func(t *testing.T) {
			want := unhex(t, tt.sharedGX)
			for _, side := range []struct{ private, public, peer string }{{tt.i, tt.gi, tt.gr}, {tt.r, tt.gr, tt.gi}} {
				k, err := newECP(ecpGroups[tt.group], unhex(t, side.private))
				if err != nil {
					t.Fatal(err)
				}
				if got := k.public(); !bytes.Equal(got, unhex(t, side.public)) {
					t.Errorf("public() = %X, want %s", got, side.public)
				}
				if got, err := k.shared(unhex(t, side.peer)); err != nil || !bytes.Equal(got, want) {
					t.Errorf("shared(%s) = %X, %v, want %X", side.peer, got, err, want)
				}
			}
		})
	}
}

func TestECPAgreement(t *testing.T) {
	for group, g := range ecpGroups {
		for seed := range int64(20) {
			a, err := generateDH(group, testRand(seed))
			if err != nil {
				t.Fatal(err)
			}
			b, err := generateDH(group, testRand(seed+100))
			if err != nil {
				t.Fatal(err)
			}
			ab, err := a.shared(b.public())
			if err != nil {
				t.Fatal(err)
			}
			ba, err := b.shared(a.public())
			if err != nil {
				t.Fatal(err)
			}
			if !bytes.Equal(ab, ba) || len(ab) != g.fieldLen || len(a.public()) != 2*g.fieldLen {
				t.Errorf("%v: shared secrets %x and %x of public values %x and %x", group, ab, ba, a.public(), b.public())
			}
		}
	}
}

func TestGenerateDH(t *testing.T) {
	groups := []suite.Group{suite.MODP768, suite.MODP2048, suite.ECP256, suite.ECP384, suite.ECP521}
	for _, g := range groups {
		a, err := generateDH(g, testRand(7))
		if err != nil {
			t.Fatal(err)
		}
		b, err := generateDH(g, testRand(7))
		if err != nil {
			t.Fatal(err)
		}
		c, err := generateDH(g, testRand(8))
		if err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(a.public(), b.public()) {
			t.Errorf("%v: the same random octets gave %x and %x", g, a.public(), b.public())
		}
		if bytes.Equal(a.public(), c.public()) {
			t.Errorf("%v: different random octets gave the same %x", g, a.public())
		}
		if _, err := generateDH(g, bytes.NewReader(make([]byte, 7))); !errors.Is(err, io.ErrUnexpectedEOF) {
			t.Errorf("%v: generateDH with 7 random octets = %v, want ErrUnexpectedEOF", g, err)
		}
	}
	if k, err := generateDH(22, testRand(1)); err == nil {
		t.Errorf("generateDH(22) = %+v, want an error", k)
	}
}

type repeat byte

func (r repeat) Read(b []byte) (int, error) {
	for i := range b {
		b[i] = byte(r)
	}
	return len(b), nil
}

// A random number that is no private key is drawn again, though not for ever.
func TestECPDrawsAgain(t *testing.T) {
	for group, g := range ecpGroups {
		for _, bad := range []byte{0, 0xff} {
			if _, err := generateDH(group, repeat(bad)); err == nil {
				t.Errorf("%v: generateDH from octets %#x alone gave a key", group, bad)
			}
			source := io.MultiReader(io.LimitReader(repeat(bad), int64(3*g.fieldLen)), testRand(5))
			got, err := generateDH(group, source)
			if err != nil {
				t.Fatalf("%v: %v", group, err)
			}
			want, err := generateDH(group, testRand(5))
			if err != nil {
				t.Fatal(err)
			}
			if !bytes.Equal(got.public(), want.public()) {
				t.Errorf("%v: public() after three bad draws = %x, want %x", group, got.public(), want.public())
			}
		}
	}
}

// A source that gives zeros still makes no public value that everybody knows.
func TestMODPExponentIsNeverSmall(t *testing.T) {
	for group, g := range modpGroups {
		k, err := generateDH(group, repeat(0))
		if err != nil {
			t.Fatal(err)
		}
		if got, want := new(big.Int).SetBytes(k.exponent).BitLen(), 8*g.exponentLen; got != want {
			t.Errorf("%v: the exponent has %d bits, want %d", group, got, want)
		}
	}
}

func TestPublicIsACopy(t *testing.T) {
	for _, g := range []suite.Group{suite.MODP1024, suite.ECP256} {
		k, err := generateDH(g, testRand(1))
		if err != nil {
			t.Fatal(err)
		}
		want := bytes.Clone(k.public())
		clear(k.public())
		if got := k.public(); !bytes.Equal(got, want) {
			t.Errorf("%v: public() = %x after its last result was cleared, want %x", g, got, want)
		}
	}
}

func BenchmarkDH(b *testing.B) {
	for _, g := range []suite.Group{suite.MODP1024, suite.MODP2048, suite.MODP4096, suite.ECP256, suite.ECP384} {
		b.Run(g.String(), func(b *testing.B) {
			peer, err := generateDH(g, testRand(1))
			if err != nil {
				b.Fatal(err)
			}
			r := testRand(2)
			for b.Loop() {
				k, err := generateDH(g, r)
				if err != nil {
					b.Fatal(err)
				}
				if _, err := k.shared(peer.public()); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
