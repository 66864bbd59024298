package ppp

import (
	"bytes"
	"fmt"
	"testing"
	"time"

	"github.com/culvert-vpn/culvert/engine/ppp/mschap"
)

// The dialogue of SoftEther VPN Server 5.01: it answers in ticks, knows MRU
// and authentication only, begins with identifier 0 and asks for EAP first.
func TestSoftEther(t *testing.T) {
	const tick = 300 * time.Millisecond
	s := newScript(t, clientConfig(1, MSCHAPv2, PAP))
	magic := fmt.Sprintf("0506%08x", s.c.lcp.magic)
	s.expectHex(protocolLCP, configureRequest, 1, "01040578"+magic)
	s.pass(tick)
	s.frames = nil // our early repeats: it answers each of them
	for range 3 {
		s.recvHex(protocolLCP, configureReject, 1, magic)
	}
	s.expectHex(protocolLCP, configureRequest, 2, "01040578")
	s.quiet()
	s.recvHex(protocolLCP, configureRequest, 0, askEAP)
	s.expectHex(protocolLCP, configureNak, 0, askMSCHAPv2)
	s.recvHex(protocolLCP, configureAck, 2, "01040578")
	s.recvHex(protocolLCP, configureAck, 2, "01040578")
	s.recvHex(protocolLCP, echoRequest, 0, "00000000 41424344 00") // too early to be answered
	s.pass(tick)
	s.quiet()
	s.recvHex(protocolLCP, configureRequest, 1, askMSCHAPv2)
	s.expectHex(protocolLCP, configureAck, 1, askMSCHAPv2)
	if e, want := must[LinkUp](s), (LinkUp{LocalMRU: 1400, PeerMRU: 1500}); e != want {
		t.Errorf("%+v, want %+v", e, want)
	}
	s.recvHex(protocolLCP, echoRequest, 0, "00000000 41424344 00")
	s.expectHex(protocolLCP, echoReply, 0, "00000000 41424344 00") // our magic number was rejected

	s.pass(3 * tick)
	s.recvHex(protocolCHAP, chapChallenge, 2, challenge16)
	peer, nt := s.response(2)
	proof := mschap.GenerateAuthenticatorResponse(mschap.Unicode([]byte("correct horse")), nt, peer, theChallenge(t), "alice")
	s.recv(protocolCHAP, chapSuccess, 2, []byte(proof)...)
	must[Authenticated](s)

	const all = "030600000000 810600000000 820600000000 830600000000 840600000000"
	s.expectHex(protocolIPCP, configureRequest, 1, all)
	s.pass(250 * time.Millisecond)
	s.frames = nil
	s.recvHex(protocolIPCP, configureReject, 1, "820600000000 830600000000 840600000000")
	s.expectHex(protocolIPCP, configureRequest, 2, "030600000000 810600000000")
	s.recvHex(protocolIPCP, configureRequest, 3, "0306c0a81e01")
	s.expectHex(protocolIPCP, configureAck, 3, "0306c0a81e01") // at once: it holds back its Ack for this
	s.recvHex(protocolIPCP, configureNak, 2, "0306c0a81e0a 8106c0a81e01")
	s.expectHex(protocolIPCP, configureRequest, 3, "0306c0a81e0a 8106c0a81e01")
	s.recvHex(protocolIPCP, configureAck, 3, "0306c0a81e0a 8106c0a81e01")
	want := "{192.168.30.10 192.168.30.1 [192.168.30.1] []}"
	if got := fmt.Sprint(must[NetworkUp](s)); got != want {
		t.Errorf("%s, want %s", got, want)
	}
	s.quiet()

	s.c.Close(s.now, &s.out)
	s.collect()
	p := s.expect(protocolLCP, terminateRequest)
	s.recv(protocolLCP, terminateAck, p.id)
	if d := must[Down](s); d.Err != nil {
		t.Errorf("Down with %v", d.Err)
	}
}

// SoftEther's refusals: a Failure and then Terminate-Request by MS-CHAPv2, a
// Terminate-Request alone by PAP.
func TestSoftEtherRefusal(t *testing.T) {
	s := authenticating(t, clientConfig(1, MSCHAPv2))
	s.recvHex(protocolCHAP, chapChallenge, 2, challenge16)
	s.response(2)
	s.recv(protocolCHAP, chapFailure, 2, []byte("E=691 R=0 C=00112233445566778899AABBCCDDEEFF V=3")...)
	s.recv(protocolLCP, terminateRequest, 3)
	if e := s.down(BadCredentials); e.Code != 691 {
		t.Errorf("%+v", e)
	}
	s = authenticating(t, clientConfig(1, PAP))
	s.expect(protocolPAP, papRequest)
	s.recv(protocolLCP, terminateRequest, 3)
	s.expect(protocolLCP, terminateAck)
	s.down(BadCredentials)
}

