package rackfile

import (
	"cmp"
	"fmt"
	"strings"

	"sandai/inventory"
)

// Parse reads a rack.yaml; name is the file's name for messages. It returns the
// rack, its nodes Ready, and the BMCs' passwords by node, only of the nodes
// that have one in the file. The error is an *inventory.Error with code Invalid
// that wraps Problems: all mistakes of the file. Nothing is returned with it.
func Parse(name string, data []byte) (inventory.Rack, map[string]string, error) {
	r := &reader{name: name, lines: map[string]int{}}
	var f file
	if len(data) > maxBytes {
		r.add("", "has %d bytes, expected at most %d", len(data), maxBytes)
	} else {
		r.read(data, &f)
	}
	if r.whole() {
		r.values(&f)
		r.relations(&f)
	}
	if len(r.found) > 0 {
		r.found.sort()
		if more := len(r.found) - maxTold; more > 0 {
			last := r.found[maxTold-1]
			r.found = append(r.found[:maxTold], Problem{File: name, Line: last.Line, Text: fmt.Sprintf("and %d more mistakes", more)})
		}
		return inventory.Rack{}, nil, &inventory.Error{Code: inventory.Invalid, Text: r.found.Error(), Err: r.found}
	}
	rack, passwords := f.nouns()
	return rack, passwords, nil
}

// whole reports whether the file could be read as a rack at all; if not, to
// list every field as missing would say nothing.
func (r *reader) whole() bool {
	for _, p := range r.found {
		if p.Field == "" {
			return false
		}
	}
	return true
}

// nouns makes the inventory's rack of a file without mistakes.
func (f *file) nouns() (inventory.Rack, map[string]string) {
	rack := inventory.Rack{
		Name: f.Rack, Release: f.Release, Region: cmp.Or(f.Region, "RegionOne"), Interface: f.Interface, Address: f.Address, Slow: f.Slow,
		InspectNewcomers: f.Newcomers == nil || *f.Newcomers, NoDashboard: f.Dashboard != nil && !*f.Dashboard,
	}
	if f.Workers != nil {
		rack.Workers = *f.Workers
	}
	for _, key := range f.SSHKeys {
		rack.SSHKeys = append(rack.SSHKeys, strings.TrimSpace(key))
	}
	for _, n := range []struct {
		kind inventory.NetworkKind
		*network
	}{
		{inventory.Provisioning, f.Networks.Provisioning}, {inventory.Provider, f.Networks.Provider}, {inventory.Tenant, f.Networks.Tenant},
	} {
		out := inventory.Network{Kind: n.kind, CIDR: n.CIDR, Gateway: n.Gateway, MTU: n.mtu()}
		if first, last, err := parsePool(n.Pool); err == nil {
			out.PoolStart, out.PoolEnd = first.String(), last.String()
		}
		rack.Networks = append(rack.Networks, out)
	}
	passwords := map[string]string{}
	for _, n := range f.Nodes {
		rack.Nodes = append(rack.Nodes, n.noun())
		if n.BMC != nil && n.BMC.Password != "" {
			passwords[n.Name] = n.BMC.Password
		}
	}
	return rack, passwords
}

func (n *node) noun() inventory.Node {
	out := inventory.Node{
		Name: n.Name, Role: inventory.Role(n.Role), Firmware: inventory.Firmware(n.Firmware), Address: n.Address,
		State: inventory.Ready, SystemDisk: n.SystemDisk, VolumeDisk: n.VolumeDisk,
	}
	for _, c := range n.NICs.list() {
		c.MAC, _ = parseMAC(c.MAC)
		out.NICs = append(out.NICs, c)
	}
	if n.BMC != nil {
		out.BMC = &inventory.BMC{Kind: n.BMC.Kind, Address: n.BMC.Address, Port: n.BMC.port(), User: n.BMC.User}
	}
	return out
}

// list returns the NICs that there are, as written.
func (n *nics) list() []inventory.NIC {
	var out []inventory.NIC
	for _, c := range []inventory.NIC{
		{Network: inventory.Provisioning, MAC: n.Provisioning}, {Network: inventory.Provider, MAC: n.Provider}, {Network: inventory.Tenant, MAC: n.Tenant},
	} {
		if c.MAC != "" {
			out = append(out, c)
		}
	}
	return out
}
