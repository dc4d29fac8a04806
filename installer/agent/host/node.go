package host

import (
	"context"
	"fmt"

	"sandai/installer/agent"
	"sandai/installer/guide/kind"
	"sandai/inventory"
)

// Node carries out the steps of the guide on the booted system.
type Node struct {
	Self  string // the agent's own program, which units run commands through
	Dir   string // keeps commands and outputs of units, "/var/lib/sandai/steps"
	Units Units
}

// Work is the agent's work in the installed system.
func (n *Node) Work(ctx context.Context, t inventory.Task, say func(agent.Progress)) agent.Outcome {
	var out agent.Outcome
	k, err := kind.Parse(t.Kind, t.Spec)
	if err != nil {
		out.Err = fmt.Errorf("the step cannot be read: %w; appliance and agent may be of different versions, install the node again", err)
		return out
	}
	h := &nodeHost{node: n, task: t, say: say, calls: map[string]int{}}
	var effect kind.Effect
	if t.Look {
		effect = kind.Look(ctx, h, k)
		out.Err = ctx.Err() // what was cut off has not looked
	} else {
		effect, out.Err = kind.Do(ctx, h, k, t.Notify...)
	}
	out.Changed, out.Diff = effect.Changed, effect.Diff
	h.rec.fill(&out)
	if ctx.Err() == nil || agent.MustStop(ctx) {
		h.release(context.WithoutCancel(ctx))
	}
	return out
}

// nodeHost is the booted system as one step sees it.
type nodeHost struct {
	node  *Node
	task  inventory.Task
	say   func(agent.Progress)
	rec   recorder
	calls map[string]int // how often each command was run as a unit
	units []string       // started or found, to be released at the end
}

// Booted is true.
func (h *nodeHost) Booted() bool { return true }

// Run runs a query as a child of the agent.
func (h *nodeHost) Run(ctx context.Context, c kind.Cmd) (kind.Result, error) {
	res, err := execute(ctx, c)
	h.rec.add(c, res, false)
	return res, err
}
