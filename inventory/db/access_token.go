package db

import (
	"context"
	"time"

	"gorm.io/gorm"

	"sandai/inventory"
)

// tokenRow is a token with its owner's name and role, as of now.
type tokenRow struct {
	inventory.Token `gorm:"embedded"`
	UserName        *string
	UserRole        *inventory.UserRole
}

func (r tokenRow) token() inventory.Token {
	t := r.Token
	if r.UserName != nil {
		t.Owner = *r.UserName
	}
	if r.UserRole != nil {
		t.Role = t.Role.AtMost(*r.UserRole)
	}
	return t
}

func tokens(g *gorm.DB) *gorm.DB {
	return g.Table("tokens").Select("tokens.*, users.name AS user_name, users.role AS user_role").Joins("LEFT JOIN users ON users.id = tokens.user_id")
}

// CreateToken stores a token and sets its ID; a zero Created is now.
func (s *Store) CreateToken(ctx context.Context, t *inventory.Token) error {
	return s.write(ctx, "adding token "+t.Name, func(tx *gorm.DB) error { return createToken(tx, t) })
}

func createToken(tx *gorm.DB, t *inventory.Token) error {
	made := *t
	made.ID = 0
	if made.Created.IsZero() {
		made.Created = time.Now().UTC()
	}
	if err := tx.Create(&made).Error; err != nil {
		return err
	}
	*t = made
	return nil
}

// PutLocalToken makes hash the appliance's own token for its command line, and
// removes an earlier one.
func (s *Store) PutLocalToken(ctx context.Context, hash string) error {
	return s.quietly(ctx, "storing the command line's token", func(tx *gorm.DB) error {
		if err := tx.Where("user_id IS NULL AND name = ?", inventory.LocalCommand).Delete(&inventory.Token{}).Error; err != nil {
			return err
		}
		return createToken(tx, &inventory.Token{Name: inventory.LocalCommand, Role: inventory.Admin, Hash: hash})
	})
}

// Tokens lists all tokens, the oldest first.
func (s *Store) Tokens(ctx context.Context) ([]inventory.Token, error) {
	var rows []tokenRow
	if err := tokens(s.read(ctx)).Order("tokens.id").Scan(&rows).Error; err != nil {
		return nil, fail(err, "listing tokens")
	}
	out := make([]inventory.Token, len(rows))
	for i, r := range rows {
		out[i] = r.token()
	}
	return out, nil
}

// Token returns a token by its hash, or NotFound. Whether it has expired is the
// caller's to judge.
func (s *Store) Token(ctx context.Context, hash string) (inventory.Token, error) {
	var row tokenRow
	err := tokens(s.read(ctx)).Where("tokens.hash = ?", hash).Take(&row).Error
	if missing(err) {
		return inventory.Token{}, inventory.Errorf(inventory.NotFound, "there is no such token")
	}
	if err != nil {
		return inventory.Token{}, fail(err, "reading a token")
	}
	return row.token(), nil
}

// TouchToken notes that a token is in use.
func (s *Store) TouchToken(ctx context.Context, id uint, used time.Time) error {
	return s.quietly(ctx, "noting a token's use", func(tx *gorm.DB) error {
		return tx.Model(&inventory.Token{}).Where("id = ?", id).Update("used", stamp(used)).Error
	})
}

// DeleteToken removes a token, or says NotFound.
func (s *Store) DeleteToken(ctx context.Context, id uint) error {
	return s.write(ctx, "removing a token", func(tx *gorm.DB) error {
		done := tx.Where("id = ?", id).Delete(&inventory.Token{})
		if done.Error == nil && done.RowsAffected == 0 {
			return inventory.Errorf(inventory.NotFound, "there is no token %d: see the list of tokens", id)
		}
		return done.Error
	})
}
