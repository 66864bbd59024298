package netstack

import (
	"fmt"
	"reflect"
	"testing"

	"gvisor.dev/gvisor/pkg/tcpip"
	"gvisor.dev/gvisor/pkg/tcpip/checksum"
	"gvisor.dev/gvisor/pkg/tcpip/header"
	"gvisor.dev/gvisor/pkg/tcpip/stack"

	"github.com/culvert-vpn/culvert/engine/packet"
)

// upper notes what goes up to IPv4, as source port, data and whether the
// checksum was good.
type upper struct {
	stack.NetworkEndpoint
	got []string
}

func (u *upper) HandlePacket(p *stack.PacketBuffer) {
	b := p.Data().AsRange().ToSlice()
	tcp := header.TCP(b[header.IPv4MinimumSize:])
	u.got = append(u.got, fmt.Sprintf("%d %s %v", tcp.SourcePort(), tcp.Payload(), p.RXChecksumValidated))
}

// segment is a TCP segment without a push, which would send it up at once.
func segment(from uint16, seq uint32, data string) []byte {
	b := make([]byte, header.IPv4MinimumSize+header.TCPMinimumSize+len(data))
	src, dst := tcpip.AddrFrom4(addrB.As4()), tcpip.AddrFrom4(addrA.As4())
	ip := header.IPv4(b)
	ip.Encode(&header.IPv4Fields{TotalLength: uint16(len(b)), TTL: 64, Protocol: uint8(header.TCPProtocolNumber), SrcAddr: src, DstAddr: dst})
	ip.SetChecksum(^ip.CalculateChecksum())
	tcp := header.TCP(b[header.IPv4MinimumSize:])
	copy(tcp[header.TCPMinimumSize:], data)
	tcp.Encode(&header.TCPFields{SrcPort: from, DstPort: 80, SeqNum: seq, AckNum: 1, DataOffset: header.TCPMinimumSize, Flags: header.TCPFlagAck, WindowSize: 1000})
	sum := header.PseudoHeaderChecksum(header.TCPProtocolNumber, src, dst, uint16(len(tcp)))
	tcp.SetChecksum(^tcp.CalculateChecksum(checksum.Checksum([]byte(data), sum)))
	return b
}

// Each batch goes up whole and with its sums checked once: segments that follow
// each other as one, and those of connections that share a bucket of gVisor's
// offload (ports a multiple of 8 apart) all of them.
func TestReceiveOffload(t *testing.T) {
	l := newLink(1400)
	var u upper
	l.start(handlers{header.IPv4ProtocolNumber: &u})
	bad := segment(4000, 1, "broken")
	bad[len(bad)-1] ^= 2
	batch := packet.NewBatch(6)
	for i, p := range [][]byte{
		segment(1000, 1, "one"), segment(1008, 1, "two"), bad, segment(1000, 4, "ONE"), segment(1016, 1, "three"), nil,
	} {
		batch[i].Set(p)
	}
	if err := l.write(batch); err != nil {
		t.Fatal(err)
	}
	want := []string{"4000 brokel false", "1000 oneONE true", "1008 two true", "1016 three true"}
	if !reflect.DeepEqual(u.got, want) {
		t.Errorf("IPv4 got %q, want %q", u.got, want)
	}
}
