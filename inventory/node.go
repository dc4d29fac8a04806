package inventory

import (
	"cmp"
	"strings"
	"time"
)

// Role is what a node does in the cloud.
type Role string

// The roles of the install guide.
const (
	Controller  Role = "controller"
	Compute     Role = "compute"
	NetworkRole Role = "network"
)

// NodeState is where a node is in its life; docs/states.md explains each.
type NodeState string

// The states of a node, in the order of a life without trouble.
const (
	Discovered  NodeState = "discovered"
	Inspected   NodeState = "inspected"
	Ready       NodeState = "ready"
	Deploying   NodeState = "deploying"
	Installed   NodeState = "installed"
	Configuring NodeState = "configuring"
	Active      NodeState = "active"
	Failed      NodeState = "failed"
	Parked      NodeState = "parked"
	Releasing   NodeState = "releasing"
	Maintenance NodeState = "maintenance" // in rescue: it runs the ramdisk, with a shell
)

// Firmware is what starts a node: "bios" or "uefi".
type Firmware string

// Kinds of firmware.
const (
	BIOS Firmware = "bios"
	UEFI Firmware = "uefi"
)

// Node is a server in the inventory.
type Node struct {
	ID       uint      `gorm:"primaryKey" json:"-"`
	RackID   uint      `json:"-"`
	Name     string    `json:"name"`
	Role     Role      `json:"role,omitempty"`
	Firmware Firmware  `json:"firmware"`
	Address  string    `json:"address,omitempty"` // on the provisioning network, "10.77.0.11"
	State    NodeState `json:"state"`
	Reason   string    `json:"reason,omitempty"` // why it is failed or parked, for a person
	// Since is when State was entered; a state that waits also has a Deadline.
	Since    time.Time  `gorm:"serializer:stamp" json:"since"`
	Deadline *time.Time `gorm:"serializer:stamp" json:"deadline,omitempty"`
	NICs     []NIC      `json:"nics"`
	BMC      *BMC       `json:"bmc,omitempty"`
	// SystemDisk and VolumeDisk select disks by serial number or WWN, never by
	// a name that may change. Empty SystemDisk: the only disk, else an error.
	SystemDisk string    `json:"system_disk,omitempty"`
	VolumeDisk string    `json:"volume_disk,omitempty"`
	Hardware   *Hardware `gorm:"serializer:json" json:"hardware,omitempty"`
	// BootNonce is the one-time token of the next boot of the ramdisk; empty
	// when none is due. NonceSpends counts how often it was handed out.
	BootNonce   string    `json:"-"`
	NonceSpends int       `json:"nonce_spends"`
	LastSeen    time.Time `gorm:"serializer:stamp" json:"last_seen"`
	// HandsOff is since when nothing is sent to the node or its BMC, nil where it
	// may be; HandsOffBy is who said so (a user's name) and HandsOffWhy the reason
	// given. It stands beside State: what was under way goes on when it ends.
	HandsOff    *time.Time `gorm:"serializer:stamp" json:"hands_off,omitempty"`
	HandsOffBy  string     `json:"hands_off_by,omitempty"`
	HandsOffWhy string     `json:"hands_off_why,omitempty"`
	// RescuedFrom is the State that a node in rescue goes back to. It stays after the
	// rescue until the node is seen outside of the ramdisk.
	RescuedFrom NodeState `json:"rescued_from,omitempty"`
}

// NIC is one network interface, known by its MAC.
type NIC struct {
	ID      uint        `gorm:"primaryKey" json:"-"`
	NodeID  uint        `json:"-"`
	Network NetworkKind `json:"network"`
	MAC     string      `json:"mac"` // lower case with colons
}

// MAC returns the address of the node's NIC on a network, or "".
func (n *Node) MAC(k NetworkKind) string {
	for _, c := range n.NICs {
		if c.Network == k {
			return c.MAC
		}
	}
	return ""
}

// NewcomerName is the name of a machine that has no role yet, by its MAC:
// "new-52-54-00-77-00-11".
func NewcomerName(mac string) string { return "new-" + strings.ReplaceAll(mac, ":", "-") }

// BMC is a node's management controller. Its password is a Secret named
// BMCSecret(node).
type BMC struct {
	ID      uint   `gorm:"primaryKey" json:"-"`
	NodeID  uint   `json:"-"`
	Kind    string `json:"kind"`    // "ipmi" or "redfish"
	Address string `json:"address"` // host or IP
	Port    int    `json:"port"`    // 623 for IPMI
	User    string `json:"user"`
}

// BMCSecret is the name under which the password of a node's BMC is sealed.
func BMCSecret(node string) string { return "bmc/" + node }

// Hardware is what a node's agent found.
type Hardware struct {
	Product  string     `json:"product"`
	Serial   string     `json:"serial"`
	Firmware string     `json:"firmware"` // "SeaBIOS 1.16.2"
	CPU      string     `json:"cpu"`
	Cores    int        `json:"cores"`
	MemoryMB int        `json:"memory_mb"` // MiB
	Virt     string     `json:"virt"`      // "svm", "vmx" or "" from the CPU's flags
	BMC      string     `json:"bmc,omitempty"`
	Disks    []DiskInfo `json:"disks"`
	NICs     []NICInfo  `json:"nics"`
	BootMode string     `json:"boot_mode"` // "bios" or "uefi"
	// Seen is when the agent looked, by the appliance's clock.
	Seen time.Time `json:"seen,omitzero"`
}

// DiskInfo is one block device as found; Contents names what is on it
// ("gpt", "ext4 root", "LVM2 cinder-volumes"), empty when blank.
type DiskInfo struct {
	Name     string   `json:"name"` // "/dev/vda"
	Model    string   `json:"model,omitempty"`
	Serial   string   `json:"serial,omitempty"`
	WWN      string   `json:"wwn,omitempty"`
	Bytes    int64    `json:"bytes"`
	Contents []string `json:"contents,omitempty"`
}

// Is reports whether a selector of rack.yaml, a serial number or WWN, means this disk.
func (d *DiskInfo) Is(selector string) bool {
	return selector != "" && (d.Serial == selector || d.WWN == selector)
}

// Selector is what rack.yaml selects this disk by: its serial number, else its WWN.
func (d *DiskInfo) Selector() string { return cmp.Or(d.Serial, d.WWN) }

// NICInfo is one network interface as found.
type NICInfo struct {
	Name   string `json:"name"`
	MAC    string `json:"mac"`
	Link   bool   `json:"link"`
	Mbps   int    `json:"mbps,omitempty"`
	Driver string `json:"driver,omitempty"`
}
