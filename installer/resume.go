package installer

import (
	"context"
	"time"

	"sandai/inventory"
)

// resume lets a failed or stopped run go on: failed steps are tried again, a node
// whose agent is gone before it was installed begins again with its power-on.
// Finished steps stay finished.
func (e *Engine) resume(ctx context.Context, run inventory.Run) (inventory.Run, error) {
	steps, err := e.store.Steps(ctx, run.ID)
	if err != nil {
		return inventory.Run{}, err
	}
	failed := func(s inventory.Step) bool { return s.State == inventory.StepFailed }
	if err := e.again(ctx, run, steps, failed, ""); err != nil {
		return inventory.Run{}, err
	}
	return e.activate(ctx, run, steps, "run resumed"+byAndWhy(inventory.Person(ctx), ""))
}

// again puts the chosen steps back to pending, with all phases of a node that
// cannot go on in the middle of them.
func (e *Engine) again(ctx context.Context, run inventory.Run, steps []inventory.Step, chosen func(inventory.Step) bool, who string) error {
	restart, err := e.lost(ctx, run, steps, chosen)
	if err != nil {
		return err
	}
	for _, s := range steps {
		back := chosen(s)
		if !back && !(restart[s.Node] && isPhase(s.Chapter) && s.State != inventory.StepPending) {
			continue
		}
		if _, err := e.store.UpdateStep(ctx, run.ID, s.Key, func(s *inventory.Step) error {
			putBack(s)
			if back {
				s.By = who
			}
			return nil
		}); err != nil {
			return err
		}
	}
	return nil
}

// lost names the nodes that must begin their phases again: a chosen phase waited
// for the wire or for an agent that does not answer any more, or the node stands
// between two phases (the run was stopped there) and its agent is gone.
func (e *Engine) lost(ctx context.Context, run inventory.Run, steps []inventory.Step, chosen func(inventory.Step) bool) (map[string]bool, error) {
	type stand struct{ chosen, signal, begun, inHand, through bool }
	nodes := map[string]*stand{}
	for _, s := range steps {
		if s.Node == "" || !isPhase(s.Chapter) {
			continue
		}
		n := nodes[s.Node]
		if n == nil {
			n = &stand{through: true}
			nodes[s.Node] = n
		}
		n.chosen = n.chosen || chosen(s)
		n.signal = n.signal || chosen(s) && s.Owner == inventory.OwnerSignal
		n.begun = n.begun || s.State != inventory.StepPending
		n.inHand = n.inHand || s.State == inventory.StepReady || s.State == inventory.StepRunning
		n.through = n.through && (s.State == inventory.StepDone || s.State == inventory.StepSkipped)
	}
	out := map[string]bool{}
	for name, n := range nodes {
		between := n.begun && !n.inHand && !n.through
		if !n.chosen && (!between || run.State == inventory.RunActive) {
			continue
		}
		node, err := e.store.Node(ctx, run.RackID, name)
		if err != nil {
			return nil, err
		}
		out[name] = n.signal || time.Since(node.LastSeen) > aliveFor
	}
	return out, nil
}

func putBack(s *inventory.Step) {
	s.State, s.Reason, s.Attempt = inventory.StepPending, "", s.Attempt+1
	s.ReadyAt, s.StartedAt, s.EndedAt, s.Deadline = nil, nil, nil, nil
	s.Changed, s.Progress, s.Diff, s.By = false, 0, "", ""
}

// activate makes a run active. Steps that were in hand when it ended get their
// time anew: nobody could work on them meanwhile.
func (e *Engine) activate(ctx context.Context, run inventory.Run, steps []inventory.Step, text string) (inventory.Run, error) {
	now := time.Now()
	if run.State != inventory.RunActive {
		anew := func(s inventory.Step) time.Time { return now.Add(time.Duration(s.Timeout) * time.Second) }
		if err := e.moveDeadlines(ctx, run.ID, steps, anew); err != nil {
			return inventory.Run{}, err
		}
		if err := e.unfail(ctx, run, steps); err != nil {
			return inventory.Run{}, err
		}
	}
	return e.store.UpdateRun(ctx, run.ID, func(r *inventory.Run) error {
		if r.State != inventory.RunActive {
			r.Attempt++
			r.Resumed = &now
		}
		r.State, r.Reason, r.Ended = inventory.RunActive, "", nil
		r.StopAt, r.StopBy, r.StopWhy = nil, "", ""
		return nil
	}, runEvent(run, text))
}

// unfail gives failed nodes the state that fits how far they came.
func (e *Engine) unfail(ctx context.Context, run inventory.Run, steps []inventory.Step) error {
	for _, s := range steps {
		releases := run.Kind == inventory.RunRelease && s.Chapter == phaseOff
		if s.Chapter != phaseBoot && !releases {
			continue
		}
		_, err := e.store.UpdateNode(ctx, run.RackID, s.Node, func(n *inventory.Node) error {
			if n.State != inventory.Failed && n.State != inventory.Parked {
				return nil
			}
			st := inventory.Deploying
			if releases {
				st = inventory.Releasing
			} else if s.State == inventory.StepDone {
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
