package installer

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"sandai/inventory"
)

// StopAfter asks the rack's active run to end after the steps in hand: no other
// becomes ready, and when those in hand have ended the run is stopped. It is
// stored, so that it holds through a restart. An install goes on with Install.
func (e *Engine) StopAfter(ctx context.Context, rack, reason string) (inventory.Run, error) {
	run, err := e.mustBeActive(ctx, rack)
	if err != nil {
		return run, err
	}
	now, who := time.Now(), inventory.Person(ctx)
	return e.store.UpdateRun(ctx, run.ID, func(r *inventory.Run) error {
		if r.State != inventory.RunActive {
			return inventory.Errorf(inventory.Conflict, "run %d is %s by now: there is nothing to stop", r.ID, r.State)
		}
		r.StopAt, r.StopBy, r.StopWhy = &now, who, strings.TrimSpace(reason)
		return nil
	}, runEvent(run, "run stops after the steps in hand, asked for"+byAndWhy(who, reason)))
}

// KeepGoing withdraws a stop that has not taken hold yet.
func (e *Engine) KeepGoing(ctx context.Context, rack string) (inventory.Run, error) {
	run, err := e.mustBeActive(ctx, rack)
	if err != nil {
		return run, err
	}
	if run.StopAt == nil {
		return run, nil
	}
	return e.store.UpdateRun(ctx, run.ID, func(r *inventory.Run) error {
		if r.State != inventory.RunActive {
			return inventory.Errorf(inventory.Conflict, "the stop has taken hold, run %d is %s: go on with appliance rack install %s", r.ID, r.State, r.Rack)
		}
		r.StopAt, r.StopBy, r.StopWhy = nil, "", ""
		return nil
	}, runEvent(run, "run keeps going, the stop was withdrawn"+byAndWhy(inventory.Person(ctx), "")))
}

// RetryStep tries one failed step of a run again. A phase whose node does not
// answer any more begins again with the node's power-on. The run goes on when no
// other failed step is left.
func (e *Engine) RetryStep(ctx context.Context, runID uint, key string) (inventory.Run, error) {
	e.asks.Lock()
	defer e.asks.Unlock()
	run, steps, s, err := e.steerable(ctx, runID, key)
	if err != nil {
		return run, err
	}
	if s.State != inventory.StepFailed {
		return run, inventory.Errorf(inventory.Conflict, "%s is %s, and only a failed step can be tried again", key, s.State)
	}
	who := inventory.Person(ctx)
	if err := e.again(ctx, run, steps, func(s inventory.Step) bool { return s.Key == key }, who); err != nil {
		return run, err
	}
	return e.goOn(ctx, run, key+" is tried again"+byAndWhy(who, ""))
}

// SkipStep leaves a failed or pending step out, for a reason that is kept with
// who gave it; steps that need it take it for done. The run goes on when it had
// failed and no failed step is left.
func (e *Engine) SkipStep(ctx context.Context, runID uint, key, reason string) (inventory.Run, error) {
	e.asks.Lock()
	defer e.asks.Unlock()
	run, _, s, err := e.steerable(ctx, runID, key)
	if err != nil {
		return run, err
	}
	reason = strings.TrimSpace(reason)
	if reason == "" {
		return run, inventory.Errorf(inventory.Invalid, "say why %s may be left out: the report shows it to those who come later", key)
	}
	if why, ok := unskippable[s.Chapter]; ok {
		return run, inventory.Errorf(inventory.Invalid, "%s cannot be skipped: %s", key, why)
	}
	now, who := time.Now(), inventory.Person(ctx)
	failed := false
	_, err = e.store.UpdateStep(ctx, run.ID, key, func(s *inventory.Step) error {
		failed = s.State == inventory.StepFailed
		if !failed && s.State != inventory.StepPending {
			return inventory.Errorf(inventory.Conflict, "%s is %s, and only a failed or pending step can be skipped", key, s.State)
		}
		s.State, s.Reason, s.By, s.EndedAt, s.Deadline = inventory.StepSkipped, reason, who, &now, nil
		return nil
	}, stepEvent(run, s, string(inventory.StepSkipped)+byAndWhy(who, ""), reason))
	if err != nil || !failed {
		return run, err
	}
	return e.goOn(ctx, run, key+" is skipped"+byAndWhy(who, ""))
}

