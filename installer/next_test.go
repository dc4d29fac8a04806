package installer

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"sandai/inventory"
)

func TestNext(t *testing.T) {
	now := time.Date(2026, 11, 24, 12, 0, 0, 0, time.UTC)
	past := now.Add(-time.Minute)
	step := func(key string, st inventory.StepState, o inventory.Owner, needs ...string) inventory.Step {
		return inventory.Step{Key: key, State: st, Owner: o, Needs: needs, Timeout: 60, Node: "n", Chapter: key}
	}
	late := step("late", inventory.StepRunning, inventory.OwnerAgent)
	late.Deadline = &past
	lost := step("lost", inventory.StepReady, inventory.OwnerAgent)
	lost.Deadline = &past
	ended := step("ended", inventory.StepDone, inventory.OwnerAgent)
	ended.EndedAt = &past

	for name, c := range map[string]struct {
		run     inventory.Run
		steps   []inventory.Step
		signals map[string]time.Time
		held    map[string]bool
		want    []string
	}{
		"the first step of all": {
			steps: []inventory.Step{step("a", inventory.StepPending, inventory.OwnerAgent)},
			want:  []string{"a ready 12:00:00"},
		},
		"needs hold a step": {
			steps: []inventory.Step{step("a", inventory.StepRunning, inventory.OwnerAgent), step("b", inventory.StepPending, inventory.OwnerAgent, "a")},
		},
		"a skipped step counts as done": {
			steps: []inventory.Step{step("a", inventory.StepSkipped, inventory.OwnerAgent), step("b", inventory.StepPending, inventory.OwnerAgent, "a")},
			want:  []string{"b ready 12:00:00"},
		},
		"a signal runs from the end of what it needs": {
			steps: []inventory.Step{ended, step("b", inventory.StepPending, inventory.OwnerSignal, "ended")},
			want:  []string{"b running 11:59:00"},
		},
		"a signal ends when it was seen": {
			steps:   []inventory.Step{step("b", inventory.StepRunning, inventory.OwnerSignal)},
			signals: map[string]time.Time{"b": past},
			want:    []string{"b done 11:59:00"},
		},
		"a failed step stops new ones": {
			steps: []inventory.Step{step("a", inventory.StepFailed, inventory.OwnerAgent), step("b", inventory.StepPending, inventory.OwnerAgent)},
		},
		"a failed inspection of one node stops no other": {
			run:   inventory.Run{Kind: inventory.RunInspect},
			steps: []inventory.Step{step("a", inventory.StepFailed, inventory.OwnerAgent), step("b", inventory.StepPending, inventory.OwnerAgent), step("c", inventory.StepPending, inventory.OwnerAgent, "a")},
			want:  []string{"b ready 12:00:00"},
		},
		"hands off hold a node's steps, not its signals": {
			steps:   []inventory.Step{late, step("a", inventory.StepPending, inventory.OwnerAgent), step("b", inventory.StepRunning, inventory.OwnerSignal)},
			signals: map[string]time.Time{"b": past},
			held:    map[string]bool{"n": true},
			want:    []string{"b done 11:59:00"},
		},
		"a stop holds what has not begun": {
			run:     inventory.Run{StopAt: &past},
			steps:   []inventory.Step{step("a", inventory.StepPending, inventory.OwnerAgent), step("b", inventory.StepRunning, inventory.OwnerSignal), step("c", inventory.StepPending, inventory.OwnerSignal)},
			signals: map[string]time.Time{"b": past},
			want:    []string{"b done 11:59:00"},
		},
		"a deadline missed": {
			steps: []inventory.Step{late, lost},
			want:  []string{"late failed 12:00:00 it took longer", "lost failed 12:00:00 the agent of n did not take it"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			var got []string
			for _, m := range next(c.run, c.steps, c.signals, c.held, now) {
				s := m.step.Key + " " + string(m.state) + " " + m.at.Format(time.TimeOnly)
				if m.reason != "" {
					s += " " + strings.Join(strings.Fields(m.reason)[:min(4, len(strings.Fields(m.reason)))], " ")
				}
				got = append(got, s)
			}
			if name == "a deadline missed" {
				for i := range c.want {
					if i >= len(got) || !strings.HasPrefix(c.want[i], strings.Join(strings.Fields(got[i])[:5], " ")) {
						t.Fatalf("got %q, want %q", got, c.want)
					}
				}
				return
			}
			if d := cmp.Diff(c.want, got); d != "" {
				t.Error(d)
			}
		})
	}
}

