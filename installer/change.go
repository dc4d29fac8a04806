package installer

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"

	"sandai/inventory"
)

// checkSeconds is how long a look at one step may take on real servers.
const checkSeconds = 180

// Check compares an installed rack with its plan as it is now, node by node and
// step by step, and changes nothing. What differs is a step that says so, with the
// difference. The error is Conflict where the rack is not installed, or a run is
// active.
func (e *Engine) Check(ctx context.Context, name string) (inventory.Run, error) {
	e.asks.Lock()
	defer e.asks.Unlock()
	rack, p, _, err := e.installed(ctx, name)
	if err != nil {
		return inventory.Run{}, err
	}
	return e.begin(ctx, rack, inventory.Run{Kind: inventory.RunCheck, PlanHash: p.Hash}, checkSteps(rack, p.Steps))
}

// checkSteps are the guide's steps on nodes that are installed, one after the
// other on each: to look is quick, and a node has its own work to do. It is pure.
func checkSteps(rack inventory.Rack, all []inventory.Step) []inventory.Step {
	last := map[string]string{}
	var out []inventory.Step
	for _, s := range all {
		if s.Owner != inventory.OwnerAgent || isPhase(s.Chapter) || !isActive(rack, s.Node) {
			continue
		}
		s.Needs, s.Notify, s.Timeout = nil, nil, checkSeconds
		if rack.Slow {
			s.Timeout *= 3
		}
		if k := last[s.Node]; k != "" {
			s.Needs = []string{k}
		}
		last[s.Node] = s.Key
		out = append(out, s)
	}
	return out
}

func isActive(rack inventory.Rack, node string) bool {
	i := slices.IndexFunc(rack.Nodes, func(n inventory.Node) bool { return n.Name == node })
	return i >= 0 && rack.Nodes[i].State == inventory.Active
}

// checked sums a check up: "" where all is as the plan says.
func (e *Engine) checked(ctx context.Context, run inventory.Run) (string, error) {
	steps, err := e.store.Steps(ctx, run.ID)
	if err != nil {
		return "", err
	}
	var keys []string
	for _, s := range steps {
		if s.Changed {
			keys = append(keys, s.Key)
		}
	}
	if len(keys) == 0 {
		return "", nil
	}
	const most = 5
	text := strings.Join(keys[:min(most, len(keys))], ", ")
	if n := len(keys) - most; n > 0 {
		text += fmt.Sprintf(" and %d more", n)
	}
	return fmt.Sprintf("%d of %d differ: %s", len(keys), len(steps), text), nil
}

// Apply makes an installed rack as its plan is now: what differs on its nodes is
// changed and the services that it belongs to are restarted, nodes that are new in
// the plan are installed. What agrees is left alone. The error is Conflict where
// the rack is not installed, a run is active, or the plan wants what only a
// reinstall can do.
func (e *Engine) Apply(ctx context.Context, name string, req inventory.ApplyRequest) (inventory.Run, error) {
	e.asks.Lock()
	defer e.asks.Unlock()
	rack, p, last, err := e.installed(ctx, name)
	if err != nil {
		return inventory.Run{}, err
	}
	if req.PlanHash != "" && req.PlanHash != p.Hash {
		return inventory.Run{}, inventory.Errorf(inventory.Conflict, "the plan of %s has changed since it was shown: look at the difference again (appliance rack check %s)", rack.Name, rack.Name)
	}
	if last.State != inventory.RunDone && last.Kind == inventory.RunApply && last.PlanHash == p.Hash {
		return e.resume(ctx, last)
	}
	if err := midway(rack, last); err != nil {
		return inventory.Run{}, err
	}
	if err := e.applicable(ctx, rack, p); err != nil {
		return inventory.Run{}, err
	}
	return e.begin(ctx, rack, inventory.Run{Kind: inventory.RunApply, PlanHash: p.Hash}, applySteps(rack, p.Steps))
}

// applySteps are a plan's steps without the phases of nodes that are installed
// already, and without the proof where no node is new. It is pure.
func applySteps(rack inventory.Rack, all []inventory.Step) []inventory.Step {
	fresh := slices.ContainsFunc(rack.Nodes, func(n inventory.Node) bool { return n.Role != "" && n.State != inventory.Active })
	return only(all, func(s inventory.Step) bool {
		switch {
		case isPhase(s.Chapter):
			return !isActive(rack, s.Node)
		case s.Chapter == chapterProof:
			return fresh
		}
		return true
	})
}

// only keeps some steps of a plan; what those need of the others was done before.
func only(all []inventory.Step, keep func(inventory.Step) bool) []inventory.Step {
	var out []inventory.Step
	kept := map[string]bool{}
	for _, s := range all {
		if keep(s) {
			kept[s.Key] = true
			out = append(out, s)
		}
	}
	for i := range out {
		out[i].Needs = slices.DeleteFunc(slices.Clone(out[i].Needs), func(k string) bool { return !kept[k] })
	}
	return out
}

