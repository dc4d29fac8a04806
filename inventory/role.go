package inventory

// RoleRequest gives a node a role, or takes it away with Role "". What is left
// empty is chosen: the name "compute-2", a free address of the provisioning
// network, the disks, the provider NIC of a network node.
type RoleRequest struct {
	Role     Role     `json:"role"`
	Name     string   `json:"name,omitempty"`
	Address  string   `json:"address,omitempty"`
	Firmware Firmware `json:"firmware,omitempty"`
	// SystemDisk and VolumeDisk are serial numbers or WWNs. "none" as VolumeDisk
	// leaves a controller's second disk alone.
	SystemDisk  string      `json:"system_disk,omitempty"`
	VolumeDisk  string      `json:"volume_disk,omitempty"`
	ProviderMAC string      `json:"provider_mac,omitempty"`
	BMC         *BMCRequest `json:"bmc,omitempty"` // nil keeps the one that the node has
	BMCPassword string      `json:"bmc_password,omitempty"`
}

// BMCRequest says how a BMC is reached; Kind is "ipmi" and Port that of the
// kind where left out.
type BMCRequest struct {
	Kind    string `json:"kind,omitempty"`
	Address string `json:"address"`
	Port    int    `json:"port,omitempty"`
	User    string `json:"user"`
}

// NoDisk as RoleRequest.VolumeDisk: no disk for volumes.
const NoDisk = "none"

// Fitness is how well a node fits a role.
type Fitness struct {
	Role    Role     `json:"role"`
	Fits    bool     `json:"fits"` // there are at most warnings
	Misfits []Misfit `json:"misfits"`
}

// Inspection is what was done about inspecting some nodes.
type Inspection struct {
	// Run inspects the nodes that have a BMC; nil where there is none of them.
	Run *Run `json:"run,omitempty"`
	// Waiting are nodes without a BMC: they are inspected when they next boot
	// from the network.
	Waiting []string `json:"waiting,omitempty"`
	// Left are nodes that are not inspected, with the reason.
	Left []LeftOut `json:"left,omitempty"`
}

// LeftOut is a node that something was not done to.
type LeftOut struct {
	Node string `json:"node"`
	Why  string `json:"why"`
}
