package pxe

import (
	"context"
	"fmt"
	"net"
	"net/netip"
	"time"

	"github.com/insomniacslk/dhcp/dhcpv4"
	"github.com/insomniacslk/dhcp/iana"

	"sandai/inventory"
)

// answerDHCP is the DHCP server without its socket: the reply to a request, nil
// when there is to be none. Errors are those of Boots and Leaser.
func (s *Server) answerDHCP(ctx context.Context, req *dhcpv4.DHCPv4, now time.Time) (*dhcpv4.DHCPv4, error) {
	if req.OpCode != dhcpv4.OpcodeBootRequest || req.HWType != iana.HWTypeEthernet || !validMAC(req.ClientHWAddr) {
		return nil, nil
	}
	if !req.GatewayIPAddr.IsUnspecified() {
		// A relay's clients are on another network; our addresses would not work there.
		s.log.Debug("a relayed DHCP request is ignored", "relay", req.GatewayIPAddr, "mac", req.ClientHWAddr)
		return nil, nil
	}
	m, k := classify(req)
	if s.forOther(req) {
		return nil, nil
	}
	switch req.MessageType() {
	case dhcpv4.MessageTypeDiscover, dhcpv4.MessageTypeRequest, dhcpv4.MessageTypeInform:
	case dhcpv4.MessageTypeDecline:
		s.events.refused(ctx, "", m.MAC, fmt.Sprintf("%s declined %s: it found another machine with that address; look for it (arping -I %s %s) and give it another", m.MAC, req.RequestedIPAddress(), s.cfg.Interface, req.RequestedIPAddress()))
		return nil, nil
	default:
		return nil, nil // RELEASE: the lease stays, so that the machine finds its address again
	}

	d, err := s.boots.Decide(ctx, m)
	if err != nil {
		return nil, err
	}
	if req.MessageType() == dhcpv4.MessageTypeDiscover {
		s.events.record(ctx, req.TransactionID.String(), inventory.Event{Type: inventory.EventDHCPDiscover, Node: d.Node, MAC: m.MAC, Text: k.String() + " asks for an address"})
	}
	if k != plain && d.Action == inventory.BootSilent {
		s.events.refused(ctx, d.Node, m.MAC, "no boot answer: "+d.Reason)
		return nil, nil
	}
	if req.MessageType() == dhcpv4.MessageTypeInform {
		return s.reply(req, dhcpv4.MessageTypeAck, d, m, k)
	}
	l, err := s.leases.Lease(ctx, s.cfg.RackID, m.MAC, now)
	if err != nil {
		return nil, fmt.Errorf("find an address for %s: %w", m.MAC, err)
	}
	addr, err := netip.ParseAddr(l.Address)
	if err != nil || !s.cfg.Address.Contains(addr) || addr == s.cfg.Address.Addr() {
		s.events.refused(ctx, d.Node, m.MAC, fmt.Sprintf("no address: %q is not a free address of the provisioning network %s; correct the node's address", l.Address, s.cfg.Address.Masked()))
		return nil, nil
	}
	if req.MessageType() == dhcpv4.MessageTypeDiscover {
		return s.lease(req, dhcpv4.MessageTypeOffer, d, m, k, l, now)
	}
	if want := wanted(req); want != addr {
		s.events.refused(ctx, d.Node, m.MAC, fmt.Sprintf("asked for the address %s; its address is %s", want, addr))
		return dhcpv4.NewReplyFromRequest(req, dhcpv4.WithMessageType(dhcpv4.MessageTypeNak), s.withServerID(),
			dhcpv4.WithBroadcast(true), dhcpv4.WithOption(dhcpv4.OptMessage("the address of this machine is "+addr.String())))
	}
	s.hosts.put(addr, m, k != plain)
	s.events.record(ctx, req.TransactionID.String(), inventory.Event{Type: inventory.EventDHCPAck, Node: d.Node, MAC: m.MAC, Text: fmt.Sprintf("%s has the address %s", k, addr)})
	return s.lease(req, dhcpv4.MessageTypeAck, d, m, k, l, now)
}

// forOther reports whether a client speaks to another server (RFC 2131 §4.3.2).
func (s *Server) forOther(req *dhcpv4.DHCPv4) bool {
	id := req.ServerIdentifier()
	return id != nil && !id.IsUnspecified() && !id.Equal(s.cfg.Address.Addr().AsSlice())
}

// wanted is the address that a REQUEST is about: option 50 when selecting or
// after a reboot, ciaddr when renewing or rebinding (RFC 2131 §4.3.2).
func wanted(req *dhcpv4.DHCPv4) netip.Addr {
	ip := req.RequestedIPAddress()
	if ip == nil || ip.IsUnspecified() {
		ip = req.ClientIPAddr
	}
	a, _ := netip.AddrFromSlice(ip.To4())
	return a
}

