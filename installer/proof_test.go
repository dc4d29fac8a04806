package installer_test

import (
	"testing"

	"sandai/inventory"
)

// TestProofAgain: a run of its own, whose result the report shows beside the
// install's times; an install that is not done has nothing to prove.
func TestProofAgain(t *testing.T) {
	tr := newTrial(t, 0)
	_, err := tr.engine().RunProof(tr.ctx, "demo")
	tr.refused(err, inventory.Conflict, "is not installed")
	tr.begin(nil)
	_, err = tr.engine().RunProof(tr.ctx, "demo")
	tr.refused(err, inventory.Conflict, "is not installed")
	tr.ends(inventory.RunDone)
	install := tr.run
	rep, err := tr.engine().Report(tr.ctx, "demo")
	if err != nil || rep.ProofRun != install.ID || len(rep.Proof) != 1 {
		t.Errorf("the proof of the install: run %d, %v, %v", rep.ProofRun, rep.Proof, err)
	}

	tr.run = tr.ok(tr.engine().RunProof(tr.ctx, "demo"))
	if tr.run.Kind != inventory.RunProof {
		t.Errorf("the run is of the kind %s", tr.run.Kind)
	}
	_, err = tr.engine().Install(tr.ctx, "demo", inventory.InstallRequest{})
	tr.refused(err, inventory.Conflict, "(proof)")
	tr.ends(inventory.RunDone)
	tr.inOrder("rack/proof/proof.clear", "rack/proof/ping")
	rep, err = tr.engine().Report(tr.ctx, "demo")
	if err != nil || rep.Run.ID != install.ID || rep.ProofRun != tr.run.ID || rep.ProofAt == nil || len(rep.Proof) != 2 {
		t.Errorf("after the proof: run %d, proof %d, %v, %v", rep.Run.ID, rep.ProofRun, rep.Proof, err)
	}
	if again := tr.ok(tr.engine().Install(tr.ctx, "demo", inventory.InstallRequest{})); again.ID != install.ID || again.State != inventory.RunDone {
		t.Errorf("an install after the proof is run %d, %s; want nothing to do", again.ID, again.State)
	}
}

// inOrder checks that the run consists of these steps, done in this order.
func (tr *trial) inOrder(keys ...string) {
	tr.t.Helper()
	steps, err := tr.store.Steps(tr.t.Context(), tr.run.ID)
	if err != nil || len(steps) != len(keys) {
		tr.t.Fatalf("%d steps, %v; want %v", len(steps), err, keys)
	}
	for i, s := range steps {
		if s.Key != keys[i] || s.State != inventory.StepDone || i > 0 && s.StartedAt.Before(*steps[i-1].EndedAt) {
			tr.t.Errorf("step %d is %s, %s, started %v", i+1, s.Key, s.State, s.StartedAt)
		}
	}
}
