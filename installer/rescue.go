package installer

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"time"

	"sandai/inventory"
)

// chapterRescue is the last step of a rescue, carried out by the ramdisk's agent;
// its kind has the same name.
const chapterRescue = "rescue"

// rescueSpec says which node it is, and who may come in over ssh.
type rescueSpec struct {
	Name string   `json:"name"`
	Keys []string `json:"keys"` // authorized_keys lines
}

// Rescue starts a node into the ramdisk, with a shell on its console and, for the
// rack's ssh keys, over the network. Nothing is written to a disk; what ran on the
// node ends, so confirm is the node's name. The node is in maintenance until
// EndRescue, or until it starts from its own disk. The error is Conflict where
// something else is under way with it.
func (e *Engine) Rescue(ctx context.Context, rack, node string, req inventory.RescueRequest) (inventory.Run, error) {
	if req.Confirm != node {
		return inventory.Run{}, inventory.Errorf(inventory.Invalid, "a rescue cuts the power of %s, and what runs on it ends: confirm with the node's name (--confirm %s)", node, node)
	}
	e.asks.Lock()
	defer e.asks.Unlock()
	r, found, err := e.nodeOf(ctx, rack, node)
	if err != nil {
		return inventory.Run{}, err
	}
	n := *found
	active, err := e.activeRun(ctx, r.ID)
	switch {
	case err != nil:
		return inventory.Run{}, err
	case active != nil:
		return inventory.Run{}, busy(*active)
	case n.BMC == nil:
		return inventory.Run{}, inventory.Errorf(inventory.Conflict, "%s has no BMC in the inventory, so it cannot be started into the ramdisk: give it one", node)
	case n.Role == "":
		return inventory.Run{}, inventory.Errorf(inventory.Conflict, "%s has no role, so it has no address of its own: give it a role first (appliance node role %s)", node, node)
	}
	if err := untouchable(n); err != nil {
		return inventory.Run{}, err
	}
	steps, err := rescueSteps(r, n)
	if err != nil {
		return inventory.Run{}, err
	}
	return e.begin(ctx, r, inventory.Run{Kind: inventory.RunRescue, Nodes: []string{node}}, steps)
}

// rescueSteps are the phases up to the ramdisk's agent, and the shell. It is pure.
func rescueSteps(rack inventory.Rack, n inventory.Node) (_ []inventory.Step, err error) {
	shell := phaseStep(rack, n, phase{chapterRescue, inventory.OwnerAgent, 120, "Open a shell", "On the console, and over ssh for the rack's keys; no disk is mounted or written."})
	shell.Spec, err = json.Marshal(rescueSpec{n.Name, append([]string{}, rack.SSHKeys...)})
	return inOrder(append(phasesBefore(rack, n, phaseInspect), shell)), err
}

// armRescue makes a node's next boot one to the ramdisk and remembers what it was.
func (e *Engine) armRescue(ctx context.Context, run inventory.Run, node string) (inventory.Node, error) {
	return e.store.UpdateNode(ctx, run.RackID, node, func(n *inventory.Node) error {
		if n.State != inventory.Maintenance {
			n.RescuedFrom = n.State
		}
		n.BootNonce, n.NonceSpends = rand.Text(), 0
		setState(n, inventory.Maintenance, n.Reason)
		return nil
	}, inventory.Event{Time: time.Now(), Type: inventory.EventNodeState, RunID: &run.ID, Node: node, Text: node + " is rescued"})
}

// EndRescue has a node in rescue restart from its own disk: it is what it was
// before. One whose ramdisk does not answer any more is power-cycled by a person.
func (e *Engine) EndRescue(ctx context.Context, rack, node string) (inventory.Node, error) {
	e.asks.Lock()
	defer e.asks.Unlock()
	r, n, err := e.nodeOf(ctx, rack, node)
	if err != nil {
		return inventory.Node{}, err
	}
	active, err := e.activeRun(ctx, r.ID)
	switch {
	case err != nil:
		return inventory.Node{}, err
	case n.State != inventory.Maintenance:
		return inventory.Node{}, inventory.Errorf(inventory.Conflict, "%s is %s, not in rescue", node, n.State)
	case active != nil && active.Kind == inventory.RunRescue:
		return inventory.Node{}, busy(*active)
	}
	return e.store.UpdateNode(ctx, r.ID, node, func(n *inventory.Node) error {
		if n.State == inventory.Maintenance {
			n.BootNonce = "" // a boot that is still due goes to its disk
			setState(n, n.RescuedFrom, n.Reason)
		}
		return nil
	}, inventory.Event{Time: time.Now(), Type: inventory.EventNodeState, Node: node, Text: "the rescue of " + node + " ends" + byAndWhy(inventory.Person(ctx), "")})
}

// rescueOver reports whether a node that is still in the ramdisk is to restart.
func rescueOver(n inventory.Node) bool {
	return n.RescuedFrom != "" && n.State != inventory.Maintenance && n.HandsOff == nil
}

// leaveRescue is for a node whose installed system was seen: unless the start of its
// ramdisk is still to come, its rescue is over, whoever restarted it.
func leaveRescue(n *inventory.Node) {
	if n.State == inventory.Maintenance && n.BootNonce == "" {
		setState(n, n.RescuedFrom, n.Reason)
	}
	if n.State != inventory.Maintenance {
		n.RescuedFrom = ""
	}
}
