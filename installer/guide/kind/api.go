package kind

import (
	"fmt"
	"reflect"
	"time"
)

// API is a step against the cloud's own API, carried out on the appliance by
// installer/cloud: exactly one field is set. Every one finds the object by name
// first, so it may be repeated.
type API struct {
	Project  *APIProject  `json:"project,omitempty" yaml:"project,omitempty"`
	Role     *APIRole     `json:"role,omitempty" yaml:"role,omitempty"`
	User     *APIUser     `json:"user,omitempty" yaml:"user,omitempty"`
	Service  *APIService  `json:"service,omitempty" yaml:"service,omitempty"`
	Image    *APIImage    `json:"image,omitempty" yaml:"image,omitempty"`
	Flavor   *APIFlavor   `json:"flavor,omitempty" yaml:"flavor,omitempty"`
	Network  *APINetwork  `json:"network,omitempty" yaml:"network,omitempty"`
	Subnet   *APISubnet   `json:"subnet,omitempty" yaml:"subnet,omitempty"`
	Router   *APIRouter   `json:"router,omitempty" yaml:"router,omitempty"`
	Rule     *APIRule     `json:"rule,omitempty" yaml:"rule,omitempty"`
	Services *APIServices `json:"services,omitempty" yaml:"services,omitempty"`
	Proof    *APIProof    `json:"proof,omitempty" yaml:"proof,omitempty"`
	Drain    *APIDrain    `json:"drain,omitempty" yaml:"drain,omitempty"`
	Return   *APIDrain    `json:"return,omitempty" yaml:"return,omitempty"`
	Evacuate *APIDrain    `json:"evacuate,omitempty" yaml:"evacuate,omitempty"`
	Leave    *APILeave    `json:"leave,omitempty" yaml:"leave,omitempty"`

	Reschedule *APIReschedule `json:"reschedule,omitempty" yaml:"reschedule,omitempty"`
}

// APIProject is a Keystone project in the default domain.
type APIProject struct {
	Name string `json:"name" yaml:"name"`
}

// APIRole is a Keystone role.
type APIRole struct {
	Name string `json:"name" yaml:"name"`
}

// APIUser is a Keystone user in the default domain with roles on a project.
type APIUser struct {
	Name     string   `json:"name" yaml:"name"`
	Password string   `json:"password" yaml:"password"`
	Project  string   `json:"project" yaml:"project"`
	Roles    []string `json:"roles" yaml:"roles"`
}

// APIService is a catalogue entry with its public, internal and admin endpoint.
type APIService struct {
	Name string `json:"name" yaml:"name"` // "glance"
	Type string `json:"type" yaml:"type"` // "image"
	URL  string `json:"url" yaml:"url"`   // may hold %(project_id)s
}

// APIImage is a public Glance image whose bytes come from the appliance's image store.
type APIImage struct {
	Name       string            `json:"name" yaml:"name"`
	From       string            `json:"from" yaml:"from"` // name in the store, "guest-tiny"
	DiskFormat string            `json:"disk_format" yaml:"disk_format"`
	Properties map[string]string `json:"properties,omitempty" yaml:"properties,omitempty"`
}

// APIFlavor is a public Nova flavor; RAM in MiB, disk in GiB.
type APIFlavor struct {
	Name  string `json:"name" yaml:"name"`
	RAM   int    `json:"ram" yaml:"ram"`
	VCPUs int    `json:"vcpus" yaml:"vcpus"`
	Disk  int    `json:"disk" yaml:"disk"`
}

// APINetwork is a Neutron network of the admin project.
type APINetwork struct {
	Name     string `json:"name" yaml:"name"`
	External bool   `json:"external,omitempty" yaml:"external,omitempty"`
	Shared   bool   `json:"shared,omitempty" yaml:"shared,omitempty"`
	Type     string `json:"type,omitempty" yaml:"type,omitempty"`         // "flat", or "" for the tenant default
	Physical string `json:"physical,omitempty" yaml:"physical,omitempty"` // "provider"
}

// APISubnet is an IPv4 subnet.
type APISubnet struct {
	Name      string `json:"name" yaml:"name"`
	Network   string `json:"network" yaml:"network"`
	CIDR      string `json:"cidr" yaml:"cidr"`
	Gateway   string `json:"gateway,omitempty" yaml:"gateway,omitempty"` // "" lets Neutron choose
	DHCP      bool   `json:"dhcp" yaml:"dhcp"`
	PoolStart string `json:"pool_start,omitempty" yaml:"pool_start,omitempty"`
	PoolEnd   string `json:"pool_end,omitempty" yaml:"pool_end,omitempty"`
}