// installed returns a rack that was installed to its end once, with its plan and
// the newest run that changed it.
func (e *Engine) installed(ctx context.Context, name string) (rack inventory.Rack, p inventory.Plan, last inventory.Run, err error) {
	if rack, err = e.store.Rack(ctx, name); err != nil {
		return rack, p, last, err
	}
	active, err := e.activeRun(ctx, rack.ID)
	if err != nil {
		return rack, p, last, err
	}
	if active != nil {
		return rack, p, last, busy(*active)
	}
	first, err := e.store.LatestOf(ctx, rack.ID, inventory.RunInstall)
	if err != nil && inventory.CodeOf(err) != inventory.NotFound {
		return rack, p, last, err
	}
	if err != nil || first.State != inventory.RunDone {
		return rack, p, last, inventory.Errorf(inventory.Conflict, "rack %s is not installed: appliance rack install %s", rack.Name, rack.Name)
	}
	if last, err = e.store.LatestOf(ctx, rack.ID, inventory.ChangingKinds...); err != nil {
		return rack, p, last, err
	}
	p, err = e.planOf(rack)
	return rack, p, last, err
}

// midway returns an error where the newest run that changed a rack was to reinstall or
// to release a node, and did not come to its end. What an apply would do to that node,
// with servers on it perhaps, nobody confirmed.
func midway(rack inventory.Rack, last inventory.Run) error {
	if last.State == inventory.RunDone || last.Kind != inventory.RunReinstall && last.Kind != inventory.RunRelease {
		return nil
	}
	node := strings.Join(last.Nodes, ", ")
	return inventory.Errorf(inventory.Conflict, "run %d, the %s of %s, is %s: go on with that first (appliance rack install %s), or give it up by installing %s anew (appliance node reinstall %s)",
		last.ID, last.Kind, node, last.State, rack.Name, node, node)
}

// asPlanned returns an error where the newest run that changed a rack did not bring it
// to its plan as it is now.
func asPlanned(rack inventory.Rack, p inventory.Plan, last inventory.Run) error {
	if err := midway(rack, last); err != nil {
		return err
	}
	if last.State == inventory.RunDone && last.PlanHash == p.Hash {
		return nil
	}
	return inventory.Errorf(inventory.Conflict, "rack %s is not as its plan says (run %d, %s, is %s): bring it there first (appliance rack apply %s)", rack.Name, last.ID, last.Kind, last.State, rack.Name)
}

// begin stores a run with its steps, numbered in their order.
func (e *Engine) begin(ctx context.Context, rack inventory.Rack, run inventory.Run, steps []inventory.Step) (inventory.Run, error) {
	for i := range steps {
		steps[i].Seq, steps[i].State = i+1, inventory.StepPending
	}
	run.RackID, run.Rack, run.State, run.Created, run.Attempt = rack.ID, rack.Name, inventory.RunActive, time.Now(), 1
	if err := e.store.CreateRun(ctx, &run, steps); err != nil {
		return inventory.Run{}, fmt.Errorf("start the %s: %w", run.Kind, err)
	}
	return run, nil
}

// applicable returns an error where a node that is installed would have to be
// installed anew to be as the plan says: what its seed wrote has changed.
func (e *Engine) applicable(ctx context.Context, rack inventory.Rack, p inventory.Plan) error {
	for _, n := range rack.Nodes {
		if n.State != inventory.Active {
			if err := spokenFor(n); err != nil && n.Role != "" {
				return err
			}
			continue
		}
		was, err := e.latestPhases(ctx, rack.ID, n.Name)
		if err != nil {
			return err
		}
		key := phaseKey(n.Name, phaseSeed)
		same := func(s inventory.Step) bool { return s.Key == key }
		i, j := slices.IndexFunc(was, same), slices.IndexFunc(p.Steps, same)
		if i < 0 || j < 0 || string(was[i].Spec) != string(p.Steps[j].Spec) {
			return inventory.Errorf(inventory.Conflict, "%s would get another address, network or key, which only its reinstall does: appliance node reinstall %s, or go back to the earlier rack.yaml", n.Name, n.Name)
		}
	}
	return nil
}

// latestPhases are the phases that a node was taken through last.
func (e *Engine) latestPhases(ctx context.Context, rackID uint, node string) ([]inventory.Step, error) {
	all, err := e.written(ctx, rackID)
	var out []inventory.Step
	for _, s := range all {
		if s.Node == node && isPhase(s.Chapter) && (len(out) == 0 || s.RunID == out[0].RunID) {
			out = append(out, s)
		}
	}
	return out, err
}

// withoutField takes a field out of a step's specification.
func withoutField(spec json.RawMessage, field string) (json.RawMessage, error) {
	var m map[string]any
	if err := json.Unmarshal(spec, &m); err != nil {
		return nil, fmt.Errorf("the step's specification is damaged: %w", err)
	}
	delete(m, field)
	return json.Marshal(m)
}

// withField puts a field into a step's specification.
func withField(spec json.RawMessage, field string, value any) (json.RawMessage, error) {
	var m map[string]any
	if err := json.Unmarshal(spec, &m); err != nil {
		return nil, fmt.Errorf("the step's specification is damaged: %w", err)
	}
	m[field] = value
	return json.Marshal(m)
}
