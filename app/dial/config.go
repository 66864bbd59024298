package dial

import (
	"net/netip"
	"strings"
	"time"

	"github.com/culvert-vpn/culvert/app/profile"
	"github.com/culvert-vpn/culvert/engine"
	"github.com/culvert-vpn/culvert/engine/ike"
	"github.com/culvert-vpn/culvert/engine/isakmp"
	"github.com/culvert-vpn/culvert/engine/l2tp"
	"github.com/culvert-vpn/culvert/engine/ppp"
	"github.com/culvert-vpn/culvert/engine/stack"
)

// EngineConfig is what the engine needs to connect as p says, but for the
// gateway's address, the sockets and the device. It borrows the secrets.
func EngineConfig(p *profile.Profile, s *profile.Secrets) engine.Config {
	return engine.Config{
		StandardPorts: p.IPsec.SourcePorts == "standard",
		InnerPort:     p.L2TP.SourcePort,
		AutoPFS:       p.IPsec.PFS.Auto,
		Stack: stack.Config{
			IPsec: p.IPsec.Enabled,
			IKE:   ikeConfig(p, s),
			L2TP:  l2tpConfig(p, s),
			PPP:   pppConfig(p, s),
			MRU:   p.PPP.MRU,
		},
	}
}

func ikeConfig(p *profile.Profile, s *profile.Secrets) ike.Config {
	offer := p.Proposals()
	return ike.Config{
		PSK:            s.PSK,
		RemoteID:       identification(p.IPsec.RemoteID),
		Phase1:         offer.Phase1,
		Phase2:         offer.Phase2,
		PFS:            offer.PFS,
		Encapsulation:  encapsulations[p.IPsec.Encapsulation],
		Phase1Lifetime: p.IPsec.Phase1Lifetime.Std(),
		Phase2Lifetime: p.IPsec.Phase2Lifetime.Std(),
		DPDInterval:    p.IPsec.DPDInterval.Std(),
	}
}

var encapsulations = map[string]ike.Encapsulation{"auto": ike.EncapAuto, "udp": ike.EncapUDP, "esp": ike.EncapESP}

// identification reads an identity as it is usually written: an address, a
// user@host, or a name (RFC 2407, 4.6.2), which may have an @ in front. Nil for
// nothing.
func identification(s string) *isakmp.Identification {
	if s == "" {
		return nil
	}
	if a, err := netip.ParseAddr(s); err == nil {
		if a.Is4() {
			return &isakmp.Identification{Type: isakmp.IDIPv4Addr, Data: a.AsSlice()}
		}
		return &isakmp.Identification{Type: isakmp.IDIPv6Addr, Data: a.AsSlice()}
	}
	name := strings.TrimPrefix(s, "@")
	if strings.Contains(name, "@") {
		return &isakmp.Identification{Type: isakmp.IDUserFQDN, Data: []byte(name)}
	}
	return &isakmp.Identification{Type: isakmp.IDFQDN, Data: []byte(name)}
}

func l2tpConfig(p *profile.Profile, s *profile.Secrets) l2tp.Config {
	cfg := l2tp.Config{HelloInterval: p.L2TP.HelloInterval.Std(), Sequencing: p.L2TP.DataSequencing}
	if cfg.HelloInterval == 0 {
		cfg.HelloInterval = -time.Second // never; zero would be the default
	}
	if p.L2TP.TunnelAuth {
		cfg.Secret = s.TunnelSecret
		cfg.HideAVPs = p.Preset != "softether" // which drops such messages
	}
	return cfg
}

func pppConfig(p *profile.Profile, s *profile.Secrets) ppp.Config {
	cfg := ppp.Config{
		User:         p.Login(),
		Password:     s.Password,
		Local:        p.PPP.Address,
		EchoInterval: p.PPP.EchoInterval.Std(),
		EchoFailures: p.PPP.EchoFailures,
		AuthTimeout:  p.PPP.AuthTimeout.Std(),
		EAPForms:     true,
		IPv6:         p.Routing.IPv6 == "auto",
	}
	for _, m := range p.AuthMethods() {
		cfg.Auth = append(cfg.Auth, AuthMethods[m])
	}
	return cfg
}

// AuthMethods are the engine's methods by the profile's names.
var AuthMethods = map[profile.AuthMethod]ppp.AuthMethod{profile.MSCHAPv2: ppp.MSCHAPv2, profile.CHAP: ppp.CHAPMD5, profile.PAP: ppp.PAP,
	profile.EAPMSCHAPv2: ppp.EAPMSCHAPv2, profile.EAPMD5: ppp.EAPMD5, profile.EAPGTC: ppp.EAPGTC}