func TestVerdict(t *testing.T) {
	stop := time.Now()
	const pending, ready, running, done, failed, skipped = inventory.StepPending, inventory.StepReady, inventory.StepRunning, inventory.StepDone, inventory.StepFailed, inventory.StepSkipped
	for name, c := range map[string]struct {
		run   inventory.Run
		steps []inventory.StepState
		want  inventory.RunState
	}{
		"under way":                       {inventory.Run{}, []inventory.StepState{done, running, pending}, inventory.RunActive},
		"between two steps":               {inventory.Run{}, []inventory.StepState{done, pending}, inventory.RunActive},
		"all done":                        {inventory.Run{}, []inventory.StepState{done, skipped}, inventory.RunDone},
		"failed, though others run":       {inventory.Run{}, []inventory.StepState{failed, running}, inventory.RunFailed},
		"an inspection waits for others":  {inventory.Run{Kind: inventory.RunInspect}, []inventory.StepState{failed, running}, inventory.RunActive},
		"an inspection that is blocked":   {inventory.Run{Kind: inventory.RunInspect}, []inventory.StepState{failed, pending, done}, inventory.RunFailed},
		"a stop waits for what is ready":  {inventory.Run{StopAt: &stop}, []inventory.StepState{done, ready, pending}, inventory.RunActive},
		"a stop takes hold":               {inventory.Run{StopAt: &stop}, []inventory.StepState{done, pending}, inventory.RunStopped},
		"a stop that came after the last": {inventory.Run{StopAt: &stop}, []inventory.StepState{done, done}, inventory.RunDone},
		"a failure tells more":            {inventory.Run{StopAt: &stop}, []inventory.StepState{failed, pending}, inventory.RunFailed},
	} {
		var steps []inventory.Step
		for _, st := range c.steps {
			steps = append(steps, inventory.Step{State: st})
		}
		got, at := verdict(c.run, steps)
		if got != c.want || (at != nil) != (got == inventory.RunFailed) {
			t.Errorf("%s: %s at %v, want %s", name, got, at, c.want)
		}
	}
}

func TestDecide(t *testing.T) {
	for name, c := range map[string]struct {
		node inventory.Node
		want inventory.BootAction
	}{
		"a newcomer is looked at":          {inventory.Node{State: inventory.Discovered, BootNonce: "n"}, inventory.BootRamdisk},
		"a newcomer is looked at once":     {inventory.Node{State: inventory.Discovered, BootNonce: "n", NonceSpends: 1}, inventory.BootDisk},
		"a newcomer that nobody looks at":  {inventory.Node{State: inventory.Discovered}, inventory.BootDisk},
		"an inspected newcomer":            {inventory.Node{State: inventory.Inspected}, inventory.BootDisk},
		"a ready node is looked at":        {inventory.Node{State: inventory.Ready, Role: inventory.Compute, BootNonce: "n"}, inventory.BootRamdisk},
		"a ready node did not report":      {inventory.Node{State: inventory.Ready, Role: inventory.Compute, BootNonce: "n", NonceSpends: maxSpends}, inventory.BootDisk},
		"no role, no ramdisk":              {inventory.Node{State: inventory.Ready, BootNonce: "n"}, inventory.BootDisk},
		"an install is due":                {inventory.Node{State: inventory.Deploying, Role: inventory.Compute, BootNonce: "n"}, inventory.BootRamdisk},
		"the nonce is spent":               {inventory.Node{State: inventory.Deploying, Role: inventory.Compute}, inventory.BootDisk},
		"an active node starts its disk":   {inventory.Node{State: inventory.Active, Role: inventory.Compute}, inventory.BootDisk},
		"handed out too often":             {inventory.Node{State: inventory.Deploying, Role: inventory.Compute, BootNonce: "n", NonceSpends: maxSpends}, inventory.BootSilent},
		"a parked node gets no answer":     {inventory.Node{State: inventory.Parked, Role: inventory.Compute, BootNonce: "n"}, inventory.BootSilent},
		"hands off means no answer either": {inventory.Node{State: inventory.Deploying, HandsOff: new(time.Time), Role: inventory.Compute, BootNonce: "n"}, inventory.BootSilent},
	} {
		t.Run(name, func(t *testing.T) {
			d := decide(c.node)
			if d.Action != c.want {
				t.Errorf("got %s (%s), want %s", d.Action, d.Reason, c.want)
			}
			if (d.Nonce != "") != (d.Action == inventory.BootRamdisk) {
				t.Errorf("a nonce goes with the ramdisk and with nothing else, got %q with %s", d.Nonce, d.Action)
			}
			if d.Reason == "" {
				t.Error("a decision without a reason")
			}
		})
	}
}
