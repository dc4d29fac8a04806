package inventory

import "time"

// Rack is a set of nodes that become one cloud, and what they have in common.
type Rack struct {
	ID        uint   `gorm:"primaryKey" json:"-"`
	Name      string `json:"name"`
	Release   string `json:"release"` // OpenStack release of the guide, "2025.1", or ReleaseDebian
	Region    string `json:"region"`  // Keystone region, "RegionOne"
	Interface string `json:"interface"`
	// Address is the appliance's own address on the provisioning network in CIDR
	// form, "10.77.0.1/24".
	Address string   `json:"address"`
	SSHKeys []string `gorm:"serializer:json" json:"ssh_keys"` // authorized_keys lines for root on every node
	Slow    bool     `json:"slow"`                            // raises every time-out of the cloud; for emulated racks
	// InspectNewcomers: a machine that nobody knows gets the deploy ramdisk once,
	// to look at its hardware; nothing on it is changed.
	InspectNewcomers bool `json:"inspect_newcomers"`
	// Workers is how many processes each API has, 0 for as many as the node's
	// hardware says; NoDashboard leaves Horizon out.
	Workers     int  `json:"workers"`
	NoDashboard bool `json:"no_dashboard"`

	Networks []Network `json:"networks"`
	Nodes    []Node    `json:"nodes"`
	Created  time.Time `gorm:"serializer:stamp" json:"created"`
}

// ReleaseDebian is the release of a rack that gets Debian 13 and no cloud: its
// nodes may have any roles, all get the base image, and the guide is left out.
const ReleaseDebian = "debian-13"

// NetworkKind says what a network of the rack is for.
type NetworkKind string

// The networks of a rack. Provisioning also carries management and tunnels.
const (
	Provisioning NetworkKind = "provisioning"
	Provider     NetworkKind = "provider"
	Tenant       NetworkKind = "tenant"
)

// Network is an IPv4 network of a rack. Pool is inclusive: for Provisioning it
// is where newcomers get leases, for Provider where floating IPs come from.
type Network struct {
	ID        uint        `gorm:"primaryKey" json:"-"`
	RackID    uint        `json:"-"`
	Kind      NetworkKind `json:"kind"`
	CIDR      string      `json:"cidr"`
	Gateway   string      `json:"gateway,omitempty"`
	PoolStart string      `json:"pool_start,omitempty"`
	PoolEnd   string      `json:"pool_end,omitempty"`
	MTU       int         `json:"mtu"` // bytes, 1500 unless said otherwise
}

// Network returns the rack's network of a kind, or nil.
func (r *Rack) Network(k NetworkKind) *Network {
	for i := range r.Networks {
		if r.Networks[i].Kind == k {
			return &r.Networks[i]
		}
	}
	return nil
}

// ByRole returns the rack's nodes with a role, in the order of the inventory.
func (r *Rack) ByRole(role Role) []Node {
	var out []Node
	for _, n := range r.Nodes {
		if n.Role == role {
			out = append(out, n)
		}
	}
	return out
}

// Stay are the names of the nodes with a role that can be counted on when another
// node is away: those that are active and not held.
func (r *Rack) Stay(away string, role Role) (names []string) {
	for _, n := range r.ByRole(role) {
		if n.Name != away && n.State == Active && n.HandsOff == nil {
			names = append(names, n.Name)
		}
	}
	return names
}

// Lease is an IPv4 address given over DHCP to a MAC (RFC 2131).
type Lease struct {
	ID      uint      `gorm:"primaryKey" json:"-"`
	RackID  uint      `json:"-"`
	MAC     string    `json:"mac"`
	Address string    `json:"address"` // "10.77.0.100"
	Node    string    `json:"node,omitempty"`
	Expires time.Time `gorm:"serializer:stamp" json:"expires"`
}
