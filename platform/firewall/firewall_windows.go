package firewall

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"reflect"
	"syscall"
	"unsafe"

	"github.com/tailscale/wf"
	"golang.org/x/sys/windows"
	"golang.zx2c4.com/wireguard/windows/tunnel/winipcfg"
)

// Ours: the names of what we make. Filters have filterBase with the bank and
// the slot in its last octets.
var (
	providerID = wf.ProviderID{Data1: 0x0c8e5c4b, Data2: 0x2d5a, Data3: 0x4a8e, Data4: [8]byte{0x9f, 0x3d, 0x61, 0x5b, 0x2e, 0x70, 0xc1, 0xd4}}
	sublayerID = wf.SublayerID{Data1: 0x5e0b3d6f, Data2: 0x7c14, Data3: 0x4f0a, Data4: [8]byte{0xb2, 0x48, 0x90, 0x1d, 0xe6, 0x35, 0xa7, 0x2c}}
	filterBase = wf.RuleID{Data1: 0xa4f17e92, Data2: 0x31cb, Data3: 0x4d67, Data4: [8]byte{0x8a, 0x5c, 0x07, 0xe3, 0xf4, 0, 0, 0}}
)

// The heaviest sublayer is asked first. Our blocks cannot be overridden by
// others (a "hard" action), our permits can: what the Windows firewall refuses
// stays refused.
const sublayerWeight = 0xffff

// What the filtering service answers (fwpmu.h).
const (
	errFilterNotFound   = syscall.Errno(0x80320003)
	errProviderNotFound = syscall.Errno(0x80320005)
	errSublayerNotFound = syscall.Errno(0x80320007)
	errAlreadyExists    = syscall.Errno(0x80320009)
)

var (
	fwpuclnt          = windows.NewLazySystemDLL("fwpuclnt.dll")
	transactionBegin  = fwpuclnt.NewProc("FwpmTransactionBegin0")
	transactionCommit = fwpuclnt.NewProc("FwpmTransactionCommit0")
	transactionAbort  = fwpuclnt.NewProc("FwpmTransactionAbort0")
	filterGetByKey    = fwpuclnt.NewProc("FwpmFilterGetByKey0")
	freeMemory        = fwpuclnt.NewProc("FwpmFreeMemory0")
)

func newSystem() (system, error) {
	program, err := os.Executable()
	if err != nil {
		return nil, fmt.Errorf("firewall: own program: %w", err)
	}
	return &wfp{engine: filterEngine{program}}, nil
}

// filterEngine is the Base Filtering Engine.
type filterEngine struct{ program string }

// session opens a session. Its handle is for what package wf has no call for.
func session() (*wf.Session, uintptr, error) {
	s, err := wf.New(&wf.Options{Name: "Culvert"})
	if err != nil {
		return nil, 0, fmt.Errorf("firewall: open the filtering engine: %w", err)
	}
	h := reflect.ValueOf(s).Elem().FieldByName("handle")
	if !h.IsValid() || h.Kind() != reflect.Uintptr || h.Uint() == 0 {
		s.Close()
		return nil, 0, errors.New("firewall: the session shows no handle")
	}
	return s, uintptr(h.Uint()), nil
}

// call is a procedure whose result is an error code.
//
//go:uintptrescapes
func call(p *windows.LazyProc, args ...uintptr) error {
	if err := p.Find(); err != nil {
		return fmt.Errorf("firewall: %w", err)
	}
	if r, _, _ := p.Call(args...); r != 0 {
		return fmt.Errorf("firewall: %s: %w", p.Name, syscall.Errno(r))
	}
	return nil
}

func (e filterEngine) transaction(f func(do func(wfpOp) error) error) error {
	s, handle, err := session()
	if err != nil {
		return err
	}
	// Closing a session ends a transaction that is left open in it, too.
	defer s.Close()
	program, err := wf.AppID(e.program)
	if err != nil {
		return fmt.Errorf("firewall: application id of %s: %w", e.program, err)
	}
	if err := call(transactionBegin, handle, 0); err != nil {
		return err
	}
	c := changes{s, program}
	if err := f(c.do); err != nil {
		return errors.Join(err, call(transactionAbort, handle))
	}
	return call(transactionCommit, handle)
}

