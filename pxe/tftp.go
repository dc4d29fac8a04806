package pxe

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"net/netip"
	"os"
	"strings"
	"time"

	"github.com/pin/tftp/v3"
	"golang.org/x/net/ipv4"

	"sandai/inventory"
)

const (
	// maxTransfers bounds what a flood of requests can make us open.
	maxTransfers = 128
	// A slow firmware may take seconds for a block; tftpRetries blocks of
	// silence in a row end a transfer.
	tftpTimeout = 2 * time.Second
	tftpRetries = 5
)

// readerFrom is what pin/tftp hands to a read handler: the way to the client.
type readerFrom = io.ReaderFrom

// fileAutoexec is what ipxe.efi asks for before anything else; a server without
// it stops some builds (field: they give up instead of going on to DHCP).
const fileAutoexec = "autoexec.ipxe"

// serveTFTP answers one read request. Errors go to the client as text, because
// the protocol library sends all of them with code 1.
func (s *Server) serveTFTP(ctx context.Context, name string, rf readerFrom) error {
	out, ok := rf.(tftp.OutgoingTransfer)
	if !ok {
		return errors.New("the transfer does not say who asks")
	}
	remote := out.RemoteAddr()
	peer, _ := netip.AddrFromSlice(remote.IP.To4())
	m, _ := s.hosts.at(peer)
	select {
	case s.slots <- struct{}{}:
		defer func() { <-s.slots }()
	default:
		return fmt.Errorf("%d transfers are running, that is all; try again", maxTransfers)
	}
	// Some PXE ROMs end the name with 0xff bytes, some begin it with a slash.
	name = strings.TrimLeft(unpad(name), "/")
	f, size, err := s.openTFTP(ctx, name, m)
	if err != nil {
		s.events.refused(ctx, "", m.MAC, fmt.Sprintf("TFTP: %s asked for %q: %v", peer, shorten(name), err))
		return err
	}
	defer f.Close()
	out.SetSize(size)
	start := time.Now()
	if n, err := rf.ReadFrom(f); err != nil {
		// A client that only wanted the size ends here too.
		s.log.Debug("a TFTP transfer ended early", "peer", peer, "file", name, "bytes", n, "error", err)
		return err
	}
	if name != fileAutoexec {
		s.events.record(ctx, "", inventory.Event{Type: inventory.EventLoader, MAC: m.MAC, Text: fmt.Sprintf("%s fetched over TFTP, %d bytes in %s", name, size, time.Since(start).Round(time.Millisecond))})
	}
	return nil
}

// openTFTP opens one of the few files that there are.
func (s *Server) openTFTP(ctx context.Context, name string, m inventory.Machine) (io.ReadCloser, int64, error) {
	if name == fileAutoexec {
		script := s.chainScript(m.MAC)
		return io.NopCloser(strings.NewReader(script)), int64(len(script)), nil
	}
	if name != imageUndionly && name != imageIPXE {
		return nil, 0, fmt.Errorf("no such file; there are %s, %s and %s", imageUndionly, imageIPXE, fileAutoexec)
	}
	if m.MAC != "" {
		d, err := s.boots.Decide(ctx, m)
		if err != nil {
			s.log.Error("a TFTP request got no decision", "mac", m.MAC, "error", err)
			return nil, 0, errors.New("what this machine boots could not be decided; the appliance's log says why")
		}
		if d.Action == inventory.BootSilent {
			return nil, 0, errors.New("this machine gets no boot answer: " + d.Reason)
		}
	}
	f, img, err := s.open(name)
	if err != nil {
		return nil, 0, err
	}
	return f, img.Size, nil
}

// open opens a stored image, which goes over the wire as it is stored.
func (s *Server) open(name string) (*os.File, inventory.Image, error) {
	img, err := s.images.Get(name)
	if err != nil {
		return nil, img, fmt.Errorf("%s is not in the store: %w", name, err)
	}
	// A compressed ramdisk is unpacked by the kernel.
	if img.Compression != "" && name != imageRamdisk {
		return nil, img, inventory.Errorf(inventory.Internal, "%s is stored with %s, firmware cannot read that; build it again", name, img.Compression)
	}
	f, err := os.Open(s.images.Path(img.Digest))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, img, inventory.Errorf(inventory.NotFound, "%s is listed in the store and its file is gone; build it again", name)
	}
	if err != nil {
		s.log.Error("a stored image cannot be read", "image", name, "error", err)
		return nil, img, inventory.Errorf(inventory.Internal, "%s cannot be read; the appliance's log says why", name)
	}
	st, err := f.Stat()
	if err != nil || !st.Mode().IsRegular() {
		f.Close()
		return nil, img, inventory.Errorf(inventory.Internal, "%s is not a file in the store; build it again", name)
	}
	img.Size = st.Size()
	return f, img, nil
}

// shorten keeps hostile names out of the log's way.
func shorten(text string) string {
	if len(text) > 64 {
		return text[:64] + "…"
	}
	return text
}

// unpad takes off the 0xff bytes with which some firmware fills the name up.
func unpad(name string) string {
	for strings.HasSuffix(name, "\xff") {
		name = name[:len(name)-1]
	}
	return name
}

// listenTFTP binds a TFTP port. The kernel is asked here, before a request can
// come, to say on which interface each arrives: pin/tftp asks only when it
// begins to serve, and a request that waited by then got blocks of 512 bytes.
func listenTFTP(addr string) (net.PacketConn, error) {
	conn, err := net.ListenPacket("udp4", addr)
	if err != nil {
		return nil, err
	}
	if err := ipv4.NewPacketConn(conn).SetControlMessage(ipv4.FlagDst|ipv4.FlagInterface, true); err != nil {
		conn.Close()
		return nil, err
	}
	return conn, nil
}
