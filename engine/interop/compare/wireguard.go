//go:build linux

package main

import (
	"bufio"
	"context"
	"crypto/ecdh"
	"crypto/rand"
	"fmt"
	"net"
	"net/netip"
	"path/filepath"
	"strings"
	"time"
)

// Ours.
const (
	wireguardPackage = "golang.zx2c4.com/wireguard"
	wireguardPort    = 51820
	uapiLimit        = 5 * time.Second
)

// startWireguard starts wireguard-go, of the version that go.mod has, at both
// ends.
func startWireguard(ctx context.Context, h *harness, b *bed) (*tunnel, error) {
	// It would put its control sockets into a directory of the whole machine.
	program, err := h.build(ctx, wireguardPackage, "-X "+wireguardPackage+"/ipc.socketDirectory="+h.dir)
	if err != nil {
		return nil, err
	}
	nearKey, err := ecdh.X25519().GenerateKey(rand.Reader)
	if err != nil {
		return nil, err
	}
	farKey, err := ecdh.X25519().GenerateKey(rand.Reader)
	if err != nil {
		return nil, err
	}
	end := func(on *host, name string, key *ecdh.PrivateKey, peer *ecdh.PublicKey, to, inner netip.Prefix) (*process, error) {
		p, err := on.start("wireguard-go", program, "--foreground", name)
		if err != nil {
			return nil, err
		}
		if err := on.appears(ctx, p, name); err != nil {
			return nil, err
		}
		config := fmt.Sprintf("private_key=%x\nlisten_port=%d\npublic_key=%x\nendpoint=%v\nallowed_ip=%v\n",
			key.Bytes(), wireguardPort, peer.Bytes(), netip.AddrPortFrom(to.Addr(), wireguardPort), farInner.Masked())
		if err := uapiSet(ctx, filepath.Join(h.dir, name+".sock"), config); err != nil {
			return nil, fmt.Errorf("%s: %w", p.name, err)
		}
		return p, on.configure(name, inner, innerMTU)
	}
	t := &tunnel{peer: farInner.Addr()}
	if t.server, err = end(b.far, "wgfar", farKey, nearKey.PublicKey(), nearOuter, farInner); err != nil {
		return nil, err
	}
	t.client, err = end(b.near, "wgnear", nearKey, farKey.PublicKey(), farOuter, nearInner)
	return t, err
}

// uapiSet configures an interface (wireguard.com/xplatform).
func uapiSet(ctx context.Context, socket, config string) error {
	var c net.Conn
	err := poll(ctx, "control socket", func() (bool, error) {
		var err error
		c, err = net.Dial("unix", socket)
		return err == nil, nil
	})
	if err != nil {
		return err
	}
	defer c.Close()
	if err := c.SetDeadline(time.Now().Add(uapiLimit)); err != nil {
		return err
	}
	if _, err := fmt.Fprintf(c, "set=1\n%s\n", config); err != nil {
		return err
	}
	answer, err := bufio.NewReader(c).ReadString('\n')
	if err != nil {
		return err
	}
	if answer = strings.TrimSpace(answer); answer != "errno=0" {
		return fmt.Errorf("configuration refused: %s", answer)
	}
	return nil
}
