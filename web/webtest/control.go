package webtest

import (
	"context"
	"slices"
	"strings"
	"time"

	"sandai/inventory"
)

// StopAfter implements web.RunControl: the stop takes hold at once where no step
// is in hand.
func (m *Memory) StopAfter(ctx context.Context, rack, reason string) (inventory.Run, error) {
	run, err := m.active(ctx, rack)
	if err != nil {
		return run, err
	}
	steps, err := m.Steps(ctx, run.ID)
	if err != nil {
		return run, err
	}
	now := time.Now()
	inHand := slices.ContainsFunc(steps, func(s inventory.Step) bool {
		return s.State == inventory.StepReady || s.State == inventory.StepRunning
	})
	m.SetRun(run.ID, func(r *inventory.Run) {
		r.StopAt, r.StopBy, r.StopWhy = &now, inventory.Person(ctx), reason
		if !inHand {
			r.State, r.Ended, r.Reason = inventory.RunStopped, &now, "stopped: "+reason
		}
	})
	return m.Run(ctx, run.ID)
}

// KeepGoing implements web.RunControl.
func (m *Memory) KeepGoing(ctx context.Context, rack string) (inventory.Run, error) {
	run, err := m.active(ctx, rack)
	if err != nil {
		return run, err
	}
	m.SetRun(run.ID, func(r *inventory.Run) { r.StopAt, r.StopBy, r.StopWhy = nil, "", "" })
	return m.Run(ctx, run.ID)
}

func (m *Memory) active(ctx context.Context, rack string) (inventory.Run, error) {
	r, err := m.Rack(ctx, rack)
	if err != nil {
		return inventory.Run{}, err
	}
	run, err := m.LatestRun(ctx, r.ID)
	if err == nil && run.State != inventory.RunActive || inventory.CodeOf(err) == inventory.NotFound && err != nil {
		err = inventory.Errorf(inventory.Conflict, "no run of rack %s is active", rack)
	}
	return run, err
}

// HandsOff implements web.NodeControl.
func (m *Memory) HandsOff(ctx context.Context, rack, node, why string) (inventory.Node, error) {
	now := time.Now()
	return m.changeNode(ctx, rack, node, func(n *inventory.Node) {
		n.HandsOff, n.HandsOffBy, n.HandsOffWhy = &now, inventory.Person(ctx), why
	})
}

// LetGo implements web.NodeControl.
func (m *Memory) LetGo(ctx context.Context, rack, node string) (inventory.Node, error) {
	return m.changeNode(ctx, rack, node, func(n *inventory.Node) { n.HandsOff, n.HandsOffBy, n.HandsOffWhy = nil, "", "" })
}

// Rescue implements web.NodeControl.
func (m *Memory) Rescue(ctx context.Context, rack, node string, req inventory.RescueRequest) (inventory.Run, error) {
	if req.Confirm != node {
		return inventory.Run{}, inventory.Errorf(inventory.Invalid, "a rescue cuts the power of %s", node)
	}
	if _, err := m.changeNode(ctx, rack, node, func(n *inventory.Node) { n.RescuedFrom, n.State = n.State, inventory.Maintenance }); err != nil {
		return inventory.Run{}, err
	}
	return m.startChange(ctx, rack, inventory.RunRescue)
}

// EndRescue implements web.NodeControl.
func (m *Memory) EndRescue(ctx context.Context, rack, node string) (inventory.Node, error) {
	return m.changeNode(ctx, rack, node, func(n *inventory.Node) { n.State = n.RescuedFrom })
}

// changeNode lets fn change a node that there is.
func (m *Memory) changeNode(ctx context.Context, rack, node string, fn func(*inventory.Node)) (inventory.Node, error) {
	r, err := m.Rack(ctx, rack)
	if err != nil {
		return inventory.Node{}, err
	}
	if _, err := m.Node(ctx, r.ID, node); err != nil {
		return inventory.Node{}, err
	}
	m.SetNode(rack, node, fn)
	return m.Node(ctx, r.ID, node)
}

