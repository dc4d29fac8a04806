package pxe

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/insomniacslk/dhcp/dhcpv4"
	"github.com/insomniacslk/dhcp/dhcpv4/nclient4"
	"github.com/insomniacslk/dhcp/dhcpv4/server4"
	"github.com/mdlayher/ndp"
	"github.com/vishvananda/netlink"
	"github.com/vishvananda/netns"
	"golang.org/x/net/ipv4"
	"golang.org/x/sys/unix"

	"sandai/inventory"
)

// TestServe leases an address over a real cable, renews it, and is told which
// address it has; HTTP and TFTP then know the machine by it.
func TestServe(t *testing.T) {
	if !isolated(t) {
		return
	}
	ns := neighbour(t)
	address(t, "prov0", "10.77.0.9/24") // the first address is not the server's
	address(t, "prov0", "10.77.0.1/24")
	r := newRack(t)
	r.add(t, imageKernel, []byte("kernel"))
	r.add(t, imageIPXE, noise(5000))
	start(t, newServer(t, r, func(c *Config) { c.ProbeTime = 100 * time.Millisecond }))
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()

	var client *nclient4.Client
	within(t, ns, func() (err error) {
		mac, _ := net.ParseMAC(testMAC)
		client, err = nclient4.New("far0", nclient4.WithHWAddr(mac), nclient4.WithTimeout(time.Second), nclient4.WithRetry(5))
		return err
	})
	defer client.Close()
	lease, err := client.Request(ctx, intel)
	try(t, err)
	if got := lease.ACK.YourIPAddr.String(); got != "10.77.0.11" || lease.ACK.BootFileName != imageUndionly || lease.ACK.ServerIdentifier().String() != "10.77.0.1" {
		t.Fatalf("leased %s", lease.ACK.Summary())
	}
	within(t, ns, func() error {
		l, err := netlink.LinkByName("far0")
		if err != nil {
			return err
		}
		a, err := netlink.ParseAddr("10.77.0.11/24")
		if err != nil {
			return err
		}
		return netlink.AddrAdd(l, a)
	})

	// A renewal is unicast both ways (RFC 2131 §4.3.6).
	var renew net.PacketConn
	within(t, ns, func() (err error) {
		renew, err = net.ListenPacket("udp4", "10.77.0.11:68")
		return err
	})
	defer renew.Close()
	req := made(t, dhcpv4.MessageTypeRequest, dhcpv4.WithClientIP(net.IPv4(10, 77, 0, 11)))
	_, err = renew.WriteTo(req.ToBytes(), &net.UDPAddr{IP: net.IPv4(10, 77, 0, 1), Port: 67})
	try(t, err)
	try(t, renew.SetReadDeadline(time.Now().Add(5*time.Second)))
	b := make([]byte, 1500)
	n, from, err := renew.ReadFrom(b)
	try(t, err)
	ack, err := dhcpv4.FromBytes(b[:n])
	try(t, err)
	if ack.MessageType() != dhcpv4.MessageTypeAck || from.String() != "10.77.0.1:67" {
		t.Errorf("a renewal got %s from %s", ack.MessageType(), from)
	}

	dialer := func(ctx context.Context, network, addr string) (c net.Conn, err error) {
		within(t, ns, func() error { c, err = new(net.Dialer).DialContext(ctx, network, addr); return nil })
		return c, err
	}
	web := http.Client{Transport: &http.Transport{DialContext: dialer, DisableKeepAlives: true}}
	resp, err := web.Get("http://10.77.0.1:8069/kernel")
	try(t, err)
	resp.Body.Close()
	r.await(ctx, t, inventory.EventKernel)
	within(t, ns, func() error {
		_, _, err := fetch("10.77.0.1:69", imageIPXE, 1428, true)
		return err
	})
	r.await(ctx, t, inventory.EventLoader)
	for _, e := range r.events {
		if e.MAC != testMAC {
			t.Errorf("event %s has the MAC %q", e.Type, e.MAC)
		}
	}
}

// foreign is a DHCP server in another namespace, of another make than ours.
func foreign(t *testing.T) (asked *atomic.Int32) {
	t.Helper()
	asked = new(atomic.Int32)
	ns := neighbour(t)
	within(t, ns, func() error {
		l, err := netlink.LinkByName("far0")
		if err != nil {
			return err
		}
		a, err := netlink.ParseAddr("192.168.178.1/24")
		if err != nil {
			return err
		}
		if err := netlink.AddrAdd(l, a); err != nil {
			return err
		}
		srv, err := server4.NewServer("far0", nil, func(c net.PacketConn, _ net.Addr, m *dhcpv4.DHCPv4) {
			asked.Add(1)
			offer, err := dhcpv4.NewReplyFromRequest(m, dhcpv4.WithMessageType(dhcpv4.MessageTypeOffer), dhcpv4.WithYourIP(net.IPv4(192, 168, 178, 50)),
				to("192.168.178.1"), dhcpv4.WithNetmask(net.CIDRMask(24, 32)), dhcpv4.WithOption(dhcpv4.OptDomainName("home.arpa")))
			if err == nil {
				_, err = c.WriteTo(offer.ToBytes(), &net.UDPAddr{IP: net.IPv4bcast, Port: 68})
			}
			if err != nil {
				t.Error(err)
			}
		})
		if err != nil {
			return err
		}
		t.Cleanup(func() { srv.Close() })
		go srv.Serve()
		return nil
	})
	return asked
}

