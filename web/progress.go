package web

import (
	"context"
	"maps"
	"slices"
	"time"

	"sandai/inventory"
	"sandai/web/progress"
)

// look is a rack with its latest run, read once for all that is drawn of it.
type look struct {
	rack     inventory.Rack
	steps    []inventory.Step
	progress *progress.Progress // nil where the rack was never installed
}

func (s *server) look(ctx context.Context, name string) (l look, err error) {
	if l.rack, err = s.Racks.Rack(ctx, name); err != nil {
		return l, err
	}
	run, err := s.Runs.LatestRun(ctx, l.rack.ID)
	if err != nil {
		if inventory.CodeOf(err) == inventory.NotFound {
			err = nil
		}
		return l, err
	}
	if l.steps, err = s.Runs.Steps(ctx, run.ID); err != nil {
		return l, err
	}
	var expected map[string]float64
	if run.State == inventory.RunActive {
		if expected, err = s.expected(ctx, l.rack.ID, run.ID); err != nil {
			return l, err
		}
	}
	p := progress.Of(l.rack, run, l.steps, expected, time.Now())
	l.progress = &p
	return l, nil
}

func (s *server) rackProgress(ctx context.Context, name string) (progress.Progress, error) {
	l, err := s.look(ctx, name)
	if err == nil && l.progress == nil {
		err = inventory.Errorf(inventory.NotFound, "rack %s was never installed: appliance rack install %s", l.rack.Name, l.rack.Name)
	}
	if err != nil {
		return progress.Progress{}, err
	}
	return *l.progress, nil
}

// expected returns how long each step took in the rack's last good install before
// this run, and in the last good run of its kind; nil when there is none.
func (s *server) expected(ctx context.Context, rackID, runID uint) (map[string]float64, error) {
	runs, err := s.Runs.Runs(ctx, rackID)
	if err != nil {
		return nil, err
	}
	last := map[inventory.RunKind]uint{}
	kind := inventory.RunInstall
	for _, r := range runs {
		if r.State == inventory.RunDone && r.ID < runID {
			last[r.Kind] = max(last[r.Kind], r.ID)
		}
		if r.ID == runID {
			kind = r.Kind
		}
	}
	var out map[string]float64
	for _, k := range slices.Compact([]inventory.RunKind{inventory.RunInstall, kind}) {
		if last[k] == 0 {
			continue
		}
		steps, err := s.Runs.Steps(ctx, last[k])
		if err != nil {
			return nil, err
		}
		if out == nil {
			out = map[string]float64{}
		}
		maps.Copy(out, progress.Expected(steps))
	}
	return out, nil
}
