package pxe

import (
	"context"
	"fmt"
	"net"
	"net/netip"
	"syscall"

	"golang.org/x/sys/unix"
)

// checkInterface says what is wrong with the provisioning interface before any
// socket does so in fewer words.
func checkInterface(name string, want netip.Prefix) error {
	ifi, err := net.InterfaceByName(name)
	if err != nil {
		return fmt.Errorf("provisioning interface %q: %w; name an interface of this host (ip -br link)", name, err)
	}
	if ifi.Flags&net.FlagUp == 0 {
		return fmt.Errorf("provisioning interface %s is down; ip link set %s up", name, name)
	}
	addrs, err := ifi.Addrs()
	if err != nil {
		return fmt.Errorf("read the addresses of %s: %w", name, err)
	}
	for _, a := range addrs {
		if p, err := netip.ParsePrefix(a.String()); err == nil && p == want {
			return nil
		}
	}
	return fmt.Errorf("provisioning interface %s has no address %s (it has %v); ip addr add %s dev %s", name, want, addrs, want, name)
}

// listenDHCP binds the DHCP port on one interface. The port is not shared
// (SO_REUSEADDR): a second server on this host must be an error, not a race.
func listenDHCP(ifname string, port int) (net.PacketConn, error) {
	lc := net.ListenConfig{Control: func(_, _ string, c syscall.RawConn) error {
		var serr error
		err := c.Control(func(fd uintptr) { serr = unix.BindToDevice(int(fd), ifname) })
		if err != nil {
			return err
		}
		return serr
	}}
	addr := fmt.Sprintf("0.0.0.0:%d", port)
	conn, err := lc.ListenPacket(context.Background(), "udp4", addr)
	if err != nil {
		return nil, fmt.Errorf("listen for DHCP on UDP %s, interface %s: %w; it needs root, and no other DHCP server on this host (ss -lunp)", addr, ifname, err)
	}
	return conn, nil
}
