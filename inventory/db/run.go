package db

import (
	"context"
	"fmt"
	"time"

	"gorm.io/gorm"

	"sandai/inventory"
)

// CreateRun stores a run with its steps and sets run.ID. What the caller left
// empty is filled: Rack by RackID, kind install, state active, attempt 1, created now; a
// step's state pending. Conflict if the rack has an active run.
func (s *Store) CreateRun(ctx context.Context, run *inventory.Run, steps []inventory.Step) error {
	made := *run
	err := s.write(ctx, "starting a run", func(tx *gorm.DB) error {
		if err := fillRun(tx, &made); err != nil {
			return err
		}
		made.ID = 0
		if err := tx.Create(&made).Error; err != nil {
			return err
		}
		rows := make([]inventory.Step, len(steps))
		for i, st := range steps {
			st.ID, st.RunID = 0, made.ID
			if st.State == "" {
				st.State = inventory.StepPending
			}
			rows[i] = st
		}
		return insert(tx, rows)
	})
	if err == nil {
		*run = made
	}
	return err
}

func fillRun(tx *gorm.DB, run *inventory.Run) error {
	var rack inventory.Rack
	err := tx.Select("name").Where("id = ?", run.RackID).Take(&rack).Error
	if missing(err) {
		return inventory.Errorf(inventory.NotFound, "starting a run: there is no rack with ID %d: import it first", run.RackID)
	}
	if err != nil {
		return err
	}
	run.Rack = rack.Name
	if run.Kind == "" {
		run.Kind = inventory.RunInstall
	}
	if run.State == "" {
		run.State = inventory.RunActive
	}
	if run.Attempt == 0 {
		run.Attempt = 1
	}
	if run.Created.IsZero() {
		run.Created = time.Now().UTC()
	}
	if run.State != inventory.RunActive {
		return nil
	}
	var active inventory.Run
	err = tx.Where("rack_id = ? AND state = ?", run.RackID, inventory.RunActive).Take(&active).Error
	if missing(err) {
		return nil
	}
	if err != nil {
		return err
	}
	return inventory.Errorf(inventory.Conflict, "rack %s has run %d active since %s: wait until it ends, or stop it",
		rack.Name, active.ID, active.Created.Format(time.RFC3339))
}

// Run returns a run, or NotFound.
func (s *Store) Run(ctx context.Context, id uint) (inventory.Run, error) {
	return takeRun(s.read(ctx), id)
}

func takeRun(g *gorm.DB, id uint) (inventory.Run, error) {
	var run inventory.Run
	err := g.Where("id = ?", id).Take(&run).Error
	if missing(err) {
		return run, inventory.Errorf(inventory.NotFound, "there is no run %d: see the list of runs", id)
	}
	if err != nil {
		return run, fail(err, "reading run %d", id)
	}
	return run, nil
}

// LatestRun returns the rack's active run, whatever its kind, else the one that
// ended last: what a person means who asks how it goes. NotFound if there is none.
func (s *Store) LatestRun(ctx context.Context, rackID uint) (inventory.Run, error) {
	return latest(s.read(ctx).Where("rack_id = ?", rackID).Order("state = 'active' DESC, ended DESC, id DESC"), "the rack has no run yet: install it")
}

// LatestOf returns the rack's newest run of one of some kinds, or NotFound.
func (s *Store) LatestOf(ctx context.Context, rackID uint, kinds ...inventory.RunKind) (inventory.Run, error) {
	return latest(s.read(ctx).Where("rack_id = ? AND kind IN ?", rackID, kinds).Order("id DESC"),
		fmt.Sprintf("the rack has no run of the kind %v yet", kinds))
}

func latest(g *gorm.DB, none string) (inventory.Run, error) {
	var run inventory.Run
	err := g.Take(&run).Error
	if missing(err) {
		return run, inventory.Errorf(inventory.NotFound, "%s", none)
	}
	if err != nil {
		return run, fail(err, "reading the latest run")
	}
	return run, nil
}

// Runs lists a rack's runs, the newest first.
func (s *Store) Runs(ctx context.Context, rackID uint) ([]inventory.Run, error) {
	var runs []inventory.Run
	if err := s.read(ctx).Where("rack_id = ?", rackID).Order("id DESC").Find(&runs).Error; err != nil {
		return nil, fail(err, "listing runs")
	}
	return runs, nil
}

// ActiveRuns lists the active runs of every rack, at most one each.
func (s *Store) ActiveRuns(ctx context.Context) ([]inventory.Run, error) {
	var runs []inventory.Run
	if err := s.read(ctx).Where("state = ?", inventory.RunActive).Order("id").Find(&runs).Error; err != nil {
		return nil, fail(err, "listing active runs")
	}
	return runs, nil
}

// UpdateRun reads a run, lets fn change it, and writes it with the events in
// one transaction. Conflict if fn makes it active beside another active run.
func (s *Store) UpdateRun(ctx context.Context, id uint, fn func(*inventory.Run) error, ev ...inventory.Event) (inventory.Run, error) {
	var run inventory.Run
	err := s.write(ctx, fmt.Sprintf("updating run %d", id), func(tx *gorm.DB) (err error) {
		if run, err = takeRun(tx, id); err != nil {
			return err
		}
		rackID := run.RackID
		if err := fn(&run); err != nil {
			return err
		}
		run.ID, run.RackID = id, rackID
		if err := saveRow(tx, &run); err != nil {
			return err
		}
		return appendEvents(tx, inventory.Event{RunID: &id}, ev)
	})
	if err != nil {
		return inventory.Run{}, err
	}
	return run, nil
}
