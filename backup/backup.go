// Package backup writes the whole state of an appliance into one encrypted file,
// and makes an appliance of such a file again.
//
// The file is age (https://age-encryption.org/v1) with a passphrase; in it is a
// gzipped tar of the database, the keyset that its secrets are sealed with, and a
// manifest. So it can be read without Sandai too: age -d FILE | tar tz. A sealed copy,
// which an appliance makes by itself, is a tar of two age files: the passphrase opens
// the first, and what is in there opens the second.
package backup

import (
	"archive/tar"
	"compress/gzip"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"time"

	"filippo.io/age"

	"sandai/inventory"
)

// Names of the files in the state directory and in a backup.
const (
	Database = "sandai.db"
	Keyset   = "keyset.json"
	manifest = "manifest.json"
)

// MinPassphrase is the least length of a passphrase, in bytes: whoever has the
// file may guess for as long as it takes.
const MinPassphrase = 15

// workFactor is scrypt's, as a power of two; age's own default, about a second.
// Tests lower it.
var workFactor = 18

// Manifest says what a backup is.
type Manifest struct {
	Made    time.Time `json:"made"`
	Version string    `json:"version"` // of the appliance that made it
}

// Copier makes a consistent copy of a database that is in use; inventory/db's
// Store is one.
type Copier interface {
	Copy(ctx context.Context, path string) error
}

// Write writes a backup of a database and its keyset to w. The appliance goes on
// meanwhile. The error is Invalid for a passphrase that is too short.
func Write(ctx context.Context, w io.Writer, db Copier, keyset, version, passphrase string) error {
	sealed, err := encrypt(w, passphrase)
	if err != nil {
		return err
	}
	if err := writeState(ctx, sealed, db, keyset, version); err != nil {
		return err
	}
	if err := sealed.Close(); err != nil {
		return fmt.Errorf("end the backup: %w", err)
	}
	return nil
}

// encrypt begins an age file that a passphrase opens.
func encrypt(w io.Writer, passphrase string) (io.WriteCloser, error) {
	if len(passphrase) < MinPassphrase {
		return nil, inventory.Errorf(inventory.Invalid, "the passphrase has fewer than %d characters, and whoever has the file may guess for as long as it takes: take a sentence", MinPassphrase)
	}
	r, err := age.NewScryptRecipient(passphrase)
	if err != nil {
		return nil, fmt.Errorf("make the key of the backup: %w", err)
	}
	r.SetWorkFactor(workFactor)
	sealed, err := age.Encrypt(w, r)
	if err != nil {
		return nil, fmt.Errorf("begin the backup: %w", err)
	}
	return sealed, nil
}

// writeState writes manifest, keyset and database, zipped.
func writeState(ctx context.Context, w io.Writer, db Copier, keyset, version string) error {
	dir, err := os.MkdirTemp(filepath.Dir(keyset), "backup-*") // beside it, where others may not look
	if err != nil {
		return fmt.Errorf("make room for the copy: %w", err)
	}
	defer os.RemoveAll(dir)
	copied := filepath.Join(dir, Database)
	if err := db.Copy(ctx, copied); err != nil {
		return err
	}
	m, err := json.Marshal(Manifest{time.Now().UTC(), version})
	if err != nil {
		return err
	}
	zipped := gzip.NewWriter(w)
	t := tar.NewWriter(zipped)
	for _, f := range []struct{ name, path string }{{manifest, ""}, {Keyset, keyset}, {Database, copied}} {
		data := m
		if f.path != "" {
			if data, err = os.ReadFile(f.path); err != nil {
				return fmt.Errorf("read %s: %w", f.name, err)
			}
		}
		if err := pack(t, f.name, data); err != nil {
			return err
		}
	}
	if err := errors.Join(t.Close(), zipped.Close()); err != nil {
		return fmt.Errorf("end the backup: %w", err)
	}
	return nil
}

// pack writes one file into a tar.
func pack(t *tar.Writer, name string, data []byte) error {
	err := t.WriteHeader(&tar.Header{Name: name, Mode: 0o600, Size: int64(len(data)), ModTime: time.Now(), Typeflag: tar.TypeReg})
	if err == nil {
		_, err = t.Write(data)
	}
	if err != nil {
		return fmt.Errorf("write %s into the backup: %w", name, err)
	}
	return nil
}
