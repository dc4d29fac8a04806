package installer

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"sandai/inventory"
	"sandai/inventory/rackfile"
)

// aliveFor is how recently an agent must have polled for its node to be taken
// up where it was; an agent polls at least every 20 s.
const aliveFor = 90 * time.Second

// Plan compiles what an install of a rack would do. It changes nothing.
func (e *Engine) Plan(ctx context.Context, name string) (inventory.Plan, error) {
	rack, err := e.store.Rack(ctx, name)
	if err != nil {
		return inventory.Plan{}, err
	}
	steps, err := e.compile(rack)
	if err != nil {
		return inventory.Plan{}, err
	}
	text, hash := planText(rack, steps)
	p := inventory.Plan{Rack: rack.Name, Hash: hash, Text: text, Steps: steps}
	for _, n := range rack.Nodes {
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
	}
	return steps, nil
}

func imageFor(r inventory.Rack, n inventory.Node) string {
	if r.Release == inventory.ReleaseDebian {
		return "base"
	}
	return "role-" + string(n.Role)
}

// Install starts a run, resumes a failed one, or finds that there is nothing to
// do. It never erases an installed rack by accident: when the plan of an
// installed rack has changed, the rack's name must be confirmed.
func (e *Engine) Install(ctx context.Context, name string, req inventory.InstallRequest) (inventory.Run, error) {
	p, err := e.Plan(ctx, name)
	if err != nil {
		return inventory.Run{}, err
	}
	if req.PlanHash != "" && req.PlanHash != p.Hash {
		return inventory.Run{}, inventory.Errorf(inventory.Conflict, "the plan of %s has changed since it was shown: look at it again (appliance rack plan %s)", p.Rack, p.Rack)
	}
	if req.Erase && req.Confirm != p.Rack {
		return inventory.Run{}, inventory.Errorf(inventory.Invalid, "erasing wants the rack's name: --erase %s", p.Rack)
	}
	rack, err := e.store.Rack(ctx, name)
	if err != nil {
		return inventory.Run{}, err
	}
	last, err := e.store.LatestRun(ctx, rack.ID)
	switch {
	case err != nil && inventory.CodeOf(err) != inventory.NotFound:
		return inventory.Run{}, err
	case err != nil:
		return e.start(ctx, rack, p, req)
	case req.Erase && last.State != inventory.RunActive:
		return e.start(ctx, rack, p, req)
	case last.State == inventory.RunActive:
		return last, nil
	case last.PlanHash != p.Hash:
		return inventory.Run{}, inventory.Errorf(inventory.Conflict,
			"the plan of %s differs from the one it was installed with; installing again erases its nodes: confirm with --erase %s, or go back to the earlier rack.yaml", p.Rack, p.Rack)
	case last.State == inventory.RunDone:
		return last, nil
	default:
		return e.resume(ctx, last)
	}
}

func (e *Engine) start(ctx context.Context, rack inventory.Rack, p inventory.Plan, req inventory.InstallRequest) (inventory.Run, error) {
	run := inventory.Run{RackID: rack.ID, Rack: rack.Name, PlanHash: p.Hash, Erase: req.Erase,
		State: inventory.RunActive, Created: time.Now(), Attempt: 1}
	if err := e.store.CreateRun(ctx, &run, p.Steps); err != nil {
		return inventory.Run{}, fmt.Errorf("start the run: %w", err)
	}
	return run, nil
}

// resume puts a failed run's failed steps back, and a node whose agent is gone
// back to its power-on, and lets the run go on. Finished steps stay finished.
func (e *Engine) resume(ctx context.Context, run inventory.Run) (inventory.Run, error) {
	steps, err := e.store.Steps(ctx, run.ID)
	if err != nil {
		return inventory.Run{}, err
	}
	restart := map[string]bool{}
	for _, s := range steps {
		if s.Node == "" || !isPhase(s.Chapter) || s.State != inventory.StepFailed {
			continue
		}
		n, err := e.store.Node(ctx, run.RackID, s.Node)
		if err != nil {
			return inventory.Run{}, err
		}
		restart[s.Node] = s.Owner == inventory.OwnerSignal || time.Since(n.LastSeen) > aliveFor
	}
	for _, s := range steps {
		again := s.State == inventory.StepFailed || restart[s.Node] && isPhase(s.Chapter) && s.State != inventory.StepPending
		if !again {
			continue
		}
		if _, err := e.store.UpdateStep(ctx, run.ID, s.Key, putBack); err != nil {
			return inventory.Run{}, err
		}
	}
	if err := e.unfail(ctx, run, steps); err != nil {
		return inventory.Run{}, err
	}
	return e.store.UpdateRun(ctx, run.ID, func(r *inventory.Run) error {
		r.State, r.Reason, r.Ended = inventory.RunActive, "", nil
		r.Attempt++
		return nil
	}, inventory.Event{Time: time.Now(), Type: inventory.EventRun, RunID: &run.ID, Text: "run resumed"})
}

func putBack(s *inventory.Step) error {
	s.State, s.Reason, s.Attempt = inventory.StepPending, "", s.Attempt+1
	s.ReadyAt, s.StartedAt, s.EndedAt, s.Deadline = nil, nil, nil, nil
	s.Changed, s.Progress = false, 0
	return nil
}

// unfail gives failed nodes the state that fits how far they came.
func (e *Engine) unfail(ctx context.Context, run inventory.Run, steps []inventory.Step) error {
	for _, s := range steps {
		if s.Chapter != phaseBoot {
			continue
		}
		_, err := e.store.UpdateNode(ctx, run.RackID, s.Node, func(n *inventory.Node) error {
			if n.State != inventory.Failed && n.State != inventory.Parked {
				return nil
			}
			st := inventory.Deploying
			if s.State == inventory.StepDone {
				st = inventory.Configuring
			}
			setState(n, st, "")
			return nil
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// withErase tells a wipe step that a person confirmed the disk's contents.
func withErase(spec json.RawMessage) (json.RawMessage, error) {
	var m map[string]any
	if err := json.Unmarshal(spec, &m); err != nil {
		return nil, errors.New("the wipe step's specification is damaged")
	}
	m["erase"] = true
	return json.Marshal(m)
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
