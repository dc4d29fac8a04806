package db

import (
	"context"
	"time"

	"gorm.io/gorm"

	"sandai/inventory"
)

// Users lists the users by name.
func (s *Store) Users(ctx context.Context) ([]inventory.User, error) {
	var users []inventory.User
	if err := s.read(ctx).Order("name").Find(&users).Error; err != nil {
		return nil, fail(err, "listing users")
	}
	return users, nil
}

// User returns a user by name, or NotFound.
func (s *Store) User(ctx context.Context, name string) (inventory.User, error) {
	return takeUser(s.read(ctx), name)
}

func takeUser(g *gorm.DB, name string) (inventory.User, error) {
	var u inventory.User
	err := g.Where("name = ?", name).Take(&u).Error
	if missing(err) {
		return u, inventory.Errorf(inventory.NotFound, "there is no user %s: see the list of users", name)
	}
	if err != nil {
		return u, fail(err, "reading user %s", name)
	}
	return u, nil
}

// CreateUser stores a user and sets its ID; a zero Created is now. Conflict if
// there is one of the name.
func (s *Store) CreateUser(ctx context.Context, u *inventory.User) error {
	return s.write(ctx, "adding user "+u.Name, func(tx *gorm.DB) error { return createUser(tx, u) })
}

func createUser(tx *gorm.DB, u *inventory.User) error {
	made := *u
	made.ID = 0
	if made.Created.IsZero() {
		made.Created = time.Now().UTC()
	}
	if err := tx.Create(&made).Error; err != nil {
		return err
	}
	*u = made
	return nil
}

// UpdateUser reads a user, lets fn change role, password or the last sign-in,
// and writes it. A new password ends the user's sessions. Conflict if it would
// leave no admin.
func (s *Store) UpdateUser(ctx context.Context, name string, fn func(*inventory.User) error) (inventory.User, error) {
	var u inventory.User
	err := s.write(ctx, "changing user "+name, func(tx *gorm.DB) (err error) {
		if u, err = takeUser(tx, name); err != nil {
			return err
		}
		id, created := u.ID, u.Created
		if err := fn(&u); err != nil {
			return err
		}
		u.ID, u.Name, u.Created = id, name, created
		return saveRow(tx, &u)
	})
	if err != nil {
		return inventory.User{}, err
	}
	return u, nil
}

// DeleteUser removes a user with sessions and tokens; the audit log keeps the
// name. Conflict if it is the last admin.
func (s *Store) DeleteUser(ctx context.Context, name string) error {
	return s.write(ctx, "removing user "+name, func(tx *gorm.DB) error {
		u, err := takeUser(tx, name)
		if err != nil {
			return err
		}
		return tx.Delete(&u).Error
	})
}

// setupCode is the one row of its table.
type setupCode struct {
	ID   uint `gorm:"primaryKey"`
	Hash string
}

// PutSetupCode keeps the hash of the code that makes the first user, in place of
// an earlier one.
func (s *Store) PutSetupCode(ctx context.Context, hash string) error {
	return s.quietly(ctx, "storing the setup code", func(tx *gorm.DB) error {
		if err := tx.Where("true").Delete(&setupCode{}).Error; err != nil {
			return err
		}
		return tx.Create(&setupCode{ID: 1, Hash: hash}).Error
	})
}

// CreateFirstUser spends the setup code and stores the first user, an admin.
// Unauthorised if the code is another; Conflict if there is a user already.
func (s *Store) CreateFirstUser(ctx context.Context, code string, u *inventory.User) error {
	return s.write(ctx, "making the first user", func(tx *gorm.DB) error {
		var users int64
		if err := tx.Model(&inventory.User{}).Count(&users).Error; err != nil {
			return err
		}
		if users > 0 {
			return inventory.Errorf(inventory.Conflict, "the appliance is set up already: sign in, or ask an admin for a user")
		}
		spent := tx.Where("hash = ?", code).Delete(&setupCode{})
		if spent.Error != nil {
			return spent.Error
		}
		if spent.RowsAffected != 1 {
			return inventory.Errorf(inventory.Unauthorised, "this is not the setup code: appliance serve prints the URL with it at each start until there is a user")
		}
		u.Role = inventory.Admin
		return createUser(tx, u)
	})
}