// RetryStep implements web.RunControl.
func (m *Memory) RetryStep(ctx context.Context, run uint, key string) (inventory.Run, error) {
	s, err := m.Step(ctx, run, key)
	if err != nil {
		return inventory.Run{}, err
	}
	if s.State != inventory.StepFailed {
		return inventory.Run{}, inventory.Errorf(inventory.Conflict, "%s is %s, and only a failed step can be tried again", key, s.State)
	}
	m.SetStep(run, key, func(s *inventory.Step) {
		s.State, s.Reason, s.By, s.Attempt = inventory.StepPending, "", inventory.Person(ctx), s.Attempt+1
		s.ReadyAt, s.StartedAt, s.EndedAt = nil, nil, nil
	})
	return m.goOn(ctx, run)
}

// SkipStep implements web.RunControl.
func (m *Memory) SkipStep(ctx context.Context, run uint, key, reason string) (inventory.Run, error) {
	s, err := m.Step(ctx, run, key)
	switch {
	case err != nil:
		return inventory.Run{}, err
	case strings.TrimSpace(reason) == "":
		return inventory.Run{}, inventory.Errorf(inventory.Invalid, "say why %s may be left out", key)
	case s.Chapter == "power":
		return inventory.Run{}, inventory.Errorf(inventory.Invalid, "%s cannot be skipped: nothing could follow without it", key)
	case s.State != inventory.StepFailed && s.State != inventory.StepPending:
		return inventory.Run{}, inventory.Errorf(inventory.Conflict, "%s is %s, and only a failed or pending step can be skipped", key, s.State)
	}
	now := time.Now()
	m.SetStep(run, key, func(s *inventory.Step) {
		s.State, s.Reason, s.By, s.EndedAt = inventory.StepSkipped, reason, inventory.Person(ctx), &now
	})
	if s.State == inventory.StepPending {
		return m.Run(ctx, run)
	}
	return m.goOn(ctx, run)
}

// goOn makes a failed run active again when no failed step is left.
func (m *Memory) goOn(ctx context.Context, run uint) (inventory.Run, error) {
	steps, err := m.Steps(ctx, run)
	if err != nil {
		return inventory.Run{}, err
	}
	if !slices.ContainsFunc(steps, func(s inventory.Step) bool { return s.State == inventory.StepFailed }) {
		m.SetRun(run, func(r *inventory.Run) { r.State, r.Reason, r.Ended = inventory.RunActive, "", nil; r.Attempt++ })
	}
	return m.Run(ctx, run)
}

// Inspect implements web.RackControl: a run of two steps a node with a BMC.
func (m *Memory) Inspect(ctx context.Context, rack string, nodes []string) (inventory.Inspection, error) {
	var out inventory.Inspection
	r, err := m.Rack(ctx, rack)
	if err != nil {
		return out, err
	}
	var steps []inventory.Step
	for _, n := range r.Nodes {
		switch named := slices.Contains(nodes, n.Name); {
		case len(nodes) > 0 && !named:
		case n.State != inventory.Discovered && n.State != inventory.Inspected && n.State != inventory.Ready:
			out.Left = append(out.Left, inventory.LeftOut{Node: n.Name, Why: "it is " + string(n.State)})
		case n.BMC == nil:
			out.Waiting = append(out.Waiting, n.Name)
		default:
			for _, c := range []string{"power", "inspect"} {
				steps = append(steps, inventory.Step{Key: n.Name + "/" + c + "/" + c, Seq: len(steps) + 1, Node: n.Name, Chapter: c, Title: "Title of " + c, State: inventory.StepPending})
			}
		}
	}
	if len(steps) > 0 {
		run, err := m.begin(ctx, r, inventory.RunInspect, steps)
		if err != nil {
			return out, err
		}
		out.Run = &run
	}
	return out, nil
}

