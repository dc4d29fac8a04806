package installer

import (
	"context"
	"time"

	"sandai/inventory"
)

// Report tells how long each phase and chapter of the latest install took on each
// node, what was left out, what the latest proof found, and where the cloud is.
func (e *Engine) Report(ctx context.Context, name string) (inventory.Report, error) {
	rack, err := e.store.Rack(ctx, name)
	if err != nil {
		return inventory.Report{}, err
	}
	run, err := e.store.LatestOf(ctx, rack.ID, inventory.RunInstall)
	if err != nil {
		return inventory.Report{}, err
	}
	steps, err := e.store.Steps(ctx, run.ID)
	if err != nil {
		return inventory.Report{}, err
	}
	r := e.report(rack, run, steps)
	err = e.latestProof(ctx, run, steps, &r)
	return r, err
}

// RunReport tells the same of one run, whatever its kind, with what the proof
// found in that run.
func (e *Engine) RunReport(ctx context.Context, id uint) (inventory.Report, error) {
	run, err := e.store.Run(ctx, id)
	if err != nil {
		return inventory.Report{}, err
	}
	rack, err := e.store.RackByID(ctx, run.RackID)
	if err != nil {
		return inventory.Report{}, err
	}
	steps, err := e.store.Steps(ctx, run.ID)
	if err != nil {
		return inventory.Report{}, err
	}
	r := e.report(rack, run, steps)
	r.Proof, r.ProofRun, r.ProofAt = proofResults(steps), run.ID, run.Ended
	return r, nil
}

func (e *Engine) report(rack inventory.Rack, run inventory.Run, steps []inventory.Step) inventory.Report {
	r := inventory.Report{Rack: rack.Name, Run: run, Phases: phaseTimes(steps), Skipped: skippedSteps(steps), Machine: measuredOn(rack.Nodes, e.Host)}
	end := time.Now()
	if run.Ended != nil {
		end = *run.Ended
	}
	r.TotalSeconds = end.Sub(run.Created).Seconds()
	if e.CloudInfo != nil {
		r.Cloud = e.CloudInfo(rack)
	}
	return r
}

// phaseTimes sums steps up to one row for each node and chapter, in plan order.
// A chapter's time is from the start of its first step to the end of its last.
func phaseTimes(steps []inventory.Step) []inventory.PhaseTime {
	var out []inventory.PhaseTime
	index := map[[2]string]int{}
	for _, s := range steps {
		k := [2]string{s.Node, s.Chapter}
		i, ok := index[k]
		if !ok {
			i = len(out)
			index[k] = i
			out = append(out, inventory.PhaseTime{Node: s.Node, Phase: s.Chapter, State: s.State})
		}
		p := &out[i]
		if s.StartedAt != nil && (p.Started == nil || s.StartedAt.Before(*p.Started)) {
			p.Started = s.StartedAt
		}
		if s.EndedAt != nil && (p.Ended == nil || s.EndedAt.After(*p.Ended)) {
			p.Ended = s.EndedAt
		}
		if s.State != inventory.StepDone && s.State != inventory.StepSkipped && p.State != inventory.StepFailed {
			p.State = s.State
		} else if p.State == inventory.StepSkipped {
			p.State = s.State // one step that was left out says little of the others
		}
	}
	for i := range out {
		if p := &out[i]; p.Started != nil && p.Ended != nil {
			p.Seconds = p.Ended.Sub(*p.Started).Seconds()
		}
	}
	return out
}

// latestProof puts in what the proof found when it was last run: by the install,
// or by a run since that proved the cloud.
func (e *Engine) latestProof(ctx context.Context, run inventory.Run, steps []inventory.Step, r *inventory.Report) error {
	runs, err := e.store.Runs(ctx, run.RackID)
	if err != nil {
		return err
	}
	r.Proof, r.ProofRun, r.ProofAt = proofResults(steps), run.ID, run.Ended
	for _, later := range runs {
		if later.ID <= run.ID {
			break
		}
		if later.Kind.Apart() {
			continue
		}
		steps, err := e.store.Steps(ctx, later.ID)
		if err != nil {
			return err
		}
		if found := proofResults(steps); len(found) > 0 {
			r.Proof, r.ProofRun, r.ProofAt = found, later.ID, later.Ended
			break
		}
	}
	return nil
}

func skippedSteps(steps []inventory.Step) []inventory.SkippedStep {
	var out []inventory.SkippedStep
	for _, s := range steps {
		if s.State == inventory.StepSkipped {
			out = append(out, inventory.SkippedStep{Key: s.Key, Title: s.Title, Reason: s.Reason, By: s.By})
		}
	}
	return out
}

func proofResults(steps []inventory.Step) []inventory.ProofResult {
	var out []inventory.ProofResult
	for _, s := range steps {
		if s.Chapter != "proof" {
			continue
		}
		text := s.Command
		if s.State == inventory.StepFailed || s.State == inventory.StepSkipped {
			text = s.Reason
		}
		out = append(out, inventory.ProofResult{Key: s.Key, Check: s.Title, State: s.State, Summary: text})
	}
	return out
}
