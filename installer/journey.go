package installer

import (
	"context"
	"fmt"
	"strings"
	"time"

	"sandai/inventory"
)

// Checks of the proof that the engine has a hand in.
const (
	checkServers = "servers"
	checkJourney = "journey"
)

// Journey gives the way of the proof's server as the latest run saw it that
// collected it.
func (e *Engine) Journey(ctx context.Context, rack string) (inventory.Journey, error) {
	r, err := e.store.Rack(ctx, rack)
	if err != nil {
		return inventory.Journey{}, err
	}
	return e.store.Journey(ctx, r.ID)
}

// keepWatched stores what was seen while the server was made, so that it is not
// lost with this process.
func (e *Engine) keepWatched(ctx context.Context, run inventory.Run, cloud Cloud) error {
	j, ok := cloud.Watched()
	if !ok {
		return nil
	}
	known, err := e.store.Journey(ctx, run.RackID)
	switch {
	case inventory.CodeOf(err) != inventory.NotFound && err != nil:
		return err
	case err == nil && known.ID == j.ID && known.Seen() >= j.Seen():
		return nil // of this very server more is known already
	}
	return e.store.PutJourney(ctx, run.ID, j)
}

// collect carries the proof's check "journey" out. A server whose journey an
// earlier run has collected is left at that: its logs may be gone by now.
func (e *Engine) collect(ctx context.Context, rack inventory.Rack, run inventory.Run, cloud Cloud) (outcome, error) {
	known, err := e.store.Journey(ctx, rack.ID)
	if err != nil && inventory.CodeOf(err) != inventory.NotFound {
		return outcome{}, err
	}
	mask, err := e.masker(ctx, rack.ID)
	if err != nil {
		return outcome{}, err
	}
	j, err := cloud.Journey(ctx, known, func(ctx context.Context, node string, c inventory.Call) (inventory.CallAnswer, error) {
		a, err := e.call(ctx, rack, node, c)
		for i := range a.Lines {
			a.Lines[i].Text = mask.Replace(a.Lines[i].Text)
		}
		for i := range a.Logs {
			a.Logs[i].Error = mask.Replace(a.Logs[i].Error)
		}
		return a, err
	})
	if err != nil {
		return outcome{}, err
	}
	if known.ID == j.ID && known.Run != run.ID && known.Seen() >= j.Seen() {
		return outcome{summary: fmt.Sprintf("run %d has collected the way of %s: %d steps seen", known.Run, known.Server, known.Seen())}, nil
	}
	if err := e.store.PutJourney(ctx, run.ID, j); err != nil {
		return outcome{}, err
	}
	return outcome{changed: true, summary: fmt.Sprintf("%s on %s: %d of %d steps seen, %d states", j.Server, j.Node, j.Seen(), len(j.Steps), len(j.States)), output: journeyTable(j)}, nil
}

// journeyTable is the journey for a person who reads a step's output.
func journeyTable(j inventory.Journey) string {
	var b strings.Builder
	for _, s := range j.Steps {
		number, seen := "", "not observed"
		if s.Number > 0 {
			number = fmt.Sprint(s.Number)
		}
		if s.Seen != nil {
			seen = s.Seen.Format("15:04:05.000")
			if s.Second {
				seen = s.Seen.Format(time.TimeOnly)
			}
		}
		fmt.Fprintf(&b, "%2s  %-12s  %-15s %s\n", number, seen, s.Who, s.What.EN)
	}
	for _, s := range j.States {
		fmt.Fprintf(&b, "    %-12s  %s, task %s, power %s\n", s.At.Format("15:04:05.000"), s.Status, orNone(s.Task), s.Power)
	}
	for _, p := range j.Problems {
		fmt.Fprintf(&b, "    %s\n", p)
	}
	return b.String()
}

func orNone(s string) string {
	if s == "" {
		return "none"
	}
	return s
}