// The dialogue of pppd 2.4.9 behind xl2tpd: deaf at first, CHAP-MD5 asked
// first, CCP beside IPCP, its first requests lost with ours.
func TestPPPD(t *testing.T) {
	s := newScript(t, clientConfig(1, MSCHAPv2, PAP))
	s.pass(95 * time.Millisecond)
	s.frames = nil // all of it lost
	const asks = "01040578 0305c22305 05061a2b3c4d 0702 0802"
	s.recvHex(protocolLCP, configureRequest, 1, asks)
	ours := s.expect(protocolLCP, configureRequest) // not after the Restart timer
	s.expectHex(protocolLCP, configureNak, 1, askMSCHAPv2)
	s.recv(protocolLCP, configureAck, ours.id, ours.data...)
	const asks2 = "01040578 0305c22381 05061a2b3c4d 0702 0802"
	s.recvHex(protocolLCP, configureRequest, 2, asks2)
	s.expectHex(protocolLCP, configureAck, 2, asks2)
	if e := must[LinkUp](s); !e.ACFC || !e.PFC || e.PeerMRU != 1400 {
		t.Errorf("%+v", e)
	}
	s.recvHex(protocolCHAP, chapChallenge, 0x5e, "105B5D7C7D7B3F2F3E3C2C602132262628 67617465776179")
	peer, nt := s.response(0x5e)
	proof := mschap.GenerateAuthenticatorResponse(mschap.Unicode([]byte("correct horse")), nt, peer, theChallenge(t), "alice")
	s.recv(protocolCHAP, chapSuccess, 0x5e, []byte(proof+" M=Access granted")...)
	if e := must[Authenticated](s); e.Message != "Access granted" {
		t.Errorf("%+v", e)
	}
	s.expect(protocolIPCP, configureRequest)
	s.recvHex(protocolCCP, configureRequest, 1, "1a0478001804780015032f")
	s.expect(protocolLCP, protocolReject)
	s.recvHex(protocolIPCP, configureRequest, 1, "0206002d0f01 03060a630001")
	s.expectHex(protocolIPCP, configureReject, 1, "0206002d0f01")
	s.recvHex(protocolIPCP, configureReject, 1, "820600000000 840600000000")
	s.expectHex(protocolIPCP, configureRequest, 2, "030600000000 810600000000 830600000000")
	s.recvHex(protocolIPCP, configureRequest, 2, "03060a630001")
	s.expectHex(protocolIPCP, configureAck, 2, "03060a630001")
	s.recvHex(protocolIPCP, configureNak, 2, "03060a63000a 81060a630001 83060a630001")
	s.expectHex(protocolIPCP, configureRequest, 3, "03060a63000a 81060a630001 83060a630001")
	s.recvHex(protocolIPCP, configureAck, 3, "03060a63000a 81060a630001 83060a630001")
	must[NetworkUp](s)
	s.quiet()
	if took := s.now.Sub(epoch); took > 150*time.Millisecond {
		t.Errorf("up after %v", took)
	}

	// chap-interval: the same session, asked once more.
	s.pass(10 * time.Minute)
	s.recvHex(protocolCHAP, chapChallenge, 0x5f, challenge16)
	peer, nt = s.response(0x5f)
	proof = mschap.GenerateAuthenticatorResponse(mschap.Unicode([]byte("correct horse")), nt, peer, theChallenge(t), "alice")
	s.recv(protocolCHAP, chapSuccess, 0x5f, []byte(proof)...)
	s.recv(protocolLCP, terminateRequest, 9, []byte("User request")...)
	if e := s.down(PeerClosed); e.Text != "User request" {
		t.Errorf("%+v", e)
	}
}

// pppd with a RADIUS server that asks a phone: deaf for a minute, then all of
// it at once.
func TestPushApproval(t *testing.T) {
	cfg := clientConfig(1, PAP)
	cfg.EchoInterval, cfg.EchoFailures = 5*time.Second, 2
	s := authenticating(t, cfg)
	first := s.frames[0][5]
	s.pass(60 * time.Second)
	must[Waiting](s)
	s.frames = nil
	s.recv(protocolPAP, papAck, first, 0)
	must[Authenticated](s)
	s.recvHex(protocolPAP, papAck, first+1, "00") // and one for each repeat
	s.recvHex(protocolPAP, papAck, first+2, "00")
	s.expect(protocolIPCP, configureRequest)
	s.quiet()
}

