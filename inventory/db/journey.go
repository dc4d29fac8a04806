package db

import (
	"context"

	"gorm.io/gorm"
	"gorm.io/gorm/clause"

	"sandai/inventory"
)

// journey is a row of journeys.
type journey struct {
	RunID  uint `gorm:"primaryKey"`
	RackID uint
	Data   inventory.Journey `gorm:"serializer:json"`
}

// PutJourney stores the journey that a run collected, over an earlier one of the
// same run. NotFound if there is no such run.
func (s *Store) PutJourney(ctx context.Context, runID uint, j inventory.Journey) error {
	return s.write(ctx, "storing the journey", func(tx *gorm.DB) error {
		run, err := takeRun(tx, runID)
		if err != nil {
			return err
		}
		j.Run, j.Rack = run.ID, run.Rack
		return tx.Clauses(clause.OnConflict{UpdateAll: true}).Create(&journey{run.ID, run.RackID, j}).Error
	})
}

// Journey returns the journey that a rack's latest run collected which collected
// one, or NotFound.
func (s *Store) Journey(ctx context.Context, rackID uint) (inventory.Journey, error) {
	var j journey
	err := s.read(ctx).Where("rack_id = ?", rackID).Order("run_id DESC").Take(&j).Error
	if missing(err) {
		return j.Data, inventory.Errorf(inventory.NotFound, "no journey was collected yet: the proof at the end of an install does")
	}
	if err != nil {
		return j.Data, fail(err, "reading the journey")
	}
	return j.Data, nil
}
