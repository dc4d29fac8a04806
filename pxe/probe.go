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
)

// probeEvery is the time between two DISCOVERs of one probe; the first may be
// lost while a switch port still learns.
const probeEvery = time.Second

// probeForeign asks for an address as a machine would, with an invented MAC, for
// as long as given. An OFFER is an error: two servers on one network fight over
// its machines. Our own server must not answer yet when this runs.
func probeForeign(ctx context.Context, ifname string, wait time.Duration) error {
	mac := make(net.HardwareAddr, 6)
	rand.Read(mac)
	mac[0] = mac[0]&^1 | 2 // unicast, locally administered

	ctx, cancel := context.WithTimeout(ctx, wait)
	defer cancel()
	// Try again for as long as ctx lasts.
	c, err := nclient4.New(ifname, nclient4.WithHWAddr(mac), nclient4.WithTimeout(probeEvery), nclient4.WithRetry(-1))
	if err != nil {
		return fmt.Errorf("look for a foreign DHCP server on %s: %w", ifname, err)
	}
	defer c.Close()
	// An answer to a MAC that is nobody's only arrives as a broadcast.
	offer, err := c.DiscoverOffer(ctx, dhcpv4.WithBroadcast(true))
	switch {
	case err == nil:
		return foreignError(ifname, offer)
	case errors.Is(err, context.DeadlineExceeded) || errors.Is(err, context.Canceled):
		return nil
	}
	return fmt.Errorf("look for a foreign DHCP server on %s: %w", ifname, err)
}

func foreignError(ifname string, offer *dhcpv4.DHCPv4) error {
	server := offer.ServerIdentifier().String()
	if offer.ServerIdentifier() == nil {
		server = "a server that does not give its address"
	}
	var about []string
	if m := offer.SubnetMask(); m != nil {
		ones, _ := m.Size()
		about = append(about, fmt.Sprintf("offered %s/%d", offer.YourIPAddr, ones))
	} else {
		about = append(about, fmt.Sprintf("offered %s", offer.YourIPAddr))
	}
	if d := offer.DomainName(); d != "" {
		about = append(about, "domain "+d)
	}
	return fmt.Errorf("another DHCP server answers on %s: %s (%s); two servers on one network fight over its machines, so nothing is served: switch that one off, or give the rack a network of its own", ifname, server, strings.Join(about, ", "))
}
