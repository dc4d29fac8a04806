package pxe

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"net"
	"strings"
	"time"

	"github.com/insomniacslk/dhcp/dhcpv4"
	"github.com/insomniacslk/dhcp/dhcpv4/nclient4"

	"sandai/inventory"
)

// probeEvery is the time between two DISCOVERs of one probe; the first may be
// lost while a switch port still learns.
const probeEvery = time.Second

// FindDHCP asks for an address on an interface as a machine would, with an
// invented MAC, for as long as given, and returns the server that answers, nil
// where none does. It takes nothing: no address is requested. Our own server
// answers too, so it must not be serving the interface.
func FindDHCP(ctx context.Context, ifname string, wait time.Duration) (*inventory.DHCPServer, error) {
	mac := make(net.HardwareAddr, 6)
	rand.Read(mac)
	mac[0] = mac[0]&^1 | 2 // unicast, locally administered

	ctx, cancel := context.WithTimeout(ctx, wait)
	defer cancel()
	// Try again for as long as ctx lasts.
	c, err := nclient4.New(ifname, nclient4.WithHWAddr(mac), nclient4.WithTimeout(probeEvery), nclient4.WithRetry(-1))
	if err != nil {
		return nil, fmt.Errorf("look for a foreign DHCP server on %s: %w", ifname, err)
	}
	defer c.Close()
	// An answer to a MAC that is nobody's only arrives as a broadcast.
	offer, err := c.DiscoverOffer(ctx, dhcpv4.WithBroadcast(true))
	switch {
	case err == nil:
		return serverOf(offer), nil
	case errors.Is(err, context.DeadlineExceeded) || errors.Is(err, context.Canceled):
		return nil, nil
	}
	return nil, fmt.Errorf("look for a foreign DHCP server on %s: %w", ifname, err)
}

func serverOf(offer *dhcpv4.DHCPv4) *inventory.DHCPServer {
	s := &inventory.DHCPServer{Offered: offer.YourIPAddr.String(), Domain: offer.DomainName()}
	if id := offer.ServerIdentifier(); id != nil {
		s.Address = id.String()
	}
	if m := offer.SubnetMask(); m != nil {
		ones, _ := m.Size()
		s.Offered += fmt.Sprintf("/%d", ones)
	}
	return s
}

// probeForeign looks for a DHCP server for as long as given. One is an error:
// two servers on one network fight over its machines.
func probeForeign(ctx context.Context, ifname string, wait time.Duration) error {
	s, err := FindDHCP(ctx, ifname, wait)
	if s == nil || err != nil {
		return err
	}
	server := s.Address
	if server == "" {
		server = "a server that does not give its address"
	}
	about := []string{"offered " + s.Offered}
	if s.Domain != "" {
		about = append(about, "domain "+s.Domain)
	}
	return fmt.Errorf("another DHCP server answers on %s: %s (%s); two servers on one network fight over its machines, so nothing is served: switch that one off, or give the rack a network of its own", ifname, server, strings.Join(about, ", "))
}
