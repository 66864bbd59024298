package ike

import (
	"bytes"
	"errors"

	"github.com/culvert-vpn/culvert/engine/isakmp"
	"github.com/culvert-vpn/culvert/engine/suite"
)

// ErrNotAnswer is a datagram that is no answer to a message: it has another
// cookie, or holds neither a choice nor a reason.
var ErrNotAnswer = errors.New("ike: not an answer to that message")

// Answer is what a gateway says to the first message of Main Mode. Nothing of it
// is authenticated.
type Answer struct {
	Suite     suite.Phase1      // that it chose; the zero value: none of those offered
	Notify    isakmp.NotifyType // the reason; 0: it gave none
	VendorIDs []string          // names of those known
}

// ReadAnswer reads what came back for first, the first message that a Conn sends,
// both without a non-ESP marker. The error is ErrNotAnswer, or one of isakmp's for
// what is no IKEv1 at all.
func ReadAnswer(first, answer []byte) (Answer, error) {
	offer, err := isakmp.Parse(first)
	if err != nil {
		return Answer{}, err
	}
	m, err := isakmp.Parse(answer)
	if err != nil {
		return Answer{}, err
	}
	if m.Initiator != offer.Initiator {
		return Answer{}, ErrNotAnswer
	}
	var a Answer
	if p, ok := isakmp.Find(m.Payloads, isakmp.PayloadSA); ok {
		chosen, err := isakmp.ParseSA(p.Body)
		if err != nil {
			return Answer{}, err
		}
		if s, _, ok := acceptedPhase1(chosen, offeredSuites(offer)); ok {
			a.Suite = s
		}
	}
	if p, ok := isakmp.Find(m.Payloads, isakmp.PayloadNotification); ok {
		if n, err := isakmp.ParseNotification(p.Body); err == nil && n.Type.IsError() {
			a.Notify = n.Type
		}
	}
	for _, p := range m.Payloads {
		for _, v := range vendorIDs {
			if p.Type == isakmp.PayloadVendorID && bytes.HasPrefix(p.Body, v.id) {
				a.VendorIDs = append(a.VendorIDs, v.name)
				break
			}
		}
	}
	if a.Suite == (suite.Phase1{}) && a.Notify == 0 {
		return Answer{}, ErrNotAnswer
	}
	return a, nil
}

// offeredSuites are the suites of a first message.
func offeredSuites(m isakmp.Message) []suite.Phase1 {
	p, _ := isakmp.Find(m.Payloads, isakmp.PayloadSA)
	sa, err := isakmp.ParseSA(p.Body)
	if err != nil {
		return nil
	}
	var list []suite.Phase1
	for _, p := range sa.Proposals {
		for _, t := range p.Transforms {
			if s, _, ok := readPhase1(t); ok {
				list = append(list, s)
			}
		}
	}
	return list
}
