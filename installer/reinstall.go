package installer

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"time"

	"sandai/installer/guide/kind"
	"sandai/inventory"
)

// Chapters of a reinstall that no guide has.
const (
	chapterDrain  = "drain"  // the node is taken out of the cloud
	chapterReturn = "return" // and brought back
	// chapterReschedule: other network nodes serve what the node does.
	chapterReschedule = "reschedule"
)

// ReinstallPreview shows what a reinstall of a node would do: its disks with what
// becomes of each, the servers on it with what becomes of those, and the hash that
// confirms exactly this. It changes nothing.
func (e *Engine) ReinstallPreview(ctx context.Context, rack, node string) (inventory.Preview, error) {
	r, err := e.reinstall(ctx, rack, node)
	return r.preview, err
}

// Reinstall installs one node of an installed rack anew: it is taken out of the
// cloud, its system disk is written, its role's steps are applied, it comes back
// under its name, and the cloud proves itself. Its data disk and the other nodes
// stay as they are. The error is Conflict where the rack is not installed, a run is
// active, or what was confirmed has changed since.
func (e *Engine) Reinstall(ctx context.Context, rack, node string, req inventory.ReinstallRequest) (inventory.Run, error) {
	if req.Confirm != node {
		return inventory.Run{}, inventory.Errorf(inventory.Invalid, "a reinstall erases the system of %s: confirm with the node's name (--confirm %s)", node, node)
	}
	// Others are let in meanwhile, since a cloud may be slow to answer: of two that
	// begin, the store takes the first.
	r, err := e.reinstall(ctx, rack, node)
	switch {
	case err != nil:
		return inventory.Run{}, err
	case req.PreviewHash != r.preview.Hash:
		return inventory.Run{}, inventory.Errorf(inventory.Conflict, "what a reinstall of %s would do has changed since it was shown: look again and confirm that (appliance node reinstall %s)", node, node)
	}
	return e.carry(ctx, r, inventory.RunReinstall, node)
}

// change is what is decided about the reinstall or the release of a node.
type change struct {
	rack     inventory.Rack
	planHash string
	steps    []inventory.Step
	preview  inventory.Preview
}

// carry begins what was shown of a node and confirmed, unless something in it stands
// in the way.
func (e *Engine) carry(ctx context.Context, r change, kind inventory.RunKind, node string) (inventory.Run, error) {
	for _, w := range r.preview.Warnings {
		if w.Stops {
			return inventory.Run{}, inventory.Errorf(inventory.Conflict, "%s", w.Text)
		}
	}
	if err := confirm(r.steps, r.preview); err != nil {
		return inventory.Run{}, err
	}
	return e.begin(ctx, r.rack, inventory.Run{Kind: kind, Nodes: []string{node}, PlanHash: r.planHash, Erase: true}, r.steps)
}

func (e *Engine) reinstall(ctx context.Context, name, node string) (r change, err error) {
	rack, p, last, err := e.installed(ctx, name)
	if err != nil {
		return r, err
	}
	found, err := nodeIn(rack, node)
	if err != nil {
		return r, err
	}
	n := *found
	if n.Role == "" {
		return r, inventory.Errorf(inventory.Conflict, "%s has no role: give it one first (appliance node role %s)", node, node)
	}
	// What a controller left with the appliance belongs to its run: another one
	// would save what is left of a cloud that was not brought back yet.
	stranded := n.State == inventory.Failed || n.State == inventory.Releasing
	if last.State != inventory.RunDone && (!stranded || n.Role == inventory.Controller) {
		return r, inventory.Errorf(inventory.Conflict, "run %d (%s) of rack %s is %s: go on with that first (appliance rack install %s)", last.ID, last.Kind, rack.Name, last.State, rack.Name)
	}
	r.rack = rack
	if r.planHash, err = e.doneWith(ctx, rack.ID); err != nil {
		return r, err
	}
	var h inventory.Hosted
	if n.Role == inventory.Compute && rack.Release != inventory.ReleaseDebian {
		if h, err = e.hosted(ctx, rack, node); err != nil {
			return r, err
		}
	}
	if r.steps, err = reinstallSteps(rack, n, p.Steps, h, time.Now().UTC()); err != nil {
		return r, err
	}
	in := inventory.PreviewInput{Rack: rack, PlanHash: p.Hash, Steps: r.steps, Action: inventory.ActionStart, Only: node, Servers: h.Servers,
		ImageSize: func(n inventory.Node) int64 { return e.imageSize(rack, n) }}
	if in.Last, err = e.written(ctx, rack.ID); err != nil {
		return r, err
	}
	r.preview = inventory.MakePreview(in)
	return r, nil
}