// unskippable says of each phase why nothing can follow without it.
var unskippable = map[string]string{
	phasePower:    "a machine that is off cannot be installed",
	phaseFirmware: "nothing can follow before the machine asks for an address",
	phaseDHCP:     "nothing can follow before the machine has an address",
	phaseLoader:   "nothing can follow before the machine has its boot script",
	phaseKernel:   "nothing can follow before the machine has its kernel",
	phaseAgent:    "the steps that follow are the agent's",
	phaseInspect:  "the steps that follow need to know the hardware",
	phaseWipe:     "an image is never written to a disk that was not wiped",
	phaseWrite:    "there would be no system on the disk",
	phaseSeed:     "the installed system would not know who it is",
	phaseHandover: "the installed system would not start",
	phaseBoot:     "the steps that follow are the installed system's",
	phaseOff:      "a machine that was only looked at is switched off again",
}

// steerable finds a step of a run that a person may still change: the newest of
// its kind, with no other run active beside it.
func (e *Engine) steerable(ctx context.Context, runID uint, key string) (run inventory.Run, steps []inventory.Step, s inventory.Step, err error) {
	if run, err = e.store.Run(ctx, runID); err != nil {
		return run, nil, s, err
	}
	newest, err := e.store.LatestOf(ctx, run.RackID, run.Kind)
	if err != nil {
		return run, nil, s, err
	}
	if newest.ID != run.ID {
		return run, nil, s, inventory.Errorf(inventory.Conflict, "run %d is over, run %d came after it: change that one", run.ID, newest.ID)
	}
	active, err := e.activeRun(ctx, run.RackID)
	if err != nil {
		return run, nil, s, err
	}
	if active != nil && active.ID != run.ID {
		return run, nil, s, busy(*active)
	}
	if steps, err = e.store.Steps(ctx, run.ID); err != nil {
		return run, nil, s, err
	}
	i := slices.IndexFunc(steps, func(s inventory.Step) bool { return s.Key == key })
	if i < 0 {
		return run, nil, s, inventory.Errorf(inventory.NotFound, "run %d has no step %q: see its list of steps", run.ID, key)
	}
	return run, steps, steps[i], nil
}

// goOn makes a run that is not active go on, unless a failed step is left.
func (e *Engine) goOn(ctx context.Context, run inventory.Run, text string) (inventory.Run, error) {
	steps, err := e.store.Steps(ctx, run.ID)
	if err != nil {
		return run, err
	}
	for _, s := range steps {
		if s.State == inventory.StepFailed {
			return e.store.Run(ctx, run.ID)
		}
	}
	return e.activate(ctx, run, steps, text)
}

// activeRun is the rack's active run, nil where there is none.
func (e *Engine) activeRun(ctx context.Context, rackID uint) (*inventory.Run, error) {
	runs, err := e.store.ActiveRuns(ctx)
	if err != nil {
		return nil, err
	}
	i := slices.IndexFunc(runs, func(r inventory.Run) bool { return r.RackID == rackID })
	if i < 0 {
		return nil, nil
	}
	return &runs[i], nil
}

func (e *Engine) mustBeActive(ctx context.Context, rack string) (inventory.Run, error) {
	r, err := e.store.Rack(ctx, rack)
	if err != nil {
		return inventory.Run{}, err
	}
	run, err := e.activeRun(ctx, r.ID)
	if err != nil {
		return inventory.Run{}, err
	}
	if run == nil {
		return inventory.Run{}, inventory.Errorf(inventory.Conflict, "rack %s has no active run: there is nothing to stop", r.Name)
	}
	return *run, nil
}

// busy is the error of who wants a second run.
func busy(r inventory.Run) error {
	return inventory.Errorf(inventory.Conflict, "run %d (%s) of rack %s is active since %s: wait until it ends, or stop it (appliance rack stop %s)",
		r.ID, r.Kind, r.Rack, r.Created.Format(time.RFC3339), r.Rack)
}

func byAndWhy(who, why string) string {
	text := ""
	if who != "" {
		text = " by " + who
	}
	if why = strings.TrimSpace(why); why != "" {
		text += ": " + why
	}
	return text
}

func runEvent(run inventory.Run, text string) inventory.Event {
	return inventory.Event{Time: time.Now(), Type: inventory.EventRun, RunID: &run.ID, Text: text}
}

// stopped is the reason of a run that a person stopped.
func stopped(r inventory.Run) string {
	return fmt.Sprintf("stopped%s", byAndWhy(r.StopBy, r.StopWhy))
}
