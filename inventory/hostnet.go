package inventory

// HostInterface is a network interface of the appliance.
type HostInterface struct {
	Name string `json:"name"`
	MAC  string `json:"mac,omitempty"`
	// Kind is "device" for a network card, else what the kernel calls it: "bridge",
	// "bond", "vlan", "veth".
	Kind string `json:"kind"`
	Up   bool   `json:"up"`   // switched on
	Link bool   `json:"link"` // a cable with somebody at its other end
	Mbps int    `json:"mbps,omitempty"`
	// Addresses are the IPv4 addresses with their prefixes, "10.77.0.1/24".
	Addresses []string `json:"addresses,omitempty"`
	// Master is the bridge or bond that the interface is a part of; then its
	// addresses are that one's matter.
	Master string `json:"master,omitempty"`
}

// DHCPServer is a server that answered a probe (RFC 2131).
type DHCPServer struct {
	Address string `json:"address,omitempty"` // its identifier, "" where it gave none
	Offered string `json:"offered"`           // "192.168.1.17/24"
	Domain  string `json:"domain,omitempty"`
}