// hosted asks a rack's cloud what it runs on a node.
func (e *Engine) hosted(ctx context.Context, rack inventory.Rack, node string) (inventory.Hosted, error) {
	password, err := e.secret(ctx, rack.ID, AdminSecret)
	if err != nil {
		return inventory.Hosted{}, err
	}
	asking, cancel := context.WithTimeout(ctx, statusLimit)
	defer cancel()
	h, err := e.Cloud(rack, password).Hosted(asking, node)
	if err != nil {
		return h, inventory.Errorf(inventory.Unavailable, "the cloud does not say which servers run on %s, so that nobody could decide about them: %w", node, err)
	}
	return h, nil
}

// doneWith is the hash of the plan that the rack was last brought to. The other
// nodes of a reinstall keep it, so that a plan which has changed since is still to
// be applied.
func (e *Engine) doneWith(ctx context.Context, rackID uint) (string, error) {
	runs, err := e.store.Runs(ctx, rackID)
	for _, run := range runs {
		if run.Kind.Changes() && run.State == inventory.RunDone {
			return run.PlanHash, nil
		}
	}
	return "", err
}

// reinstallSteps are the steps of a plan that one node is installed by, those of
// the whole rack that wait for it, and the proof. It is pure.
func reinstallSteps(rack inventory.Rack, n inventory.Node, all []inventory.Step, h inventory.Hosted, now time.Time) ([]inventory.Step, error) {
	proof, err := proofOf(rack, all)
	if err != nil {
		return nil, err
	}
	own := map[string]bool{}
	for _, s := range all {
		if s.Node == n.Name {
			own[s.Key] = true
		}
	}
	var waits []string
	steps := only(all, func(s inventory.Step) bool {
		if s.Node == "" && s.Chapter != chapterProof && slices.ContainsFunc(s.Needs, func(k string) bool { return own[k] }) {
			waits = append(waits, s.Key)
			return true
		}
		return own[s.Key]
	})
	if n.Role == inventory.Controller && rack.Release != inventory.ReleaseDebian {
		if steps, err = withSave(rack, n, steps); err != nil {
			return nil, err
		}
	}
	if n.Role == inventory.NetworkRole && stays(rack, n) {
		if steps, err = withReschedule(rack, n, steps); err != nil {
			return nil, err
		}
	}
	if h.Hypervisor != "" {
		if steps, err = withDrain(rack, n, steps, waits, h, now); err != nil {
			return nil, err
		}
		waits = append(waits, stepKey(n.Name, chapterReturn))
	}
	if len(proof) > 0 {
		ends := waits
		if len(ends) == 0 {
			ends = []string{steps[len(steps)-1].Key}
		}
		proof[0].Needs = ends
	}
	return append(steps, proof...), nil
}

// stays reports whether another node of n's role could do its work.
func stays(rack inventory.Rack, n inventory.Node) bool {
	return rack.Release != inventory.ReleaseDebian && len(rack.Stay(n.Name, n.Role)) > 0
}

func rescheduleStep(step stepMaker, n inventory.Node) (inventory.Step, error) {
	return step(chapterReschedule, "Move routers and DHCP to other nodes", "Neutron has the agents of other network nodes serve them; floating IPs stop only while they move.",
		"api", inventory.OwnerAppliance, 900, kind.API{Reschedule: &kind.APIReschedule{Node: n.Name}})
}

// withReschedule puts in what moves a network node's work away before it loses its power.
func withReschedule(rack inventory.Rack, n inventory.Node, steps []inventory.Step) ([]inventory.Step, error) {
	away, err := rescheduleStep(stepsOn(rack, n), n)
	if err != nil {
		return nil, err
	}
	for i, s := range steps {
		if s.Chapter == phasePower {
			steps[i].Needs = append(s.Needs, away.Key)
		}
	}
	return append([]inventory.Step{away}, steps...), nil
}

