package installer

import (
	"context"
	"encoding/json"
	"slices"

	"sandai/installer/guide/kind"
	"sandai/inventory"
)

const chapterProof = "proof"

// RunProof has a rack that is installed prove itself once more: a run of the
// proof's steps alone, after a step that removes what the last proof made. The
// error is Conflict where the rack is not installed, or a run is active.
func (e *Engine) RunProof(ctx context.Context, name string) (inventory.Run, error) {
	e.asks.Lock()
	defer e.asks.Unlock()
	rack, err := e.store.Rack(ctx, name)
	if err != nil {
		return inventory.Run{}, err
	}
	last, err := e.store.LatestOf(ctx, rack.ID, inventory.ChangingKinds...)
	if err != nil && inventory.CodeOf(err) != inventory.NotFound {
		return inventory.Run{}, err
	}
	switch {
	case rack.Release == inventory.ReleaseDebian:
		return inventory.Run{}, inventory.Errorf(inventory.Conflict, "rack %s has no cloud that could prove anything: its release is %s", rack.Name, rack.Release)
	case err != nil || last.State != inventory.RunDone:
		return inventory.Run{}, inventory.Errorf(inventory.Conflict, "rack %s is not installed: its install ends with the proof (appliance rack install %s)", rack.Name, rack.Name)
	}
	all, err := e.Guide.Compile(rack)
	if err != nil {
		return inventory.Run{}, err
	}
	steps, err := proofSteps(rack, all)
	if err != nil {
		return inventory.Run{}, err
	}
	return e.begin(ctx, rack, inventory.Run{Kind: inventory.RunProof}, steps)
}

// proofSteps takes the proof's steps out of a plan: what they need of other
// chapters was done by the install. It is pure.
func proofSteps(r inventory.Rack, all []inventory.Step) ([]inventory.Step, error) {
	spec, err := json.Marshal(kind.API{Proof: &kind.APIProof{Check: kind.ProofClear}})
	if err != nil {
		return nil, err
	}
	begin := inventory.Step{Key: "rack/" + chapterProof + "/proof.clear", Chapter: chapterProof, Title: "Clear the last proof away",
		Why: "A proof that finds its old servers would prove little.", Kind: "api", Owner: inventory.OwnerAppliance, Spec: spec, Timeout: 1200}
	if r.Slow {
		begin.Timeout *= 3
	}
	out := []inventory.Step{begin}
	keys := []string{begin.Key}
	for _, s := range all {
		if s.Chapter == chapterProof {
			keys = append(keys, s.Key)
		}
	}
	for _, s := range all {
		if s.Chapter != chapterProof {
			continue
		}
		s.Needs = slices.DeleteFunc(slices.Clone(s.Needs), func(k string) bool { return !slices.Contains(keys, k) })
		if len(s.Needs) == 0 {
			s.Needs = []string{begin.Key}
		}
		out = append(out, s)
	}
	if len(out) == 1 {
		return nil, inventory.Errorf(inventory.Conflict, "the guide of rack %s has no proof", r.Name)
	}
	return out, nil
}

// proving is the rack that a run's proof is of: a node that the run releases has left
// the cloud before, though it is forgotten only when the others have proved themselves.
func proving(rack inventory.Rack, run inventory.Run) inventory.Rack {
	if run.Kind == inventory.RunRelease {
		rack.Nodes = slices.DeleteFunc(slices.Clone(rack.Nodes), func(n inventory.Node) bool { return slices.Contains(run.Nodes, n.Name) })
	}
	return rack
}
