package standin

import (
	"bytes"
	"context"
	"crypto/sha256"
	"fmt"
	"net"
	"time"

	"github.com/insomniacslk/dhcp/dhcpv4"
	"github.com/insomniacslk/dhcp/dhcpv4/nclient4"
	"github.com/insomniacslk/dhcp/iana"
	"github.com/pin/tftp/v3"
)

// loader does what a NIC's PXE ROM does that is not iPXE: an address, and the
// loader over TFTP (RFC 1350, with blksize and tsize), which it would then start.
func (m *machine) loader(ctx context.Context) error {
	mac, err := net.ParseMAC(m.NICs[0])
	if err != nil {
		return err
	}
	c, err := nclient4.New(m.nics[0].name, nclient4.WithHWAddr(mac), nclient4.WithTimeout(dhcpTime), nclient4.WithRetry(dhcpTries))
	if err != nil {
		return fmt.Errorf("open a raw socket: %w", err)
	}
	lease, err := c.Request(ctx,
		dhcpv4.WithBroadcast(true),
		dhcpv4.WithOption(dhcpv4.OptClassIdentifier("PXEClient:Arch:00000:UNDI:002001")),
		dhcpv4.WithOption(dhcpv4.OptClientArch(iana.INTEL_X86PC)),
		dhcpv4.WithRequestedOptions(dhcpv4.OptionSubnetMask, dhcpv4.OptionTFTPServerName, dhcpv4.OptionBootfileName))
	c.Close()
	if err != nil {
		return fmt.Errorf("no DHCP server answers the ROM: %w", err)
	}
	if err := m.nics[0].leased(lease.ACK); err != nil {
		return err
	}
	file, server := lease.ACK.BootFileNameOption(), lease.ACK.ServerIPAddr
	if file == "" {
		file = lease.ACK.BootFileName
	}
	if file == "" || server.IsUnspecified() {
		return fmt.Errorf("the DHCP server names no loader: file %q on %s", file, server)
	}
	t, err := tftp.NewClient(net.JoinHostPort(server.String(), "69"))
	if err != nil {
		return err
	}
	t.SetBlockSize(1432)
	t.SetTimeout(time.Second)
	t.SetRetries(20)
	t.RequestTSize(true)
	from, err := t.Receive(file, "octet")
	if err != nil {
		return fmt.Errorf("tftp://%s/%s: %w", server, file, err)
	}
	var b bytes.Buffer
	if _, err := from.WriteTo(&b); err != nil {
		return fmt.Errorf("tftp://%s/%s broke off after %d bytes: %w", server, file, b.Len(), err)
	}
	m.say("tftp://%s/%s ... ok, %d bytes, SHA-256 %x", server, file, b.Len(), sha256.Sum256(b.Bytes()))
	return ctx.Err()
}
