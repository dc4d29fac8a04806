package installer_test

import (
	"context"
	"slices"
	"strings"
	"testing"

	"sandai/installer"
	"sandai/inventory"
)

// password is what the world's cloud has for its administrator now.
func (tr *trial) password() string {
	tr.t.Helper()
	v, err := tr.store.Secret(tr.ctx, tr.rack.ID, installer.AdminSecret)
	if err != nil {
		tr.t.Fatal(err)
	}
	return v
}

// TestRotate: a cloud gets new passwords, whenever the engine is killed meanwhile.
// Every step that brings them comes after they were made, no disk is touched, and the
// earlier ones are masked.
func TestRotate(t *testing.T) {
	const key = "controller-1/identity/keystone.database"
	tr := newTrial(t, 0)
	tr.guide = cloudGuide{}
	tr.restart()
	ask := inventory.RotateRequest{Confirm: "demo"}
	_, err := tr.engine().Rotate(tr.ctx, "demo", ask)
	tr.refused(err, inventory.Conflict, "is not installed")
	tr.begin(nil)
	tr.ends(inventory.RunDone)
	_, err = tr.engine().Rotate(tr.ctx, "demo", inventory.RotateRequest{Confirm: "compute-1"})
	tr.refused(err, inventory.Invalid, "confirm with the rack's name")

	had := []string{tr.password()}
	for kill := range 4 {
		evs, err := tr.store.Events(context.Background(), 0, 10000)
		if err != nil {
			t.Fatal(err)
		}
		if kill > 0 {
			tr.kill = len(evs) + 2*kill
		}
		tr.run = tr.ok(tr.engine().Rotate(tr.ctx, "demo", ask))
		tr.ends(inventory.RunDone)
		now, given := tr.password(), tr.task(key)
		if slices.Contains(had, now) || len(now) != 24 {
			t.Errorf("the new password is an earlier one, or has %d characters", len(now))
		}
		if !strings.Contains(string(given.Spec), now) || !slices.Contains(given.Mask, now) {
			t.Errorf("the step of run %d was not given the new password, or not to be masked", given.Run)
		}
		for i, p := range had {
			if strings.Contains(string(given.Spec), p) || !slices.Contains(given.Mask, p) {
				t.Errorf("rotation %d: the password before it number %d is used, or shown", kill, i)
			}
		}
		had = append(had, now)
		made := tr.steps()["rotate/rotate"]
		for k, s := range tr.steps() {
			if s.StartedAt == nil || s.Key != made.Key && s.StartedAt.Before(*made.EndedAt) {
				t.Errorf("%s began before the passwords were there", k)
			}
			if strings.Contains(k, "/wipe/") || strings.Contains(k, "/power/") {
				t.Errorf("a rotation has the step %s", k)
			}
		}
	}
	if rep, err := tr.engine().Report(tr.ctx, "demo"); err != nil || rep.ProofRun != tr.run.ID {
		t.Errorf("the proof that is shown is of run %d: %v", rep.ProofRun, err)
	}

	if _, err := tr.engine().HandsOff(tr.ctx, "demo", "compute-1", ""); err != nil {
		t.Fatal(err)
	}
	_, err = tr.engine().Rotate(tr.ctx, "demo", ask)
	tr.refused(err, inventory.Conflict, "let it go first")
	if tr.password() != had[len(had)-1] {
		t.Error("a refused rotation has changed the password")
	}
}

// task is what a node's agent was given last for a step.
func (tr *trial) task(key string) inventory.Task {
	tr.mu.Lock()
	defer tr.mu.Unlock()
	return tr.given[key]
}
