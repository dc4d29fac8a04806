package pxe

import (
	"context"
	"fmt"
	"net"
	"time"

	"github.com/insomniacslk/dhcp/dhcpv4"
	"golang.org/x/net/ipv4"
	"golang.org/x/sync/errgroup"
)

const (
	// dhcpWorkers is how many requests are answered side by side; the others
	// wait in the socket's buffer.
	dhcpWorkers = 16
	// dhcpPatience bounds one answer; after that the client asks again anyway.
	dhcpPatience = 5 * time.Second
)

// runDHCP looks for a foreign DHCP server and then answers until ctx ends.
func (s *Server) runDHCP(ctx context.Context) error {
	if err := probeForeign(ctx, s.cfg.Interface, s.cfg.ProbeTime); err != nil {
		return err
	}
	s.log.Info("no other DHCP server answers; machines are served", "interface", s.cfg.Interface, "address", s.cfg.Address)
	s.cfg.Ready()
	pc := ipv4.NewPacketConn(s.dhcpConn)
	stop := context.AfterFunc(ctx, func() { s.dhcpConn.Close() })
	defer stop()
	var g errgroup.Group
	g.SetLimit(dhcpWorkers)
	defer g.Wait()
	for {
		buf := make([]byte, 2048)
		n, peer, err := s.dhcpConn.ReadFrom(buf)
		if ctx.Err() != nil {
			return nil
		}
		if err != nil {
			return fmt.Errorf("read from the DHCP socket: %w", err)
		}
		g.Go(func() error {
			s.handleDHCP(ctx, pc, buf[:n], peer)
			return nil
		})
	}
}

// handleDHCP answers the bytes of one datagram. Nothing that comes in may end
// the server, so errors are logged.
func (s *Server) handleDHCP(ctx context.Context, pc *ipv4.PacketConn, b []byte, peer net.Addr) {
	ctx, cancel := context.WithTimeout(ctx, dhcpPatience)
	defer cancel()
	req, err := dhcpv4.FromBytes(b)
	if err != nil {
		s.log.Debug("not a DHCP message", "peer", peer, "error", err)
		return
	}
	resp, err := s.answerDHCP(ctx, req, time.Now())
	if err != nil {
		s.log.Error("a DHCP request got no answer", "mac", req.ClientHWAddr, "type", req.MessageType(), "error", err)
		return
	}
	if resp == nil {
		return
	}
	// The interface may have more addresses; the answer comes from ours.
	from := &ipv4.ControlMessage{Src: s.cfg.Address.Addr().AsSlice()}
	to := &net.UDPAddr{IP: destination(resp), Port: dhcpv4.ClientPort}
	if _, err := pc.WriteTo(resp.ToBytes(), from, to); err != nil {
		s.log.Error("a DHCP answer was not sent", "mac", req.ClientHWAddr, "to", to, "error", err)
	}
}

// destination follows RFC 2131 §4.1: a client that has its address gets the
// answer there. All others get a broadcast: they cannot answer ARP yet, and
// every firmware takes it.
func destination(resp *dhcpv4.DHCPv4) net.IP {
	if ip := resp.ClientIPAddr; ip != nil && !ip.IsUnspecified() && resp.MessageType() != dhcpv4.MessageTypeNak {
		return ip
	}
	return net.IPv4bcast
}
