package installer

import (
	"context"
	"fmt"
	"time"

	"sandai/inventory"
)

// jumpLeast is how far the clock has to be set for the deadlines to follow it;
// less than that is how clocks are kept right.
const jumpLeast = 30 * time.Second

// grace is the least time that a step in hand has left when the appliance starts:
// its node had nobody to report to meanwhile.
const grace = 2 * time.Minute

// jump says how far the clock was set, from how much time went by on it and by the
// monotonic clock, which nobody sets. It is pure.
func jump(wall, monotonic time.Duration) time.Duration {
	if d := wall - monotonic; d.Abs() >= jumpLeast {
		return d
	}
	return 0
}

// clockWatch compares the two clocks from one call to the next.
type clockWatch struct{ last time.Time }

func (c *clockWatch) jumped() time.Duration {
	now := time.Now()
	defer func() { c.last = now }()
	if c.last.IsZero() {
		return 0
	}
	return jump(now.Round(0).Sub(c.last.Round(0)), now.Sub(c.last))
}

// followClock moves every deadline with the clock, forward or back: no step is
// late, and none has for ever, because somebody set it.
func (e *Engine) followClock(ctx context.Context, by time.Duration) error {
	text := fmt.Sprintf("the appliance's clock was set by %s; the deadlines of what is under way move with it", by.Round(time.Second))
	e.log.Warn(text)
	return e.eachInHand(ctx, text, func(d time.Time) time.Time { return d.Add(by) })
}

// giveGrace gives what is in hand at the start of the process time to report.
func (e *Engine) giveGrace(ctx context.Context) error {
	least := time.Now().Add(grace)
	return e.eachInHand(ctx, "", func(d time.Time) time.Time {
		if d.Before(least) {
			return least
		}
		return d
	})
}

// eachInHand changes the deadlines of all active runs' steps; text, if any,
// becomes an event of each run.
func (e *Engine) eachInHand(ctx context.Context, text string, change func(time.Time) time.Time) error {
	runs, err := e.store.ActiveRuns(ctx)
	if err != nil {
		return err
	}
	for _, run := range runs {
		steps, err := e.store.Steps(ctx, run.ID)
		if err != nil {
			return err
		}
		if err := e.moveDeadlines(ctx, run.ID, steps, func(s inventory.Step) time.Time { return change(*s.Deadline) }); err != nil {
			return err
		}
		if text == "" {
			continue
		}
		if _, err := e.store.AppendEvent(ctx, runEvent(run, text)); err != nil {
			return err
		}
	}
	return nil
}

// moveDeadlines gives those of a run's steps that have a deadline the one that
// change says.
func (e *Engine) moveDeadlines(ctx context.Context, run uint, steps []inventory.Step, change func(inventory.Step) time.Time) error {
	for _, s := range steps {
		if s.Deadline == nil || change(s).Equal(*s.Deadline) {
			continue
		}
		if _, err := e.store.UpdateStep(ctx, run, s.Key, func(s *inventory.Step) error {
			if s.Deadline != nil {
				d := change(*s)
				s.Deadline = &d
			}
			return nil
		}); err != nil {
			return err
		}
	}
	return nil
}
