package installer

import (
	"context"
	"crypto/rand"
	"fmt"
	"slices"
	"strings"
	"time"

	"sandai/bmc"
	"sandai/inventory"
)

// Inspect has the hardware of nodes looked at: of those named, else of all that
// are not installed. A run takes those with a BMC through the ramdisk and
// switches them off again; the others are looked at when they next boot from the
// network. Nothing is written to a disk. The error is Conflict where no node can
// be inspected, or a run is active.
func (e *Engine) Inspect(ctx context.Context, name string, nodes []string) (inventory.Inspection, error) {
	e.asks.Lock()
	defer e.asks.Unlock()
	var out inventory.Inspection
	rack, err := e.store.Rack(ctx, name)
	if err != nil {
		return out, err
	}
	for _, want := range nodes {
		if !slices.ContainsFunc(rack.Nodes, func(n inventory.Node) bool { return n.Name == want }) {
			return out, inventory.Errorf(inventory.NotFound, "there is no node %q in rack %s: see the list of nodes", want, rack.Name)
		}
	}
	var steps []inventory.Step
	var wait []inventory.Node
	for _, n := range rack.Nodes {
		named := slices.Contains(nodes, n.Name)
		switch {
		case len(nodes) > 0 && !named:
		case !visiting(n):
			out.Left = append(out.Left, inventory.LeftOut{Node: n.Name, Why: leftAlone(n)})
		case n.BMC != nil:
			steps = append(steps, inspectSteps(rack, n)...)
		case n.Hardware == nil || named:
			wait = append(wait, n)
		}
	}
	if len(steps) == 0 && len(wait) == 0 {
		return out, inventory.Errorf(inventory.Conflict, "no node of rack %s can be inspected%s", rack.Name, reasons(out.Left))
	}
	if len(steps) > 0 {
		run, err := e.begin(ctx, rack, inventory.Run{Kind: inventory.RunInspect}, steps)
		if err != nil {
			return out, err
		}
		out.Run = &run
	}
	for _, n := range wait {
		if err := e.awaitVisit(ctx, n); err != nil {
			return out, err
		}
		out.Waiting = append(out.Waiting, n.Name)
	}
	return out, nil
}

// visiting reports whether a node in the ramdisk is there to be looked at, and for
// nothing else.
func visiting(n inventory.Node) bool {
	return n.HandsOff == nil && (n.State == inventory.Discovered || n.State == inventory.Inspected || n.State == inventory.Ready && n.Role != "")
}

func leftAlone(n inventory.Node) string {
	if n.HandsOff != nil {
		return "it is not to be touched (hands off); let it go first"
	}
	switch n.State {
	case inventory.Failed, inventory.Parked:
		return fmt.Sprintf("its install %s in the middle: resume that, it looks at the hardware too", map[inventory.NodeState]string{inventory.Failed: "failed", inventory.Parked: "was parked"}[n.State])
	}
	return fmt.Sprintf("it is %s, and an inspection would interrupt it", n.State)
}

func reasons(left []inventory.LeftOut) string {
	if len(left) == 0 {
		return ": it has no nodes that wait for it"
	}
	var parts []string
	for _, l := range left {
		parts = append(parts, l.Node+": "+l.Why)
	}
	return ": " + strings.Join(parts, "; ")
}

// awaitVisit arms a node's boot nonce: its next boot from the network is to the
// ramdisk, to be looked at.
func (e *Engine) awaitVisit(ctx context.Context, n inventory.Node) error {
	_, err := e.store.UpdateNode(ctx, n.RackID, n.Name, func(n *inventory.Node) error {
		if !visiting(*n) {
			return inventory.Errorf(inventory.Conflict, "%s is %s by now", n.Name, n.State)
		}
		armVisit(n)
		return nil
	}, inventory.Event{Time: time.Now(), Type: inventory.EventNodeState, Node: n.Name, Text: n.Name + " is inspected when it next boots from the network"})
	return err
}

// armVisit lets a node into the ramdisk. Since is what its hardware must have
// been looked at after.
func armVisit(n *inventory.Node) {
	n.BootNonce, n.NonceSpends, n.Reason, n.Since, n.RescuedFrom = rand.Text(), 0, "", time.Now(), ""
}

