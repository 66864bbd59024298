package dhcp

import (
	"errors"
	"net"
	"net/netip"
	"slices"

	"github.com/insomniacslk/dhcp/dhcpv4"
)

// ErrTooMuch is more than one answer has room for.
var ErrTooMuch = errors.New("dhcp: more routes and names than one answer has room for")

// ErrUnfit is a route or a name that no client can use.
var ErrUnfit = errors.New("dhcp: no route or name for clients")

// Server is what a gateway answers. It is not changed once it is in use.
type Server struct {
	Address netip.Addr // the gateway's own inside
	Options Options    // Server and Refused mean nothing here
	MTU     int        // of the link, octets
}

// Check says whether the answer is one that a client takes: ErrUnfit, ErrTooMuch.
func (s *Server) Check() error {
	for _, p := range s.Options.Routes {
		if !p.Addr().Is4() || p != p.Masked() || !routable(p) && p.Bits() > 0 {
			return ErrUnfit
		}
	}
	for _, name := range s.Options.Search {
		if !IsName(name) {
			return ErrUnfit
		}
	}
	ack := s.ack(&dhcpv4.DHCPv4{ClientIPAddr: net.IPv4zero})
	if overhead+len(ack) > s.MTU || len(s.Options.Routes) > MaxRoutes || len(s.Options.Search) > MaxSearch {
		return ErrTooMuch
	}
	return nil
}

// Answer is the answer to a question of the client at that address, as an IP
// packet; nil: it is none, or not to us.
func (s *Server) Answer(ip []byte, client netip.Addr) []byte {
	d, ok := parseDatagram(ip)
	if !ok || len(ip) > maxDatagram || !Asks(ip) || d.from.Addr() != client || d.to.Addr() != broadcast && d.to.Addr() != s.Address {
		return nil
	}
	m, err := parseMessage(d.payload)
	if err != nil || m.OpCode != dhcpv4.OpcodeBootRequest || m.MessageType() != dhcpv4.MessageTypeInform {
		return nil
	}
	if a, _ := netip.AddrFromSlice(m.ClientIPAddr.To4()); a != client {
		return nil
	}
	return datagram{netip.AddrPortFrom(s.Address, portServer), netip.AddrPortFrom(client, portClient), s.ack(m)}.packet()
}

// ack is the DHCPACK (RFC 2131, 4.3.5): no address, no lease. It has what the
// client asks for, or everything for one that does not say.
func (s *Server) ack(m *dhcpv4.DHCPv4) []byte {
	address := s.Address.As4()
	out := &dhcpv4.DHCPv4{OpCode: dhcpv4.OpcodeBootReply, HWType: m.HWType, ClientHWAddr: m.ClientHWAddr, TransactionID: m.TransactionID,
		Flags: m.Flags, ClientIPAddr: m.ClientIPAddr,
		Options: dhcpv4.OptionsFromList(dhcpv4.OptMessageType(dhcpv4.MessageTypeAck), dhcpv4.OptServerIdentifier(address[:]))}
	asked := m.Options.Get(dhcpv4.OptionParameterRequestList)
	add := func(code dhcpv4.OptionCode, data []byte) {
		if len(data) > 0 && (len(asked) == 0 || slices.Contains(asked, code.Code())) {
			out.UpdateOption(dhcpv4.OptGeneric(code, data))
		}
	}
	var servers []byte
	for _, a := range s.Options.DNS {
		servers = append(servers, a.AsSlice()...)
	}
	add(dhcpv4.OptionDomainNameServer, servers)
	if len(s.Options.Search) > 0 {
		add(dhcpv4.OptionDomainName, []byte(s.Options.Search[0]))
		add(dhcpv4.OptionDNSDomainSearchList, AppendNames(nil, s.Options.Search))
	}
	var routes dhcpv4.Routes
	for _, p := range s.Options.Routes {
		routes = append(routes, &dhcpv4.Route{Dest: &net.IPNet{IP: p.Addr().AsSlice(), Mask: net.CIDRMask(p.Bits(), 32)}, Router: address[:]})
	}
	add(dhcpv4.OptionClasslessStaticRoute, routes.ToBytes())
	add(optionMicrosoft, routes.ToBytes())
	return out.ToBytes()
}
