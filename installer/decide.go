package installer

import (
	"context"
	"fmt"
	"time"

	"sandai/inventory"
)

// maxSpends is how often one nonce is handed out before the node is parked: a
// machine that starts the ramdisk again and again without enrolling is not
// helped by another try.
const maxSpends = 5

// decide is the boot decision: a pure function of what is known of a node.
func decide(n inventory.Node) inventory.BootDecision {
	d := inventory.BootDecision{Node: n.Name, RackID: n.RackID}
	switch {
	case n.State == inventory.Discovered || n.Role == "":
		d.Action, d.Reason = inventory.BootDisk, "it has no role: a machine nobody asked for is never wiped"
	case n.State == inventory.Parked || n.State == inventory.Maintenance:
		d.Action, d.Reason = inventory.BootSilent, "it is "+string(n.State)+": "+n.Reason
	case n.BootNonce != "" && n.NonceSpends >= maxSpends:
		d.Action, d.Reason = inventory.BootSilent, fmt.Sprintf("the ramdisk was handed out %d times and its agent never reported", n.NonceSpends)
	case n.BootNonce != "":
		d.Action, d.Reason, d.Nonce = inventory.BootRamdisk, "an install is due", n.BootNonce
	default:
		d.Action, d.Reason = inventory.BootDisk, "no install is due"
	}
	return d
}

// Decide answers what a machine that asks for a boot is to be given. A machine
// that is not in the inventory is recorded as discovered.
func (e *Engine) Decide(ctx context.Context, rackID uint, m inventory.Machine) (inventory.BootDecision, error) {
	n, err := e.store.NodeByMAC(ctx, m.MAC)
	if inventory.CodeOf(err) == inventory.NotFound && err != nil {
		created := false
		n, created, err = e.store.Discover(ctx, rackID, m, time.Now())
		if err == nil && created {
			e.log.Info("a newcomer asks for an address", "mac", m.MAC, "node", n.Name)
		}
	}
	if err != nil {
		return inventory.BootDecision{}, fmt.Errorf("decide what %s boots: %w", m.MAC, err)
	}
	return decide(n), nil
}

// Spend is Decide at the moment when the boot script is handed out: a nonce is
// counted, and a node that used up its tries is parked with the reason.
func (e *Engine) Spend(ctx context.Context, rackID uint, m inventory.Machine) (inventory.BootDecision, error) {
	d, err := e.Decide(ctx, rackID, m)
	if err != nil || d.Nonce == "" {
		return d, err
	}
	n, err := e.store.UpdateNode(ctx, d.RackID, d.Node, func(n *inventory.Node) error {
		if n.BootNonce == "" {
			return nil
		}
		n.NonceSpends++
		if n.NonceSpends > maxSpends {
			setState(n, inventory.Parked, fmt.Sprintf("it started the ramdisk %d times without its agent reporting; look at its console, then install again", maxSpends))
		}
		return nil
	})
	if err != nil {
		return inventory.BootDecision{}, fmt.Errorf("count the boot of %s: %w", d.Node, err)
	}
	if n.State == inventory.Parked {
		return decide(n), nil
	}
	return d, nil
}

// deadlineOf is the longest a node may wait in each state that waits; the steps
// have their own, shorter ones.
var deadlineOf = map[inventory.NodeState]time.Duration{
	inventory.Deploying:   4 * time.Hour,
	inventory.Configuring: 6 * time.Hour,
	inventory.Releasing:   6 * time.Hour,
}

func setState(n *inventory.Node, s inventory.NodeState, reason string) {
	now := time.Now()
	n.State, n.Reason, n.Since, n.Deadline = s, reason, now, nil
	if d, ok := deadlineOf[s]; ok {
		t := now.Add(d)
		n.Deadline = &t
	}
}
