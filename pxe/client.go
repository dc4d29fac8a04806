package pxe

import (
	"encoding/binary"
	"fmt"
	"slices"
	"strings"

	"github.com/insomniacslk/dhcp/dhcpv4"
	"github.com/insomniacslk/dhcp/iana"

	"sandai/inventory"
)

// kind is what sort of DHCP client speaks.
type kind int

const (
	plain    kind = iota // an operating system: it gets an address and no boot answer
	biosROM              // PXE on BIOS, not iPXE
	uefiROM              // PXE on UEFI x64, not iPXE
	uefiHTTP             // UEFI HTTP boot
	ipxe                 // iPXE, in whatever firmware
	alien                // asks to boot on an architecture that there is no loader for
)

func (k kind) String() string {
	return [...]string{"operating system", "PXE firmware (BIOS)", "PXE firmware (UEFI)", "HTTP boot firmware (UEFI)", "iPXE", "firmware of an unknown architecture"}[k]
}

// Client architectures of RFC 4578 §2.1 and its IANA registry that we serve.
const (
	archBIOS     = uint16(iana.INTEL_X86PC)
	archUEFI     = uint16(iana.EFI_BC) // 7 in the registry, x64 in practice
	archUEFI9    = uint16(iana.EFI_X86_64)
	archUEFIHTTP = uint16(iana.EFI_X86_64_HTTP)
)

// optionIPXE holds iPXE's own encapsulated options; iPXE sends it in each
// request (https://ipxe.org/howto/dhcpd).
const optionIPXE = dhcpv4.GenericOptionCode(175)

// classify tells what a DHCP request comes from.
func classify(p *dhcpv4.DHCPv4) (inventory.Machine, kind) {
	m := inventory.Machine{MAC: p.ClientHWAddr.String(), UUID: machineUUID(p)}
	if a := p.ClientArch(); len(a) > 0 {
		m.Arch = uint16(a[0])
	}
	class := p.ClassIdentifier()
	switch {
	case isIPXE(p):
		return m, ipxe
	case strings.HasPrefix(class, "HTTPClient") && m.Arch == archUEFIHTTP:
		return m, uefiHTTP
	case !strings.HasPrefix(class, "PXEClient") && !strings.HasPrefix(class, "HTTPClient"):
		return m, plain
	case m.Arch == archBIOS:
		return m, biosROM
	case m.Arch == archUEFI || m.Arch == archUEFI9:
		return m, uefiROM
	}
	return m, alien
}

// isIPXE knows iPXE by its user class, which old builds send as bare text and
// RFC 3004 wants with a length, or by its own option.
func isIPXE(p *dhcpv4.DHCPv4) bool {
	return slices.Contains(p.UserClass(), "iPXE") ||
		string(p.Options.Get(dhcpv4.OptionUserClassInformation)) == "iPXE" ||
		p.Options.Has(optionIPXE)
}

// machineUUID reads option 97 (RFC 4578 §2.3): a zero byte and 16 bytes as
// firmware has them, the first three fields little-endian (SMBIOS §7.2.1). The
// text is as dmidecode shows it.
func machineUUID(p *dhcpv4.DHCPv4) string {
	b := p.Options.Get(dhcpv4.OptionClientMachineIdentifier)
	if len(b) != 17 || b[0] != 0 {
		return ""
	}
	b = b[1:]
	le := binary.LittleEndian
	return fmt.Sprintf("%08x-%04x-%04x-%x-%x", le.Uint32(b), le.Uint16(b[4:]), le.Uint16(b[6:]), b[8:10], b[10:])
}
