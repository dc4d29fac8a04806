package installer

import (
	"context"
	"slices"

	"sandai/inventory"
)

// Propose is what SetRole would choose for a role where nothing is said: a free
// name and address, and the disks and the NIC that fit best. Nothing is changed.
func (e *Engine) Propose(ctx context.Context, rackName, node string, role inventory.Role) (inventory.RoleRequest, error) {
	rack, found, err := e.nodeOf(ctx, rackName, node)
	if err != nil {
		return inventory.RoleRequest{}, err
	}
	n := *found
	n.NICs = slices.Clone(found.NICs)
	// What speaks against the choice is told when it is made.
	if _, err := e.giveRole(rack, &n, inventory.RoleRequest{Role: role}); err != nil {
		return inventory.RoleRequest{}, err
	}
	return inventory.RoleRequest{Role: role, Name: n.Name, Address: n.Address, Firmware: n.Firmware,
		SystemDisk: n.SystemDisk, VolumeDisk: n.VolumeDisk, ProviderMAC: n.MAC(inventory.Provider)}, nil
}
