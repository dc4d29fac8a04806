package main

import (
	"context"
	"fmt"
	"io"
	"time"

	"sandai/inventory"
	"sandai/web/progress"
)

// patience is how long the appliance may be away while a run is followed; a
// restart takes seconds.
const patience = 10 * time.Minute

// snapshot is what a view shows.
type snapshot struct {
	progress progress.Progress
	steps    []inventory.Step
}

// progressView shows snapshots as they come.
type progressView interface {
	show(s snapshot)
	// away says that the appliance does not answer, for how long by now.
	away(since time.Duration)
	// pause is how often to show, when nothing happens.
	pause() time.Duration
}

func newView(out io.Writer) progressView {
	if width := terminalWidth(out); width > 0 {
		return &blockView{out: out}
	}
	return &logView{out: out}
}

// followRack shows a rack's latest run until it ends. It ends with an error
// when the run failed, or when the appliance is away for too long.
func followRack(ctx context.Context, c *client, rack string, out io.Writer) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	wake := c.eventWakes(ctx)
	v := newView(out)
	var gone time.Time
	for {
		s, err := c.snapshot(ctx, rack)
		switch {
		case err == nil:
			gone = time.Time{}
			v.show(s)
			if s.progress.Run.State != inventory.RunActive {
				printFailed(out, rack, s.progress)
				if s.progress.Run.State == inventory.RunDone {
					fmt.Fprintf(out, "run %d of rack %s is done after %s: %d steps\n", s.progress.Run.ID, rack, progress.Span(s.progress.Elapsed), s.progress.Total)
				}
				return runError(rack, s.progress.Run)
			}
		case ctx.Err() != nil:
			return interrupted(rack)
		case !isUnreachable(err):
			return err
		case gone.IsZero():
			gone = time.Now()
			v.away(0)
		case time.Since(gone) > patience:
			return err
		default:
			v.away(time.Since(gone))
		}
		select {
		case <-ctx.Done():
			return interrupted(rack)
		case <-wake:
			// Several events come at once; one look covers them.
			select {
			case <-ctx.Done():
				return interrupted(rack)
			case <-time.After(300 * time.Millisecond):
			}
		case <-time.After(v.pause()):
		}
	}
}

func interrupted(rack string) error {
	return fmt.Errorf("interrupted; the run goes on in the appliance: appliance rack status %s --follow shows it", rack)
}

func (c *client) snapshot(ctx context.Context, rack string) (snapshot, error) {
	var s snapshot
	var err error
	if s.progress, err = c.progress(ctx, rack); err != nil {
		return s, err
	}
	err = c.get(ctx, fmt.Sprintf("/runs/%d/steps", s.progress.Run.ID), &s.steps)
	return s, err
}

// printFailed tells all there is to know of the failed steps, and how to go on.
func printFailed(out io.Writer, rack string, p progress.Progress) {
	for _, s := range p.Failed {
		took := ""
		if s.StartedAt != nil && s.EndedAt != nil {
			took = " after " + progress.Span(s.EndedAt.Sub(*s.StartedAt).Seconds())
		}
		fmt.Fprintf(out, "\n✕ %s failed%s (attempt %d)\n  %s\n", s.Key, took, max(1, s.Attempt), s.Title)
		fmt.Fprintf(out, "  reason:\n%s", indent(s.Reason))
		for _, part := range []struct{ name, text string }{{"command", s.Command}, {"stdout", s.Stdout}, {"stderr", s.Stderr}} {
			if part.text == "" {
				part.text = "(none)"
			}
			fmt.Fprintf(out, "  %s:\n%s", part.name, indent(part.text))
		}
	}
	if len(p.Failed) > 0 {
		fmt.Fprintf(out, "\nWhat is finished stays finished. To go on: appliance rack install %s --follow\n", rack)
	}
}