// l2tpns offers multilink and an endpoint discriminator with its PAP, and
// acknowledges with a single zero octet.
func TestL2tpns(t *testing.T) {
	s := newScript(t, clientConfig(1, MSCHAPv2, PAP))
	s.ack(protocolLCP)
	s.recvHex(protocolLCP, configureRequest, 1, "010405b6 0304c023 0506deadbeef 110405b6 1307037f000001")
	s.expectHex(protocolLCP, configureReject, 1, "110405b6 1307037f000001")
	s.recvHex(protocolLCP, configureRequest, 2, "010405b6 0304c023 0506deadbeef")
	s.expect(protocolLCP, configureAck)
	p := s.expect(protocolPAP, papRequest)
	s.recvHex(protocolPAP, papAck, p.id, "00")
	must[Authenticated](s)
}

// pppd 2.4.9 with require-eap, as recorded: it begins with MD5, follows a Nak to
// MSCHAPv2, counts on for its Success, and sends none at all after MSCHAPv2.
func TestPPPDEAP(t *testing.T) {
	const asks = "01040578 020600000000 0304c227 0506ba1acc2e"
	begin := func(cfg Config, magic, peerChallenge string) *script {
		cfg.Rand = bytes.NewReader(unhex(t, magic+peerChallenge))
		s := newScript(t, cfg)
		s.ack(protocolLCP)
		s.recvHex(protocolLCP, configureRequest, 1, asks)
		s.expectHex(protocolLCP, configureAck, 1, asks)
		s.recvHex(protocolEAP, eapRequest, 0x0c, "01 4e616d65") // "Name"
		s.expectHex(protocolEAP, eapResponse, 0x0c, "01 616c696365")
		return s
	}
	s := begin(clientOf(EAPMSCHAPv2), "3ab68a07", "488b58eacfb97da9710f4c5fae7b0ae3")
	s.recvHex(protocolEAP, eapRequest, 0x0d, "04 14 b4843a0d1ae1df85b57cf7dcec9f72a7c2cba659 6c61622d6c6e73")
	s.expectHex(protocolEAP, eapResponse, 0x0d, "03 1a")
	s.recvHex(protocolEAP, eapRequest, 0x0e, "1a 01 0e 001c 10 c7140bb7351752e55079bb5ed6c481c6 6c61622d6c6e73")
	s.expectHex(protocolEAP, eapResponse, 0x0e, "1a 02 0e 003b 31 488b58eacfb97da9710f4c5fae7b0ae3 0000000000000000"+
		"e35c6f12087a090d35e93a69d19ec698d49f30ec813fd687 00 616c696365")
	s.recv(protocolEAP, eapRequest, 0x0f, append(unhex(t, "1a 03 0e 0041"), "S=A9F2CD212588B61748A92E98722618D2862CD05 M=Access granted"...)...)
	s.down(ServerNotGenuine) // a digit of the proof is missing

	s = begin(clientOf(EAPMSCHAPv2), "3ab68a07", "488b58eacfb97da9710f4c5fae7b0ae3")
	s.recvHex(protocolEAP, eapRequest, 0x0e, "1a 01 0e 001c 10 c7140bb7351752e55079bb5ed6c481c6 6c61622d6c6e73")
	s.expect(protocolEAP, eapResponse)
	s.recv(protocolEAP, eapRequest, 0x0f, append(unhex(t, "1a 03 0e 0041"), "S=A9F2CDD212588B61748A92E98722618D2862CD05 M=Access granted"...)...)
	s.expectHex(protocolEAP, eapResponse, 0x0f, "1a 03")
	s.recvHex(protocolIPCP, configureRequest, 1, "03060a630001")
	if e := must[Authenticated](s); e.Method != EAPMSCHAPv2 || e.Message != "Access granted" {
		t.Errorf("%+v", e)
	}
	s.expect(protocolIPCP, configureRequest)
	s.expectHex(protocolIPCP, configureAck, 1, "03060a630001")

	s = begin(clientOf(EAPMD5), "5b477095", "")
	s.recvHex(protocolEAP, eapRequest, 0x67, "04 17 283f2fd85ebdeca38fc2e60c5e55bd430572d464472223 6c61622d6c6e73")
	s.expectHex(protocolEAP, eapResponse, 0x67, "04 10 0c3f178da11b2720b41e1776a1bdc5a4 616c696365")
	s.recv(protocolEAP, eapSuccess, 0x68)
	if e := must[Authenticated](s); e.Method != EAPMD5 {
		t.Errorf("%+v", e)
	}
}
