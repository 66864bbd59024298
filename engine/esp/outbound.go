package esp

import (
	"crypto/aes"
	"crypto/cipher"
	"encoding/binary"
	"fmt"
	"io"
	"sync"
	"sync/atomic"

	"github.com/culvert-vpn/culvert/engine/packet"
	"github.com/culvert-vpn/culvert/engine/suite"
)

// Outbound is the SA that packets to the peer are sealed with. It is safe for
// concurrent use; a batch is sealed whole.
type Outbound struct {
	spi uint32

	mu     sync.Mutex // guards what follows up to the atomics
	crypto *transform
	ivs    *ivSource // nil for GCM
	pkts   [][]byte  // the packets of the batch at hand

	sequence atomic.Uint32 // the last number used; written under mu
	noRoom   atomic.Uint64
}

// NewOutbound makes the SA with the peer's SPI. keymat, KeymatLen octets of one
// direction, is not kept. It must never be used twice: neither sequence numbers
// nor the nonces of GCM may come again under one key.
func NewOutbound(s suite.Phase2, spi uint32, keymat []byte, rand io.Reader) (*Outbound, error) {
	crypto, err := newTransform(s, keymat, true)
	if err != nil {
		return nil, err
	}
	o := &Outbound{spi: spi, crypto: crypto}
	if crypto.gcm == nil {
		if o.ivs, err = newIVSource(rand); err != nil {
			return nil, err
		}
	}
	return o, nil
}

// SPI is the SPI in the packets.
func (o *Outbound) SPI() uint32 { return o.spi }

// Sequence is the number of the last packet that was sealed; 0 before the first.
func (o *Outbound) Sequence() uint32 { return o.sequence.Load() }

// Soft reports that the sequence numbers come to their end: it is time for a new
// SA.
func (o *Outbound) Soft() bool { return o.Sequence() >= softSequence }

// NoRoom is the number of packets that Seal dropped because their buffers had no
// room for the trailer.
func (o *Outbound) NoRoom() uint64 { return o.noRoom.Load() }

// Seal makes an ESP packet out of each payload of the batch (UDP, RFC 4303, 3.3)
// in place, in order. It steps over empty buffers, and drops a packet whose
// buffer has no room for the trailer. When there are not enough sequence numbers
// left it seals nothing, drops all the batch, so that nothing can go out in
// clear, and returns ErrSequenceExhausted.
func (o *Outbound) Seal(batch []*packet.Buffer) error {
	o.mu.Lock()
	defer o.mu.Unlock()
	if uint64(o.sequence.Load())+uint64(len(batch)) > maxSequence {
		if err := o.checkSequence(batch); err != nil {
			return err
		}
	}
	o.prepare(batch)
	o.crypto.encrypt(o.pkts)
	o.crypto.authenticate(o.pkts)
	clear(o.pkts) // do not hold on to the caller's buffers
	o.crypto.release()
	return nil
}

// checkSequence drops the batch unless there is a number for every packet.
func (o *Outbound) checkSequence(batch []*packet.Buffer) error {
	need := uint64(o.sequence.Load())
	for _, b := range batch {
		if b.Len() > 0 {
			need++
		}
	}
	if need <= maxSequence {
		return nil
	}
	for _, b := range batch {
		b.Drop()
	}
	return ErrSequenceExhausted
}

// prepare puts everything but the cryptography around the payloads, and the
// packets into pkts.
func (o *Outbound) prepare(batch []*packet.Buffer) {
	o.pkts = o.pkts[:0]
	sequence, noRoom := o.sequence.Load(), uint64(0)
	for _, b := range batch {
		if b.Len() == 0 {
			continue
		}
		pad := o.crypto.padLen(b.Len())
		tail := b.Append(pad + trailerLen + o.crypto.icvLen)
		if tail == nil {
			b.Drop()
			noRoom++
			continue
		}
		for i := range tail[:pad] {
			tail[i] = byte(i + 1)
		}
		tail[pad], tail[pad+1] = byte(pad), nextHeaderUDP

		sequence++
		head := b.Prepend(o.crypto.headLen())
		binary.BigEndian.PutUint32(head, o.spi)
		binary.BigEndian.PutUint32(head[4:], sequence)
		if o.ivs != nil {
			o.ivs.put(head[headerLen:], sequence)
		} else {
			binary.BigEndian.PutUint64(head[headerLen:], uint64(sequence))
		}
		p := b.Bytes()
		o.pkts = append(o.pkts, p[:len(p):len(p)])
	}
	o.sequence.Store(sequence)
	o.noRoom.Add(noRoom)
}

// ivSource makes the IVs of CBC, which nobody may be able to tell in advance
// (RFC 3602, 3): a counter encrypted under a random key of its own. That is as
// good as a random number for each packet, and needs no system call.
type ivSource struct {
	block cipher.Block
	out   [aes.BlockSize]byte
}

func newIVSource(rand io.Reader) (*ivSource, error) {
	var key [16]byte
	if _, err := io.ReadFull(rand, key[:]); err != nil {
		return nil, fmt.Errorf("esp: random number for the IVs: %w", err)
	}
	block, err := aes.NewCipher(key[:])
	if err != nil {
		return nil, fmt.Errorf("esp: key of the IVs: %w", err)
	}
	return &ivSource{block: block}, nil
}

// put fills iv, of a block at most, for the packet of that number.
func (s *ivSource) put(iv []byte, sequence uint32) {
	clear(s.out[:])
	binary.BigEndian.PutUint32(s.out[:], sequence)
	s.block.Encrypt(s.out[:], s.out[:])
	copy(iv, s.out[:])
}
