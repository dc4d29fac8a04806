package inventory

import "time"

// Text is written in each language, not translated word for word.
type Text struct {
	EN string `json:"en"`
	JA string `json:"ja"`
}

// In returns the text in a language, "en" or "ja"; English for any other.
func (t Text) In(lang string) string {
	if lang == "ja" && t.JA != "" {
		return t.JA
	}
	return t.EN
}

// CloudStatus is how a rack's cloud fares. What could not be asked is missing
// and named in Errors; the rest stands.
type CloudStatus struct {
	Rack      string           `json:"rack"`
	Asked     time.Time        `json:"asked"`
	Endpoints []EndpointStatus `json:"endpoints"`
	Services  []ServiceStatus  `json:"services"`
	Capacity  Capacity         `json:"capacity"`
	Errors    []CloudError     `json:"errors"`
}

// Parts of a CloudStatus that are asked for by themselves.
const (
	PartLogin     = "login" // without it there is nothing else
	PartCompute   = "compute"
	PartNetwork   = "network"
	PartVolume    = "volume"
	PartPlacement = "placement"
	PartFloating  = "floating"
	PartInstances = "instances"
	PartVolumes   = "volumes"
)

// CloudError says which part of a status could not be had, and why.
type CloudError struct {
	Part string `json:"part"`
	Text string `json:"text"`
}

// EndpointStatus is one public API of the catalogue, asked without a token.
type EndpointStatus struct {
	Service      string  `json:"service"` // "compute"
	Name         string  `json:"name"`    // "nova"
	URL          string  `json:"url"`
	Up           bool    `json:"up"`           // it answered, and not with 5xx
	Status       int     `json:"status"`       // HTTP, 0 without an answer
	Milliseconds float64 `json:"milliseconds"` // until the answer's head
	Error        string  `json:"error,omitempty"`
}

// ServiceStatus is one daemon of the cloud as its API reports it.
type ServiceStatus struct {
	Kind    string `json:"kind"`   // PartCompute, PartNetwork or PartVolume
	Binary  string `json:"binary"` // "nova-scheduler"
	Host    string `json:"host"`   // node's name; Cinder adds its back end, "controller-1@lvm"
	Zone    string `json:"zone,omitempty"`
	Up      bool   `json:"up"`
	Enabled bool   `json:"enabled"`
	Reason  string `json:"reason,omitempty"` // why it is disabled
	// Since is when one that is up was started, where the API tells (Neutron's
	// does), and when one that is down was last heard of.
	Since *time.Time `json:"since,omitempty"`
	Heard *time.Time `json:"heard,omitempty"` // its last report
}

// Amount is how much of something is taken. Total is what may be given out: of
// CPUs, more than there are (Ratio).
type Amount struct {
	Used  float64 `json:"used"`
	Total float64 `json:"total"`
	Ratio float64 `json:"ratio,omitempty"` // of what may be given out to what there is; 0 where that says nothing
}

// Capacity is what a cloud has and what is taken. A nil Amount is unknown.
type Capacity struct {
	VCPUs        *Amount        `json:"vcpus,omitempty"`
	MemoryMB     *Amount        `json:"memory_mb,omitempty"` // MiB
	DiskGB       *Amount        `json:"disk_gb,omitempty"`   // GiB
	FloatingIPs  *Amount        `json:"floating_ips,omitempty"`
	VolumeGB     *Amount        `json:"volume_gb,omitempty"` // GiB, of the back ends
	Volumes      *int           `json:"volumes,omitempty"`
	Instances    *int           `json:"instances,omitempty"`
	ByStatus     map[string]int `json:"by_status,omitempty"` // instances, "ACTIVE": 2
	ComputeNodes []NodeCapacity `json:"compute_nodes"`
}

// NodeCapacity is what one compute node has, from Placement.
type NodeCapacity struct {
	Node     string `json:"node"`
	VCPUs    Amount `json:"vcpus"`
	MemoryMB Amount `json:"memory_mb"` // MiB
	DiskGB   Amount `json:"disk_gb"`   // GiB
}

// Account is one account or key of the cloud. Shown says that its secret may be
// revealed; those of services never are.
type Account struct {
	Secret string `json:"secret"` // the name to reveal it by
	User   string `json:"user,omitempty"`
	What   Text   `json:"what"`
	Shown  bool   `json:"shown"`
	// Rotates: new passwords for the cloud are also one for this.
	Rotates bool `json:"rotates"`
}

// Revealed is the one secret that somebody asked for.
type Revealed struct {
	Secret string `json:"secret"`
	User   string `json:"user,omitempty"`
	Value  string `json:"value"`
}
