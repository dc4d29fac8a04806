package pxe

import (
	"encoding/hex"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/insomniacslk/dhcp/dhcpv4"
	"github.com/insomniacslk/dhcp/iana"

	"sandai/inventory"
)

var testNow = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

// captured reads a request of real firmware: QEMU 7.2 with SeaBIOS and iPXE
// (git 2019-01-25), or with OVMF 2022.11.
func captured(t testing.TB, name string) *dhcpv4.DHCPv4 {
	t.Helper()
	text, err := os.ReadFile(filepath.Join("testdata/dhcp", name+".hex"))
	try(t, err)
	b, err := hex.DecodeString(strings.TrimSpace(string(text)))
	try(t, err)
	p, err := dhcpv4.FromBytes(b)
	try(t, err)
	return p
}

// made is a request of the test machine, to be changed.
func made(t testing.TB, mt dhcpv4.MessageType, mods ...dhcpv4.Modifier) *dhcpv4.DHCPv4 {
	t.Helper()
	mac, err := net.ParseMAC(testMAC)
	try(t, err)
	p, err := dhcpv4.New(append([]dhcpv4.Modifier{
		dhcpv4.WithTransactionID(dhcpv4.TransactionID{0xde, 0xad, 0xbe, 0xef}), dhcpv4.WithHwAddr(mac), dhcpv4.WithMessageType(mt),
	}, mods...)...)
	try(t, err)
	return p
}

// intel is what a PXE ROM on BIOS sends (PXE 2.1 §2.2.3).
func intel(d *dhcpv4.DHCPv4) {
	d.SetBroadcast()
	for _, o := range []dhcpv4.Option{
		dhcpv4.OptClassIdentifier("PXEClient:Arch:00000:UNDI:002001"), dhcpv4.OptClientArch(iana.INTEL_X86PC),
		dhcpv4.OptGeneric(dhcpv4.OptionClientNetworkInterfaceIdentifier, []byte{1, 2, 1}),
		dhcpv4.OptGeneric(dhcpv4.OptionClientMachineIdentifier, []byte{0, 0x33, 0x22, 0x11, 0, 0x55, 0x44, 0x77, 0x66, 0x88, 0x99, 0xaa, 0xbb, 0xcc, 0xdd, 0xee, 0xff}),
	} {
		d.UpdateOption(o)
	}
}

func want(ip string) dhcpv4.Modifier {
	return dhcpv4.WithOption(dhcpv4.OptRequestedIPAddress(net.ParseIP(ip)))
}

func to(ip string) dhcpv4.Modifier {
	return dhcpv4.WithOption(dhcpv4.OptServerIdentifier(net.ParseIP(ip)))
}

func decided(a inventory.BootAction) func(*rack) {
	return func(r *rack) {
		r.nodes[testMAC] = inventory.BootDecision{Action: a, Reason: "the test says so", Node: "controller-1", RackID: 1}
	}
}

