package pxe

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"

	"sandai/inventory"
	"sandai/netdump"
)

// sysNet is where the kernel tells an interface's speed, which rtnetlink(7) does not.
const sysNet = "/sys/class/net"

// Interfaces lists the interfaces of this host but for the loopback, those with
// a link first, then by name.
func Interfaces() ([]inventory.HostInterface, error) {
	links, err := netdump.Links()
	if err != nil {
		return nil, fmt.Errorf("list the network interfaces: %w", err)
	}
	names := map[int]string{}
	for _, l := range links {
		names[l.Attrs().Index] = l.Attrs().Name
	}
	var out []inventory.HostInterface
	for _, l := range links {
		a := l.Attrs()
		if a.RawFlags&unix.IFF_LOOPBACK != 0 || a.EncapType != "ether" {
			continue // a tunnel has no machines that ask for an address
		}
		i := inventory.HostInterface{Name: a.Name, MAC: a.HardwareAddr.String(), Kind: l.Type(), Master: names[a.MasterIndex],
			Up: a.RawFlags&unix.IFF_UP != 0, Link: a.RawFlags&unix.IFF_LOWER_UP != 0, Mbps: speed(a.Name)}
		addrs, err := netdump.Addrs(l, netlink.FAMILY_V4)
		if err != nil {
			return nil, fmt.Errorf("read the addresses of %s: %w", a.Name, err)
		}
		for _, addr := range addrs {
			i.Addresses = append(i.Addresses, addr.IPNet.String())
		}
		out = append(out, i)
	}
	slices.SortFunc(out, func(a, b inventory.HostInterface) int {
		if a.Link != b.Link {
			if a.Link {
				return -1
			}
			return 1
		}
		return strings.Compare(a.Name, b.Name)
	})
	return out, nil
}

// speed is a link's speed in Mb/s, 0 where the kernel does not know it: reading
// it fails for a link that is down, and is -1 for virtual ones.
func speed(name string) int {
	b, err := os.ReadFile(filepath.Join(sysNet, name, "speed"))
	if err != nil {
		return 0
	}
	n, err := strconv.Atoi(strings.TrimSpace(string(b)))
	if err != nil || n < 0 {
		return 0
	}
	return n
}

// EnsureAddress gives an interface of this host an address where it has it not
// yet, and switches it on, and reports whether anything had to be done. An
// address that another interface has is an error: answers would leave through
// the wrong one.
func EnsureAddress(ifname string, want netip.Prefix) (added bool, err error) {
	link, err := netlink.LinkByName(ifname)
	var missing netlink.LinkNotFoundError
	if errors.As(err, &missing) {
		return false, fmt.Errorf("this host has no network interface %s: plug it in, or give the rack another interface (ip -br link lists them)", ifname)
	}
	if err != nil {
		return false, fmt.Errorf("look at interface %s: %w", ifname, err)
	}
	has, err := hasAddress(link, want)
	if err != nil {
		return false, err
	}
	if !has {
		addr := &netlink.Addr{IPNet: &net.IPNet{IP: want.Addr().AsSlice(), Mask: net.CIDRMask(want.Bits(), want.Addr().BitLen())}}
		if err := netlink.AddrReplace(link, addr); err != nil {
			return false, fmt.Errorf("give interface %s the address %s: %w; it needs root", ifname, want, err)
		}
	}
	if link.Attrs().RawFlags&unix.IFF_UP == 0 {
		if err := netlink.LinkSetUp(link); err != nil {
			return false, fmt.Errorf("switch interface %s on: %w; it needs root", ifname, err)
		}
		return true, nil
	}
	return !has, nil
}

// hasAddress reports whether a link has an address, with that prefix.
func hasAddress(link netlink.Link, want netip.Prefix) (bool, error) {
	all, err := netdump.Addrs(nil, netlink.FAMILY_V4)
	if err != nil {
		return false, fmt.Errorf("read this host's addresses: %w", err)
	}
	for _, a := range all {
		ip, ok := netip.AddrFromSlice(a.IP)
		if !ok || ip.Unmap() != want.Addr() {
			continue
		}
		if a.LinkIndex != link.Attrs().Index {
			other, err := netlink.LinkByIndex(a.LinkIndex)
			if err != nil {
				return false, fmt.Errorf("look at the interface that has %s: %w", want.Addr(), err)
			}
			return false, fmt.Errorf("%s is the address of interface %s already, not of %s: take it away there, or choose another one", want.Addr(), other.Attrs().Name, link.Attrs().Name)
		}
		if ones, _ := a.Mask.Size(); ones == want.Bits() {
			return true, nil
		}
	}
	return false, nil
}
