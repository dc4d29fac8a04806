package rackfile

import (
	"bytes"
	"fmt"
	"io"

	"github.com/goccy/go-yaml"

	"sandai/inventory"
)

// Write writes a rack as rack.yaml. It has no passwords: those stay sealed in
// the appliance, and an import without them keeps them. Nodes without a role
// (newcomers) are named in comments, for a person to add.
func Write(w io.Writer, r inventory.Rack) error {
	f, newcomers, err := wrote(r)
	if err != nil {
		return err
	}
	text, err := yaml.Marshal(f)
	if err != nil {
		return inventory.Errorf(inventory.Internal, "writing rack %s: %w", r.Name, err)
	}
	var b bytes.Buffer
	b.WriteString("# The BMCs' passwords are not here: the appliance keeps them sealed, and an\n" +
		"# import of this file keeps those it has. To change one, add password: to its bmc.\n")
	b.Write(text)
	for _, n := range newcomers {
		fmt.Fprintf(&b, "# %s (%s, MAC %s, firmware %s) has no role yet: add it to nodes with one.\n", n.Name, n.State, n.MAC(inventory.Provisioning), n.Firmware)
	}
	if _, err := w.Write(b.Bytes()); err != nil {
		return inventory.Errorf(inventory.Internal, "writing rack %s: %w", r.Name, err)
	}
	return nil
}

// wrote makes the file of a rack.
func wrote(r inventory.Rack) (f file, newcomers []inventory.Node, err error) {
	f = file{
		Rack: r.Name, Release: r.Release, Region: r.Region, Interface: r.Interface, Address: r.Address, Slow: r.Slow,
		SSHKeys: append([]string{}, r.SSHKeys...), Networks: &networks{}, Nodes: []node{},
	}
	if !r.InspectNewcomers {
		f.Newcomers = &r.InspectNewcomers
	}
	if r.Workers > 0 {
		f.Workers = &r.Workers
	}
	if r.NoDashboard {
		f.Dashboard = new(bool)
	}
	for _, n := range r.Networks {
		out := &network{CIDR: n.CIDR, Gateway: n.Gateway, MTU: &n.MTU}
		if n.PoolStart != "" {
			out.Pool = n.PoolStart + "-" + n.PoolEnd
		}
		switch n.Kind {
		case inventory.Provisioning:
			f.Networks.Provisioning = out
		case inventory.Provider:
			f.Networks.Provider = out
		case inventory.Tenant:
			f.Networks.Tenant = out
		default:
			return f, nil, inventory.Errorf(inventory.Internal, "writing rack %s: a network is of kind %q, which rack.yaml has not", r.Name, n.Kind)
		}
	}
	for _, n := range r.Nodes {
		if n.Role == "" {
			newcomers = append(newcomers, n)
			continue
		}
		out := node{
			Name: n.Name, Role: string(n.Role), Firmware: string(n.Firmware), Address: n.Address, SystemDisk: n.SystemDisk, VolumeDisk: n.VolumeDisk,
			NICs: &nics{Provisioning: n.MAC(inventory.Provisioning), Provider: n.MAC(inventory.Provider), Tenant: n.MAC(inventory.Tenant)},
		}
		if n.BMC != nil {
			out.BMC = &bmc{Kind: n.BMC.Kind, Address: n.BMC.Address, Port: &n.BMC.Port, User: n.BMC.User}
		}
		f.Nodes = append(f.Nodes, out)
	}
	return f, newcomers, nil
}