// TestForeign: another DHCP server on the cable ends the server before it has
// answered anyone, and the error names it.
func TestForeign(t *testing.T) {
	if !isolated(t) {
		return
	}
	asked := foreign(t)
	address(t, "prov0", "10.77.0.1/24")
	r := newRack(t)
	s := newServer(t, r, nil)
	try(t, s.Listen())
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	began := time.Now()
	err := s.Run(ctx)
	if err == nil || !strings.Contains(err.Error(), "another DHCP server answers on prov0: 192.168.178.1 (offered 192.168.178.50/24, domain home.arpa)") {
		t.Errorf("the server ended with %v", err)
	}
	if asked.Load() == 0 {
		t.Error("nobody asked the foreign server")
	}
	t.Logf("found in %s: %v", time.Since(began).Round(time.Millisecond), err)
	// The ports are free again.
	s = newServer(t, r, nil)
	try(t, s.Listen())
	s.Close()
}

// TestForeignSlow: dnsmasq, as it comes, pings an address for 3 s before it
// offers it. The probe waits for that.
func TestForeignSlow(t *testing.T) {
	if !isolated(t) {
		return
	}
	path, err := exec.LookPath("dnsmasq")
	if err != nil {
		t.Skip("no dnsmasq on this host")
	}
	ns := neighbour(t)
	within(t, ns, func() error {
		l, err := netlink.LinkByName("far0")
		if err != nil {
			return err
		}
		a, err := netlink.ParseAddr("192.168.178.1/24")
		if err != nil {
			return err
		}
		return netlink.AddrAdd(l, a)
	})
	// nsenter, because a process dies with the thread that started it, and the
	// one that within uses ends.
	cmd := exec.Command("nsenter", fmt.Sprintf("--net=/proc/%d/fd/%d", os.Getpid(), int(ns)),
		path, "--keep-in-foreground", "--conf-file=/dev/null", "--port=0", "--interface=far0", "--user=root", "--pid-file=",
		"--dhcp-range=192.168.178.50,192.168.178.60", "--dhcp-leasefile="+filepath.Join(t.TempDir(), "leases"), "--log-facility=-")
	cmd.Stderr = os.Stderr
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: unix.SIGKILL}
	try(t, cmd.Start())
	defer cmd.Wait()
	defer cmd.Process.Kill()
	began := time.Now()
	err = probeForeign(t.Context(), "prov0", newServer(t, newRack(t), nil).cfg.ProbeTime)
	if err == nil || !strings.Contains(err.Error(), "192.168.178.1 (offered 192.168.178.") {
		t.Errorf("after %s: %v", time.Since(began), err)
	}
	t.Logf("found in %s", time.Since(began).Round(time.Millisecond))
}

// TestAlone: on a cable with no other server the probe ends well, after its time.
func TestAlone(t *testing.T) {
	if !isolated(t) {
		return
	}
	neighbour(t)
	address(t, "prov0", "10.77.0.1/24")
	began := time.Now()
	try(t, probeForeign(t.Context(), "prov0", 1500*time.Millisecond))
	if d := time.Since(began); d < 1500*time.Millisecond || d > 5*time.Second {
		t.Errorf("the probe took %s", d)
	}
	if err := probeForeign(t.Context(), "nosuch0", time.Second); err == nil {
		t.Error("an interface that is not there was probed")
	}
}

// TestListen: what is wrong is said, and what was bound is free again.
func TestListen(t *testing.T) {
	if !isolated(t) {
		return
	}
	neighbour(t)
	address(t, "prov0", "10.77.0.1/24")
	la := netlink.NewLinkAttrs()
	la.Name = "down0"
	try(t, netlink.LinkAdd(&netlink.Bridge{LinkAttrs: la}))
	hold := func(network, addr string) func(*testing.T) {
		return func(t *testing.T) {
			t.Helper()
			if strings.HasPrefix(network, "udp") {
				c, err := net.ListenPacket(network, addr)
				try(t, err)
				t.Cleanup(func() { c.Close() })
				return
			}
			l, err := net.Listen(network, addr)
			try(t, err)
			t.Cleanup(func() { l.Close() })
		}
	}
	for name, c := range map[string]struct {
		before func(*testing.T)
		change func(*Config)
		want   string
	}{
		"no interface": {change: func(c *Config) { c.Interface = "nosuch0" }, want: `provisioning interface "nosuch0"`},
		"down":         {change: func(c *Config) { c.Interface = "down0" }, want: "down0 is down; ip link set down0 up"},
		"no address":   {change: func(c *Config) { c.Address = netip.MustParsePrefix("10.99.0.1/24") }, want: "has no address 10.99.0.1/24"},
		"DHCP taken":   {before: hold("udp4", "0.0.0.0:67"), want: "listen for DHCP on UDP 0.0.0.0:67, interface prov0"},
		"TFTP taken":   {before: hold("udp4", "10.77.0.1:69"), want: "listen for TFTP on UDP 10.77.0.1:69"},
		"HTTP taken":   {before: hold("tcp4", "10.77.0.1:8069"), want: "listen for firmware HTTP on TCP 10.77.0.1:8069"},
	} {
		t.Run(name, func(t *testing.T) {
			if c.before != nil {
				c.before(t)
			}
			s := newServer(t, newRack(t), c.change)
			err := s.Listen()
			if err == nil || !strings.Contains(err.Error(), c.want) {
				t.Fatalf("got %v, want %q", err, c.want)
			}
		})
	}
	if err := newServer(t, newRack(t), nil).Run(t.Context()); err == nil {
		t.Error("Run without Listen went on")
	}
}

