package udp

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"syscall"
	"unsafe"

	"golang.org/x/sys/windows"
)

// Ours: so many runs refused one after the other, and none is tried again.
const maxRefused = 8

// writer sends batches, for one goroutine at a time. Datagrams of one size to
// one peer that follow each other are a run: they go to the system in one piece
// that it cuts apart late (UDP_SEND_MSG_SIZE), and the network card perhaps.
type writer struct {
	connected bool
	inet6     bool
	runs      bool // runs are allowed
	refused   int  // runs, since one passed

	conn   *net.UDPConn
	whole  []byte // a run in one piece, as no documentation says that it may be in several
	msg    windows.WSAMsg
	buf    windows.WSABuf
	to     sockaddr
	ctl    control
	err    error
	submit func(fd uintptr) bool // made once: a closure a call would allocate
	send   func(i, n int) (verdict, error)

	raw   syscall.RawConn // of the write under way, and so on
	bufs  [][]byte
	peers []netip.AddrPort
}

func (w *writer) init(c *net.UDPConn, connected bool) {
	w.conn, w.connected = c, connected
	if w.runs {
		w.whole = make([]byte, 0, maxRunOctets)
	}
	w.submit = func(fd uintptr) bool {
		var n uint32
		w.err = windows.WSASendMsg(windows.Handle(fd), &w.msg, 0, &n, nil, nil)
		return true
	}
	w.send = w.sendRun
}

func (w *writer) write(raw syscall.RawConn, bufs [][]byte, peers []netip.AddrPort) error {
	w.raw, w.bufs, w.peers = raw, bufs, peers
	return sendAll(bufs, peers, &w.runs, w.send)
}

// sendRun sends n datagrams from i on as one message.
func (w *writer) sendRun(i, n int) (verdict, error) {
	data := w.bufs[i]
	w.msg = windows.WSAMsg{Buffers: &w.buf, BufferCount: 1}
	var ctl []byte
	if n > 1 {
		w.whole = w.whole[:0]
		for _, b := range w.bufs[i : i+n] {
			w.whole = append(w.whole, b...)
		}
		ctl = w.ctl.b[:putControl(w.ctl.b[:], word, windows.IPPROTO_UDP, windows.UDP_SEND_MSG_SIZE, 4, uint32(len(data)))]
		w.msg.Control = windows.WSABuf{Len: uint32(len(ctl)), Buf: &ctl[0]}
		data = w.whole
	}
	w.buf = windows.WSABuf{Len: uint32(len(data)), Buf: unsafe.SliceData(data)}
	var peer netip.AddrPort
	if !w.connected {
		peer = w.peers[i]
		w.msg.Name = (*syscall.RawSockaddrAny)(unsafe.Pointer(&w.to))
		w.msg.Namelen = int32(w.to.put(peer, windows.AF_INET6, w.inet6))
	}
	if err := w.raw.Write(w.submit); err != nil {
		return verdictClosed, posix(err)
	}
	err := w.err
	if err == windows.WSAEWOULDBLOCK { // the socket's buffer is full: package net waits
		_, _, err = w.conn.WriteMsgUDPAddrPort(data, ctl, peer)
	}
	if err == nil {
		if n > 1 {
			w.refused = 0
		}
		return verdictLost, nil
	}
	return w.judge(err, n), fmt.Errorf("udp: send: %w", posix(err))
}

// judge says what an error of sending n datagrams means.
func (w *writer) judge(err error, n int) verdict {
	if errors.Is(err, net.ErrClosed) {
		return verdictClosed
	}
	var e syscall.Errno
	errors.As(err, &e)
	switch e {
	case windows.WSAEINVAL, windows.WSAEMSGSIZE, windows.WSAEOPNOTSUPP, windows.WSAENOPROTOOPT:
		if w.refused++; n > 1 && w.refused >= maxRefused {
			return verdictNoRuns
		}
		return verdictSingly
	case windows.WSAECONNRESET, windows.WSAECONNREFUSED, windows.WSAENETRESET, windows.WSAEHOSTUNREACH, windows.WSAENETUNREACH, windows.WSAEHOSTDOWN:
		return verdictEarlier
	}
	return verdictLost
}
