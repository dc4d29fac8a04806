package installer

import (
	"fmt"
	"slices"
	"time"

	"sandai/inventory"
)

// move is one change of a step's state.
type move struct {
	step   inventory.Step
	state  inventory.StepState
	reason string
	at     time.Time
}

// next says which steps change now: those whose needs are done become ready (a
// signal step at once running), signals that were seen end, and what is past
// its deadline fails. Nothing new begins while a stop is asked for, nor after a
// step failed; but the nodes of a run whose nodes are apart do not wait for each other. It is
// pure. signals maps a signal step's key to the time at which it was seen.
//
// Of a node that hands are off no step begins and none is late; held has its name.
func next(run inventory.Run, steps []inventory.Step, signals map[string]time.Time, held map[string]bool, now time.Time) []move {
	done := map[string]bool{}
	hold := run.StopAt != nil
	for _, s := range steps {
		done[s.Key] = s.State == inventory.StepDone || s.State == inventory.StepSkipped
		hold = hold || s.State == inventory.StepFailed && !run.Kind.Apart()
	}
	var out []move
	for _, s := range steps {
		at, seen := signals[s.Key]
		switch {
		case s.State == inventory.StepRunning && s.Owner == inventory.OwnerSignal && seen:
			if s.StartedAt != nil && at.Before(*s.StartedAt) {
				at = *s.StartedAt // a machine may be quicker than the step before, which looks whether its power is on
			}
			out = append(out, move{step: s, state: inventory.StepDone, at: at})
		case held[s.Node]:
		case s.State == inventory.StepPending && !hold && ready(s, done):
			m := move{step: s, state: inventory.StepReady, at: now}
			if s.Owner == inventory.OwnerSignal {
				// It began when the one before it ended, however late that is noticed.
				m.state, m.at = inventory.StepRunning, endOf(steps, s.Needs, now)
			}
			out = append(out, m)
		case (s.State == inventory.StepReady || s.State == inventory.StepRunning) && s.Deadline != nil && now.After(*s.Deadline):
			out = append(out, move{step: s, state: inventory.StepFailed, reason: overdue(s), at: now})
		}
	}
	return out
}

func ready(s inventory.Step, done map[string]bool) bool {
	for _, k := range s.Needs {
		if !done[k] {
			return false
		}
	}
	return true
}

// verdict says what becomes of a run whose steps do not change by themselves:
// still active, done, stopped, or failed with the step that it failed at. It is pure.
func verdict(run inventory.Run, steps []inventory.Step) (inventory.RunState, *inventory.Step) {
	var failed *inventory.Step
	inHand, left := false, false
	for i, s := range steps {
		switch s.State {
		case inventory.StepFailed:
			if failed == nil {
				failed = &steps[i]
			}
		case inventory.StepReady, inventory.StepRunning:
			inHand = true
		case inventory.StepPending:
			left = true
		}
	}
	switch {
	case failed != nil && (!run.Kind.Apart() || !inHand):
		return inventory.RunFailed, failed
	case inHand:
		return inventory.RunActive, nil
	case left && run.StopAt != nil:
		return inventory.RunStopped, nil
	case left:
		return inventory.RunActive, nil
	}
	return inventory.RunDone, nil
}

// endOf returns when the last of the named steps ended.
func endOf(steps []inventory.Step, keys []string, now time.Time) time.Time {
	var last time.Time
	for _, s := range steps {
		if slices.Contains(keys, s.Key) && s.EndedAt != nil && s.EndedAt.After(last) {
			last = *s.EndedAt
		}
	}
	if last.IsZero() {
		return now
	}
	return last
}

// overdue explains a missed deadline and says what to look at.
func overdue(s inventory.Step) string {
	limit := time.Duration(s.Timeout) * time.Second
	switch {
	case s.Owner == inventory.OwnerSignal:
		return fmt.Sprintf("%s did not happen within %s; look at the console (appliance node console %s), then resume with appliance rack install", s.Chapter, limit, s.Node)
	case s.State == inventory.StepReady:
		return fmt.Sprintf("the agent of %s did not take it within %s; look at the console (appliance node console %s), then resume with appliance rack install", s.Node, limit, s.Node)
	default:
		return fmt.Sprintf("it took longer than %s", limit)
	}
}
