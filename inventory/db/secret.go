package db

import (
	"context"

	"gorm.io/gorm"

	"sandai/inventory"
)

// sealed is a row of the table secrets. RackID is NULL for the appliance's own.
type sealed struct {
	ID     uint `gorm:"primaryKey"`
	RackID *uint
	Name   string
	Sealed []byte
}

// TableName tells gorm the table.
func (sealed) TableName() string { return "secrets" }

func (s *sealed) rack() uint {
	if s.RackID == nil {
		return 0
	}
	return *s.RackID
}

// Secret returns the plain text of a secret, NotFound if there is none.
// rackID 0 is the appliance itself.
func (s *Store) Secret(ctx context.Context, rackID uint, name string) (string, error) {
	return s.secret(s.read(ctx), rackID, name)
}

func (s *Store) secret(g *gorm.DB, rackID uint, name string) (string, error) {
	var row sealed
	err := ofRack(g, rackID).Where("name = ?", name).Take(&row).Error
	if missing(err) {
		return "", inventory.Errorf(inventory.NotFound, "there is no secret %q: it was never stored; a BMC's password comes with rack.yaml", name)
	}
	if err != nil {
		return "", fail(err, "reading secret %q", name)
	}
	return s.seal.open(rackID, name, row.Sealed)
}

func ofRack(g *gorm.DB, rackID uint) *gorm.DB { return g.Where("coalesce(rack_id, 0) = ?", rackID) }

// PutSecret seals value and stores it, over an earlier one of the name.
func (s *Store) PutSecret(ctx context.Context, rackID uint, name, value string) error {
	return s.write(ctx, "storing secret "+name, func(tx *gorm.DB) error { return s.putSecret(tx, rackID, name, value) })
}

// PutSecrets is PutSecret of several by their names: all are stored, or none.
func (s *Store) PutSecrets(ctx context.Context, rackID uint, values map[string]string) error {
	return s.write(ctx, "storing secrets", func(tx *gorm.DB) error {
		for name, value := range values {
			if err := s.putSecret(tx, rackID, name, value); err != nil {
				return err
			}
		}
		return nil
	})
}

func (s *Store) putSecret(tx *gorm.DB, rackID uint, name, value string) error {
	text, err := s.seal.close(rackID, name, value)
	if err != nil {
		return err
	}
	done := ofRack(tx.Model(&sealed{}), rackID).Where("name = ?", name).Update("sealed", text)
	if done.Error != nil || done.RowsAffected > 0 {
		return done.Error
	}
	row := sealed{Name: name, Sealed: text}
	if rackID != 0 {
		row.RackID = &rackID
	}
	return tx.Create(&row).Error
}

// moveSecret gives a secret another name, sealed anew; one that has the new name
// stays and takes its place.
func (s *Store) moveSecret(tx *gorm.DB, rackID uint, from, to string) error {
	value, err := s.secret(tx, rackID, from)
	if inventory.CodeOf(err) == inventory.NotFound {
		return nil
	}
	if err != nil {
		return err
	}
	_, err = s.secret(tx, rackID, to)
	if inventory.CodeOf(err) == inventory.NotFound {
		err = s.putSecret(tx, rackID, to, value)
	}
	if err != nil {
		return err
	}
	return ofRack(tx, rackID).Where("name = ?", from).Delete(&sealed{}).Error
}

// EnsureSecret returns a secret, made by gen and stored if there is none yet.
// However many callers ask at once, gen is called once and all get its value.
func (s *Store) EnsureSecret(ctx context.Context, rackID uint, name string, gen func() (string, error)) (string, error) {
	value, err := s.Secret(ctx, rackID, name)
	if inventory.CodeOf(err) != inventory.NotFound {
		return value, err
	}
	err = s.write(ctx, "making secret "+name, func(tx *gorm.DB) error {
		value, err = s.secret(tx, rackID, name)
		if inventory.CodeOf(err) != inventory.NotFound {
			return err
		}
		if value, err = gen(); err != nil {
			return err
		}
		return s.putSecret(tx, rackID, name, value)
	})
	if err != nil {
		return "", err
	}
	return value, nil
}

// SecretNames lists the names of a rack's secrets, sorted.
func (s *Store) SecretNames(ctx context.Context, rackID uint) ([]string, error) {
	var names []string
	err := ofRack(s.read(ctx).Model(&sealed{}), rackID).Order("name").Pluck("name", &names).Error
	if err != nil {
		return nil, fail(err, "listing secrets")
	}
	return names, nil
}
