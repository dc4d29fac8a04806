package rackfile

// file is rack.yaml. The validate tags hold what can be said of one value
// alone; check.go holds the rules between values, and expected (problem.go)
// says in words what each field takes.
type file struct {
	Rack      string    `yaml:"rack" validate:"required,label"`
	Release   string    `yaml:"release" validate:"required,release"`
	Region    string    `yaml:"region,omitempty" validate:"omitempty,region"`
	Interface string    `yaml:"interface" validate:"required,interface"`
	Address   string    `yaml:"address" validate:"required,hostcidr"`
	Slow      bool      `yaml:"slow,omitempty"`
	Newcomers *bool     `yaml:"inspect_newcomers,omitempty"` // true when left out
	Workers   *int      `yaml:"workers,omitempty" validate:"omitempty,gte=1,lte=64"`
	Dashboard *bool     `yaml:"dashboard,omitempty"` // true when left out
	SSHKeys   []string  `yaml:"ssh_keys" validate:"dive,sshkey"`
	Networks  *networks `yaml:"networks" validate:"required"`
	Nodes     []node    `yaml:"nodes" validate:"required,dive"` // [] is a rack whose nodes are yet to come
}

type networks struct {
	Provisioning *network `yaml:"provisioning,flow" validate:"required"`
	Provider     *network `yaml:"provider,flow" validate:"required"`
	Tenant       *network `yaml:"tenant,flow" validate:"required"`
}

type network struct {
	CIDR    string `yaml:"cidr" validate:"required,network"`
	Gateway string `yaml:"gateway,omitempty" validate:"omitempty,ip"`
	Pool    string `yaml:"pool,omitempty" validate:"omitempty,pool"`
	MTU     *int   `yaml:"mtu,omitempty" validate:"omitempty,gte=1280,lte=9216"`
}

type node struct {
	Name       string `yaml:"name" validate:"required,label,nodename"`
	Role       string `yaml:"role" validate:"required,oneof=controller compute network"`
	Firmware   string `yaml:"firmware" validate:"required,oneof=bios uefi"`
	Address    string `yaml:"address" validate:"required,ip"`
	NICs       *nics  `yaml:"nics,flow" validate:"required"`
	BMC        *bmc   `yaml:"bmc,omitempty,flow"`
	SystemDisk string `yaml:"system_disk,omitempty"`
	VolumeDisk string `yaml:"volume_disk,omitempty"`
}

type nics struct {
	Provisioning string `yaml:"provisioning" validate:"required,mac48"`
	Provider     string `yaml:"provider,omitempty" validate:"omitempty,mac48"`
	Tenant       string `yaml:"tenant,omitempty" validate:"omitempty,mac48"`
}

type bmc struct {
	Kind     string `yaml:"kind" validate:"required,oneof=ipmi redfish"`
	Address  string `yaml:"address" validate:"required,host"`
	Port     *int   `yaml:"port,omitempty" validate:"omitempty,gte=1,lte=65535"`
	User     string `yaml:"user" validate:"required"`
	Password string `yaml:"password,omitempty"`
}

// port is the BMC's port, or what its protocol uses: RMCP+ 623, HTTPS 443.
func (b *bmc) port() int {
	switch {
	case b.Port != nil:
		return *b.Port
	case b.Kind == "redfish":
		return 443
	}
	return 623
}

func (n *network) mtu() int {
	if n.MTU != nil {
		return *n.MTU
	}
	return 1500
}
