package db

import (
	"context"
	"fmt"

	"gorm.io/gorm"

	"sandai/inventory"
)

// Steps lists a run's steps in the order of the plan.
func (s *Store) Steps(ctx context.Context, runID uint) ([]inventory.Step, error) {
	var steps []inventory.Step
	if err := s.read(ctx).Where("run_id = ?", runID).Order("seq, id").Find(&steps).Error; err != nil {
		return nil, fail(err, "listing the steps of run %d", runID)
	}
	return steps, nil
}

// CountSteps says of each of a rack's runs how many steps it has, and how many
// are done or skipped.
func (s *Store) CountSteps(ctx context.Context, rackID uint) (map[uint]inventory.StepCount, error) {
	var rows []struct {
		RunID uint
		inventory.StepCount
	}
	err := s.read(ctx).Table("steps").Joins("JOIN runs ON runs.id = steps.run_id").Where("runs.rack_id = ?", rackID).
		Select("steps.run_id, COUNT(*) AS total, SUM(steps.state IN ('done', 'skipped')) AS done").Group("steps.run_id").Scan(&rows).Error
	if err != nil {
		return nil, fail(err, "counting the steps of a rack's runs")
	}
	out := make(map[uint]inventory.StepCount, len(rows))
	for _, r := range rows {
		out[r.RunID] = r.StepCount
	}
	return out, nil
}

// Step returns a step of a run by its key, or NotFound.
func (s *Store) Step(ctx context.Context, runID uint, key string) (inventory.Step, error) {
	return takeStep(s.read(ctx), runID, key)
}

func takeStep(g *gorm.DB, runID uint, key string) (inventory.Step, error) {
	var st inventory.Step
	err := g.Where("run_id = ? AND key = ?", runID, key).Take(&st).Error
	if missing(err) {
		return st, inventory.Errorf(inventory.NotFound, "run %d has no step %q: see its list of steps", runID, key)
	}
	if err != nil {
		return st, fail(err, "reading step %s", key)
	}
	return st, nil
}

// UpdateStep reads a step, lets fn change it, and writes it with the events in
// one transaction; fn sees no older state and loses no other's change. An error
// of fn undoes all. An event without run, node, step or time gets the step's.
func (s *Store) UpdateStep(ctx context.Context, runID uint, key string, fn func(*inventory.Step) error, ev ...inventory.Event) (inventory.Step, error) {
	var st inventory.Step
	err := s.write(ctx, fmt.Sprintf("updating step %s of run %d", key, runID), func(tx *gorm.DB) (err error) {
		if st, err = takeStep(tx, runID, key); err != nil {
			return err
		}
		id := st.ID
		if err := fn(&st); err != nil {
			return err
		}
		st.ID, st.RunID, st.Key = id, runID, key
		if err := saveRow(tx, &st); err != nil {
			return err
		}
		return appendEvents(tx, inventory.Event{RunID: &runID, Node: st.Node, Step: key}, ev)
	})
	if err != nil {
		return inventory.Step{}, err
	}
	return st, nil
}
