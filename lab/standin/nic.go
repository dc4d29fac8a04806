package standin

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"time"

	"github.com/insomniacslk/dhcp/dhcpv4"
	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"

	"sandai/netdump"
)

// nic is one of the machine's network interfaces.
type nic struct {
	name string
	link netlink.Link
}

// down ends all traffic, at once.
func (n nic) down() { _ = netlink.LinkSetDown(n.link) }

// nicLimit is how long the cables may take to be plugged in.
const nicLimit = 10 * time.Second

// findNICs waits for the interfaces with these MACs, in this order, and sets
// them up.
func findNICs(ctx context.Context, macs []string) ([]nic, error) {
	if lo, err := netlink.LinkByName("lo"); err == nil {
		_ = netlink.LinkSetUp(lo)
	}
	var out []nic
	for _, mac := range macs {
		n, err := findNIC(ctx, mac)
		if err != nil {
			return nil, err
		}
		out = append(out, n)
	}
	return out, nil
}

func findNIC(ctx context.Context, mac string) (nic, error) {
	ctx, cancel := context.WithTimeout(ctx, nicLimit)
	defer cancel()
	for {
		links, err := netdump.Links()
		if err != nil {
			return nic{}, fmt.Errorf("list the network interfaces: %w", err)
		}
		for _, l := range links {
			a := l.Attrs()
			if a.HardwareAddr.String() != mac {
				continue
			}
			if err := netlink.LinkSetUp(l); err != nil {
				return nic{}, fmt.Errorf("set %s up: %w", a.Name, err)
			}
			if a.RawFlags&unix.IFF_LOWER_UP != 0 {
				return nic{a.Name, l}, nil
			}
		}
		if pause(ctx, 5*time.Millisecond) != nil {
			return nic{}, fmt.Errorf("no network interface with the MAC %s and a link within %s", mac, nicLimit)
		}
	}
}

// address gives the interface an address and takes every other one away.
func (n nic) address(p netip.Prefix) error {
	old, err := netdump.Addrs(n.link, netlink.FAMILY_V4)
	if err != nil {
		return fmt.Errorf("read the addresses of %s: %w", n.name, err)
	}
	for _, a := range old {
		if a.IPNet.String() == p.String() {
			continue
		}
		if err := netlink.AddrDel(n.link, &a); err != nil && !errors.Is(err, unix.EADDRNOTAVAIL) {
			return fmt.Errorf("take %s from %s: %w", a.IPNet, n.name, err)
		}
	}
	return n.also(p)
}

// leased gives the interface the address of a DHCP server's answer.
func (n nic) leased(ack *dhcpv4.DHCPv4) error {
	ip, ok := netip.AddrFromSlice(ack.YourIPAddr.To4())
	bits, _ := ack.SubnetMask().Size()
	if !ok || bits == 0 {
		return fmt.Errorf("the DHCP server gives the address %s with the mask %s", ack.YourIPAddr, ack.SubnetMask())
	}
	return n.address(netip.PrefixFrom(ip, bits))
}

// also adds an address.
func (n nic) also(p netip.Prefix) error {
	a := &netlink.Addr{IPNet: &net.IPNet{IP: p.Addr().AsSlice(), Mask: net.CIDRMask(p.Bits(), p.Addr().BitLen())}}
	if err := netlink.AddrReplace(n.link, a); err != nil {
		return fmt.Errorf("give %s the address %s: %w", n.name, p, err)
	}
	return nil
}
