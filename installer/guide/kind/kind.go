// Package kind holds the closed set of step kinds of the install guide, one file
// each. Every kind that runs on a node is Check → Apply → Verify; the api kind is
// carried out on the appliance by installer/cloud.
package kind

import (
	"context"
	"fmt"
	"strings"
)

// Cmd is an outside command. Name it fully in Args; no shell is involved.
type Cmd struct {
	Args  []string
	Env   []string // added to the environment, "KEY=value"
	User  string   // run as this user; "" is root
	Stdin string
}

// Result is how a command ended.
type Result struct {
	Stdout, Stderr string
	Code           int // exit status
}

// Host is the system that a step changes: a node, or an image being built.
type Host interface {
	// Run runs a quick command (a query) and waits for it. A non-zero exit is
	// not an error, it is in Result.Code; an error means it could not be run.
	Run(ctx context.Context, c Cmd) (Result, error)
	// RunLong is Run for a step's main command: on a booted node it becomes a
	// transient systemd unit named after the step, which outlives the agent and
	// is found again.
	RunLong(ctx context.Context, c Cmd) (Result, error)
	// Booted reports whether systemd runs the system. While an image is built
	// it does not: units can be enabled, not started.
	Booted() bool
}

// Kind is one step's specification, ready to be carried out.
type Kind interface {
	// Validate checks the specification alone; the error names the field.
	Validate() error
	// Check reports whether nothing needs to be done.
	Check(ctx context.Context, h Host) (done bool, err error)
	// Apply does it. It may be called again after a crash at any point.
	Apply(ctx context.Context, h Host) error
	// Verify returns an error that says what is still not so.
	Verify(ctx context.Context, h Host) error
}

// Do carries a step out: nothing when Check says it is done, else Apply and
// Verify. What it changed is told before, and holds where Apply fails. The units of
// notify that run are restarted by the next service step that starts them.
func Do(ctx context.Context, h Host, k Kind, notify ...string) (Effect, error) {
	done, err := k.Check(ctx, h)
	if err != nil {
		return Effect{}, fmt.Errorf("check: %w", err)
	}
	if done {
		return Effect{}, nil
	}
	if err := askRestart(ctx, h, notify); err != nil {
		return Effect{}, fmt.Errorf("note that %s is to be restarted: %w", strings.Join(notify, ", "), err)
	}
	effect := Effect{Changed: true, Diff: diffOf(h, k)}
	if err := k.Apply(ctx, h); err != nil {
		return effect, fmt.Errorf("apply: %w", err)
	}
	if err := k.Verify(ctx, h); err != nil {
		return effect, fmt.Errorf("verify: %w", err)
	}
	return effect, nil
}

// Look tells what Do would change, and changes nothing. What cannot be looked at,
// such as a database whose server was stopped, is not as it should be either: the
// effect says why.
func Look(ctx context.Context, h Host, k Kind) Effect {
	done, err := k.Check(ctx, h)
	switch {
	case err != nil:
		return Effect{Changed: true, Diff: fmt.Sprintf("- cannot be looked at: %v\n", err)}
	case done:
		return Effect{}
	}
	if l, ok := k.(lacker); ok {
		return Effect{Changed: true, Diff: lines("- ", []string{l.lack()})}
	}
	return Effect{Changed: true, Diff: diffOf(h, k)}
}

// lacker is a Kind whose Apply changes nothing that could be shown beforehand; lack
// is what Check found not to be so.
type lacker interface{ lack() string }