// listenRA waits for advertisements on the far end, as iPXE would.
func listenRA(t *testing.T, ns netns.NsHandle) *ndp.Conn {
	t.Helper()
	deadline := time.Now().Add(10 * time.Second)
	for {
		var conn *ndp.Conn
		var err error
		within(t, ns, func() error {
			ifi, e := net.InterfaceByName("far0")
			if e != nil {
				return e
			}
			conn, _, err = ndp.Listen(ifi, ndp.LinkLocal)
			return nil
		})
		if err == nil {
			return conn
		}
		if time.Now().After(deadline) {
			t.Fatalf("the far end has no link-local address: %v", err)
		}
		time.Sleep(50 * time.Millisecond)
	}
}

// TestAdvertise: advertisements come by themselves and on request, and offer
// neither a router nor DHCPv6.
func TestAdvertise(t *testing.T) {
	if !isolated(t) {
		return
	}
	ns := neighbour(t)
	address(t, "prov0", "10.77.0.1/24")
	start(t, newServer(t, newRack(t), func(c *Config) { c.ProbeTime = 100 * time.Millisecond }))
	conn := listenRA(t, ns)
	defer conn.Close()
	try(t, conn.JoinGroup(netip.IPv6LinkLocalAllNodes()))
	next := func(within time.Duration) *ndp.RouterAdvertisement {
		t.Helper()
		try(t, conn.SetReadDeadline(time.Now().Add(within)))
		for {
			m, cm, from, err := conn.ReadFrom()
			try(t, err)
			ra, ok := m.(*ndp.RouterAdvertisement)
			if !ok {
				continue
			}
			if cm != nil && cm.HopLimit != 0 && cm.HopLimit != ndp.HopLimit {
				t.Errorf("hop limit %d", cm.HopLimit)
			}
			if !from.IsLinkLocalUnicast() || ra.RouterLifetime != 0 || ra.ManagedConfiguration || ra.OtherConfiguration {
				t.Errorf("from %s: %+v", from, ra)
			}
			for _, o := range ra.Options {
				if _, ok := o.(*ndp.LinkLayerAddress); !ok {
					t.Errorf("it offers %T", o)
				}
			}
			return ra
		}
	}
	next(10 * time.Second)
	next(raMin + raSpread + time.Second)
	// Right after one that came by itself the next is seconds away.
	began := time.Now()
	try(t, conn.WriteTo(&ndp.RouterSolicitation{}, nil, netip.MustParseAddr("ff02::2")))
	next(time.Second)
	t.Logf("a solicitation is answered in %s", time.Since(began).Round(time.Microsecond))
}

// TestNoIPv6: where IPv6 is off the rest still serves.
func TestNoIPv6(t *testing.T) {
	if !isolated(t) {
		return
	}
	neighbour(t)
	address(t, "prov0", "10.77.0.1/24")
	if err := os.WriteFile("/proc/sys/net/ipv6/conf/prov0/disable_ipv6", []byte("1"), 0); err != nil {
		need(t, false, fmt.Sprintf("IPv6 cannot be switched off: %v", err))
	}
	r := newRack(t)
	start(t, newServer(t, r, func(c *Config) { c.ProbeTime = 100 * time.Millisecond }))
	resp, err := http.Get("http://10.77.0.1:8069/nothing")
	try(t, err)
	resp.Body.Close()
	if resp.StatusCode != http.StatusNotFound {
		t.Errorf("status %d", resp.StatusCode)
	}
}

// TestGarbage: bytes that are no DHCP message reach the handler of a real
// socket, and nothing comes of it.
func TestGarbage(t *testing.T) {
	s := newServer(t, newRack(t), nil)
	pc, err := net.ListenPacket("udp4", "127.0.0.1:0")
	try(t, err)
	defer pc.Close()
	for _, b := range [][]byte{nil, {1}, make([]byte, 240), []byte(strings.Repeat("\xff", 1500))} {
		s.handleDHCP(t.Context(), ipv4.NewPacketConn(pc), b, pc.LocalAddr())
	}
}
