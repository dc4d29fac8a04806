package installer

import (
	"context"
	"time"

	"sandai/inventory"
	"sandai/inventory/rackfile"
)

// aliveFor is how recently an agent must have polled for its node to be taken
// up where it was; an agent polls at least every 20 s.
const aliveFor = 90 * time.Second

// leastPatience is how many seconds a step keeps where Patience shortens it: less
// would fail what is well, on a busy appliance.
const leastPatience = 60

// Plan compiles what an install of a rack would do. It changes nothing.
func (e *Engine) Plan(ctx context.Context, name string) (inventory.Plan, error) {
	rack, err := e.store.Rack(ctx, name)
	if err != nil {
		return inventory.Plan{}, err
	}
	return e.planOf(rack)
}

func (e *Engine) planOf(rack inventory.Rack) (inventory.Plan, error) {
	steps, err := e.compile(rack)
	if err != nil {
		return inventory.Plan{}, err
	}
	text, hash := planText(rack, steps)
	p := inventory.Plan{Rack: rack.Name, Hash: hash, Text: text, Steps: steps}
	for _, n := range rack.Nodes {
		if n.Role == "" {
			continue
		}
		p.Erase = append(p.Erase, erase(n))
		if n.Hardware == nil {
			p.Warnings = append(p.Warnings, n.Name+" was never inspected: what is on its disks is not known; a disk that is not blank stops the install unless it is confirmed")
		}
	}
	return p, nil
}

// erase says which disk of a node an install writes over, and what is on it as
// far as it is known.
func erase(n inventory.Node) inventory.DiskErase {
	d := inventory.DiskErase{Node: n.Name, Disk: inventory.DiskInfo{Serial: n.SystemDisk}}
	if n.Hardware == nil {
		return d
	}
	for _, found := range n.Hardware.Disks {
		if n.SystemDisk == found.Serial || n.SystemDisk == found.WWN || n.SystemDisk == "" && len(n.Hardware.Disks) == 1 {
			d.Disk = found
		}
	}
	return d
}

// compile makes the whole plan of a rack: the phases of each node, then the guide.
func (e *Engine) compile(rack inventory.Rack) ([]inventory.Step, error) {
	var steps []inventory.Step
	for _, n := range rack.Nodes {
		if n.Role == "" {
			continue
		}
		img, err := e.Images.Get(imageFor(rack, n))
		if err != nil {
			return nil, err
		}
		s, err := deploySteps(rack, n, img, e.ImagesURL(rack))
		if err != nil {
			return nil, err
		}
		steps = append(steps, s...)
	}
	if rack.Release != inventory.ReleaseDebian {
		chapters, err := e.Guide.Compile(rack)
		if err != nil {
			return nil, err
		}
		steps = append(steps, chapters...)
	}
	for i := range steps {
		steps[i].Seq = i + 1
		steps[i].State = inventory.StepPending
		if e.Patience > 0 {
			steps[i].Timeout = max(min(steps[i].Timeout, leastPatience), int(float64(steps[i].Timeout)*e.Patience))
		}
	}
	return steps, nil
}

func imageFor(r inventory.Rack, n inventory.Node) string {
	if r.Release == inventory.ReleaseDebian {
		return "base"
	}
	return "role-" + string(n.Role)
}

// Install starts a run, resumes a failed or stopped one, or finds that there is
// nothing to do. It never erases an installed rack by accident: when the plan of
// an installed rack has changed, the rack's name must be confirmed.
func (e *Engine) Install(ctx context.Context, name string, req inventory.InstallRequest) (inventory.Run, error) {
	e.asks.Lock()
	defer e.asks.Unlock()
	rack, p, v, last, err := e.look(ctx, name)
	if err != nil {
		return inventory.Run{}, err
	}
	active, err := e.activeRun(ctx, rack.ID)
	switch {
	case err != nil:
		return inventory.Run{}, err
	case req.Erase && req.Confirm != rack.Name:
		return inventory.Run{}, inventory.Errorf(inventory.Invalid, "erasing wants the rack's name: --erase %s", rack.Name)
	case active != nil && active.Kind.Changes():
		return *active, nil
	case active != nil:
		return inventory.Run{}, busy(*active)
	case req.PlanHash != "" && req.PlanHash != p.Hash:
		return inventory.Run{}, inventory.Errorf(inventory.Conflict, "the plan of %s has changed since it was shown: look at it again (appliance rack plan %s)", rack.Name, rack.Name)
	case req.PreviewHash != "" && req.PreviewHash != v.Hash:
		return inventory.Run{}, inventory.Errorf(inventory.Conflict, "the plan of %s or a disk has changed since it was shown: look at the preview again and confirm that (appliance rack plan %s)", rack.Name, rack.Name)
	case last == nil, req.Erase:
		return e.start(ctx, rack, p, v, req)
	case last.PlanHash != p.Hash:
		return inventory.Run{}, inventory.Errorf(inventory.Conflict,
			"the plan of %s differs from the one it was installed with: appliance rack apply %s changes what differs and keeps the rest; installing again erases its nodes and is confirmed with --erase %s", rack.Name, rack.Name, rack.Name)
	case last.State == inventory.RunDone:
		return *last, nil
	}
	return e.resume(ctx, *last)
}

// look is what an install is decided by: the plan and the preview as they are
// now, and the newest run that changed the rack, nil before the first.
func (e *Engine) look(ctx context.Context, name string) (rack inventory.Rack, p inventory.Plan, v inventory.Preview, last *inventory.Run, err error) {
	if rack, err = e.store.Rack(ctx, name); err != nil {
		return rack, p, v, nil, err
	}
	if p, err = e.planOf(rack); err != nil {
		return rack, p, v, nil, err
	}
	run, err := e.store.LatestOf(ctx, rack.ID, inventory.ChangingKinds...)
	switch {
	case err == nil:
		last = &run
	case inventory.CodeOf(err) != inventory.NotFound:
		return rack, p, v, nil, err
	}
	v, err = e.preview(ctx, rack, p, last)
	return rack, p, v, last, err
}

func (e *Engine) start(ctx context.Context, rack inventory.Rack, p inventory.Plan, v inventory.Preview, req inventory.InstallRequest) (inventory.Run, error) {
	for _, n := range rack.Nodes {
		if err := spokenFor(n); err != nil && n.Role != "" {
			return inventory.Run{}, err
		}
	}
	if req.PreviewHash != "" {
		if err := confirm(p.Steps, v); err != nil {
			return inventory.Run{}, err
		}
	}
	return e.begin(ctx, rack, inventory.Run{Kind: inventory.RunInstall, PlanHash: p.Hash, Erase: req.Erase}, p.Steps)
}

// Import puts a rack described in rack.yaml into the inventory, whole or not at
// all; name is the file's name for error messages.
func (e *Engine) Import(ctx context.Context, name string, file []byte) (inventory.Rack, error) {
	rack, passwords, err := rackfile.Parse(name, file)
	if err != nil {
		return inventory.Rack{}, &inventory.Error{Code: inventory.Invalid, Text: err.Error(), Err: err}
	}
	if err := e.store.PutRack(ctx, rack, passwords); err != nil {
		return inventory.Rack{}, err
	}
	return e.store.Rack(ctx, rack.Name)
}
