//go:build linux

package main

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"fmt"
	"math/big"
	"net/netip"
	"strconv"
	"strings"
	"time"
)

// Ours.
const (
	openvpnDevice = "ovpn"
	openvpnCipher = "AES-128-GCM"
	openvpnBuffer = "4000000"
)

// identity is a certificate that signs itself, in files.
type identity struct {
	cert, key   string // paths
	fingerprint string // SHA-256, as openvpn reads it
}

func newIdentity(b *bed, name string) (identity, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return identity{}, err
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: name},
		NotBefore: time.Now().Add(-24 * time.Hour), NotAfter: time.Now().Add(24 * time.Hour),
		KeyUsage: x509.KeyUsageDigitalSignature, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth},
	}
	cert, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		return identity{}, err
	}
	private, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return identity{}, err
	}
	id := identity{}
	if id.cert, err = b.file(name+".crt", pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: cert})); err != nil {
		return id, err
	}
	if id.key, err = b.file(name+".key", pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: private})); err != nil {
		return id, err
	}
	sum := sha256.Sum256(cert)
	var hex bytes.Buffer
	for i, o := range sum {
		if i > 0 {
			hex.WriteByte(':')
		}
		fmt.Fprintf(&hex, "%02X", o)
	}
	id.fingerprint = hex.String()
	return id, nil
}

// startOpenVPN starts Debian's OpenVPN at both ends, with all in userspace, and
// with what helps its speed: large socket buffers and no wait before a write.
func startOpenVPN(ctx context.Context, _ *harness, b *bed) (*tunnel, error) {
	nearID, err := newIdentity(b, "near")
	if err != nil {
		return nil, err
	}
	farID, err := newIdentity(b, "far")
	if err != nil {
		return nil, err
	}
	end := func(on *host, id identity, peer string, local, remote, inner, peerInner netip.Prefix, role ...string) (*process, error) {
		args := append([]string{"openvpn", "--dev-type", "tun", "--dev", openvpnDevice, "--proto", "udp",
			"--local", local.Addr().String(), "--remote", remote.Addr().String(),
			"--ifconfig", inner.Addr().String(), peerInner.Addr().String(),
			"--cert", id.cert, "--key", id.key, "--peer-fingerprint", peer,
			"--data-ciphers", openvpnCipher, "--cipher", openvpnCipher, "--disable-dco",
			"--tun-mtu", strconv.Itoa(innerMTU), "--mssfix", "0",
			"--sndbuf", openvpnBuffer, "--rcvbuf", openvpnBuffer, "--fast-io", "--txqueuelen", "1000", "--verb", "3"}, role...)
		return on.start("openvpn", args...)
	}
	t := &tunnel{peer: farInner.Addr()}
	t.server, err = end(b.far, farID, nearID.fingerprint, farOuter, nearOuter, farInner, nearInner, "--tls-server", "--dh", "none")
	if err != nil {
		return nil, err
	}
	t.client, err = end(b.near, nearID, farID.fingerprint, nearOuter, farOuter, nearInner, farInner, "--tls-client")
	if err != nil {
		return nil, err
	}
	for _, p := range []*process{t.server, t.client} {
		cipher, complete := false, false // in either order
		err := p.until(ctx, p.out, "tunnel with "+openvpnCipher, func(line string) (bool, error) {
			cipher = cipher || strings.Contains(line, "Data Channel: cipher '"+openvpnCipher+"'")
			complete = complete || strings.Contains(line, "Initialization Sequence Completed")
			return cipher && complete, nil
		})
		if err != nil {
			return nil, err
		}
	}
	return t, nil
}
