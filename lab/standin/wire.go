package standin

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"time"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"
)

// Wire is a bad cable at the machine's first NIC, from its next power-on. Each
// number is the chance, from 0 to 1, that it happens to a frame of either way.
type Wire struct {
	Lose   float64 `json:"lose,omitempty"`
	Double float64 `json:"double,omitempty"`
	// Late frames arrive LateMS milliseconds later, so behind others.
	Late   float64 `json:"late,omitempty"`
	LateMS int     `json:"late_ms,omitempty"`
}

func (w *Wire) check() error {
	for _, p := range []float64{w.Lose, w.Double, w.Late} {
		if p < 0 || p > 1 {
			return fmt.Errorf("the chance %g of the bad cable is not from 0 to 1", p)
		}
	}
	return nil
}

// frameRoom holds the largest frame with its header: the kernel hands out what
// its network card would have cut up.
const frameRoom = 66 << 10

// spoil puts a bad cable between a NIC and the machine: the interface that is
// returned has the NIC's MAC, and its frames pass a program that loses, doubles
// and delays some. The same machine has the same bad luck each time.
func spoil(n nic, w Wire, seed uint64) (nic, error) {
	mac := n.link.Attrs().HardwareAddr
	own := netlink.NewLinkAttrs()
	own.Name, own.HardwareAddr = "bad-"+n.name, mac
	pair := &netlink.Veth{LinkAttrs: own, PeerName: "far-" + n.name}
	other := append([]byte{}, mac...)
	other[0], other[5] = other[0]|2, other[5]^0xff
	if err := netlink.LinkSetHardwareAddr(n.link, other); err != nil {
		return n, fmt.Errorf("change the MAC of %s: %w", n.name, err)
	}
	if err := netlink.LinkAdd(pair); err != nil {
		return n, fmt.Errorf("lay the bad cable: %w", err)
	}
	far, err := netlink.LinkByName(pair.PeerName)
	if err != nil {
		return n, err
	}
	near, err := netlink.LinkByName(own.Name)
	if err != nil {
		return n, err
	}
	for _, l := range []netlink.Link{n.link, far} { // they only carry
		if err := os.WriteFile("/proc/sys/net/ipv6/conf/"+l.Attrs().Name+"/disable_ipv6", []byte("1"), 0); err != nil && !errors.Is(err, os.ErrNotExist) {
			return n, err
		}
	}
	a, err := tap(n.link)
	if err != nil {
		return n, err
	}
	b, err := tap(far)
	if err != nil {
		return n, err
	}
	for _, l := range []netlink.Link{far, near} {
		if err := netlink.LinkSetUp(l); err != nil {
			return n, fmt.Errorf("set %s up: %w", l.Attrs().Name, err)
		}
	}
	go w.carry(a, b, rand.New(rand.NewPCG(seed, 1)))
	go w.carry(b, a, rand.New(rand.NewPCG(seed, 2)))
	return nic{own.Name, near}, nil
}

// tap opens an interface for whole frames. With the header of virtio_net
// (packet(7), PACKET_VNET_HDR) before each, a frame whose checksum the kernel has
// left to the hardware stays one.
func tap(l netlink.Link) (int, error) {
	all := binary.BigEndian.Uint16(binary.NativeEndian.AppendUint16(nil, unix.ETH_P_ALL))
	fd, err := unix.Socket(unix.AF_PACKET, unix.SOCK_RAW|unix.SOCK_CLOEXEC, int(all))
	if err != nil {
		return 0, fmt.Errorf("open a raw socket: %w", err)
	}
	for _, opt := range []int{unix.PACKET_VNET_HDR, unix.PACKET_IGNORE_OUTGOING} {
		if err := unix.SetsockoptInt(fd, unix.SOL_PACKET, opt, 1); err != nil {
			return 0, errors.Join(fmt.Errorf("set option %d of a raw socket: %w", opt, err), unix.Close(fd))
		}
	}
	index := l.Attrs().Index
	if err := unix.Bind(fd, &unix.SockaddrLinklayer{Protocol: all, Ifindex: index}); err != nil {
		return 0, errors.Join(fmt.Errorf("bind a raw socket to %s: %w", l.Attrs().Name, err), unix.Close(fd))
	}
	m := unix.PacketMreq{Ifindex: int32(index), Type: unix.PACKET_MR_PROMISC}
	if err := unix.SetsockoptPacketMreq(fd, unix.SOL_PACKET, unix.PACKET_ADD_MEMBERSHIP, &m); err != nil {
		return 0, errors.Join(fmt.Errorf("listen to all of %s: %w", l.Attrs().Name, err), unix.Close(fd))
	}
	return fd, nil
}

// carry passes frames on until the machine ends. What cannot be sent is lost, as
// on any cable.
func (w Wire) carry(from, to int, luck *rand.Rand) {
	buf := make([]byte, frameRoom)
	for {
		n, err := unix.Read(from, buf)
		if errors.Is(err, unix.EINTR) || errors.Is(err, unix.ENETDOWN) {
			continue
		}
		if err != nil {
			return
		}
		frame := buf[:n]
		switch p := luck.Float64(); {
		case p < w.Lose:
		case p < w.Lose+w.Late:
			late := append([]byte{}, frame...)
			time.AfterFunc(time.Duration(w.LateMS)*time.Millisecond, func() { _, _ = unix.Write(to, late) })
		case p < w.Lose+w.Late+w.Double:
			_, _ = unix.Write(to, frame)
			_, _ = unix.Write(to, frame)
		default:
			_, _ = unix.Write(to, frame)
		}
	}
}
