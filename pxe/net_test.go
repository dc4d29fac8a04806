package pxe

import (
	"context"
	"encoding/hex"
	"flag"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/vishvananda/netlink"
	"github.com/vishvananda/netns"
)

func try(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// within runs f on a thread in another network namespace. Sockets that f opens
// stay in that namespace.
func within(t *testing.T, ns netns.NsHandle, f func() error) {
	t.Helper()
	done := make(chan error)
	go func() {
		runtime.LockOSThread() // never unlocked: the thread ends with the goroutine
		if err := netns.Set(ns); err != nil {
			done <- err
			return
		}
		done <- f()
	}()
	try(t, <-done)
}

// neighbour makes a second network namespace and a cable to it: prov0 here,
// far0 there, both up. Without an address on prov0.
func neighbour(t *testing.T) netns.NsHandle {
	t.Helper()
	done := make(chan netns.NsHandle)
	fail := make(chan error)
	go func() {
		runtime.LockOSThread()
		ns, err := netns.New()
		if err != nil {
			fail <- err
			return
		}
		done <- ns
	}()
	var ns netns.NsHandle
	select {
	case ns = <-done:
	case err := <-fail:
		t.Fatal(err)
	}
	t.Cleanup(func() { ns.Close() })
	la := netlink.NewLinkAttrs()
	la.Name = "prov0"
	try(t, netlink.LinkAdd(&netlink.Veth{LinkAttrs: la, PeerName: "far0", PeerNamespace: netlink.NsFd(ns)}))
	up(t, "prov0")
	within(t, ns, func() error {
		l, err := netlink.LinkByName("far0")
		if err != nil {
			return err
		}
		return netlink.LinkSetUp(l)
	})
	return ns
}

func up(t testing.TB, name string) netlink.Link {
	t.Helper()
	l, err := netlink.LinkByName(name)
	try(t, err)
	try(t, netlink.LinkSetUp(l))
	return l
}

func address(t testing.TB, name, cidr string) {
	t.Helper()
	l, err := netlink.LinkByName(name)
	try(t, err)
	a, err := netlink.ParseAddr(cidr)
	try(t, err)
	try(t, netlink.AddrAdd(l, a))
}

// bridge makes prov0 a bridge with a tap in it, for a virtual machine.
func bridge(t testing.TB, tap string) {
	t.Helper()
	la := netlink.NewLinkAttrs()
	la.Name = "prov0"
	try(t, netlink.LinkAdd(&netlink.Bridge{LinkAttrs: la}))
	br := up(t, "prov0")
	ta := netlink.NewLinkAttrs()
	ta.Name, ta.MasterIndex = tap, br.Attrs().Index
	try(t, netlink.LinkAdd(&netlink.Tuntap{LinkAttrs: ta, Mode: netlink.TUNTAP_MODE_TAP}))
	up(t, tap)
}

// start listens and runs a server until the test ends.
func start(t *testing.T, s *Server) (ended <-chan error) {
	t.Helper()
	try(t, s.Listen())
	if *capture != "" {
		s.dhcpConn = &tape{UDPConn: s.dhcpConn.(*net.UDPConn), t: t}
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- s.Run(ctx) }()
	t.Cleanup(func() {
		cancel()
		select {
		case err := <-done:
			if err != nil {
				t.Errorf("the server ended with: %v", err)
			}
		case <-time.After(10 * time.Second):
			t.Error("the server did not end within 10 s")
		}
	})
	return done
}

func exists(path string) bool {
	_, err := os.Stat(path)
	return err == nil
}

var capture = flag.String("capture", "", "write each DHCP request that a test with real firmware sees into this folder")

// tape keeps what is read from a socket.
type tape struct {
	*net.UDPConn
	t *testing.T
	n int
}

func (c *tape) ReadFrom(b []byte) (int, net.Addr, error) {
	n, a, err := c.UDPConn.ReadFrom(b)
	if err == nil {
		c.n++
		name := fmt.Sprintf("%s-%d.hex", strings.ReplaceAll(c.t.Name(), "/", "-"), c.n)
		try(c.t, os.WriteFile(filepath.Join(*capture, name), []byte(hex.EncodeToString(b[:n])), 0o644))
	}
	return n, a, err
}
