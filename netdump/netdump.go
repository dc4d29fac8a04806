// Package netdump asks the kernel for lists of network things.
package netdump

import (
	"errors"

	"github.com/vishvananda/netlink"
)

// most is how often a list is asked for anew; on a host where interfaces come and
// go by the dozen, one in some hundred is interrupted.
const most = 20

// Whole returns what list does, asked again where the kernel was interrupted by a
// change while it listed (NLM_F_DUMP_INTR, netlink(7)): what netlink returns then has
// holes.
func Whole[T any](list func() ([]T, error)) (out []T, err error) {
	for range most {
		if out, err = list(); !errors.Is(err, netlink.ErrDumpInterrupted) {
			break
		}
	}
	return out, err
}

// Links lists the interfaces of this network namespace.
func Links() ([]netlink.Link, error) { return Whole(netlink.LinkList) }

// Addrs lists the addresses of one interface, or of all where link is nil, of a
// family such as netlink.FAMILY_V4.
func Addrs(link netlink.Link, family int) ([]netlink.Addr, error) {
	return Whole(func() ([]netlink.Addr, error) { return netlink.AddrList(link, family) })
}