func (m *Memory) begin(ctx context.Context, r inventory.Rack, kind inventory.RunKind, steps []inventory.Step) (inventory.Run, error) {
	if run, err := m.active(ctx, r.Name); err == nil {
		return run, inventory.Errorf(inventory.Conflict, "rack %s has run %d active: wait until it ends, or stop it", r.Name, run.ID)
	}
	id := m.AddRun(inventory.Run{RackID: r.ID, Rack: r.Name, Kind: kind, State: inventory.RunActive, Created: time.Now(), Attempt: 1}, steps)
	return m.Run(ctx, id)
}

// Preview implements web.RackControl.
func (m *Memory) Preview(ctx context.Context, rack string) (inventory.Preview, error) {
	r, err := m.Rack(ctx, rack)
	if err != nil {
		return inventory.Preview{}, err
	}
	plan, err := m.Plan(ctx, rack)
	if err != nil {
		return inventory.Preview{}, err
	}
	action := inventory.ActionStart
	if run, err := m.LatestRun(ctx, r.ID); err == nil {
		action = map[inventory.RunState]inventory.PreviewAction{inventory.RunActive: inventory.ActionRunning, inventory.RunDone: inventory.ActionNothing}[run.State]
		if action == "" {
			action = inventory.ActionResume
		}
	}
	return inventory.MakePreview(inventory.PreviewInput{Rack: r, PlanHash: plan.Hash, Steps: plan.Steps, Action: action}), nil
}

// RunProof implements web.RackControl.
func (m *Memory) RunProof(ctx context.Context, rack string) (inventory.Run, error) {
	r, err := m.Rack(ctx, rack)
	if err != nil {
		return inventory.Run{}, err
	}
	run, err := m.LatestRun(ctx, r.ID)
	if err != nil || run.State != inventory.RunDone {
		return inventory.Run{}, inventory.Errorf(inventory.Conflict, "rack %s is not installed: install it first", rack)
	}
	return m.begin(ctx, r, inventory.RunProof, []inventory.Step{{Key: "rack/proof/ping", Seq: 1, Chapter: "proof", Title: "The server answers ping", State: inventory.StepPending}})
}

// CreateRack implements web.RackControl; of the rules it knows that a rack has a name.
func (m *Memory) CreateRack(ctx context.Context, r inventory.Rack) (inventory.Rack, error) {
	if r.Name == "" {
		return r, inventory.Errorf(inventory.Invalid, "rack is missing")
	}
	if _, err := m.Rack(ctx, r.Name); inventory.CodeOf(err) != inventory.NotFound || err == nil {
		return r, inventory.Errorf(inventory.Conflict, "there is a rack %s already", r.Name)
	}
	m.AddRack(r)
	return m.Rack(ctx, r.Name)
}

// Fits implements web.RoleControl.
func (m *Memory) Fits(ctx context.Context, rack, node string) ([]inventory.Fitness, error) {
	r, err := m.Rack(ctx, rack)
	if err != nil {
		return nil, err
	}
	i := slices.IndexFunc(r.Nodes, func(n inventory.Node) bool { return n.Name == node })
	if i < 0 {
		return nil, inventory.Errorf(inventory.NotFound, "there is no node %s", node)
	}
	return inventory.Fits(r.Nodes[i], r, func(inventory.Role) int64 { return 5 << 30 }), nil
}

// SetRole implements web.RoleControl; of the rules it knows that a role must fit.
func (m *Memory) SetRole(ctx context.Context, rack, node string, req inventory.RoleRequest) (inventory.Node, error) {
	fits, err := m.Fits(ctx, rack, node)
	if err != nil {
		return inventory.Node{}, err
	}
	for _, f := range fits {
		if f.Role == req.Role && !f.Fits {
			return inventory.Node{}, inventory.Errorf(inventory.Invalid, "%s cannot be a %s: %s", node, req.Role, f.Misfits[0].Text)
		}
	}
	var out inventory.Node
	m.change(func() {
		for i := range m.racks {
			for j := range m.racks[i].Nodes {
				if n := &m.racks[i].Nodes[j]; m.racks[i].Name == rack && n.Name == node {
					n.Role, n.Address, n.State = req.Role, req.Address, inventory.Ready
					if req.Name != "" {
						n.Name = req.Name
					}
					out = *n
				}
			}
		}
	})
	return out, nil
}
