// Package keep holds what nodes hand to the appliance while they are reinstalled:
// one file for each item, encrypted (https://age-encryption.org/v1) under a key of
// its run, so that a copy of the state directory alone reveals nothing.
package keep

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"syscall"

	"filippo.io/age"

	"sandai/inventory"
)

// Files is a directory of kept items, by run, node and item.
type Files struct{ Dir string }

// NewKey makes the key of a run's items, to be kept as a secret.
func NewKey() (string, error) {
	id, err := age.GenerateX25519Identity()
	if err != nil {
		return "", fmt.Errorf("make the key of what is kept: %w", err)
	}
	return id.String(), nil
}

func (f Files) path(run uint, node, item string) string {
	return filepath.Join(f.Dir, strconv.FormatUint(uint64(run), 10), node, item+".age")
}

// Put stores an item whole or not at all; one that was there is replaced. It
// returns how many bytes came.
func (f Files) Put(run uint, node, item, key string, r io.Reader) (n int64, err error) {
	id, err := age.ParseX25519Identity(key)
	if err != nil {
		return 0, fmt.Errorf("read the key of what is kept: %w", err)
	}
	path := f.path(run, node, item)
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return 0, fmt.Errorf("make room for what %s hands over: %w", node, err)
	}
	tmp, err := os.CreateTemp(filepath.Dir(path), item+".*.part")
	if err != nil {
		return 0, fmt.Errorf("make room for what %s hands over: %w", node, err)
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, tmp.Close(), os.Remove(tmp.Name()))
		}
	}()
	sealed, err := age.Encrypt(tmp, id.Recipient())
	if err != nil {
		return 0, fmt.Errorf("begin to keep %s of %s: %w", item, node, err)
	}
	if n, err = io.Copy(sealed, r); err != nil {
		if errors.Is(err, syscall.ENOSPC) {
			return n, inventory.Errorf(inventory.Unavailable, "the appliance has no room for %s of %s: make some at %s, then try the step again", item, node, f.Dir)
		}
		return n, fmt.Errorf("keep %s of %s: %w", item, node, err)
	}
	if err = errors.Join(sealed.Close(), tmp.Sync()); err != nil {
		return n, fmt.Errorf("keep %s of %s: %w", item, node, err)
	}
	if err = os.Rename(tmp.Name(), path); err != nil {
		return n, fmt.Errorf("keep %s of %s: %w", item, node, err)
	}
	return n, tmp.Close()
}

// Open reads an item; what was cut off or changed ends with an error instead of
// io.EOF. The error is NotFound where nothing was kept.
func (f Files) Open(run uint, node, item, key string) (io.ReadCloser, error) {
	id, err := age.ParseX25519Identity(key)
	if err != nil {
		return nil, fmt.Errorf("read the key of what is kept: %w", err)
	}
	file, err := os.Open(f.path(run, node, item))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, inventory.Errorf(inventory.NotFound, "nothing named %s was kept of %s in run %d", item, node, run)
	}
	if err != nil {
		return nil, fmt.Errorf("open what is kept of %s: %w", node, err)
	}
	r, err := age.Decrypt(file, id)
	if err != nil {
		return nil, errors.Join(fmt.Errorf("read %s, which is kept of %s: %w", item, node, err), file.Close())
	}
	return struct {
		io.Reader
		io.Closer
	}{r, file}, nil
}

// Remove forgets what was kept in a run. Where there is nothing it does nothing.
func (f Files) Remove(run uint) error {
	if err := os.RemoveAll(filepath.Join(f.Dir, strconv.FormatUint(uint64(run), 10))); err != nil {
		return fmt.Errorf("remove what run %d kept: %w", run, err)
	}
	return nil
}
