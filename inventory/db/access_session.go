package db

import (
	"context"
	"time"

	"gorm.io/gorm"

	"sandai/inventory"
)

// CreateSession stores a sign-in of s.UserID and notes it with the user. Sessions
// that were last seen before idle or begun before limit are removed with it.
func (s *Store) CreateSession(ctx context.Context, made *inventory.Session, idle, limit time.Time) error {
	return s.quietly(ctx, "signing in", func(tx *gorm.DB) error {
		if err := tx.Where("seen < ? OR created < ?", stamp(idle), stamp(limit)).Delete(&inventory.Session{}).Error; err != nil {
			return err
		}
		made.ID = 0
		if err := tx.Create(made).Error; err != nil {
			return err
		}
		return tx.Model(&inventory.User{}).Where("id = ?", made.UserID).Update("signed_in", stamp(made.Created)).Error
	})
}

// Session returns a session with its user by the hash of its cookie, or
// NotFound. Whether it has expired is the caller's to judge.
func (s *Store) Session(ctx context.Context, hash string) (inventory.Session, inventory.User, error) {
	var found inventory.Session
	var user inventory.User
	err := s.read(ctx).Where("hash = ?", hash).Take(&found).Error
	if err == nil {
		err = s.read(ctx).Where("id = ?", found.UserID).Take(&user).Error
	}
	if missing(err) {
		return found, user, inventory.Errorf(inventory.NotFound, "there is no such session: sign in")
	}
	if err != nil {
		return found, user, fail(err, "reading a session")
	}
	return found, user, nil
}

// TouchSession notes that a session is in use.
func (s *Store) TouchSession(ctx context.Context, id uint, seen time.Time) error {
	return s.quietly(ctx, "noting a session's use", func(tx *gorm.DB) error {
		return tx.Model(&inventory.Session{}).Where("id = ?", id).Update("seen", stamp(seen)).Error
	})
}

// DeleteSession ends a session; one that is not there has ended.
func (s *Store) DeleteSession(ctx context.Context, id uint) error {
	return s.quietly(ctx, "ending a session", func(tx *gorm.DB) error {
		return tx.Where("id = ?", id).Delete(&inventory.Session{}).Error
	})
}

// quietly is write without the wake-up: sign-ins, uses and the audit log are
// nothing that the rack's watchers look at.
func (s *Store) quietly(ctx context.Context, doing string, fn func(tx *gorm.DB) error) error {
	if err := s.w.WithContext(ctx).Transaction(fn); err != nil {
		return fail(err, "%s", doing)
	}
	return nil
}