func TestAnswer(t *testing.T) {
	const (
		discover, request = dhcpv4.MessageTypeDiscover, dhcpv4.MessageTypeRequest
		inform            = dhcpv4.MessageTypeInform
	)
	otherMAC := dhcpv4.WithHwAddr(net.HardwareAddr{0x52, 0x54, 0, 0x77, 0, 0x99})
	cases := map[string]struct {
		req    *dhcpv4.DHCPv4
		rack   func(*rack)
		config func(*Config)
		silent bool
		events []inventory.EventType
	}{
		"ipxe-bios-discover": {req: captured(t, "ipxe-bios-discover"), events: []inventory.EventType{inventory.EventDHCPDiscover}},
		"ipxe-bios-request":  {req: captured(t, "ipxe-bios-request"), events: []inventory.EventType{inventory.EventDHCPAck}},
		"ipxe-uefi-discover": {req: captured(t, "ipxe-uefi-discover"), events: []inventory.EventType{inventory.EventDHCPDiscover}},
		"uefi-discover":      {req: captured(t, "uefi-discover"), events: []inventory.EventType{inventory.EventDHCPDiscover}},
		"uefi-request":       {req: captured(t, "uefi-request"), events: []inventory.EventType{inventory.EventDHCPAck}},
		"uefi-http-discover": {req: captured(t, "uefi-http-discover"), events: []inventory.EventType{inventory.EventDHCPDiscover}},
		"uefi-http-request":  {req: captured(t, "uefi-http-request"), events: []inventory.EventType{inventory.EventDHCPAck}},
		"bios-discover":      {req: made(t, discover, intel), events: []inventory.EventType{inventory.EventDHCPDiscover}},
		"bios-request":       {req: made(t, request, intel, want("10.77.0.11"), to("10.77.0.1")), events: []inventory.EventType{inventory.EventDHCPAck}},
		"bios-disk":          {req: made(t, discover, intel), rack: decided(inventory.BootDisk), events: []inventory.EventType{inventory.EventDHCPDiscover}},
		"ipxe-rfc3004":       {req: made(t, discover, intel, dhcpv4.WithUserClass("iPXE", true)), events: []inventory.EventType{inventory.EventDHCPDiscover}},
		"ipxe-option175": {req: made(t, discover, intel, dhcpv4.WithOption(dhcpv4.OptGeneric(optionIPXE, []byte{0xb1, 5, 1, 0x1a, 0xf4, 0x10, 0}))),
			events: []inventory.EventType{inventory.EventDHCPDiscover}},
		"arm64-discover": {req: made(t, discover, intel, dhcpv4.WithOption(dhcpv4.OptClassIdentifier("PXEClient:Arch:00011")), dhcpv4.WithOption(dhcpv4.OptClientArch(iana.EFI_ARM64))),
			events: []inventory.EventType{inventory.EventDHCPDiscover}},
		"plain-discover": {req: made(t, discover), events: []inventory.EventType{inventory.EventDHCPDiscover}},
		"plain-newcomer": {req: made(t, discover, otherMAC), events: []inventory.EventType{inventory.EventDHCPDiscover},
			rack: func(r *rack) { r.expires = testNow.Add(10 * time.Minute) }},
		"plain-all-options": {req: made(t, discover), config: func(c *Config) { c.Gateway, c.Domain = netip.MustParseAddr("10.77.0.254"), "rack.example" },
			events: []inventory.EventType{inventory.EventDHCPDiscover}},
		"plain-silent":   {req: made(t, discover), rack: decided(inventory.BootSilent), events: []inventory.EventType{inventory.EventDHCPDiscover}},
		"plain-rebooted": {req: made(t, request, want("10.77.0.11")), events: []inventory.EventType{inventory.EventDHCPAck}},
		"plain-renews":   {req: made(t, request, dhcpv4.WithClientIP(net.IPv4(10, 77, 0, 11))), events: []inventory.EventType{inventory.EventDHCPAck}},
		"plain-inform":   {req: made(t, inform, dhcpv4.WithClientIP(net.IPv4(10, 77, 0, 11)))},
		"nak-wrong":      {req: made(t, request, want("10.77.0.12"), to("10.77.0.1")), events: []inventory.EventType{inventory.EventRefused}},
		"nak-other-net":  {req: made(t, request, want("192.168.1.7")), events: []inventory.EventType{inventory.EventRefused}},
		"nak-renews":     {req: made(t, request, dhcpv4.WithClientIP(net.IPv4(10, 77, 0, 200))), events: []inventory.EventType{inventory.EventRefused}},
		"nothing-wanted": {req: made(t, request), events: []inventory.EventType{inventory.EventRefused}},
		"silent-bios":    {req: made(t, discover, intel), rack: decided(inventory.BootSilent), silent: true, events: []inventory.EventType{inventory.EventDHCPDiscover, inventory.EventRefused}},
		"silent-ipxe":    {req: captured(t, "ipxe-bios-discover"), rack: decided(inventory.BootSilent), silent: true, events: []inventory.EventType{inventory.EventDHCPDiscover, inventory.EventRefused}},
		"other-server":   {req: made(t, request, want("10.77.0.11"), to("10.77.0.254")), silent: true},
		"release":        {req: made(t, dhcpv4.MessageTypeRelease, dhcpv4.WithClientIP(net.IPv4(10, 77, 0, 11)), to("10.77.0.1")), silent: true},
		"decline":        {req: made(t, dhcpv4.MessageTypeDecline, want("10.77.0.11"), to("10.77.0.1")), silent: true, events: []inventory.EventType{inventory.EventRefused}},
		"relayed":        {req: made(t, discover, dhcpv4.WithRelay(net.IPv4(10, 9, 9, 9))), silent: true},
		"an-answer":      {req: made(t, dhcpv4.MessageTypeOffer, func(d *dhcpv4.DHCPv4) { d.OpCode = dhcpv4.OpcodeBootReply }), silent: true},
		"multicast-mac":  {req: made(t, discover, dhcpv4.WithHwAddr(net.HardwareAddr{1, 0, 0, 0, 0, 1})), silent: true},
		"zero-mac":       {req: made(t, discover, dhcpv4.WithHwAddr(make(net.HardwareAddr, 6))), silent: true},
		"short-mac":      {req: made(t, discover, dhcpv4.WithHwAddr(net.HardwareAddr{2, 3})), silent: true},
		"our-own-address": {req: made(t, discover), rack: func(r *rack) { r.address[testMAC] = "10.77.0.1" }, silent: true,
			events: []inventory.EventType{inventory.EventDHCPDiscover, inventory.EventRefused}},
		"foreign-address": {req: made(t, discover), rack: func(r *rack) { r.address[testMAC] = "10.78.0.11" }, silent: true,
			events: []inventory.EventType{inventory.EventDHCPDiscover, inventory.EventRefused}},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			r := newRack(t)
			if c.rack != nil {
				c.rack(r)
			}
			s := newServer(t, r, c.config)
			resp, err := s.answerDHCP(t.Context(), c.req, testNow)
			try(t, err)
			if d := cmp.Diff(c.events, r.types()); d != "" {
				t.Errorf("events (-want +got):\n%s", d)
			}
			if len(r.spent) != 0 {
				t.Errorf("DHCP spent a nonce: %v", r.spent)
			}
			if c.silent {
				if resp != nil {
					t.Fatalf("answered with %s", resp.Summary())
				}
				return
			}
			if resp == nil {
				t.Fatal("no answer")
			}
			b := resp.ToBytes()
			golden(t, "dhcp/"+name+".golden", fmt.Sprintf("to %s\n%s\n%s", destination(resp), resp.Summary(), hex.Dump(b)))
		})
	}
}

