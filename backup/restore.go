package backup

import (
	"archive/tar"
	"bufio"
	"compress/gzip"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"

	"filippo.io/age"

	"sandai/inventory"
)

// mostFile bounds what is unpacked, in bytes.
const mostFile = 4 << 30

// Restore makes the state directory dir of a backup, whole or not at all. check
// looks at the files, in a folder of their own, before they get their place. The
// error is Conflict where dir has a database already, Invalid for a wrong
// passphrase and for a file that is no backup or is damaged.
func Restore(r io.Reader, passphrase, dir string, check func(dir string) error) (m Manifest, err error) {
	for _, name := range []string{Database, Keyset} {
		if _, err := os.Lstat(filepath.Join(dir, name)); !errors.Is(err, fs.ErrNotExist) {
			return m, inventory.Errorf(inventory.Conflict, "%s has a %s already, which is not overwritten: name an empty directory with --state, or move it away", dir, name)
		}
	}
	file := bufio.NewReader(r)
	open := decrypt
	if begin, _ := file.Peek(len(sealedIdentity)); string(begin) == sealedIdentity { // a tar begins with a file's name
		open = unseal
	}
	opened, err := open(file, passphrase)
	if err != nil {
		return m, err
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return m, fmt.Errorf("make the state directory: %w", err)
	}
	tmp, err := os.MkdirTemp(dir, "restore-*")
	if err != nil {
		return m, fmt.Errorf("make room for the state: %w", err)
	}
	defer os.RemoveAll(tmp)
	if m, err = unpack(opened, tmp); err != nil {
		return m, inventory.Errorf(inventory.Invalid, "the backup is damaged: %w", err)
	}
	if err := check(tmp); err != nil {
		return m, fmt.Errorf("what the backup holds is no sound state: %w", err)
	}
	// The keyset first: a database without it would be refused, and nothing lost.
	for _, name := range []string{Keyset, Database} {
		if err := os.Rename(filepath.Join(tmp, name), filepath.Join(dir, name)); err != nil {
			return m, fmt.Errorf("put %s in its place: %w", name, err)
		}
	}
	return m, nil
}

// decrypt opens an age file by its passphrase.
func decrypt(r io.Reader, passphrase string) (io.Reader, error) {
	id, err := age.NewScryptIdentity(passphrase)
	if err != nil {
		return nil, inventory.Errorf(inventory.Invalid, "the passphrase: %w", err)
	}
	opened, err := age.Decrypt(r, id)
	if wrong := (*age.NoIdentityMatchError)(nil); errors.As(err, &wrong) {
		return nil, inventory.Errorf(inventory.Invalid, "the passphrase does not open this backup")
	} else if err != nil {
		return nil, inventory.Errorf(inventory.Invalid, "this is no backup of an appliance: %w", err)
	}
	return opened, nil
}

// unpack takes the three files out; anything else is damage.
func unpack(r io.Reader, dir string) (m Manifest, err error) {
	unzipped, err := gzip.NewReader(r)
	if err != nil {
		return m, err
	}
	found := map[string]bool{}
	for t := tar.NewReader(unzipped); ; {
		h, err := t.Next()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return m, err
		}
		if h.Typeflag != tar.TypeReg || h.Size > mostFile || found[h.Name] || h.Name != manifest && h.Name != Database && h.Name != Keyset {
			return m, fmt.Errorf("it holds %q, which no backup does", h.Name)
		}
		found[h.Name] = true
		if h.Name == manifest {
			if err := json.NewDecoder(t).Decode(&m); err != nil {
				return m, fmt.Errorf("its manifest: %w", err)
			}
			continue
		}
		if err := put(filepath.Join(dir, h.Name), t); err != nil {
			return m, err
		}
	}
	// To the end, where age says whether all of it is as it was sealed.
	if _, err := io.Copy(io.Discard, unzipped); err != nil {
		return m, err
	}
	if _, err := io.Copy(io.Discard, r); err != nil {
		return m, err
	}
	for _, name := range []string{manifest, Database, Keyset} {
		if !found[name] {
			return m, fmt.Errorf("it lacks %s", name)
		}
	}
	return m, nil
}

func put(path string, r io.Reader) error {
	f, err := os.OpenFile(path, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	_, err = io.Copy(f, r)
	return errors.Join(err, f.Sync(), f.Close())
}
