package db

import (
	"embed"
	"errors"
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
			ID:      strings.TrimSuffix(f.Name(), ".sql"),
			Migrate: func(tx *gorm.DB) error { return execAll(tx, string(text)) },
		})
	}
	return list, nil
}

// migrate brings the schema up to date in one transaction: a file is wholly at
// the old version or wholly at the new.
func migrate(g *gorm.DB) error {
	list, err := migrationList()
	if err != nil {
		return err
	}
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
