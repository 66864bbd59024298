//go:build linux

package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/netip"
	"os"
	"strconv"
	"time"
)

// Ours.
const (
	idlePings    = 100
	smokePings   = 20
	idleInterval = 10 * time.Millisecond
	loadInterval = 5 * time.Millisecond
	pingExtra    = 20 * time.Second
)

// flow is what one transfer came to.
type flow struct {
	Gbps      float64 `json:"gbit_s"`
	Octets    int64   `json:"octets"`           // delivered
	ClientCPU float64 `json:"client_cpu_s_gb"`  // seconds per 10^9 octets delivered
	ServerCPU float64 `json:"far_end_cpu_s_gb"` // the same of the far end
	Loss      float64 `json:"loss"`             // of UDP, 0 to 1
}

// run is one measurement of a variant.
type run struct {
	Variant string          `json:"variant"`
	Round   int             `json:"round"`
	Load    float64         `json:"load"` // of the machine before it
	Flows   map[string]flow `json:"flows"`
	Bare    roundTrips      `json:"rtt_bare"`     // on the cable
	Idle    roundTrips      `json:"rtt_idle"`     // through the tunnel
	Loaded  roundTrips      `json:"rtt_download"` // while one flow downloads
	Upload  roundTrips      `json:"rtt_upload"`   // while one flow uploads
	Memory  int64           `json:"memory"`       // the client's peak, octets
}

// measure starts a variant on a bed of its own and measures it. With the error
// comes what the processes said.
func (h *harness) measure(ctx context.Context, v variant) (r *run, log string, err error) {
	r = &run{Variant: v.name, Flows: map[string]flow{}, Load: loadAverage()}
	b, err := newBed(h)
	if b != nil {
		defer func() {
			if err != nil {
				log = b.log()
			}
			err = errors.Join(err, b.close(ctx))
		}()
	}
	if err != nil {
		return nil, "", err
	}
	t, err := v.start(ctx, h, b)
	if err != nil {
		return nil, "", err
	}
	if err := b.ready(ctx, t.peer); err != nil {
		return nil, "", err
	}
	pings := idlePings
	if h.options.smoke {
		pings = smokePings
	}
	if r.Bare, err = b.ping(ctx, farOuter.Addr(), pings, idleInterval); err != nil {
		return nil, "", err
	}
	if r.Idle, err = b.ping(ctx, t.peer, pings, idleInterval); err != nil {
		return nil, "", err
	}
	for _, l := range loads {
		if r.Flows[l.name], err = measureLoad(ctx, b, h.options, t, l); err != nil {
			return nil, "", err
		}
	}
	if r.Loaded, err = loadedPing(ctx, b, h.options, t.peer, true); err != nil {
		return nil, "", err
	}
	if r.Upload, err = loadedPing(ctx, b, h.options, t.peer, false); err != nil {
		return nil, "", err
	}
	r.Memory, err = t.client.peak()
	return r, "", err
}

// measureLoad has a transfer run and looks at the time it took of the CPU.
func measureLoad(ctx context.Context, b *bed, o options, t *tunnel, l load) (flow, error) {
	client, err1 := t.client.cpu()
	server, err2 := t.server.cpu()
	if err := errors.Join(err1, err2); err != nil {
		return flow{}, err
	}
	tr, err := startTransfer(ctx, b, o, l, t.peer, false)
	if err != nil {
		return flow{}, err
	}
	got, err := tr.finish(ctx)
	if err != nil {
		return flow{}, err
	}
	clientAfter, err1 := t.client.cpu()
	serverAfter, err2 := t.server.cpu()
	gb := float64(got.octets) / 1e9
	return flow{
		Gbps: got.gbps, Octets: got.octets, Loss: got.loss,
		ClientCPU: (clientAfter - client).Seconds() / gb, ServerCPU: (serverAfter - server).Seconds() / gb,
	}, errors.Join(err1, err2)
}

// loadedPing pings while one flow downloads or uploads as fast as it can.
func loadedPing(ctx context.Context, b *bed, o options, peer netip.Addr, down bool) (roundTrips, error) {
	tr, err := startTransfer(ctx, b, o, load{name: "transfer under a ping", down: down, flows: 1}, peer, true)
	if err != nil {
		return roundTrips{}, err
	}
	seconds := float64(o.seconds)
	if o.smoke {
		seconds = 1
	}
	delay := time.Duration(warmUp * float64(time.Second))
	count := int((time.Duration(seconds*float64(time.Second)) - 2*delay) / loadInterval)
	p, err := b.startPing(peer, max(count, 1), loadInterval, delay)
	if err != nil {
		return roundTrips{}, err
	}
	r, err := finishPing(ctx, p)
	if err != nil {
		return roundTrips{}, err
	}
	_, err = tr.finish(ctx)
	return r, err
}

// ready waits until the tunnel carries packets.
func (b *bed) ready(ctx context.Context, peer netip.Addr) error {
	for start := time.Now(); time.Since(start) < startLimit; {
		r, err := b.ping(ctx, peer, 1, idleInterval)
		if err != nil {
			return err
		}
		if r.Lost == 0 {
			return nil
		}
	}
	return errors.New("nothing comes back through the tunnel")
}

// ping pings from the near end.
func (b *bed) ping(ctx context.Context, to netip.Addr, count int, interval time.Duration) (roundTrips, error) {
	p, err := b.startPing(to, count, interval, 0)
	if err != nil {
		return roundTrips{}, err
	}
	return finishPing(ctx, p)
}

func (b *bed) startPing(to netip.Addr, count int, interval, delay time.Duration) (*process, error) {
	self, err := os.Executable()
	if err != nil {
		return nil, err
	}
	return b.near.start("ping", self, "ping", "-to", to.String(), "-count", strconv.Itoa(count),
		"-interval", interval.String(), "-delay", delay.String())
}

func finishPing(ctx context.Context, p *process) (roundTrips, error) {
	var r roundTrips
	if err := p.wait(ctx, pingExtra+time.Minute); err != nil {
		return r, err
	}
	if err := json.Unmarshal([]byte(p.out.String()), &r); err != nil {
		return r, fmt.Errorf("ping: %w", err)
	}
	return r, nil
}

// loadAverage is the machine's load of the last minute; 0 when it is not known.
func loadAverage() float64 {
	data, err := os.ReadFile("/proc/loadavg")
	if err != nil {
		return 0
	}
	var load float64
	if _, err := fmt.Sscan(string(data), &load); err != nil {
		return 0
	}
	return load
}
