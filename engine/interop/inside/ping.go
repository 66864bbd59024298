package main

import (
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"net"
	"time"
)

// From the specification (RFC 792; RFC 4443, 4).
const icmpHeader = 8

// family is how echo requests go by one version of IP. The kernel sees to the
// checksum of ICMPv6 itself, which is over addresses that it chooses.
type family struct {
	network        string
	request, reply byte
}

var (
	ipv4 = family{"ip4:icmp", 8, 0}
	ipv6 = family{"ip6:ipv6-icmp", 128, 129}
)

// Ours. An answer that takes longer than this counts as lost: iputils' ping
// would wait for two round trips only, which a busy machine exceeds.
const (
	pingInterval = 50 * time.Millisecond
	pingPatience = 5 * time.Second
	pingBuffer   = 1 << 20
)

// pinged is what became of some echo requests.
type pinged struct {
	Sent     int      `json:"sent"`
	Answered int      `json:"answered"`
	Missing  []string `json:"missing"`   // when they were sent
	Slowest  float64  `json:"slowest_s"` // seconds
}

// ping sends echo requests of size octets of data and waits for their answers.
func ping(address string, count, size int) (pinged, error) {
	to, err := net.ResolveIPAddr("ip", address)
	if err != nil {
		return pinged{}, err
	}
	by := ipv4
	if to.IP.To4() == nil {
		by = ipv6
	}
	c, err := net.ListenIP(by.network, nil)
	if err != nil {
		return pinged{}, err
	}
	defer c.Close()
	// On a busy machine this process may be the one that is late.
	if err := c.SetReadBuffer(pingBuffer); err != nil {
		return pinged{}, err
	}
	id := uint16(rand.Uint32())
	sent := make([]time.Time, count)
	took := make([]time.Duration, count) // 0: no answer yet
	p := pinged{}
	start := time.Now()
	buf := make([]byte, 64<<10)
	for p.Answered < count {
		next := start.Add(time.Duration(p.Sent) * pingInterval)
		if p.Sent == count {
			next = sent[count-1].Add(pingPatience)
		} else if !time.Now().Before(next) {
			sent[p.Sent] = time.Now()
			if _, err := c.WriteTo(echo(by.request, id, uint16(p.Sent), size), to); err != nil {
				return p, fmt.Errorf("echo request %d: %w", p.Sent, err)
			}
			p.Sent++
			continue
		}
		c.SetReadDeadline(next)
		n, from, err := c.ReadFrom(buf)
		if err != nil {
			if p.Sent == count {
				break
			}
			continue
		}
		if from.String() != to.String() || n != icmpHeader+size || buf[0] != by.reply || binary.BigEndian.Uint16(buf[4:]) != id {
			continue
		}
		if seq := int(binary.BigEndian.Uint16(buf[6:])); seq < p.Sent && took[seq] == 0 {
			took[seq] = time.Since(sent[seq])
			p.Answered++
			p.Slowest = max(p.Slowest, took[seq].Seconds())
		}
	}
	for seq, d := range took {
		if d == 0 {
			p.Missing = append(p.Missing, sent[seq].UTC().Format("15:04:05.000"))
		}
	}
	return p, nil
}

// echo is an echo request.
func echo(kind byte, id, seq uint16, size int) []byte {
	b := make([]byte, icmpHeader+size)
	b[0] = kind
	binary.BigEndian.PutUint16(b[4:], id)
	binary.BigEndian.PutUint16(b[6:], seq)
	for i := range size {
		b[icmpHeader+i] = byte(i)
	}
	var sum uint32
	for i := 0; i < len(b); i += 2 {
		sum += uint32(b[i]) << 8
		if i+1 < len(b) {
			sum += uint32(b[i+1])
		}
	}
	for sum > 0xffff {
		sum = sum>>16 + sum&0xffff
	}
	binary.BigEndian.PutUint16(b[2:], ^uint16(sum))
	return b
}
