package installer

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"time"

	"sandai/installer/guide/kind"
	"sandai/inventory"
)

// Chapters of a release that no guide has.
const (
	chapterFence    = "fence"    // the node is switched off before others take its servers over
	chapterEvacuate = "evacuate" // they do
	chapterLeave    = "leave"    // the cloud forgets the node
	chapterForget   = "forget"   // and so does the inventory: its role, or all of it
)

// kindForget takes a node's role away, or removes it.
const kindForget = "forget"

// overwriteRate is how many bytes a second even a slow disk takes, by which the
// time of a full wipe is bounded; it may be ten times as quick.
const overwriteRate = 20e6

// ReleasePreview shows what the release of a node would do: which disk is wiped,
// which servers are in the way, and the hash that confirms exactly this. It changes
// nothing.
func (e *Engine) ReleasePreview(ctx context.Context, rack, node string, o inventory.ReleaseOptions) (inventory.Preview, error) {
	r, err := e.release(ctx, rack, node, o)
	return r.preview, err
}

// Release takes a node out of an installed rack: other compute nodes take its servers
// over, the cloud forgets it, its system disk is wiped and it is switched off. Then
// it has no role, ready for another one, or is gone from the inventory. The error is
// Conflict where a server on it can go nowhere, the cloud cannot do without the
// node's role, the rack is not as its plan says, or what was confirmed has changed.
func (e *Engine) Release(ctx context.Context, rack, node string, req inventory.ReleaseRequest) (inventory.Run, error) {
	if req.Confirm != node {
		return inventory.Run{}, inventory.Errorf(inventory.Invalid, "a release takes %s out of the rack: confirm with the node's name (--confirm %s)", node, node)
	}
	r, err := e.release(ctx, rack, node, req.ReleaseOptions)
	switch {
	case err != nil:
		return inventory.Run{}, err
	case req.PreviewHash != r.preview.Hash:
		return inventory.Run{}, inventory.Errorf(inventory.Conflict, "what the release of %s would do has changed since it was shown: look again and confirm that", node)
	}
	return e.carry(ctx, r, inventory.RunRelease, node)
}

func (e *Engine) release(ctx context.Context, name, node string, o inventory.ReleaseOptions) (r change, err error) {
	rack, p, last, err := e.installed(ctx, name)
	if err != nil {
		return r, err
	}
	found, err := nodeIn(rack, node)
	if err != nil {
		return r, err
	}
	n := *found
	if err := releasable(rack, n, last, o); err != nil {
		return r, err
	}
	if err := asPlanned(rack, p, last); err != nil {
		return r, err
	}
	r.rack, r.planHash = rack, p.Hash
	var h inventory.Hosted
	if rack.Release != inventory.ReleaseDebian {
		if h, err = e.hosted(ctx, rack, node); err != nil {
			return r, err
		}
		for i, s := range h.Servers {
			h.Servers[i] = inventory.Leaves(s, stays(rack, n))
		}
	}
	if r.steps, err = releaseSteps(rack, n, p.Steps, o, h.Servers, time.Now().UTC()); err != nil {
		return r, err
	}
	in := inventory.PreviewInput{Rack: rack, PlanHash: p.Hash, Steps: r.steps, Action: inventory.ActionStart, Only: node, Release: &o, Servers: h.Servers}
	if in.Last, err = e.written(ctx, rack.ID); err != nil {
		return r, err
	}
	r.preview = inventory.MakePreview(in)
	return r, nil
}

