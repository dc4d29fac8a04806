package installer

import (
	"context"
	"crypto/rand"
	"fmt"
	"time"

	"sandai/inventory"
)

// maxSpends is how often one nonce is handed out before the node is parked: a
// machine that starts the ramdisk again and again without enrolling is not
// helped by another try.
const maxSpends = 5

// maxVisits is how often a machine without a role is let into the ramdisk to be
// looked at: somebody's server that starts from the network by chance is held up
// once, and never again.
const maxVisits = 1

// decide is the boot decision: a pure function of what is known of a node. A
// machine without a role that gets the ramdisk is only looked at: its agent is
// handed the inspection and nothing else.
func decide(n inventory.Node) inventory.BootDecision {
	d := inventory.BootDecision{Node: n.Name, RackID: n.RackID, Action: inventory.BootDisk}
	look := visiting(n)
	most := maxSpends
	if n.Role == "" {
		most = maxVisits
	}
	switch {
	case n.HandsOff != nil:
		d.Action, d.Reason = inventory.BootSilent, untouchable(n).Error()
	case n.State == inventory.Parked:
		d.Action, d.Reason = inventory.BootSilent, "it is parked: "+n.Reason
	case n.Role == "" && (!look || n.BootNonce == ""):
		d.Reason = "it has no role: a machine nobody asked for is never wiped"
	case n.BootNonce == "":
		d.Reason = "no install is due"
	case look && n.NonceSpends >= most:
		d.Reason = "it was let into the ramdisk to be looked at and did not report; ask for its inspection again"
	case n.NonceSpends >= most:
		d.Action, d.Reason = inventory.BootSilent, fmt.Sprintf("the ramdisk was handed out %d times and its agent never reported", n.NonceSpends)
	case n.State == inventory.Maintenance:
		d.Action, d.Reason, d.Nonce = inventory.BootRamdisk, "it is rescued, nothing is written", n.BootNonce
	case look:
		d.Action, d.Reason, d.Nonce = inventory.BootRamdisk, "its hardware is looked at, nothing is written", n.BootNonce
	default:
		d.Action, d.Reason, d.Nonce = inventory.BootRamdisk, "an install is due", n.BootNonce
	}
	return d
}

// Decide answers what a machine that asks for a boot is to be given. A machine
// that is not in the inventory is recorded as discovered, and looked at once
// where its rack wants that; one to be installed that used up its tries is
// parked with the reason.
func (e *Engine) Decide(ctx context.Context, rackID uint, m inventory.Machine) (inventory.BootDecision, error) {
	n, err := e.store.NodeByMAC(ctx, m.MAC)
	if inventory.CodeOf(err) == inventory.NotFound && err != nil {
		n, err = e.takeIn(ctx, rackID, m)
	}
	if err != nil {
		return inventory.BootDecision{}, fmt.Errorf("decide what %s boots: %w", m.MAC, err)
	}
	d := decide(n)
	if d.Action == inventory.BootSilent && n.State == inventory.Deploying && n.HandsOff == nil {
		if n, err = e.park(ctx, n); err != nil {
			return inventory.BootDecision{}, fmt.Errorf("park %s: %w", d.Node, err)
		}
		d = decide(n)
	}
	return d, nil
}

func (e *Engine) takeIn(ctx context.Context, rackID uint, m inventory.Machine) (inventory.Node, error) {
	rack, err := e.store.RackByID(ctx, rackID)
	if err != nil {
		return inventory.Node{}, err
	}
	nonce := ""
	if rack.InspectNewcomers {
		nonce = rand.Text()
	}
	n, created, err := e.store.Discover(ctx, rackID, m, nonce, time.Now())
	if err == nil && created {
		e.log.Info("a newcomer asks for an address", "mac", m.MAC, "node", n.Name)
	}
	return n, err
}

// Spend is Decide at the moment when the boot script is handed out: a nonce is
// counted.
func (e *Engine) Spend(ctx context.Context, rackID uint, m inventory.Machine) (inventory.BootDecision, error) {
	d, err := e.Decide(ctx, rackID, m)
	if err != nil || d.Nonce == "" {
		return d, err
	}
	again := false // another request of the same machine was quicker
	n, err := e.store.UpdateNode(ctx, d.RackID, d.Node, func(n *inventory.Node) error {
		if now := decide(*n); now.Nonce != d.Nonce {
			again = true
			return nil
		}
		n.NonceSpends++
		return nil
	})
	if err != nil {
		return inventory.BootDecision{}, fmt.Errorf("count the boot of %s: %w", d.Node, err)
	}
	if again {
		return decide(n), nil
	}
	return d, nil
}

// park gives up on a node whose ramdisk never reported.
func (e *Engine) park(ctx context.Context, n inventory.Node) (inventory.Node, error) {
	reason := fmt.Sprintf("it started the ramdisk %d times without its agent reporting; look at its console, then install again", n.NonceSpends)
	return e.store.UpdateNode(ctx, n.RackID, n.Name, func(n *inventory.Node) error {
		if n.State == inventory.Deploying {
			setState(n, inventory.Parked, reason)
		}
		return nil
	}, inventory.Event{Time: time.Now(), Type: inventory.EventNodeState, Node: n.Name, Text: n.Name + " is parked: " + reason})
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
