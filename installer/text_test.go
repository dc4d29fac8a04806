package installer

import (
	"testing"
	"time"

	"sandai/inventory"
)

// ownSteps are steps of changes that neither the guide has nor an install.
func ownSteps(t *testing.T) (out []inventory.Step) {
	t.Helper()
	rack := inventory.Rack{Release: inventory.ReleaseDebian}
	n := inventory.Node{Name: "n", Role: inventory.Compute}
	rack.Nodes = []inventory.Node{n}
	add := func(steps []inventory.Step, err error) {
		if err != nil {
			t.Fatal(err)
		}
		out = append(out, steps...)
	}
	image := inventory.HostedServer{ID: "5d4c", Status: "ACTIVE", Image: "debian"}
	add(releaseSteps(rack, n, nil, inventory.ReleaseOptions{}, nil, time.Now()))
	add(leavingSteps(stepsOn(rack, n), n, inventory.ReleaseOptions{}, []inventory.HostedServer{image}, time.Now()))
	add(withReschedule(rack, n, nil))
	add(rescueSteps(rack, n))
	add(rotateSteps(rack, nil), nil)
	for _, c := range []string{chapterReturn, chapterSave, chapterRestore, chapterLeave} {
		out = append(out, inventory.Step{Key: stepKey(n.Name, c), Title: c, Why: c})
	}
	return out
}

// TestPhaseText: each phase is explained in both languages.
func TestPhaseText(t *testing.T) {
	for _, p := range phases {
		if x := PhaseText(phaseKey("n", p.name)); x.Title.EN != p.title || x.Title.JA == "" || x.Why.EN != p.why || x.Why.JA == "" {
			t.Errorf("%s: %+v", p.name, x)
		}
	}
	for _, s := range ownSteps(t) {
		if x := PhaseText(s.Key); x.Title.JA == "" || x.Why.JA == "" || s.Title == "" || s.Why == "" {
			t.Errorf("%s (%s): %+v", s.Key, s.Title, x)
		}
	}
	for _, key := range []string{"", "n/power", "n/compute/boot", "n/x/x"} {
		if x := PhaseText(key); x.Title.EN != "" {
			t.Errorf("%q: %+v", key, x)
		}
	}
}
