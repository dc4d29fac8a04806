package ramdisk

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/netip"
	"strings"
	"time"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"

	"sandai/netdump"
)

// How long to wait before the whole is tried again. Spanning tree without
// portfast keeps a port silent for 30 to 90 s.
const (
	nicLimit  = time.Minute
	linkLimit = 3 * time.Minute
)

// bringUp gives the NIC with a MAC its address and waits for its link.
func bringUp(ctx context.Context, log *slog.Logger, drv *drivers, mac string, addr netip.Prefix) error {
	if lo, err := netlink.LinkByName("lo"); err == nil {
		_ = netlink.LinkSetUp(lo)
	}
	var link netlink.Link
	var have []string
	err := await(ctx, log, nicLimit, "the NIC "+mac, func() error {
		drv.scan()
		links, err := netdump.Links()
		if err != nil {
			return err
		}
		have = have[:0]
		for _, l := range links {
			if a := l.Attrs(); a.Name != "lo" {
				have = append(have, a.Name+" "+a.HardwareAddr.String())
				if a.HardwareAddr.String() == mac {
					link = l
					return nil
				}
			}
		}
		return fmt.Errorf("there are only: %s", strings.Join(have, ", "))
	})
	if err != nil {
		return err
	}
	name := link.Attrs().Name
	if err := netlink.LinkSetUp(link); err != nil {
		return fmt.Errorf("set %s up: %w", name, err)
	}
	ip := &netlink.Addr{IPNet: &net.IPNet{IP: addr.Addr().AsSlice(), Mask: net.CIDRMask(addr.Bits(), addr.Addr().BitLen())}}
	if err := netlink.AddrReplace(link, ip); err != nil {
		return fmt.Errorf("give %s the address %s: %w", name, addr, err)
	}
	err = await(ctx, log, linkLimit, "a link on "+name, func() error {
		l, err := netlink.LinkByIndex(link.Attrs().Index)
		if err == nil && l.Attrs().RawFlags&unix.IFF_LOWER_UP == 0 {
			err = errors.New("no carrier: check cable and switch port")
		}
		return err
	})
	if err != nil {
		return err
	}
	log.Info("network is up", "nic", name, "mac", mac, "address", addr)
	return nil
}

// carrierLimit is how long a NIC may take to agree on a speed with the switch,
// 10GBASE-T the longest. One without a cable costs this time.
const carrierLimit = 6 * time.Second

// raiseLinks sets every NIC up, so that the inspection can tell which have a
// link: one that is down shows none.
func raiseLinks(ctx context.Context, log *slog.Logger) {
	err := await(ctx, log, carrierLimit, "a link on every NIC", func() error {
		links, err := netdump.Links()
		if err != nil {
			return err
		}
		var without []string
		for _, l := range links {
			a := l.Attrs()
			if l.Type() != "device" { // a bridge, a tunnel: no hardware
				continue
			}
			if a.Flags&net.FlagUp == 0 {
				if err := netlink.LinkSetUp(l); err != nil {
					return fmt.Errorf("set %s up: %w", a.Name, err)
				}
			}
			if a.Name != "lo" && a.RawFlags&unix.IFF_LOWER_UP == 0 {
				without = append(without, a.Name)
			}
		}
		if len(without) > 0 {
			return fmt.Errorf("no carrier on %s", strings.Join(without, ", "))
		}
		return nil
	})
	if err != nil {
		log.Info("not every NIC has a link", "err", err)
	}
}

// silenceNICs takes every NIC down, so that none writes into the memory of the
// kernel that comes next.
func silenceNICs(log *slog.Logger) {
	links, err := netdump.Links()
	if err != nil {
		log.Warn("the NICs cannot be listed", "err", err)
		return
	}
	for _, l := range links {
		if err := netlink.LinkSetDown(l); err != nil {
			log.Warn("a NIC cannot be taken down", "nic", l.Attrs().Name, "err", err)
		}
	}
}

// await polls until look returns nil. Every ten seconds it says what it waits
// for; after limit it returns the last reason.
func await(ctx context.Context, log *slog.Logger, limit time.Duration, what string, look func() error) error {
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	poll := time.NewTicker(100 * time.Millisecond)
	defer poll.Stop()
	began, said := time.Now(), time.Now()
	for {
		err := look()
		if err == nil {
			return nil
		}
		if time.Since(said) >= 10*time.Second {
			said = time.Now()
			log.Warn("waiting for "+what, "for", time.Since(began).Round(time.Second), "reason", err)
		}
		select {
		case <-poll.C:
		case <-ctx.Done():
			return fmt.Errorf("waited %s for %s: %w", time.Since(began).Round(time.Second), what, err)
		}
	}
}