// APIRouter is a router with a gateway on an external network.
type APIRouter struct {
	Name     string   `json:"name" yaml:"name"`
	External string   `json:"external" yaml:"external"`
	Subnets  []string `json:"subnets" yaml:"subnets"`
}

// APIRule is an ingress IPv4 rule of the admin project's security group.
type APIRule struct {
	Group    string `json:"group" yaml:"group"`
	Protocol string `json:"protocol" yaml:"protocol"` // "icmp", "tcp", "udp"
	PortMin  int    `json:"port_min,omitempty" yaml:"port_min,omitempty"`
	PortMax  int    `json:"port_max,omitempty" yaml:"port_max,omitempty"`
}

// APIServices waits until services and agents of a kind are up: Of is
// "compute" (nova services; and every compute node of the rack has a
// hypervisor that is up and mapped to a cell), "network" (neutron agents, each
// expected one present and alive), "volume".
type APIServices struct {
	Of string `json:"of" yaml:"of"`
}

// APIProof is one check of the proof. Check is, in this order: "servers" (one
// server a compute node from Image, pinned to it, with config drive, on a subnet without DHCP; until
// ACTIVE), "journey" (how the first of them came to run, from the services'
// logs; carried out by the engine, which can ask the nodes), "floating" (a floating IP each), "ping", "ssh", "volume" (created,
// attached, written in the guest, read back), "health" (quotas, services and
// agents all up). ProofClear, which no guide has, comes first when a cloud that
// has proved itself is to do so again: it removes what the proof made.
type APIProof struct {
	Check    string `json:"check" yaml:"check"`
	Image    string `json:"image,omitempty" yaml:"image,omitempty"`
	Flavor   string `json:"flavor,omitempty" yaml:"flavor,omitempty"`
	Network  string `json:"network,omitempty" yaml:"network,omitempty"`
	External string `json:"external,omitempty" yaml:"external,omitempty"`
}

// ProofClear is the check that removes what an earlier proof made.
const ProofClear = "clear"

// APIReschedule has Neutron's agents on other network nodes serve the routers and the
// DHCP networks of a node that is about to be away; no guide has it. An agent that has
// served no router serves one of no use first (sandai-rehearsal-…, gone afterwards). It
// fails, and moves nothing more, where no other agent is up or one serves nothing; it ends
// when what was moved is served again.
type APIReschedule struct {
	Node string `json:"node" yaml:"node"`
}

// APILeave has the cloud forget a node that is off: Nova's service with its
// resource provider in Placement, and Neutron's agents; no guide has it. It fails
// where a server is still on the node.
type APILeave struct {
	Node string `json:"node" yaml:"node"`
}

// APIDrain takes a compute node out of the cloud, brings it back, or empties it; no
// guide has it. Drain has Nova place no servers on Node any more and
// stops those that run; it fails where a server is there that is not among
// Servers, for nobody decided about that. Return has Nova use the node again,
// and makes the servers anew and starts them as Servers says. Evacuate, for a node
// that is certainly off, has Nova make the servers anew on other nodes.
type APIDrain struct {
	Node    string        `json:"node" yaml:"node"`
	Since   time.Time     `json:"since" yaml:"since"` // when it was decided: a rebuild after it needs no other
	Servers []DrainServer `json:"servers" yaml:"servers"`
}

// DrainServer is a server that a person decided about.
type DrainServer struct {
	ID    string `json:"id" yaml:"id"`
	Name  string `json:"name" yaml:"name"`
	Image string `json:"image,omitempty" yaml:"image,omitempty"` // to be made anew from, but for a volume that it boots from; "" leaves it as it is
	Start bool   `json:"start" yaml:"start"`                     // it ran, and is to run again
}

// Validate checks that exactly one object is named.
func (a *API) Validate() error {
	set := 0
	v := reflect.ValueOf(*a)
	for i := range v.NumField() {
		if !v.Field(i).IsNil() {
			set++
		}
	}
	if set != 1 {
		return fmt.Errorf("api: wants exactly one object, got %d", set)
	}
	return nil
}