// releasable returns an error where a node cannot be done without, or is not as
// the options say.
func releasable(rack inventory.Rack, n inventory.Node, last inventory.Run, o inventory.ReleaseOptions) error {
	silent := time.Since(n.LastSeen)
	switch {
	case n.Role == "":
		return inventory.Errorf(inventory.Conflict, "%s has no role: nothing is to be released", n.Name)
	case n.State != inventory.Active:
		return inventory.Errorf(inventory.Conflict, "%s is %s, and only an active node is released; a node that is not installed loses its role by: appliance node role %s none", n.Name, n.State, n.Name)
	case rack.Release != inventory.ReleaseDebian && n.Role == inventory.Controller:
		return inventory.Errorf(inventory.Conflict, "%s has the role %s: the cloud cannot do without it", n.Name, n.Role)
	case rack.Release != inventory.ReleaseDebian && n.Role == inventory.NetworkRole && !stays(rack, n):
		return inventory.Errorf(inventory.Conflict, "%s is the only network node that is active: the cloud cannot do without it, add another one first", n.Name)
	case o.Dead && o.Full:
		return inventory.Errorf(inventory.Invalid, "a machine that is dead cannot be overwritten: leave out one of both")
	case o.Dead && silent < aliveFor:
		return inventory.Errorf(inventory.Conflict, "%s was heard %d s ago, so it is not dead: release it without saying so, or switch it off first", n.Name, int(silent.Seconds()))
	}
	return nil
}

// releaseSteps take a node out of the cloud, wipe it, and take it out of the
// inventory last, so that a run which failed can go on. Nothing is wiped before every
// server is whole elsewhere. It is pure.
func releaseSteps(rack inventory.Rack, n inventory.Node, all []inventory.Step, o inventory.ReleaseOptions, servers []inventory.HostedServer, now time.Time) ([]inventory.Step, error) {
	var out []inventory.Step
	add := func(s inventory.Step) {
		if len(out) > 0 {
			s.Needs = []string{out[len(out)-1].Key}
		}
		out = append(out, s)
	}
	step := stepsOn(rack, n)
	proof, err := proofOf(rack, all)
	if err != nil {
		return nil, err
	}
	if len(proof) > 0 {
		add(proof[0])
		leaving, err := leavingSteps(step, n, o, servers, now)
		if err != nil {
			return nil, err
		}
		for _, s := range leaving {
			add(s)
		}
	}
	if !o.Dead {
		phases, err := wipeSteps(rack, n, all, o)
		if err != nil {
			return nil, err
		}
		for _, s := range phases {
			add(s)
		}
	}
	if len(proof) > 0 {
		leave, err := step(chapterLeave, "Have the cloud forget the node", "Its entries in Nova, Placement and Neutron would wait for it for ever.", "api", inventory.OwnerAppliance, 900, kind.API{Leave: &kind.APILeave{Node: n.Name}})
		if err != nil {
			return nil, err
		}
		add(leave)
		left := slices.ContainsFunc(rack.ByRole(inventory.Compute), func(c inventory.Node) bool { return c.Name != n.Name })
		if left { // else nothing could prove anything
			key := leave.Key
			for _, s := range proof[1:] {
				s.Needs = slices.DeleteFunc(slices.Clone(s.Needs), func(k string) bool { return k == proof[0].Key })
				if len(s.Needs) == 0 {
					s.Needs = []string{key}
				}
				out = append(out, s)
			}
		}
	}
	title, why := "Take its role away", "It is a newcomer again, ready for another role."
	if o.Remove {
		title, why = "Remove it from the inventory", "Its name, its addresses and the password of its BMC are forgotten."
	}
	forget, err := step(chapterForget, title, why, kindForget, inventory.OwnerAppliance, 60, o)
	if err != nil {
		return nil, err
	}
	add(forget)
	return out, nil
}

