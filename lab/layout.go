package lab

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"net/netip"
	"strings"
)

// The rack's addresses are the same in every rack: each has a namespace of its
// own.
const (
	applianceAddress = "10.77.0.1/24"
	provisioningCIDR = "10.77.0.0/24"
	provisioningPool = "10.77.0.100-10.77.0.199"
	providerCIDR     = "203.0.113.0/24"
	providerGateway  = "203.0.113.1"
	providerPool     = "203.0.113.100-203.0.113.199"
	tenantCIDR       = "172.16.1.0/24"
	bmcNetworkSelf   = "10.77.1.1/24"

	bridgeManagement = "br-mgmt"
	bridgeProvider   = "br-prov"
	bridgeBMC        = "br-bmc"
)

// wiring is everything of a machine that follows from the rack's name and the
// machine's place in it, from 0.
type wiring struct {
	Address         string // on the provisioning network
	BMC             netip.AddrPort
	KCS, Serial     netip.AddrPort // inside the namespace
	TapMgmt         string
	TapProvider     string
	MACProvisioning string
	MACProvider     string
	UUID            string // SMBIOS and, without dashes, the BMC's GUID
}

func wire(rack, machine string, i int) wiring {
	loopback := netip.AddrFrom4([4]byte{127, 0, 0, 1})
	id := sha256.Sum256([]byte(rack + "/" + machine))
	id[6], id[8] = id[6]&0x0f|0x40, id[8]&0x3f|0x80 // a version 4 UUID
	h := hex.EncodeToString(id[:16])
	return wiring{
		Address:         fmt.Sprintf("10.77.0.%d", 11+i),
		BMC:             netip.AddrPortFrom(netip.AddrFrom4([4]byte{10, 77, 1, byte(11 + i)}), 623),
		KCS:             netip.AddrPortFrom(loopback, uint16(9001+i)),
		Serial:          netip.AddrPortFrom(loopback, uint16(9101+i)),
		TapMgmt:         fmt.Sprintf("tap%dm", i),
		TapProvider:     fmt.Sprintf("tap%dp", i),
		MACProvisioning: mac(rack, machine, "provisioning"),
		MACProvider:     mac(rack, machine, "provider"),
		UUID:            strings.Join([]string{h[:8], h[8:12], h[12:16], h[16:20], h[20:]}, "-"),
	}
}

// mac derives an address in QEMU's 52:54:00 (locally administered), so that the
// same rack keeps its addresses and two racks differ.
func mac(rack, machine, nic string) string {
	h := sha256.Sum256([]byte(rack + "/" + machine + "/" + nic))
	return fmt.Sprintf("52:54:00:%02x:%02x:%02x", h[0], h[1], h[2])
}
