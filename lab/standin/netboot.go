package standin

import (
	"bytes"
	"context"
	"encoding/hex"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"time"

	"github.com/insomniacslk/dhcp/dhcpv4"
	"github.com/insomniacslk/dhcp/dhcpv4/nclient4"
	"github.com/insomniacslk/dhcp/iana"
)

// How often and how long the network is tried: iPXE's own way, quicker.
const (
	dhcpTries   = 4
	dhcpTime    = time.Second
	scriptTries = 24
	scriptPause = 300 * time.Millisecond
)

// bootNetwork does what iPXE in a NIC's ROM does: an address, a script, what the
// script says.
func (m *machine) bootNetwork(ctx context.Context) error {
	if err := m.at(ctx, "firmware"); err != nil {
		return err
	}
	m.say("%s network boot, in place of iPXE", product)
	if m.knobs.read().ROM == "pxe" {
		if err := m.loader(ctx); err != nil {
			m.say("net0: %v", err)
			if ctx.Err() != nil {
				return ctx.Err()
			}
			return errNoDevice
		}
	}
	url, err := m.dhcp(ctx)
	if ctx.Err() != nil {
		return ctx.Err()
	}
	if err != nil {
		m.say("net0: %v", err)
		return errNoDevice
	}
	client := &http.Client{Transport: &http.Transport{ResponseHeaderTimeout: 30 * time.Second}}
	defer client.CloseIdleConnections()
	for try := 1; ; try++ {
		next, err := m.follow(ctx, client, url)
		if err == nil {
			return next(ctx)
		}
		if ctx.Err() != nil {
			return ctx.Err()
		}
		m.say("%v; try %d of %d", err, try, scriptTries)
		if try == scriptTries {
			return errNoDevice
		}
		if err := pause(ctx, scriptPause); err != nil {
			return err
		}
	}
}

// dhcp gets an address for the first NIC and returns the boot script's URL.
func (m *machine) dhcp(ctx context.Context) (url string, err error) {
	mac, err := net.ParseMAC(m.NICs[0])
	if err != nil {
		return "", err
	}
	c, err := nclient4.New(m.nics[0].name, nclient4.WithHWAddr(mac), nclient4.WithTimeout(dhcpTime), nclient4.WithRetry(1))
	if err != nil {
		return "", fmt.Errorf("open a raw socket: %w", err)
	}
	defer c.Close()
	var offer *dhcpv4.DHCPv4
	for range dhcpTries {
		if offer, err = c.DiscoverOffer(ctx, m.ipxe()...); err == nil || ctx.Err() != nil {
			break
		}
	}
	if err != nil {
		return "", fmt.Errorf("no DHCP server answers: %w", err)
	}
	if err := m.at(ctx, "dhcp"); err != nil {
		return "", err
	}
	lease, err := c.RequestFromOffer(ctx, offer, m.ipxe()...)
	if err != nil {
		return "", fmt.Errorf("the DHCP server takes its offer back: %w", err)
	}
	if err := m.nics[0].leased(lease.ACK); err != nil {
		return "", err
	}
	m.say("net0: %s has the address %s from %s", m.NICs[0], lease.ACK.YourIPAddr, lease.ACK.ServerIdentifier())
	url = lease.ACK.BootFileNameOption()
	if url == "" {
		url = lease.ACK.BootFileName
	}
	if !strings.HasPrefix(url, "http://") {
		return "", fmt.Errorf("the boot file %q is no URL", url)
	}
	m.say("Filename: %s", url)
	return url, nil
}

// ipxe is what iPXE on a BIOS sends along: RFC 4578's options, its user class and
// its own option with its version.
func (m *machine) ipxe() []dhcpv4.Modifier {
	mods := []dhcpv4.Modifier{
		dhcpv4.WithBroadcast(true),
		dhcpv4.WithOption(dhcpv4.OptClassIdentifier("PXEClient:Arch:00000:UNDI:002001")),
		dhcpv4.WithOption(dhcpv4.OptClientArch(iana.INTEL_X86PC)),
		dhcpv4.WithOption(dhcpv4.OptGeneric(dhcpv4.OptionUserClassInformation, []byte("iPXE"))),
		dhcpv4.WithOption(dhcpv4.OptGeneric(dhcpv4.GenericOptionCode(175), []byte{235, 3, 1, 0, 0})),
		dhcpv4.WithRequestedOptions(dhcpv4.OptionSubnetMask, dhcpv4.OptionRouter, dhcpv4.OptionHostName, dhcpv4.OptionBootfileName),
	}
	if id, err := hex.DecodeString(strings.ReplaceAll(m.UUID, "-", "")); err == nil && len(id) == 16 {
		// A zero byte, then the UUID with its first three fields little-endian.
		b := []byte{0, id[3], id[2], id[1], id[0], id[5], id[4], id[7], id[6]}
		mods = append(mods, dhcpv4.WithOption(dhcpv4.OptGeneric(dhcpv4.OptionClientMachineIdentifier, append(b, id[8:]...))))
	}
	return mods
}

// follow fetches the script and what it names, and returns what comes next.
func (m *machine) follow(ctx context.Context, client *http.Client, url string) (func(context.Context) error, error) {
	if err := m.at(ctx, "loader"); err != nil {
		return nil, err
	}
	var text bytes.Buffer
	if _, err := m.fetch(ctx, client, url, &text); err != nil {
		return nil, err
	}
	s, err := parseScript(text.String())
	if err != nil {
		return nil, err
	}
	for _, l := range s.echo {
		m.say("%s", l)
	}
	if s.kernel == "" {
		return m.bootDisk, nil
	}
	p, err := parameters(s.line)
	if err != nil {
		return nil, err
	}
	if err := m.at(ctx, "kernel"); err != nil {
		return nil, err
	}
	if _, err := m.fetch(ctx, client, s.kernel, io.Discard); err != nil {
		return nil, err
	}
	end := &ending{most: caRoom}
	if _, err := m.fetch(ctx, client, s.ramdisk, end); err != nil {
		return nil, err
	}
	ca, err := findCA(end.last)
	if err != nil {
		return nil, err
	}
	return func(ctx context.Context) error { return m.ramdisk(ctx, p, ca) }, nil
}

// fetch gets all bytes of a URL, as a ROM does: one plain GET.
func (m *machine) fetch(ctx context.Context, client *http.Client, url string, to io.Writer) (int64, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return 0, err
	}
	req.Header.Set("User-Agent", "iPXE/0 ("+product+")")
	resp, err := client.Do(req)
	if err != nil {
		return 0, err
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		why, _ := io.ReadAll(io.LimitReader(resp.Body, 500))
		return 0, fmt.Errorf("%s: %s: %s", url, resp.Status, bytes.TrimSpace(why))
	}
	n, err := io.Copy(to, resp.Body)
	if err != nil {
		return n, fmt.Errorf("%s broke off after %d bytes: %w", url, n, err)
	}
	m.say("%s ... ok, %d bytes", url, n)
	return n, nil
}
