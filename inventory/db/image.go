package db

import (
	"context"

	"gorm.io/gorm"

	"sandai/inventory"
)

// PutImage stores what is known of an image, over an earlier one of its name.
func (s *Store) PutImage(ctx context.Context, m inventory.Image) error {
	return s.write(ctx, "storing image "+m.Name, func(tx *gorm.DB) error {
		var old inventory.Image
		err := tx.Where("name = ?", m.Name).Take(&old).Error
		switch {
		case missing(err):
			m.ID = 0
			return tx.Create(&m).Error
		case err != nil:
			return err
		}
		m.ID = old.ID
		return saveRow(tx, &m)
	})
}

// Image returns an image by name, or NotFound.
func (s *Store) Image(ctx context.Context, name string) (inventory.Image, error) {
	var m inventory.Image
	err := s.read(ctx).Where("name = ?", name).Take(&m).Error
	if missing(err) {
		return m, inventory.Errorf(inventory.NotFound, "there is no image %q: build the images first", name)
	}
	if err != nil {
		return m, fail(err, "reading image %s", name)
	}
	return m, nil
}

// Images lists the images by name.
func (s *Store) Images(ctx context.Context) ([]inventory.Image, error) {
	var all []inventory.Image
	if err := s.read(ctx).Order("name").Find(&all).Error; err != nil {
		return nil, fail(err, "listing images")
	}
	return all, nil
}
