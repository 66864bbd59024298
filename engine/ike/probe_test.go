package ike

import (
	"errors"
	"slices"
	"testing"
	"time"

	"github.com/culvert-vpn/culvert/engine/isakmp"
	"github.com/culvert-vpn/culvert/engine/suite"
)

// firstMessages are what an initiator sends first, and what a responder with other
// suites says to it.
func firstMessages(t *testing.T, offered, known string) (first, answer []byte) {
	t.Helper()
	a, b := pair()
	a.Rand, b.Rand = newStream(1), newStream(2)
	a.Phase1, b.Phase1 = append(suite.MustPhase1(offered), suite.MustPhase1("3des-sha1-modp1024")...), suite.MustPhase1(known)
	var out Output
	now := time.Unix(1_700_000_000, 0)
	New(a).Start(now, &out)
	first = clone(out.Datagrams[0].Data)
	out.Reset()
	gw := New(b)
	gw.Start(now, &out)
	gw.Handle(now, Packet{From: addrA, Data: first}, &out)
	if len(out.Datagrams) != 1 {
		t.Fatalf("%d answers, want 1", len(out.Datagrams))
	}
	return first, out.Datagrams[0].Data
}

func TestReadAnswer(t *testing.T) {
	first, answer := firstMessages(t, "aes256-sha256-ecp256", "aes256-sha256-ecp256")
	a, err := ReadAnswer(first, answer)
	if err != nil || a.Suite.String() != "aes256-sha256-ecp256" || a.Notify != 0 || !slices.Contains(a.VendorIDs, "RFC 3947") {
		t.Errorf("ReadAnswer of a choice = %+v, %v", a, err)
	}
	other, refusal := firstMessages(t, "aes256-sha256-ecp256", "aes256-sha1-modp2048")
	if a, err := ReadAnswer(other, refusal); err != nil || a.Suite != (suite.Phase1{}) || a.Notify != isakmp.NoProposalChosen {
		t.Errorf("ReadAnswer of a refusal = %+v, %v", a, err)
	}
	stranger := clone(answer)
	stranger[0] ^= 1
	later := clone(answer)
	later[17] = 0x20 // IKEv2
	notOffered, _ := firstMessages(t, "aes128-sha1-modp2048", "aes128-sha1-modp2048")
	copy(notOffered, first[:8]) // under the same cookie
	for _, c := range []struct {
		name          string
		first, answer []byte
		want          error
	}{
		{"another cookie", first, stranger, ErrNotAnswer},
		{"the message itself", first, first[:len(first):len(first)], ErrNotAnswer},
		{"IKEv2", first, later, isakmp.ErrVersion},
		{"nothing", first, nil, isakmp.ErrShort},
		{"a suite that was not offered", notOffered, answer, ErrNotAnswer},
	} {
		if a, err := ReadAnswer(c.first, c.answer); !errors.Is(err, c.want) {
			t.Errorf("%s: ReadAnswer = %+v, %v, want %v", c.name, a, err, c.want)
		}
	}
}
