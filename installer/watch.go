package installer

import (
	"context"
	"fmt"
	"slices"
	"time"

	"sandai/bmc"
	"sandai/inventory"
)

// A node in a run that was not heard for quietFor may have lost its power: its
// BMC is asked, every watchEvery. Silence alone means nothing, since a server
// tests itself for half an hour; that it is off does.
const (
	watchEvery = 15 * time.Second
	quietFor   = 45 * time.Second
)

// mostMends is how often a run brings one node back by itself; after that a
// person has to look at it.
const mostMends = 3

// watch finds the nodes that were interrupted and brings them back, until ctx
// ends.
func (e *Engine) watch(ctx context.Context) {
	t := time.NewTicker(watchEvery)
	defer t.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-t.C:
		}
		runs, err := e.store.ActiveRuns(ctx)
		for _, run := range runs {
			if err == nil {
				err = e.watchRun(ctx, run)
			}
		}
		if err != nil && ctx.Err() == nil {
			e.log.Error("the nodes of a run cannot be watched; it is tried again", "err", err)
		}
	}
}

func (e *Engine) watchRun(ctx context.Context, run inventory.Run) error {
	rack, err := e.store.RackByID(ctx, run.RackID)
	if err != nil {
		return err
	}
	steps, err := e.store.Steps(ctx, run.ID)
	if err != nil {
		return err
	}
	for _, n := range rack.Nodes {
		s, ok := standOf(steps, n.Name)
		if !ok || n.BMC == nil || n.HandsOff != nil {
			continue
		}
		events, err := e.store.NodeEvents(ctx, n, append(slices.Clone(wireOrder), inventory.EventStray), s.powered)
		if err != nil {
			return err
		}
		why := interrupted(s, n, events, time.Now())
		if why == "" && quiet(s, n, events, time.Now()) && e.isOff(ctx, n) {
			why = "its power went off"
		}
		if why != "" {
			if err := e.mend(ctx, run, n, s, why); err != nil {
				return err
			}
		}
	}
	return nil
}

// stand is how far a node is that a run works on.
type stand struct {
	powered   time.Time       // when its power step ended
	inHand    *inventory.Step // one of its steps that is ready or running, nil for none
	enrolled  bool            // the ramdisk's agent proved who it is
	handed    bool            // the installed system was started
	installed bool            // the installed system reported
	phases    bool            // the run takes it through its phases
}

// standOf returns a node's stand; ok is false where the run wants nothing of it
// just now, its power step is still to come or under way, or it was switched off at
// the end. A node that is through its phases is wanted until the run ends: others need it. It is pure.
func standOf(steps []inventory.Step, node string) (s stand, ok bool) {
	done, off := false, false
	for i, v := range steps {
		if v.Node != node {
			continue
		}
		off = off || v.Chapter == phaseOff && v.State != inventory.StepPending
		is := v.State == inventory.StepDone
		switch v.Chapter {
		case phasePower:
			s.phases, done = true, is && v.EndedAt != nil
			if done {
				s.powered = *v.EndedAt
			}
		case phaseAgent:
			s.enrolled = is
		case phaseHandover:
			s.handed = is
		case phaseBoot:
			s.installed = is
		}
		if s.inHand == nil && (v.State == inventory.StepReady || v.State == inventory.StepRunning) {
			s.inHand = &steps[i]
		}
	}
	if s.inHand == nil {
		return s, s.installed
	}
	return s, (done || !s.phases) && !off
}

// interrupted says why a node has to begin its phases again though it has power,
// "" where it has not: it started from its disk though the ramdisk was meant (its
// boot loader got no answer, say), or it asks for an address in the middle of its
// installation, so its firmware has started anew, and the ramdisk's agent is gone.
// It is pure.
func interrupted(s stand, n inventory.Node, events []inventory.Event, now time.Time) string {
	if !s.handed && slices.ContainsFunc(events, func(ev inventory.Event) bool { return ev.Type == inventory.EventStray }) {
		return "it started its earlier system from its disk, in place of the ramdisk"
	}
	if !s.enrolled || s.handed || now.Sub(n.LastSeen) < quietFor/2 {
		return ""
	}
	var enrolled time.Time
	again := false
	for _, ev := range events {
		switch {
		case ev.Type == inventory.EventEnrolled:
			enrolled, again = ev.Time, false
		case ev.Type == inventory.EventDHCPDiscover && !enrolled.IsZero() && ev.Time.After(n.LastSeen):
			again = true
		}
	}
	if again {
		return "it started anew in the middle of its installation"
	}
	return ""
}