func (e filterEngine) has(bank, count int) (bool, error) {
	s, handle, err := session()
	if err != nil {
		return false, err
	}
	defer s.Close()
	for slot := range count {
		id := wfpKey{bank, slot}.id()
		var filter unsafe.Pointer
		err := call(filterGetByKey, handle, uintptr(unsafe.Pointer(&id)), uintptr(unsafe.Pointer(&filter)))
		if errors.Is(err, errFilterNotFound) {
			return false, nil
		}
		if err != nil {
			return false, err
		}
		_, _, _ = freeMemory.Call(uintptr(unsafe.Pointer(&filter)))
	}
	return true, nil
}

func (e filterEngine) luid(name string) (uint64, error) {
	i, err := net.InterfaceByName(name)
	if err != nil {
		return 0, err
	}
	l, err := winipcfg.LUIDFromIndex(uint32(i.Index))
	return uint64(l), err
}

func (k wfpKey) id() wf.RuleID {
	id := filterBase
	id.Data4[5], id.Data4[6], id.Data4[7] = byte(k.bank), byte(k.slot>>8), byte(k.slot)
	return id
}

// changes is an open transaction.
type changes struct {
	s       *wf.Session
	program string // as an application id
}

func (c changes) do(o wfpOp) error {
	err := c.make(o)
	switch {
	case errors.Is(err, errAlreadyExists):
		return errWFPExists
	case errors.Is(err, errFilterNotFound), errors.Is(err, errProviderNotFound), errors.Is(err, errSublayerNotFound):
		return errWFPAbsent
	}
	return err
}

func (c changes) make(o wfpOp) error {
	switch o.do + " " + o.what {
	case "add provider":
		// Without a service's name: with one, its filters would sleep while
		// the service does not run.
		return c.s.AddProvider(&wf.Provider{ID: providerID, Name: "Culvert", Persistent: true})
	case "add sublayer":
		return c.s.AddSublayer(&wf.Sublayer{ID: sublayerID, Name: "Culvert", Provider: providerID, Persistent: true, Weight: sublayerWeight})
	case "delete provider":
		return c.s.DeleteProvider(providerID)
	case "delete sublayer":
		return c.s.DeleteSublayer(sublayerID)
	case "delete filter":
		return c.s.DeleteRule(o.key.id())
	case "add filter":
		r, err := c.rule(o)
		if err != nil {
			return err
		}
		return c.s.AddRule(r)
	}
	return fmt.Errorf("firewall: unknown change %v", o)
}

var layers = map[string][2]wf.LayerID{
	wfpConnect: {wf.LayerALEAuthConnectV4, wf.LayerALEAuthConnectV6},
	wfpAccept:  {wf.LayerALEAuthRecvAcceptV4, wf.LayerALEAuthRecvAcceptV6},
	wfpForward: {wf.LayerIPForwardV4, wf.LayerIPForwardV6},
}

var fields = map[string]wf.FieldID{
	wfpFlags:       wf.FieldFlags,
	wfpProgram:     wf.FieldALEAppID,
	wfpInterface:   wf.FieldIPLocalInterface,
	wfpOutgoing:    wf.FieldIPForwardInterface,
	wfpProtocol:    wf.FieldIPProtocol,
	wfpLocal:       wf.FieldIPLocalAddress,
	wfpRemote:      wf.FieldIPRemoteAddress,
	wfpDestination: wf.FieldIPDestinationAddress,
	wfpLocalPort:   wf.FieldIPLocalPort,
	wfpRemotePort:  wf.FieldIPRemotePort,
}

func (c changes) rule(o wfpOp) (*wf.Rule, error) {
	layer := layers[o.filter.layer][0]
	if o.filter.family == 6 {
		layer = layers[o.filter.layer][1]
	}
	r := &wf.Rule{
		ID: o.key.id(), Name: "Culvert: " + o.filter.why, Layer: layer, Sublayer: sublayerID, Provider: providerID,
		Weight: o.filter.weight, Action: wf.ActionBlock, HardAction: !o.filter.permit, Persistent: true,
	}
	if o.filter.permit {
		r.Action = wf.ActionPermit
	}
	for _, w := range o.filter.when {
		field, ok := fields[w.field]
		if !ok {
			return nil, fmt.Errorf("firewall: unknown field %s", w.field)
		}
		m := &wf.Match{Field: field, Op: wf.MatchTypeEqual, Value: w.value}
		switch w.field {
		case wfpFlags:
			m.Op = wf.MatchTypeFlagsAllSet
		case wfpProgram:
			m.Value = c.program
		case wfpLocal, wfpRemote, wfpDestination:
			// A single address is matched as one.
			if p, ok := w.value.(netip.Prefix); ok && p.IsSingleIP() {
				m.Value = p.Addr()
			}
		}
		r.Conditions = append(r.Conditions, m)
	}
	return r, nil
}
