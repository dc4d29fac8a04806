package pxe

import (
	"fmt"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"

	"sandai/netdump"
)

// addrState says how far an interface's link-local IPv6 address is.
type addrState int

const (
	addrNone    addrState = iota
	addrPending           // duplicate address detection is running (RFC 4862 §5.4)
	addrReady
)

// linkLocal looks for a link-local IPv6 address that a socket can be bound to.
func linkLocal(ifname string) (addrState, error) {
	link, err := netlink.LinkByName(ifname)
	if err != nil {
		return addrNone, fmt.Errorf("look at interface %s: %w", ifname, err)
	}
	addrs, err := netdump.Addrs(link, netlink.FAMILY_V6)
	if err != nil {
		return addrNone, fmt.Errorf("read the IPv6 addresses of %s: %w", ifname, err)
	}
	state := addrNone
	for _, a := range addrs {
		switch {
		case !a.IP.IsLinkLocalUnicast() || a.Flags&unix.IFA_F_DADFAILED != 0:
		case a.Flags&unix.IFA_F_TENTATIVE != 0:
			state = max(state, addrPending)
		default:
			state = addrReady
		}
	}
	return state, nil
}
