package db

import (
	"context"
	"database/sql"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync"

	"gorm.io/driver/sqlite"
	"gorm.io/gorm"
	"gorm.io/gorm/logger"
	"gorm.io/gorm/schema"

	"sandai/inventory"
)

// readers is the size of the reader pool; enough for the page's parallel
// requests, and each connection costs its own page cache.
const readers = 8

// Store is an open database. It is safe for use by many goroutines.
//
// The function that a caller hands to an Update method runs inside the one
// write transaction: it may read from the Store (and sees what was committed
// before), but must not write to it, or it would wait for itself.
type Store struct {
	w, r *gorm.DB // one writing connection, a pool of reading ones
	seal *sealer

	mu   sync.Mutex
	subs map[chan struct{}]struct{}
}

// Open opens the database file at path, made 0600 if absent, brings its schema
// up to date, and reads the keyset that seals the secrets, made 0600 if absent.
// A schema newer than this program, or a lost keyset while there are sealed
// secrets, is an error that says what to do.
func Open(ctx context.Context, path, keyset string) (*Store, error) {
	abs, err := filepath.Abs(path)
	if err != nil {
		return nil, inventory.Errorf(inventory.Internal, "opening database %s: %w", path, err)
	}
	// Made here because SQLite would make it 0644; its -wal and -shm copy the mode.
	f, err := os.OpenFile(abs, os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, inventory.Errorf(inventory.Internal, "opening database %s: %w; make its folder and run as a user who may write there", path, err)
	}
	f.Close()

	s := &Store{subs: map[chan struct{}]struct{}{}}
	if err := s.open(ctx, abs, keyset); err != nil {
		s.Close()
		return nil, fail(err, "opening database %s", path)
	}
	return s, nil
}

func (s *Store) open(ctx context.Context, path, keyset string) (err error) {
	// synchronous=FULL: a step that was recorded as done, and a nonce that was
	// recorded as spent, are so after a power cut too.
	if s.w, err = connect(path, 1, url.Values{"_txlock": {"immediate"}, "_synchronous": {"FULL"}}); err != nil {
		return err
	}
	if err := sound(s.w.WithContext(ctx)); err != nil {
		return err
	}
	if err := migrate(s.w.WithContext(ctx)); err != nil {
		return err
	}
	if s.r, err = connect(path, readers, url.Values{"_query_only": {"true"}}); err != nil {
		return err
	}
	s.seal, err = s.openKeyset(ctx, keyset)
	return err
}

// sound looks through the whole file: damage is to be known before an install,
// and not in the middle of one. It takes milliseconds.
func sound(g *gorm.DB) error {
	var said []string
	if err := g.Raw("PRAGMA quick_check(1)").Scan(&said).Error; err != nil {
		return err
	}
	if len(said) != 1 || said[0] != "ok" {
		return inventory.Errorf(inventory.Internal, "opening the database: %s (%s)", damaged, strings.Join(said, "; "))
	}
	return nil
}

func connect(path string, conns int, opts url.Values) (*gorm.DB, error) {
	opts.Set("_journal_mode", "WAL")
	opts.Set("_foreign_keys", "true")
	opts.Set("_busy_timeout", "10000") // ms; only another process can hold the file
	dsn := "file:" + (&url.URL{Path: path}).EscapedPath() + "?" + opts.Encode()
	g, err := gorm.Open(sqlite.Open(dsn), &gorm.Config{
		// Statements carry nonces, and every error is returned: nothing to log.
		Logger: logger.Discard,
		// gorm takes the ID in CIDR for a word.
		NamingStrategy:         schema.NamingStrategy{NameReplacer: strings.NewReplacer("CIDR", "Cidr")},
		SkipDefaultTransaction: true,
		PrepareStmt:            true,
		PrepareStmtMaxSize:     200,
	})
	if err != nil {
		return nil, err
	}
	pool, err := g.DB()
	if err != nil {
		return nil, err
	}
	pool.SetMaxOpenConns(conns)
	pool.SetMaxIdleConns(conns)
	return g, nil
}

// Close closes the file. The Store is of no use afterwards.
func (s *Store) Close() error {
	var first error
	// Readers first, so that the writer is the last and folds the WAL into the file.
	for _, g := range []*gorm.DB{s.r, s.w} {
		if g == nil {
			continue
		}
		var pool *sql.DB
		pool, err := g.DB()
		if err == nil {
			err = pool.Close()
		}
		if err != nil && first == nil {
			first = fail(err, "closing the database")
		}
	}
	return first
}

// write runs fn in one write transaction and wakes the subscribers after it
// is committed. A failure is told as "doing: why".
func (s *Store) write(ctx context.Context, doing string, fn func(tx *gorm.DB) error) error {
	if err := s.w.WithContext(ctx).Transaction(fn); err != nil {
		return fail(err, "%s", doing)
	}
	s.wake()
	return nil
}

func (s *Store) read(ctx context.Context) *gorm.DB { return s.r.WithContext(ctx) }
