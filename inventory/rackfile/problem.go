package rackfile

import (
	"cmp"
	"fmt"
	"regexp"
	"slices"
	"strings"
)

// Problem is one mistake in a file.
type Problem struct {
	File  string // "" for a rack that is in no file
	Line  int    // from 1; 0 when the mistake has no place
	Field string // "nodes[1].nics.provisioning", "" for the whole file
	Text  string // what is wrong and what was expected; never a password
}

func (p Problem) String() string {
	place := p.File
	if p.Line > 0 {
		place = fmt.Sprintf("%s:%d", p.File, p.Line)
	}
	if p.Field != "" {
		place = strings.TrimPrefix(place+": "+p.Field, ": ")
	}
	return strings.TrimPrefix(place+": "+p.Text, ": ")
}

// Problems are all mistakes of a file, in the order of its lines.
type Problems []Problem

func (p Problems) Error() string {
	lines := make([]string, len(p))
	for i, one := range p {
		lines[i] = one.String()
	}
	return strings.Join(lines, "\n")
}

func (p Problems) sort() {
	slices.SortStableFunc(p, func(a, b Problem) int {
		return cmp.Or(cmp.Compare(a.Line, b.Line), strings.Compare(a.Field, b.Field))
	})
}

const (
	wantLabel = `a host name label (RFC 1123): lower case letters, digits and hyphens, at most 63, like "controller-1"`
	wantMAC   = `the MAC of one network card, like "52:54:00:77:00:11"`
	wantCIDR  = `an IPv4 network like 10.77.0.0/24, from /8 to /29, with no host bits set`
	wantPool  = `the first and last address of a range, like 10.77.0.100-10.77.0.199`
	wantIP    = `an IPv4 address like 10.77.0.11`
	wantPart  = `cidr, and where needed gateway, pool and mtu`
	wantMTU   = `bytes from 1280 to 9216, 1500 if left out`
)

// expected says what each field takes, without the indexes of lists.
var expected = map[string]string{
	"rack":                          wantLabel,
	"release":                       `the OpenStack release that this Sandai installs: "2025.1", or "debian-13" for Debian without a cloud`,
	"region":                        `a Keystone region of letters, digits, ".", "_" and "-", like RegionOne`,
	"interface":                     `the appliance's network interface on the provisioning network, at most 15 characters, like br-mgmt`,
	"address":                       `the appliance's own address on the provisioning network with its prefix, like 10.77.0.1/24`,
	"slow":                          `true or false`,
	"inspect_newcomers":             `true or false`,
	"workers":                       `processes of each API, 1 to 64; left out, one for every 4 cores and 8 GiB`,
	"dashboard":                     `true or false`,
	"ssh_keys":                      `a list of public keys`,
	"ssh_keys[]":                    `one line of an OpenSSH public key file, like "ssh-ed25519 AAAAC3Nz… me@here"`,
	"networks":                      `provisioning, provider and tenant`,
	"networks.provisioning":         wantPart,
	"networks.provisioning.cidr":    wantCIDR,
	"networks.provisioning.gateway": wantIP,
	"networks.provisioning.pool":    wantPool,
	"networks.provisioning.mtu":     wantMTU,
	"networks.provider":             wantPart,
	"networks.provider.cidr":        wantCIDR,
	"networks.provider.gateway":     wantIP,
	"networks.provider.pool":        wantPool,
	"networks.provider.mtu":         wantMTU,
	"networks.tenant":               wantPart,
	"networks.tenant.cidr":          wantCIDR,
	"networks.tenant.gateway":       wantIP,
	"networks.tenant.pool":          wantPool,
	"networks.tenant.mtu":           wantMTU,
	"nodes":                         `a list of nodes, one with role controller, and at least one compute and one network`,
	"nodes[]":                       `a node: name, role, firmware, address, nics, bmc`,
	"nodes[].name":                  wantLabel + `, and neither "rack" nor beginning with "new-"`,
	"nodes[].role":                  `controller, compute or network`,
	"nodes[].firmware":              `bios or uefi`,
	"nodes[].address":               wantIP,
	"nodes[].nics":                  `the MACs by network: provisioning, and where there is one provider and tenant`,
	"nodes[].nics.provisioning":     wantMAC,
	"nodes[].nics.provider":         wantMAC,
	"nodes[].nics.tenant":           wantMAC,
	"nodes[].bmc":                   `kind, address, user, and where needed port and password`,
	"nodes[].bmc.kind":              `ipmi or redfish`,
	"nodes[].bmc.address":           `an IP address or a host name`,
	"nodes[].bmc.port":              `a port from 1 to 65535; left out, 623 for ipmi and 443 for redfish`,
	"nodes[].bmc.user":              `the BMC's user name`,
	"nodes[].bmc.password":          `text; leave it out to keep the one from an earlier import`,
	"nodes[].system_disk":           `the serial number or WWN of a disk`,
	"nodes[].volume_disk":           `the serial number or WWN of a disk`,
}

var index = regexp.MustCompile(`\[\d+\]`)

// expectation returns ", expected …" for a field.
func expectation(field string) string {
	if text, ok := expected[index.ReplaceAllString(field, "[]")]; ok {
		return ", expected " + text
	}
	return ""
}
