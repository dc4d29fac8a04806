package agent_test

import (
	"context"
	"errors"
	"net/http"
	"slices"
	"sync/atomic"
	"testing"

	"sandai/installer/agent"
	"sandai/installer/agent/agenttest"
	"sandai/inventory"
)

// answering runs an agent that works on nothing and answers calls.
func answering(t *testing.T, a *agenttest.Appliance, calls agent.Calls) {
	t.Helper()
	startWith(t, a, "", func(ctx context.Context, _ inventory.Task, _ func(agent.Progress)) agent.Outcome {
		<-ctx.Done()
		return agent.Outcome{Err: ctx.Err()}
	}, calls)
}

// A call is answered while a task is in work, and its answer is sent again until
// it is accepted.
func TestCallBesideTask(t *testing.T) {
	a := agenttest.New(t, "127.0.0.1:0")
	var tries, asked atomic.Int32
	a.Fault = func(path string) (int, bool) {
		if path == "/agent/v1/answer" && tries.Add(1) < 3 {
			return http.StatusBadGateway, false
		}
		return 0, false
	}
	answering(t, a, func(_ context.Context, c inventory.Call) inventory.CallAnswer {
		asked.Add(1)
		return inventory.CallAnswer{Units: []inventory.Unit{{Name: c.Units[0], Active: "active"}}}
	})
	a.Give(task("long"))
	a.Until(t, "the task in work", limit, func(_ []inventory.StepReport, polls []inventory.PollRequest) bool {
		return slices.ContainsFunc(polls, func(p inventory.PollRequest) bool { return p.Calls && slices.Contains(p.Running, "long") })
	})
	ans := a.Ask(t, inventory.Call{ID: "c1", Kind: inventory.CallUnits, Seconds: 20, Units: []string{"nova-api.service"}}, limit)
	if len(ans.Units) != 1 || ans.Units[0].Name != "nova-api.service" || ans.Error != "" || ans.Now.IsZero() {
		t.Errorf("the answer is %+v", ans)
	}
	if tries.Load() != 3 || asked.Load() != 1 {
		t.Errorf("%d tries to deliver, carried out %d times; want 3 and 1", tries.Load(), asked.Load())
	}
}

func TestCallFails(t *testing.T) {
	a := agenttest.New(t, "127.0.0.1:0")
	late := make(chan struct{})
	answering(t, a, func(ctx context.Context, c inventory.Call) inventory.CallAnswer {
		switch c.ID {
		case "panics":
			panic(errors.New("boo"))
		case "late":
			<-ctx.Done() // the call's time is up before it is done
			close(late)
		}
		return inventory.CallAnswer{}
	})
	if ans := a.Ask(t, inventory.Call{ID: "panics", Seconds: 20}, limit); ans.Code != inventory.Internal || ans.Error != "a defect in the agent: boo" {
		t.Errorf("a panic answers %+v", ans)
	}
	a.Call(inventory.Call{ID: "late", Seconds: 1})
	<-late
	a.Ask(t, inventory.Call{ID: "after", Seconds: 20}, limit)
	if i := slices.IndexFunc(a.Answers(), func(x inventory.CallAnswer) bool { return x.ID == "late" }); i >= 0 {
		t.Errorf("an answer was sent after its time: %+v", a.Answers()[i])
	}
}

// More calls than a node should work on at once are refused, not queued.
func TestCallsBusy(t *testing.T) {
	a := agenttest.New(t, "127.0.0.1:0")
	release := make(chan struct{})
	var in atomic.Int32
	answering(t, a, func(context.Context, inventory.Call) inventory.CallAnswer {
		in.Add(1)
		<-release
		return inventory.CallAnswer{}
	})
	for i := range 8 {
		a.Call(inventory.Call{ID: string(rune('a' + i)), Seconds: 60})
	}
	if ans := a.Ask(t, inventory.Call{ID: "one too many", Seconds: 60}, limit); ans.Code != inventory.Unavailable {
		t.Errorf("the ninth call answers %+v", ans)
	}
	close(release)
	a.Until(t, "the answers to the others", limit, func([]inventory.StepReport, []inventory.PollRequest) bool { return in.Load() == 8 })
}

// An agent without a desk, as in the ramdisk, says so.
func TestNoCalls(t *testing.T) {
	a := agenttest.New(t, "127.0.0.1:0")
	answering(t, a, nil)
	a.Until(t, "a poll", limit, func(_ []inventory.StepReport, polls []inventory.PollRequest) bool {
		return len(polls) > 0 && !polls[0].Calls
	})
}
