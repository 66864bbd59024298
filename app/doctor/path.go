package doctor

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"strings"
	"sync"
	"time"

	"github.com/culvert-vpn/culvert/app/diagnosis"
	"github.com/culvert-vpn/culvert/app/profile"
	"github.com/culvert-vpn/culvert/engine/failure"
	"github.com/culvert-vpn/culvert/engine/ike"
	"github.com/culvert-vpn/culvert/engine/isakmp"
	"github.com/culvert-vpn/culvert/engine/suite"
)

// From the specification.
const (
	portIKE   = 500  // RFC 2408, 2.5.1
	portNATT  = 4500 // RFC 3947, 4
	markerLen = 4    // of octets before IKE on port 4500 (RFC 3948, 2.2)
)

// Ours.
const (
	usualPause = time.Second
	tries      = 4 // with the pause between them longer than any gateway takes
	maxAnswer  = 4096
)

// path asks a gateway on both ports at once.
func path(ctx context.Context, cfg Config, gateway netip.Addr) []Check {
	if cfg.IKEPort == 0 {
		cfg.IKEPort = portIKE
	}
	if cfg.NATTPort == 0 {
		cfg.NATTPort = portNATT
	}
	var a, b reply
	var wg sync.WaitGroup
	wg.Go(func() { a = ask(ctx, cfg, netip.AddrPortFrom(gateway, cfg.IKEPort), false) })
	wg.Go(func() { b = ask(ctx, cfg, netip.AddrPortFrom(gateway, cfg.NATTPort), true) })
	wg.Wait()
	if ctx.Err() != nil {
		return nil
	}
	out := []Check{first(gateway, a), second(gateway, a, b)}
	if c, ok := encryption(cfg.Profile, a, b); ok {
		out = append(out, c)
	}
	return out
}

// reply is what came back for a first message.
type reply struct {
	answer ike.Answer
	err    error // errSilent, what the system or the network said, or what is no answer
}

var errSilent = errors.New("no answer")

// ask sends the first message of Main Mode until something comes back.
func ask(ctx context.Context, cfg Config, to netip.AddrPort, marker bool) reply {
	msg, err := firstMessage(cfg.Profile, to)
	if err != nil {
		return reply{err: err}
	}
	conn, err := cfg.Dial(ctx, to)
	if err != nil {
		return reply{err: err}
	}
	defer conn.Close()
	defer context.AfterFunc(ctx, func() { conn.Close() })()
	datagram := msg
	if marker {
		datagram = append(make([]byte, markerLen), msg...)
	}
	pause := cfg.Pause
	if pause == 0 {
		pause = usualPause
	}
	worst := errSilent
	buf := make([]byte, maxAnswer)
	for range tries {
		if _, err := conn.Write(datagram); err != nil {
			return reply{err: err}
		}
		if err := conn.SetReadDeadline(time.Now().Add(pause)); err != nil {
			return reply{err: err}
		}
		for {
			n, err := conn.Read(buf)
			if errors.Is(err, os.ErrDeadlineExceeded) {
				break
			}
			if err != nil {
				return reply{err: err}
			}
			answer, err := read(msg, buf[:n], marker)
			if err == nil {
				return reply{answer: answer}
			}
			worst = err // it may be somebody else's noise: what is asked for may come yet
		}
	}
	return reply{err: worst}
}

// read takes a datagram for an answer.
func read(first, datagram []byte, marker bool) (ike.Answer, error) {
	if marker {
		if len(datagram) < markerLen {
			return ike.Answer{}, ike.ErrNotAnswer
		}
		datagram = datagram[markerLen:]
	}
	return ike.ReadAnswer(first, datagram)
}

// firstMessage is what a connection as p says would begin with. No key is in it.
func firstMessage(p *profile.Profile, to netip.AddrPort) ([]byte, error) {
	offer := p.Proposals()
	c := ike.New(ike.Config{Role: ike.Initiator, Rand: rand.Reader, Remote: to, Phase1: offer.Phase1, Phase2: offer.Phase2})
	var out ike.Output
	c.Start(time.Now(), &out)
	if len(out.Datagrams) == 0 {
		return nil, errors.New("doctor: the profile offers nothing")
	}
	return out.Datagrams[0].Data, nil
}

// first is the check of port 500.
func first(gateway netip.Addr, a reply) Check {
	switch {
	case a.err == nil:
		return found(Gateway, Good, diagnosis.GatewayAnswers, gateway, vendors(a.answer))
	case errors.Is(a.err, errSilent):
		return failed(Gateway, failure.IKENoAnswer, fmt.Sprintf("%v, UDP port 500: no answer to %d messages", gateway, tries))
	case notIKE(a.err):
		return failed(Gateway, failure.IKENotIKE, fmt.Sprintf("%v, UDP port 500: %v", gateway, a.err))
	}
	return failed(Gateway, failure.IKEUnreachable, fmt.Sprintf("%v, UDP port 500: %v", gateway, plain(a.err)))
}

// second is the check of port 4500, where a gateway need not answer yet.
func second(gateway netip.Addr, a, b reply) Check {
	why := ""
	if !errors.Is(b.err, errSilent) {
		why = fmt.Sprintf(": %v", plain(b.err))
	}
	switch {
	case b.err == nil:
		return found(Gateway, Good, diagnosis.GatewayAnswersNAT, gateway)
	case a.err != nil:
		return found(Gateway, Note, diagnosis.GatewayQuietBoth, gateway, why)
	}
	c := found(Gateway, Note, diagnosis.GatewayQuiet4500, gateway)
	c.Evidence = []string{fmt.Sprintf("%v, UDP port 4500: %v", gateway, plain(b.err))}
	return c
}

// encryption is whether the gateway took an offer, as either port tells.
func encryption(p *profile.Profile, replies ...reply) (Check, bool) {
	for _, r := range replies {
		switch s := r.answer.Suite; {
		case r.err != nil:
			continue
		case s != (suite.Phase1{}) && s.Weak():
			return found(Encryption, Note, diagnosis.EncryptionWeak, s), true
		case s != (suite.Phase1{}):
			return found(Encryption, Good, diagnosis.EncryptionMatches, s), true
		case r.answer.Notify == isakmp.NoProposalChosen:
			var offered []string
			for _, s := range p.Proposals().Phase1 {
				offered = append(offered, s.String())
			}
			return failed(Encryption, failure.IKENoProposal, "offered "+strings.Join(offered, " "), "the gateway says "+r.answer.Notify.String()), true
		default:
			return found(Encryption, Note, diagnosis.EncryptionUnclear, r.answer.Notify), true
		}
	}
	return Check{}, false
}

// vendors is what the gateway says that it is.
func vendors(a ike.Answer) string {
	for _, v := range a.VendorIDs {
		switch v {
		case "strongSwan", "Cisco Unity":
			return " (" + v + ")"
		case "MS NT5 ISAKMPOAKLEY":
			return " (Windows)"
		}
	}
	return ""
}

func notIKE(err error) bool {
	for _, e := range []error{ike.ErrNotAnswer, isakmp.ErrShort, isakmp.ErrLength, isakmp.ErrVersion, isakmp.ErrLimit, isakmp.ErrSyntax} {
		if errors.Is(err, e) {
			return true
		}
	}
	return false
}

// plain is what the network said, without the socket's addresses.
func plain(err error) error {
	var op *net.OpError
	if errors.As(err, &op) {
		return op.Err
	}
	return err
}
