package pxe

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"math/rand/v2"
	"net"
	"net/netip"
	"os"
	"strings"
	"time"

	"github.com/mdlayher/ndp"
	"golang.org/x/net/ipv6"
)

const (
	// Router advertisements come every 3 to 4 s, the shortest that RFC 4861
	// §6.2.1 allows.
	raMin, raSpread = 3 * time.Second, time.Second
	// raRetry is how often the interface is looked at while it has no address.
	raRetry = 250 * time.Millisecond
)

// advertiser sends router advertisements that offer nothing: no prefix, no
// route, no DHCPv6. iPXE waits about 15 s for one after its DHCP ACK; told that
// there is no IPv6, it goes on at once.
type advertiser struct {
	ifname string
	log    *slog.Logger
	conn   *ndp.Conn // nil while the interface has no usable link-local address
	off    bool      // IPv6 is switched off: machines wait, and still boot
}

// newAdvertiser binds the ICMPv6 socket where that can be done now. A bridge
// with nothing plugged in has no link-local address, and a new address is first
// checked for duplicates; then run binds as soon as it can.
func newAdvertiser(ifname string, log *slog.Logger) (*advertiser, error) {
	a := &advertiser{ifname: ifname, log: log}
	switch on, err := ipv6On(ifname); {
	case err != nil:
		return nil, err
	case !on:
		a.off = true
		log.Warn("IPv6 is switched off on the provisioning interface: no router advertisements, and each network boot waits about 15 s longer; sysctl net.ipv6.conf."+ifname+".disable_ipv6=0", "interface", ifname)
		return a, nil
	}
	state, err := linkLocal(ifname)
	if err != nil {
		return nil, err
	}
	if state != addrReady {
		log.Info("no usable link-local IPv6 address yet; router advertisements begin when the interface has one", "interface", ifname)
		return a, nil
	}
	return a, a.open()
}

func (a *advertiser) open() error {
	ifi, err := net.InterfaceByName(a.ifname)
	if err != nil {
		return fmt.Errorf("send router advertisements on %s: %w", a.ifname, err)
	}
	c, addr, err := ndp.Listen(ifi, ndp.LinkLocal)
	if err != nil {
		return fmt.Errorf("listen for router solicitations on %s (ICMPv6): %w; it needs root", a.ifname, err)
	}
	var f ipv6.ICMPFilter
	f.SetAll(true)
	f.Accept(ipv6.ICMPTypeRouterSolicitation)
	if err := errors.Join(c.SetICMPFilter(&f), c.JoinGroup(netip.MustParseAddr("ff02::2"))); err != nil {
		c.Close()
		return fmt.Errorf("listen for router solicitations on %s, %s: %w", a.ifname, addr, err)
	}
	a.conn = c
	return nil
}

func (a *advertiser) close() {
	if a != nil && a.conn != nil {
		a.conn.Close()
	}
}

// run advertises until ctx ends.
func (a *advertiser) run(ctx context.Context) error {
	if a.off {
		<-ctx.Done()
		return nil
	}
	for a.conn == nil {
		if state, err := linkLocal(a.ifname); err == nil && state == addrReady {
			if err := a.open(); err != nil {
				return err
			}
			break
		}
		select {
		case <-ctx.Done():
			return nil
		case <-time.After(raRetry):
		}
	}
	defer a.conn.Close()
	stop := context.AfterFunc(ctx, func() { a.conn.SetReadDeadline(time.Now()) })
	defer stop()
	a.log.Info("router advertisements are sent", "interface", a.ifname)
	ra, err := a.message()
	if err != nil {
		return err
	}
	for next := time.Now(); ctx.Err() == nil; {
		if !time.Now().Before(next) {
			a.send(ra, netip.IPv6LinkLocalAllNodes())
			next = time.Now().Add(raMin + rand.N(raSpread))
		}
		if err := a.conn.SetReadDeadline(next); err != nil {
			return fmt.Errorf("wait for router solicitations: %w", err)
		}
		if ctx.Err() != nil { // it may have ended before the deadline was moved on
			return nil
		}
		_, _, from, err := a.conn.ReadFrom()
		switch {
		case errors.Is(err, os.ErrDeadlineExceeded):
		case err != nil:
			return fmt.Errorf("read router solicitations: %w", err)
		case from.IsLinkLocalUnicast():
			a.send(ra, from)
		default:
			// A host without an address yet; all hear the answer (RFC 4861 §6.2.6).
			next = time.Now()
		}
	}
	return nil
}

// message is the advertisement: no router for anything (lifetime 0), no DHCPv6.
func (a *advertiser) message() (*ndp.RouterAdvertisement, error) {
	ifi, err := net.InterfaceByName(a.ifname)
	if err != nil {
		return nil, fmt.Errorf("send router advertisements on %s: %w", a.ifname, err)
	}
	ra := &ndp.RouterAdvertisement{CurrentHopLimit: 64}
	if len(ifi.HardwareAddr) == 6 {
		ra.Options = append(ra.Options, &ndp.LinkLayerAddress{Direction: ndp.Source, Addr: ifi.HardwareAddr})
	}
	return ra, nil
}

// send may fail while a cable is out; the next one comes in seconds.
func (a *advertiser) send(ra *ndp.RouterAdvertisement, to netip.Addr) {
	if err := a.conn.WriteTo(ra, nil, to); err != nil {
		a.log.Debug("a router advertisement was not sent", "to", to, "error", err)
	}
}

// ipv6On reads the interface's switch; a kernel without IPv6 has none.
func ipv6On(ifname string) (bool, error) {
	b, err := os.ReadFile("/proc/sys/net/ipv6/conf/" + ifname + "/disable_ipv6")
	if errors.Is(err, fs.ErrNotExist) {
		return false, nil
	}
	if err != nil {
		return false, fmt.Errorf("read whether IPv6 is on on %s: %w", ifname, err)
	}
	return strings.TrimSpace(string(b)) == "0", nil
}
