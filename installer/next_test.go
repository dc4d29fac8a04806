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
		steps   []inventory.Step
		signals map[string]time.Time
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
		"a deadline missed": {
			steps: []inventory.Step{late, lost},
			want:  []string{"late failed 12:00:00 it took longer", "lost failed 12:00:00 the agent of n did not take it"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			var got []string
			for _, m := range next(c.steps, c.signals, now) {
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

func TestDecide(t *testing.T) {
	for name, c := range map[string]struct {
		node inventory.Node
		want inventory.BootAction
	}{
		"a newcomer is never wiped":        {inventory.Node{State: inventory.Discovered, BootNonce: "n"}, inventory.BootDisk},
		"no role, no ramdisk":              {inventory.Node{State: inventory.Ready, BootNonce: "n"}, inventory.BootDisk},
		"an install is due":                {inventory.Node{State: inventory.Deploying, Role: inventory.Compute, BootNonce: "n"}, inventory.BootRamdisk},
		"the nonce is spent":               {inventory.Node{State: inventory.Deploying, Role: inventory.Compute}, inventory.BootDisk},
		"an active node starts its disk":   {inventory.Node{State: inventory.Active, Role: inventory.Compute}, inventory.BootDisk},
		"handed out too often":             {inventory.Node{State: inventory.Deploying, Role: inventory.Compute, BootNonce: "n", NonceSpends: maxSpends}, inventory.BootSilent},
		"a parked node gets no answer":     {inventory.Node{State: inventory.Parked, Role: inventory.Compute, BootNonce: "n"}, inventory.BootSilent},
		"hands off means no answer either": {inventory.Node{State: inventory.Maintenance, Role: inventory.Compute, BootNonce: "n"}, inventory.BootSilent},
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
