package web

import (
	"context"
	"time"

	"sandai/inventory"
	"sandai/web/progress"
)

func (s *server) rackProgress(ctx context.Context, name string) (progress.Progress, error) {
	r, err := s.Racks.Rack(ctx, name)
	if err != nil {
		return progress.Progress{}, err
	}
	run, err := s.Runs.LatestRun(ctx, r.ID)
	if err != nil {
		return progress.Progress{}, err
	}
	steps, err := s.Runs.Steps(ctx, run.ID)
	if err != nil {
		return progress.Progress{}, err
	}
	var expected map[string]float64
	if run.State == inventory.RunActive {
		if expected, err = s.expected(ctx, r.ID, run.ID); err != nil {
			return progress.Progress{}, err
		}
	}
	return progress.Of(r, run, steps, expected, time.Now()), nil
}

// expected returns how long each step took in the rack's last good run before
// this one; nil when there is none.
func (s *server) expected(ctx context.Context, rackID, runID uint) (map[string]float64, error) {
	runs, err := s.Runs.Runs(ctx, rackID)
	if err != nil {
		return nil, err
	}
	var last uint
	for _, r := range runs {
		if r.State == inventory.RunDone && r.ID < runID && r.ID > last {
			last = r.ID
		}
	}
	if last == 0 {
		return nil, nil
	}
	steps, err := s.Runs.Steps(ctx, last)
	return progress.Expected(steps), err
}