func (s *Server) withServerID() dhcpv4.Modifier {
	return dhcpv4.WithOption(dhcpv4.OptServerIdentifier(s.cfg.Address.Addr().AsSlice()))
}

// lease is a reply that gives an address.
func (s *Server) lease(req *dhcpv4.DHCPv4, t dhcpv4.MessageType, d inventory.BootDecision, m inventory.Machine, k kind, l inventory.Lease, now time.Time) (*dhcpv4.DHCPv4, error) {
	lasts := s.cfg.LeaseTime
	if !l.Expires.IsZero() {
		lasts = max(l.Expires.Sub(now).Truncate(time.Second), time.Minute)
	}
	r, err := s.reply(req, t, d, m, k)
	if err != nil {
		return nil, err
	}
	r.YourIPAddr = net.ParseIP(l.Address).To4()
	r.UpdateOption(dhcpv4.OptIPAddressLeaseTime(lasts))
	return r, nil
}

// reply has what OFFER, ACK and the answer to INFORM share. There is no DNS
// server: an appliance without one must not promise it.
func (s *Server) reply(req *dhcpv4.DHCPv4, t dhcpv4.MessageType, d inventory.BootDecision, m inventory.Machine, k kind) (*dhcpv4.DHCPv4, error) {
	addr := s.cfg.Address
	mods := []dhcpv4.Modifier{
		dhcpv4.WithMessageType(t), s.withServerID(),
		dhcpv4.WithClientIP(req.ClientIPAddr),
		dhcpv4.WithNetmask(net.CIDRMask(addr.Bits(), 32)),
		// RFC 6842: the client identifier is sent back. PXE 2.1 wants its UUID too.
		dhcpv4.WithOptionCopied(req, dhcpv4.OptionClientIdentifier),
	}
	if s.cfg.Gateway.IsValid() {
		mods = append(mods, dhcpv4.WithOption(dhcpv4.OptRouter(s.cfg.Gateway.AsSlice())))
	}
	if d.Node != "" {
		mods = append(mods, dhcpv4.WithOption(dhcpv4.OptHostName(d.Node)))
	}
	if s.cfg.Domain != "" {
		mods = append(mods, dhcpv4.WithOption(dhcpv4.OptDomainName(s.cfg.Domain)))
	}
	return dhcpv4.NewReplyFromRequest(req, append(mods, s.bootOptions(req, m, k)...)...)
}

// bootOptions say where a client finds its next stage.
func (s *Server) bootOptions(req *dhcpv4.DHCPv4, m inventory.Machine, k kind) []dhcpv4.Modifier {
	us := s.cfg.Address.Addr()
	next := func(file string) []dhcpv4.Modifier {
		return []dhcpv4.Modifier{
			dhcpv4.WithServerIP(us.AsSlice()),
			// Old firmware reads the header, new firmware the option.
			func(d *dhcpv4.DHCPv4) { d.BootFileName = file },
			dhcpv4.WithOption(dhcpv4.OptBootFileName(file)),
			dhcpv4.WithOptionCopied(req, dhcpv4.OptionClientMachineIdentifier),
		}
	}
	tftp := func(file string) []dhcpv4.Modifier {
		return append(next(file), dhcpv4.WithOption(dhcpv4.OptTFTPServerName(us.String())))
	}
	switch k {
	case ipxe:
		// 176 = 1: do not wait for a ProxyDHCP offer.
		return append(next(s.scriptURL(m.MAC)), dhcpv4.WithOption(dhcpv4.OptGeneric(optionIPXE, []byte{176, 1, 1})))
	case biosROM:
		// PXE 2.1 §2.4.2, tag 6 bit 3: use the boot file named here, no prompt,
		// no menu, no search for boot servers.
		return append(tftp(imageUndionly), dhcpv4.WithOption(dhcpv4.OptClassIdentifier("PXEClient")),
			dhcpv4.WithOption(dhcpv4.OptGeneric(dhcpv4.OptionVendorSpecificInformation, []byte{6, 1, 8, 255})))
	case uefiROM:
		// Without options 60 and 43 EDK II takes this for plain DHCP with a boot
		// file; with option 60 alone it would ask UDP 4011.
		return tftp(imageIPXE)
	case uefiHTTP:
		return append(next(s.url("/ipxe.efi")), dhcpv4.WithOption(dhcpv4.OptClassIdentifier("HTTPClient")))
	}
	return nil
}