// TestAnswerErrors: the errors behind DHCP come back and nothing is answered.
func TestAnswerErrors(t *testing.T) {
	r := newRack(t)
	r.err = inventory.Errorf(inventory.Unavailable, "the pool is used up")
	resp, err := newServer(t, r, nil).answerDHCP(t.Context(), made(t, dhcpv4.MessageTypeDiscover), testNow)
	if resp != nil || !errors.Is(err, r.err) {
		t.Errorf("got %v, %v", resp, err)
	}
}

// TestRetransmission: a machine that repeats itself is recorded once.
func TestRetransmission(t *testing.T) {
	r := newRack(t)
	s := newServer(t, r, nil)
	for range 3 {
		_, err := s.answerDHCP(t.Context(), made(t, dhcpv4.MessageTypeDiscover, intel), testNow)
		try(t, err)
	}
	if got := len(r.types()); got != 1 {
		t.Errorf("%d events for one DISCOVER sent three times", got)
	}
}

// TestHosts: an address leads to the machine that has it now, and an operating
// system's request does not make its firmware forgotten.
func TestHosts(t *testing.T) {
	var h hosts
	a, b := netip.MustParseAddr("10.77.0.11"), netip.MustParseAddr("10.77.0.12")
	uefi := inventory.Machine{MAC: testMAC, Arch: 7, UUID: "u"}
	other := inventory.Machine{MAC: "52:54:00:77:00:02"}
	h.put(a, uefi, true)
	h.put(b, inventory.Machine{MAC: testMAC}, false)
	if _, ok := h.at(a); ok {
		t.Error("the old address still leads somewhere")
	}
	if m, _ := h.at(b); m != uefi {
		t.Errorf("at its new address is %+v", m)
	}
	h.put(b, other, true)
	if m, _ := h.at(b); m != other {
		t.Errorf("the address was given to another, and leads to %+v", m)
	}
	if m := h.of(testMAC); m != (inventory.Machine{MAC: testMAC}) {
		t.Errorf("the machine without an address is %+v", m)
	}
}

// FuzzDHCP: whatever comes in, the server does not fall, never answers with
// anything but an address of its own network, and never spends a nonce.
func FuzzDHCP(f *testing.F) {
	files, err := filepath.Glob("testdata/dhcp/*.hex")
	try(f, err)
	for _, name := range files {
		f.Add(captured(f, strings.TrimSuffix(filepath.Base(name), ".hex")).ToBytes())
	}
	f.Add(made(f, dhcpv4.MessageTypeRequest, intel, want("10.77.0.11"), to("10.77.0.1")).ToBytes())
	f.Add(made(f, dhcpv4.MessageTypeInform, intel, dhcpv4.WithUserClass("iPXE", true)).ToBytes())
	f.Add(made(f, dhcpv4.MessageTypeDiscover, dhcpv4.WithGeneric(dhcpv4.OptionUserClassInformation, []byte{0}), dhcpv4.WithGeneric(dhcpv4.OptionClientSystemArchitectureType, []byte{1})).ToBytes())
	f.Add([]byte{})
	f.Fuzz(func(t *testing.T, b []byte) {
		req, err := dhcpv4.FromBytes(b)
		if err != nil {
			return
		}
		r := newRack(t)
		s := newServer(t, r, nil)
		s.log, s.events.log = quietLog, quietLog
		resp, err := s.answerDHCP(t.Context(), req, testNow)
		if err != nil || resp == nil {
			return
		}
		again, err := dhcpv4.FromBytes(resp.ToBytes())
		if err != nil {
			t.Fatalf("the answer cannot be read: %v", err)
		}
		if ip := again.YourIPAddr; !ip.IsUnspecified() {
			if a, _ := netip.AddrFromSlice(ip.To4()); !s.cfg.Address.Contains(a) || a == s.cfg.Address.Addr() {
				t.Errorf("gave the address %s", ip)
			}
		}
		if !again.ServerIdentifier().Equal(net.IPv4(10, 77, 0, 1)) || again.OpCode != dhcpv4.OpcodeBootReply || len(r.spent) != 0 {
			t.Errorf("answered with %s, spent %v", again.Summary(), r.spent)
		}
	})
}
