//go:build linux

package main

import (
	"context"
	"encoding/json"
	"fmt"
	"net/netip"
	"os"
	"strconv"
	"strings"
	"time"
)

// load is a transfer by iperf3.
type load struct {
	name   string
	down   bool // from the far end to the near
	flows  int  // of TCP
	rate   int  // of UDP, bit/s; 0: TCP
	length int  // of UDP, octets in a datagram
}

// The measurements with transfers. 1,372 octets fill a packet of 1,400.
var loads = []load{
	{name: "up1", flows: 1},
	{name: "down1", down: true, flows: 1},
	{name: "up4", flows: 4},
	{name: "down4", down: true, flows: 4},
	{name: "paced_up", rate: 300e6, length: 1372},
	{name: "paced_down", down: true, rate: 300e6, length: 1372},
	{name: "small_up", rate: 50_000 * 100 * 8, length: 100},
	{name: "small_down", down: true, rate: 50_000 * 100 * 8, length: 100},
}

// Ours.
const (
	iperfPort  = 5201
	iperfExtra = 20 * time.Second // beyond the transfer's own time, for a busy machine
	warmUp     = 0.3              // seconds, in which TCP finds its speed
	smokeTime  = 0.3              // seconds
	smokeRate  = 2e9              // bit/s of TCP, about
)

// transfer is one load at work.
type transfer struct {
	load           load
	server, client *process
	limit          time.Duration
}

// startTransfer starts a load towards peer. whole: for a full second at least.
func startTransfer(ctx context.Context, b *bed, o options, l load, peer netip.Addr, whole bool) (*transfer, error) {
	t := &transfer{load: l, limit: time.Duration(o.seconds)*time.Second + iperfExtra}
	port := strconv.Itoa(iperfPort)
	var err error
	t.server, err = b.far.start("iperf3", "iperf3", "--server", "--one-off", "--json", "--interval", "0.1", "--bind", peer.String(), "--port", port)
	if err != nil {
		return nil, err
	}
	if err := poll(ctx, "iperf3 listening", func() (bool, error) { return b.far.listens(peer, iperfPort) }); err != nil {
		return nil, err
	}
	args := []string{"iperf3", "--client", peer.String(), "--port", port, "--json", "--interval", "0.1", "--connect-timeout", "5000"}
	switch {
	case !o.smoke:
		args = append(args, "--time", strconv.Itoa(o.seconds))
	case whole:
		args = append(args, "--time", "1")
	default: // iperf3 counts whole seconds only
		rate := max(l.rate, 0)
		if rate == 0 {
			rate = smokeRate
		}
		args = append(args, "--bytes", strconv.Itoa(int(smokeTime*float64(rate))/8))
	}
	if l.down {
		args = append(args, "--reverse")
	}
	if l.rate > 0 {
		args = append(args, "--udp", "--bitrate", strconv.Itoa(l.rate), "--length", strconv.Itoa(l.length))
	} else {
		args = append(args, "--parallel", strconv.Itoa(l.flows))
	}
	t.client, err = b.near.start("iperf3", args...)
	return t, err
}

// received is what came out of a transfer at its receiving end.
type received struct {
	octets int64   // all of them
	gbps   float64 // after the warm-up, Gbit/s
	loss   float64 // of UDP, 0 to 1
}

// finish waits for the end of the transfer.
func (t *transfer) finish(ctx context.Context) (received, error) {
	if err := t.client.wait(ctx, t.limit); err != nil {
		return received{}, fmt.Errorf("%s: %w", t.load.name, err)
	}
	if err := t.server.wait(ctx, iperfExtra); err != nil {
		return received{}, fmt.Errorf("%s: %w", t.load.name, err)
	}
	at := t.server
	if t.load.down {
		at = t.client
	}
	r, err := parseReport([]byte(at.out.String()))
	if err != nil {
		return received{}, fmt.Errorf("%s: %s: %w", t.load.name, at.name, err)
	}
	return r, nil
}

// parseReport reads what iperf3 --json says at the receiving end.
func parseReport(report []byte) (received, error) {
	var j struct {
		Error     string
		Intervals []struct {
			Sum struct {
				Start, End, Seconds float64
				Bytes               int64
				Packets             int64
				Lost                int64 `json:"lost_packets"`
				Sender              bool
			}
		}
	}
	if err := json.Unmarshal(report, &j); err != nil {
		return received{}, fmt.Errorf("iperf3's report: %w", err)
	}
	if j.Error != "" {
		return received{}, fmt.Errorf("iperf3: %s", j.Error)
	}
	var r received
	var octets, packets, lost int64
	var seconds float64
	for _, i := range j.Intervals {
		if i.Sum.Sender {
			return received{}, fmt.Errorf("iperf3's report is of the sending end")
		}
		r.octets += i.Sum.Bytes
		packets += i.Sum.Packets
		lost += i.Sum.Lost
		if i.Sum.Start >= warmUp-0.02 { // the intervals are not quite even
			octets += i.Sum.Bytes
			seconds += i.Sum.Seconds
		}
	}
	if seconds < warmUp { // a short transfer: all of it
		octets, seconds = r.octets, 0
		for _, i := range j.Intervals {
			seconds += i.Sum.Seconds
		}
	}
	if r.octets == 0 || seconds == 0 {
		return received{}, fmt.Errorf("nothing arrived")
	}
	r.gbps = float64(octets) * 8 / 1e9 / seconds
	if packets > 0 {
		r.loss = float64(max(lost, 0)) / float64(packets)
	}
	return r, nil
}

// listens says whether something takes TCP connections at that address.
func (h *host) listens(a netip.Addr, port int) (bool, error) {
	data, err := os.ReadFile(fmt.Sprintf("/proc/%d/net/tcp", h.holder.pid()))
	if err != nil {
		return false, err
	}
	o := a.As4()
	const listen = "0A" // TCP_LISTEN
	// The address is in the order of a little-endian machine, as all are that Go
	// has an assembler for our code for.
	want := fmt.Sprintf("%02X%02X%02X%02X:%04X", o[3], o[2], o[1], o[0], port)
	for line := range strings.Lines(string(data)) {
		if f := strings.Fields(line); len(f) > 3 && f[1] == want && f[3] == listen {
			return true, nil
		}
	}
	return false, nil
}