// quiet reports whether a node was not heard for a while. It is pure.
func quiet(s stand, n inventory.Node, events []inventory.Event, now time.Time) bool {
	heard := latest(s.powered, n.LastSeen)
	for _, ev := range events {
		heard = latest(heard, ev.Time)
	}
	return now.Sub(heard) > quietFor
}

// isOff asks the node's BMC. One that does not answer says nothing of the node.
func (e *Engine) isOff(ctx context.Context, n inventory.Node) bool {
	c, err := e.controller(ctx, n)
	if err == nil {
		var state bmc.PowerState
		if state, err = c.PowerState(ctx); err == nil {
			return state == bmc.PowerOff
		}
	}
	e.log.Warn("a node is silent, and its BMC does not say whether it has power", "node", n.Name, "err", err)
	return false
}

// mend brings an interrupted node back: an installed one is powered on, any other
// begins its phases again. One that needs it too often fails its step.
func (e *Engine) mend(ctx context.Context, run inventory.Run, n inventory.Node, s stand, why string) error {
	since := run.Created
	if run.Resumed != nil { // somebody looked at it
		since = *run.Resumed
	}
	times, err := e.store.NodeEvents(ctx, n, []inventory.EventType{inventory.EventPower}, since)
	if err != nil {
		return err
	}
	if len(times) >= mostMends {
		if s.inHand == nil {
			return nil
		}
		return e.giveUp(ctx, run, *s.inHand, fmt.Sprintf("%s, for the %d. time in this run; look at its power supply and its console (appliance node console %s), then resume with appliance rack install",
			why, len(times)+1, n.Name))
	}
	what := "its installation begins again"
	if s.installed || !s.phases {
		what = "it is powered on again"
	}
	ev := inventory.Event{Time: time.Now(), Type: inventory.EventPower, RunID: &run.ID, Node: n.Name, MAC: n.MAC(inventory.Provisioning),
		Text: fmt.Sprintf("%s: %s; %s (%d of at most %d times)", n.Name, why, what, len(times)+1, mostMends)}
	if _, err := e.store.AppendEvent(ctx, ev); err != nil {
		return err
	}
	e.log.Warn(ev.Text, "run", run.ID)
	if s.installed || !s.phases {
		return e.switchOn(ctx, n)
	}
	steps, err := e.store.Steps(ctx, run.ID)
	if err != nil {
		return err
	}
	return e.again(ctx, run, steps, func(s inventory.Step) bool {
		return s.Node == n.Name && isPhase(s.Chapter) && s.State != inventory.StepPending
	}, "")
}

// switchOn powers an installed node on; a BMC that fails is asked again when the
// node is next looked at.
func (e *Engine) switchOn(ctx context.Context, n inventory.Node) error {
	c, err := e.controller(ctx, n)
	if err == nil {
		err = c.SetPower(ctx, bmc.PowerOpOn)
	}
	if err != nil {
		e.log.Error("a node cannot be powered on again", "node", n.Name, "err", err)
	}
	return nil
}

func (e *Engine) giveUp(ctx context.Context, run inventory.Run, s inventory.Step, reason string) error {
	now := time.Now()
	_, err := e.store.UpdateStep(ctx, run.ID, s.Key, func(s *inventory.Step) error {
		if s.State == inventory.StepReady || s.State == inventory.StepRunning {
			s.State, s.Reason, s.EndedAt, s.Deadline = inventory.StepFailed, reason, &now, nil
		}
		return nil
	}, stepEvent(run, s, string(inventory.StepFailed), reason))
	return err
}