// leavingSteps take a node out of the cloud, and have other nodes take its servers
// over once it is off: of two nodes that ran one server, each would write to its volume.
// What a network node serves is taken over while it is on.
func leavingSteps(step stepMaker, n inventory.Node, o inventory.ReleaseOptions, servers []inventory.HostedServer, now time.Time) (out []inventory.Step, err error) {
	if n.Role == inventory.NetworkRole {
		s, err := rescheduleStep(step, n)
		return []inventory.Step{s}, err
	}
	servers = slices.DeleteFunc(slices.Clone(servers), func(s inventory.HostedServer) bool { return s.Proof })
	d := &kind.APIDrain{Node: n.Name, Since: now, Servers: decided(servers)}
	add := func(s inventory.Step, failed error) {
		out, err = append(out, s), errors.Join(err, failed)
	}
	add(step(chapterDrain, "Take the node out of the cloud", "Nova places no server on it any more, and those that run there are stopped in an orderly way.",
		"api", inventory.OwnerAppliance, 1800, kind.API{Drain: d}))
	if len(d.Servers) == 0 {
		return out, err
	}
	if !o.Dead {
		add(step(chapterFence, "Power off", "Others take its servers over, and of two nodes that ran one server each would write to its volume.", phaseOff, inventory.OwnerAppliance, 180, nil))
	}
	add(step(chapterEvacuate, "Have other nodes take its servers over", "Nova makes each anew on another compute node, under its ID and with its addresses; those that ran run again.",
		"api", inventory.OwnerAppliance, 3600, kind.API{Evacuate: d}))
	return out, err
}

// wipeSteps start the node into the ramdisk, wipe its system disk, look at what is
// left, and switch it off.
func wipeSteps(rack inventory.Rack, n inventory.Node, all []inventory.Step, o inventory.ReleaseOptions) (out []inventory.Step, err error) {
	for _, s := range all {
		if s.Node != n.Name || s.Chapter == phaseInspect || !isPhase(s.Chapter) {
			continue
		}
		if s.Chapter != phaseWipe {
			out = append(out, s)
			continue
		}
		s.Title, s.Why = "Wipe the system disk", "Partition tables and all marks of contents, read back; refused where the disk is not as it was confirmed."
		if s.Spec, err = withoutField(s.Spec, "volumes"); err != nil {
			return nil, err
		}
		if o.Full {
			s.Title, s.Why = "Overwrite the system disk", "From the first block to the last, and read back; refused where the disk is not as it was confirmed."
			if s.Spec, err = withField(s.Spec, "full", true); err != nil {
				return nil, err
			}
			if d := n.System(); d != nil {
				s.Timeout += int(float64(d.Bytes) / overwriteRate)
			}
		}
		out = append(out, s)
		break
	}
	for _, p := range phases {
		if p.name == phaseInspect {
			out = append(out, phaseStep(rack, n, p))
		}
	}
	return append(out, phaseStep(rack, n, phase{phaseOff, inventory.OwnerAppliance, 180, "Power off", "There is nothing on it to start."})), nil
}

// forget takes a node's role away, or removes it. One that is not there any more
// was forgotten before.
func (e *Engine) forget(ctx context.Context, run inventory.Run, s inventory.Step) (outcome, error) {
	var o inventory.ReleaseOptions
	if err := json.Unmarshal(s.Spec, &o); err != nil {
		return outcome{}, fmt.Errorf("read the step's specification: %w", err)
	}
	ev := inventory.Event{Time: time.Now(), Type: inventory.EventNodeState, RunID: &run.ID, Node: s.Node}
	if o.Remove {
		ev.Text = s.Node + " is removed"
		if err := e.store.RemoveNode(ctx, run.RackID, s.Node, ev); err != nil && inventory.CodeOf(err) != inventory.NotFound {
			return outcome{}, err
		}
		return outcome{changed: true, summary: s.Node + " is not in the inventory any more"}, nil
	}
	ev.Text = s.Node + " has no role any more"
	n, err := e.store.UpdateNode(ctx, run.RackID, s.Node, func(n *inventory.Node) error {
		takeRole(n)
		n.BootNonce, n.NonceSpends = "", 0
		setState(n, n.State, "")
		return nil
	}, ev)
	if inventory.CodeOf(err) == inventory.NotFound && err != nil {
		return outcome{changed: true, summary: s.Node + " has no role any more"}, nil
	}
	return outcome{changed: true, summary: s.Node + " is " + n.Name + ", without a role"}, err
}