// inspectSteps are the phases up to the inspection of one node, and its end. It
// is pure.
func inspectSteps(r inventory.Rack, n inventory.Node) []inventory.Step {
	off := phase{phaseOff, inventory.OwnerAppliance, 180, "Power off", "It was only looked at."}
	return inOrder(append(phasesBefore(r, n, phaseWipe), phaseStep(r, n, off)))
}

// off switches a machine off that was only looked at. It runs from memory: there
// is nothing to shut down.
func (e *Engine) off(ctx context.Context, run inventory.Run, s inventory.Step) (outcome, error) {
	n, err := e.store.Node(ctx, run.RackID, s.Node)
	if err != nil {
		return outcome{}, err
	}
	c, err := e.controller(ctx, n)
	if err != nil {
		return outcome{}, err
	}
	state, err := c.PowerState(ctx)
	if err != nil {
		return outcome{}, err
	}
	if state != bmc.PowerOff {
		if err := c.SetPower(ctx, bmc.PowerOpOff); err != nil {
			return outcome{}, err
		}
	}
	return outcome{changed: state != bmc.PowerOff, summary: fmt.Sprintf("power off, was %s", state)}, nil
}

// Keys of what a machine in the ramdisk does that no run works on; their run is 0.
const (
	kindRestart  = "restart"
	visitSeconds = 360
)

// visitTasks returns the only task that an agent in the ramdisk gets without a run: to
// look at the hardware, and then, or when a rescue is over, to restart from the
// machine's own disk.
func visitTasks(n inventory.Node, req inventory.PollRequest) []inventory.Task {
	over := rescueOver(n)
	if req.Stage != inventory.StageRamdisk || !over && !visiting(n) {
		return nil
	}
	k := kindRestart
	if !over && n.Reason == "" && (n.Hardware == nil || n.Hardware.Seen.Before(n.Since)) {
		k = phaseInspect
	}
	t := visitTask(n.Name, k)
	if slices.Contains(req.Running, t.Key) {
		return nil
	}
	return []inventory.Task{t}
}

func visitTask(node, kind string) inventory.Task {
	return inventory.Task{Key: phaseKey(node, kind), Attempt: 1, Kind: kind, Spec: []byte("{}"), Timeout: visitSeconds}
}

// takeVisit takes the report of an inspection that no run asked for.
func (e *Engine) takeVisit(ctx context.Context, rackID uint, node string, r inventory.StepReport) error {
	if r.State == inventory.StepRunning || r.Key != phaseKey(node, phaseInspect) {
		return nil
	}
	if r.State == inventory.StepDone && r.Hardware != nil {
		return e.takeHardware(ctx, rackID, node, *r.Hardware, nil)
	}
	_, err := e.store.UpdateNode(ctx, rackID, node, func(n *inventory.Node) error {
		n.Reason = "its inspection failed: " + r.Reason
		return nil
	}, inventory.Event{Time: time.Now(), Type: inventory.EventRefused, Node: node, Text: "the inspection of " + node + " failed: " + r.Reason})
	return err
}

// takeHardware stores what an agent found; a newcomer is then inspected.
func (e *Engine) takeHardware(ctx context.Context, rackID uint, node string, h inventory.Hardware, run *uint) error {
	n, err := e.store.Node(ctx, rackID, node)
	if err != nil {
		return err
	}
	var ev []inventory.Event
	if n.State == inventory.Discovered {
		ev = append(ev, inventory.Event{Time: time.Now(), Type: inventory.EventNodeState, RunID: run, Node: node,
			Text: fmt.Sprintf("%s is inspected: %s, %d cores, %d MiB, %d disks", node, strings.TrimSpace(h.Product+" "+h.CPU), h.Cores, h.MemoryMB, len(h.Disks))})
	}
	_, err = e.store.UpdateNode(ctx, rackID, node, func(n *inventory.Node) error {
		now := time.Now()
		h.Seen = now
		n.Hardware = &h
		if n.State == inventory.Discovered {
			setState(n, inventory.Inspected, "")
			n.Since = now
		}
		return nil
	}, ev...)
	return err
}
