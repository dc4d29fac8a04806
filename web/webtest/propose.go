package webtest

import (
	"context"
	"fmt"
	"slices"

	"sandai/inventory"
)

// Propose implements web.RoleControl: the first free name, an address that
// nobody has, the first disk for the system and the last for volumes, the last
// NIC for the provider network.
func (m *Memory) Propose(ctx context.Context, rack, node string, role inventory.Role) (inventory.RoleRequest, error) {
	r, err := m.Rack(ctx, rack)
	if err != nil {
		return inventory.RoleRequest{}, err
	}
	i := slices.IndexFunc(r.Nodes, func(n inventory.Node) bool { return n.Name == node })
	if i < 0 {
		return inventory.RoleRequest{}, inventory.Errorf(inventory.NotFound, "there is no node %s", node)
	}
	n := r.Nodes[i]
	req := inventory.RoleRequest{Role: role, Name: n.Name, Address: n.Address, Firmware: n.Firmware, SystemDisk: n.SystemDisk, VolumeDisk: n.VolumeDisk}
	taken := func(try func(inventory.Node) bool) bool { return slices.ContainsFunc(r.Nodes, try) }
	for k := 1; n.Role != role && (k == 1 || taken(func(o inventory.Node) bool { return o.Name == req.Name })); k++ {
		req.Name = fmt.Sprintf("%s-%d", role, k)
	}
	for k := 11; req.Address == "" || n.Address == "" && taken(func(o inventory.Node) bool { return o.Address == req.Address }); k++ {
		req.Address = fmt.Sprintf("10.77.0.%d", k)
	}
	if hw := n.Hardware; hw != nil && len(hw.Disks) > 0 {
		req.SystemDisk = hw.Disks[0].Selector()
		if role == inventory.Controller && len(hw.Disks) > 1 {
			req.VolumeDisk = hw.Disks[len(hw.Disks)-1].Selector()
		}
		if role == inventory.NetworkRole && len(hw.NICs) > 1 {
			req.ProviderMAC = hw.NICs[len(hw.NICs)-1].MAC
		}
	}
	return req, nil
}
