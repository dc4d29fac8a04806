package lab

import (
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"regexp"
)

// Machine is one server of the rack.
type Machine struct {
	Name string `yaml:"name" json:"name"`
	// Kind is "qemu", or "stand-in": a small program that behaves like a server
	// on the wire (package standin). "qemu" when "".
	Kind     string `yaml:"kind" json:"kind"`
	Role     string `yaml:"role" json:"role"`           // controller, network or compute; "" for a newcomer
	Firmware string `yaml:"firmware" json:"firmware"`   // "bios"
	BMC      string `yaml:"bmc" json:"bmc"`             // "ipmi"
	MemoryMB int    `yaml:"memory_mb" json:"memory_mb"` // MiB; only what the guest touches is taken from the host
	VCPUs    int    `yaml:"vcpus" json:"vcpus"`
	SystemGB int    `yaml:"system_gb" json:"system_gb"` // GiB, sparse; serial SYS-NAME
	VolumeGB int    `yaml:"volume_gb" json:"volume_gb"` // GiB, sparse, 0 for none; serial VOL-NAME
	// Newcomer says that rack.yaml does not name it, and that it is on from the
	// start: a server that somebody has just put into the rack.
	Newcomer bool `yaml:"newcomer" json:"newcomer"`
}

// Kinds of machines.
const (
	KindQEMU    = "qemu"
	KindStandIn = "stand-in"
)

// StandIns are the machines with stand-ins in their places, and so many
// newcomers after them.
func StandIns(machines []Machine, newcomers int) []Machine {
	var out []Machine
	for _, m := range machines {
		m.Kind = KindStandIn
		out = append(out, m)
	}
	for i := range newcomers {
		out = append(out, Machine{Name: fmt.Sprintf("newcomer-%d", i+1), Kind: KindStandIn, Newcomer: true, MemoryMB: 8192, VCPUs: 4, SystemGB: 100})
	}
	return out
}

// DefaultMachines are the three machines of the install guide. The sizes are
// the smallest that a whole cloud was seen to run on.
func DefaultMachines() []Machine {
	return []Machine{
		{Name: "controller-1", Role: "controller", MemoryMB: 4096, VCPUs: 2, VolumeGB: 10},
		{Name: "network-1", Role: "network", MemoryMB: 3072, VCPUs: 2},
		{Name: "compute-1", Role: "compute", MemoryMB: 2560, VCPUs: 1},
	}
}

// Options say what rack to bring up.
type Options struct {
	Dir      string    // the rack's folder, ".rack" when ""
	Name     string    // "demo" when ""; its namespace is sandai-NAME
	Machines []Machine // DefaultMachines when nil; at most 80
	// Helper is the command that ipmi_sim and the forwarder run, followed by
	// "hook ...", "forward ..." or "machine ...": by default this program with "lab". Its
	// first word must be an absolute path.
	Helper []string
	// Kernel is a Linux kernel for the trial start under KVM; "" looks in /boot.
	Kernel string
	Log    *slog.Logger // nil for none
}

var validName = regexp.MustCompile(`^[a-z0-9]([a-z0-9-]{0,14}[a-z0-9])?$`)

// fill puts the defaults in and checks what a person chose.
func (o Options) fill() (Options, error) {
	if o.Dir == "" {
		o.Dir = ".rack"
	}
	dir, err := filepath.Abs(o.Dir)
	if err != nil {
		return o, fmt.Errorf("find the rack's folder: %w", err)
	}
	o.Dir = dir
	if o.Name == "" {
		o.Name = "demo"
	}
	if !validName.MatchString(o.Name) {
		return o, fmt.Errorf("the rack's name %q is not 1 to 16 lower-case letters, digits and dashes; choose another one", o.Name)
	}
	if o.Machines == nil {
		o.Machines = DefaultMachines()
	}
	if o.Machines, err = fillMachines(o.Machines); err != nil {
		return o, err
	}
	if o.Helper == nil {
		exe, err := os.Executable()
		if err != nil {
			return o, fmt.Errorf("find this program's own file: %w", err)
		}
		o.Helper = []string{exe, "lab"}
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	return o, nil
}

func fillMachines(in []Machine) ([]Machine, error) {
	if len(in) == 0 || len(in) > 80 {
		return nil, fmt.Errorf("a rack has 1 to 80 machines, not %d", len(in))
	}
	seen := map[string]bool{}
	out := make([]Machine, 0, len(in))
	for _, m := range in {
		if !validName.MatchString(m.Name) || m.Name == "lab" {
			return nil, fmt.Errorf("the machine's name %q is not 1 to 16 lower-case letters, digits and dashes (and not \"lab\"); choose another one", m.Name)
		}
		if seen[m.Name] {
			return nil, fmt.Errorf("two machines are called %s; names must differ", m.Name)
		}
		seen[m.Name] = true
		switch {
		case m.Role == "" && m.Newcomer:
		case m.Role == "controller", m.Role == "network", m.Role == "compute":
		default:
			return nil, fmt.Errorf("machine %s has the role %q; give it controller, network or compute", m.Name, m.Role)
		}
		setDefault(&m.Kind, KindQEMU)
		if m.Kind != KindQEMU && m.Kind != KindStandIn {
			return nil, fmt.Errorf("machine %s is of the kind %q; there are %s and %s", m.Name, m.Kind, KindQEMU, KindStandIn)
		}
		setDefault(&m.Firmware, "bios")
		setDefault(&m.BMC, "ipmi")
		setDefault(&m.MemoryMB, 2048)
		setDefault(&m.VCPUs, 1)
		setDefault(&m.SystemGB, 20)
		if m.Firmware != "bios" || m.BMC != "ipmi" {
			return nil, fmt.Errorf("machine %s asks for firmware %q and BMC %q; only bios and ipmi are there", m.Name, m.Firmware, m.BMC)
		}
		if m.MemoryMB < 64 || m.VCPUs < 1 || m.SystemGB < 1 || m.VolumeGB < 0 {
			return nil, fmt.Errorf("machine %s has an impossible size: %d MB, %d CPUs, %d GB, %d GB", m.Name, m.MemoryMB, m.VCPUs, m.SystemGB, m.VolumeGB)
		}
		out = append(out, m)
	}
	return out, nil
}

func setDefault[T comparable](v *T, def T) {
	var zero T
	if *v == zero {
		*v = def
	}
}