// proofOf is the proof of a rack that has a cloud.
func proofOf(rack inventory.Rack, all []inventory.Step) ([]inventory.Step, error) {
	if rack.Release == inventory.ReleaseDebian {
		return nil, nil
	}
	return proofSteps(rack, all)
}

func stepKey(node, chapter string) string { return node + "/" + chapter + "/" + chapter }

// stepMaker makes a step that no guide has.
type stepMaker func(chapter, title, why, kindName string, owner inventory.Owner, seconds int, spec any) (inventory.Step, error)

// stepsOn makes steps of a node; a slow rack gets three times as many seconds.
func stepsOn(rack inventory.Rack, n inventory.Node) stepMaker {
	return func(chapter, title, why, kindName string, owner inventory.Owner, seconds int, spec any) (inventory.Step, error) {
		b, err := json.Marshal(spec)
		s := inventory.Step{Key: stepKey(n.Name, chapter), Node: n.Name, Chapter: chapter, Title: title, Why: why, Kind: kindName, Owner: owner, Spec: b, Timeout: seconds}
		if rack.Slow {
			s.Timeout *= 3
		}
		return s, err
	}
}

// decided are a node's servers with what a person confirmed of each.
func decided(servers []inventory.HostedServer) []kind.DrainServer {
	out := []kind.DrainServer{}
	for _, v := range servers {
		gone := v.Fate == inventory.ServerLost || v.Fate == inventory.ServerRemoved
		k := kind.DrainServer{ID: v.ID, Name: v.Name, Start: v.Status == "ACTIVE" && !gone}
		switch v.Fate {
		case inventory.ServerRebuilt:
			k.Image = v.Image
		case inventory.ServerRestarted, inventory.ServerKept:
			k.Image = v.DriveImage
		}
		out = append(out, k)
	}
	return out
}

// withDrain puts in what takes a compute node out of the cloud and brings it back
// as the same one: Nova and Placement know it by its hypervisor's UUID, which the
// new system is given before nova-compute starts. waits are the rack's steps that
// look whether the node is there.
func withDrain(rack inventory.Rack, n inventory.Node, steps []inventory.Step, waits []string, h inventory.Hosted, now time.Time) ([]inventory.Step, error) {
	d := kind.APIDrain{Node: n.Name, Since: now, Servers: decided(h.Servers)}
	step := stepsOn(rack, n)
	away, err := step(chapterDrain, "Take the node out of the cloud", "Nova places no server on it any more, and those that run there are stopped in an orderly way.",
		"api", inventory.OwnerAppliance, 1800, kind.API{Drain: &d})
	if err != nil {
		return nil, err
	}
	same, err := step("compute", "Be the same hypervisor as before", "Nova and Placement know the node by this UUID; with another one they would refuse it as a stranger of its name.",
		"file", inventory.OwnerAgent, 300, kind.File{Path: "/var/lib/nova/compute_id", Content: h.Hypervisor, Owner: "nova", Group: "nova", Mode: "0644"})
	if err != nil {
		return nil, err
	}
	same.Key = n.Name + "/compute/compute.id"
	same.Needs = []string{phaseKey(n.Name, phaseBoot)}
	back, err := step(chapterReturn, "Bring the node back into the cloud", "Nova uses it again; servers that lost their disk are made anew, and those that ran run again.",
		"api", inventory.OwnerAppliance, 3600, kind.API{Return: &d})
	if err != nil {
		return nil, err
	}
	out := []inventory.Step{away}
	last := map[string]string{}
	for _, s := range steps {
		switch {
		case s.Chapter == phasePower:
			s.Needs = append(s.Needs, away.Key)
		case s.Node == n.Name && s.Chapter == "compute" && last["compute"] == "":
			out = append(out, same)
			s.Needs = append(s.Needs, same.Key)
		case slices.Contains(waits, s.Key):
			s.Needs = append(s.Needs, back.Key)
		}
		if s.Node == n.Name {
			last[s.Chapter] = s.Key
		}
		out = append(out, s)
	}
	for _, key := range last {
		back.Needs = append(back.Needs, key)
	}
	slices.Sort(back.Needs)
	if last["compute"] == "" {
		return nil, fmt.Errorf("the guide has no step of the chapter compute on %s", n.Name)
	}
	return append(out, back), nil
}
