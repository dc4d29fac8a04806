package installer

import (
	"testing"
	"time"

	"sandai/inventory"
)

func TestStandOf(t *testing.T) {
	at := time.Date(2026, 11, 27, 12, 0, 0, 0, time.UTC)
	step := func(chapter string, st inventory.StepState) inventory.Step {
		return inventory.Step{Key: phaseKey("n", chapter), Node: "n", Chapter: chapter, State: st, EndedAt: &at}
	}
	other := inventory.Step{Key: "m/write/write", Node: "m", Chapter: phaseWrite, State: inventory.StepRunning}
	for name, c := range map[string]struct {
		steps []inventory.Step
		ok    bool
		want  stand
	}{
		"before its power step":    {[]inventory.Step{step(phasePower, inventory.StepPending), other}, false, stand{phases: true}},
		"while it is powered on":   {[]inventory.Step{step(phasePower, inventory.StepRunning)}, false, stand{phases: true}},
		"its firmware starts":      {[]inventory.Step{step(phasePower, inventory.StepDone), step(phaseFirmware, inventory.StepRunning)}, true, stand{phases: true, powered: at}},
		"its image is written":     {[]inventory.Step{step(phasePower, inventory.StepDone), step(phaseAgent, inventory.StepDone), step(phaseWrite, inventory.StepReady)}, true, stand{phases: true, powered: at, enrolled: true}},
		"between two steps":        {[]inventory.Step{step(phasePower, inventory.StepDone), step(phaseFirmware, inventory.StepPending)}, false, stand{phases: true, powered: at}},
		"others need it":           {[]inventory.Step{step(phasePower, inventory.StepDone), step(phaseHandover, inventory.StepDone), step(phaseBoot, inventory.StepDone), other}, true, stand{phases: true, powered: at, handed: true, installed: true}},
		"a guide step of a rerun":  {[]inventory.Step{step("compute", inventory.StepRunning)}, true, stand{}},
		"a run that is not its":    {[]inventory.Step{other}, false, stand{}},
		"it was switched off":      {[]inventory.Step{step(phasePower, inventory.StepDone), step(phaseOff, inventory.StepDone), step(chapterLeave, inventory.StepRunning)}, false, stand{phases: true, powered: at}},
		"it is being switched off": {[]inventory.Step{step(phasePower, inventory.StepDone), step(phaseOff, inventory.StepRunning)}, false, stand{phases: true, powered: at}},
	} {
		got, ok := standOf(c.steps, "n")
		got.inHand = nil
		if ok != c.ok || got != c.want {
			t.Errorf("%s: %+v %t, want %+v %t", name, got, ok, c.want, c.ok)
		}
	}
}

func TestInterrupted(t *testing.T) {
	now := time.Date(2026, 11, 27, 12, 0, 0, 0, time.UTC)
	ago := func(s int) time.Time { return now.Add(-time.Duration(s) * time.Second) }
	ev := func(ty inventory.EventType, s int) inventory.Event { return inventory.Event{Type: ty, Time: ago(s)} }
	first := []inventory.Event{ev(inventory.EventDHCPDiscover, 200), ev(inventory.EventEnrolled, 180)}
	for name, c := range map[string]struct {
		stand  stand
		seen   int
		events []inventory.Event
		want   bool
	}{
		"all is well":                     {stand{enrolled: true}, 60, first, false},
		"it starts anew":                  {stand{enrolled: true}, 60, append(first[:2:2], ev(inventory.EventDHCPDiscover, 40)), true},
		"its agent speaks":                {stand{enrolled: true}, 1, append(first[:2:2], ev(inventory.EventDHCPDiscover, 40)), false},
		"it asked before its agent spoke": {stand{enrolled: true}, 60, append(first[:2:2], ev(inventory.EventDHCPDiscover, 90)), false},
		"it came back to the ramdisk":     {stand{enrolled: true}, 60, append(first[:2:2], ev(inventory.EventDHCPDiscover, 50), ev(inventory.EventEnrolled, 40)), false},
		"the installed system is due":     {stand{enrolled: true, handed: true}, 60, append(first[:2:2], ev(inventory.EventDHCPDiscover, 40)), false},
		"before it enrolled":              {stand{}, 300, first[:1], false},
		"it started from its disk":        {stand{}, 300, append(first[:1:1], ev(inventory.EventStray, 2)), true},
		"its old system, long replaced":   {stand{handed: true}, 300, append(first[:1:1], ev(inventory.EventStray, 2)), false},
	} {
		if got := interrupted(c.stand, inventory.Node{LastSeen: ago(c.seen)}, c.events, now); (got != "") != c.want {
			t.Errorf("%s: %q", name, got)
		}
	}
	n := inventory.Node{LastSeen: ago(300)}
	if quiet(stand{powered: ago(300)}, n, []inventory.Event{ev(inventory.EventScript, 10)}, now) || !quiet(stand{powered: ago(300)}, n, []inventory.Event{ev(inventory.EventScript, 100)}, now) || quiet(stand{powered: ago(10)}, n, nil, now) {
		t.Error("a node is quiet when neither its agent nor the wire has heard it for a while")
	}
}
