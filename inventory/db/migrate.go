package db

import (
	"embed"
	"errors"
	"fmt"
	"path"
	"strings"

	"github.com/go-gormigrate/gormigrate/v2"
	"gorm.io/gorm"

	"sandai/inventory"
)

// migrations are SQL files that run in the order of their names, each once.
// One that was released is never changed; a change of schema is a new file.
//
//go:embed migrations/*.sql
var migrations embed.FS

func migrationList() ([]*gormigrate.Migration, error) {
	files, err := migrations.ReadDir("migrations") // sorted by name
	if err != nil {
		return nil, err
	}
	var list []*gormigrate.Migration
	for _, f := range files {
		text, err := migrations.ReadFile(path.Join("migrations", f.Name()))
		if err != nil {
			return nil, err
		}
		list = append(list, &gormigrate.Migration{
			ID: strings.TrimSuffix(f.Name(), ".sql"),
			Migrate: func(tx *gorm.DB) error {
				if err := execAll(tx, string(text)); err != nil {
					return err
				}
				return intact(tx)
			},
		})
	}
	return list, nil
}

// migrate brings the schema up to date in one transaction: a file is wholly at
// the old version or wholly at the new. g has a single connection. Foreign keys
// are off meanwhile, or to drop a table that is made anew would delete what
// belongs to it; each migration is checked for what it left without an owner.
func migrate(g *gorm.DB) (err error) {
	list, err := migrationList()
	if err != nil {
		return err
	}
	// Within a transaction the pragma would be ignored without a word.
	if err := g.Exec("PRAGMA foreign_keys = OFF").Error; err != nil {
		return err
	}
	defer func() { err = errors.Join(err, g.Exec("PRAGMA foreign_keys = ON").Error) }()
	opts := *gormigrate.DefaultOptions
	opts.UseTransaction = true
	opts.ValidateUnknownMigrations = true
	// Prepared statements hold one statement only, migrations hold many.
	err = gormigrate.New(g.Session(&gorm.Session{}), &opts, list).Migrate()
	if errors.Is(err, gormigrate.ErrUnknownPastMigration) {
		return inventory.Errorf(inventory.Invalid,
			"the database was written by a newer Sandai (this one knows schema %s): run that one, or restore the database of this version",
			list[len(list)-1].ID)
	}
	return err
}

// intact returns an error if a row refers to one that is not there.
func intact(tx *gorm.DB) error {
	var lost []struct{ Table, Parent string }
	if err := tx.Raw("SELECT \"table\", parent FROM pragma_foreign_key_check").Scan(&lost).Error; err != nil {
		return err
	}
	if len(lost) > 0 {
		return fmt.Errorf("%d rows of %s refer to rows of %s that are not there", len(lost), lost[0].Table, lost[0].Parent)
	}
	return nil
}

// execAll runs a text of many statements, past gorm's prepared statements,
// which would run only the first.
func execAll(tx *gorm.DB, text string) error {
	pool := tx.Statement.ConnPool
	if p, ok := pool.(*gorm.PreparedStmtTX); ok {
		pool = p.Tx
	}
	_, err := pool.ExecContext(tx.Statement.Context, text)
	return err
}
