package db

import (
	"bytes"
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"

	"github.com/tink-crypto/tink-go/v2/aead"
	"github.com/tink-crypto/tink-go/v2/insecurecleartextkeyset"
	"github.com/tink-crypto/tink-go/v2/keyset"
	"github.com/tink-crypto/tink-go/v2/tink"

	"sandai/inventory"
)

// sealer seals and opens secrets, each bound to its rack and name: a sealed
// value copied to another row does not open.
type sealer struct {
	aead tink.AEAD
	path string
}

func associated(rackID uint, name string) []byte {
	return []byte("sandai secret\x00" + strconv.FormatUint(uint64(rackID), 10) + "\x00" + name)
}

func (s *sealer) close(rackID uint, name, value string) ([]byte, error) {
	return s.aead.Encrypt([]byte(value), associated(rackID, name))
}

func (s *sealer) open(rackID uint, name string, sealed []byte) (string, error) {
	plain, err := s.aead.Decrypt(sealed, associated(rackID, name))
	if err != nil {
		return "", inventory.Errorf(inventory.Internal,
			"secret %q does not open with the keyset %s: it was sealed with another one; restore the keyset that belongs to this database", name, s.path)
	}
	return string(plain), nil
}

// openKeyset reads the keyset, or makes it when the database holds no secret
// yet, and checks that it opens what is there.
func (s *Store) openKeyset(ctx context.Context, path string) (*sealer, error) {
	var rows []sealed
	if err := s.read(ctx).Limit(1).Find(&rows).Error; err != nil {
		return nil, err
	}
	key, err := readKeyset(path)
	if errors.Is(err, fs.ErrNotExist) {
		if len(rows) > 0 {
			return nil, inventory.Errorf(inventory.Internal,
				"the keyset %s is gone, and the database holds secrets that only it opens: restore it from a backup", path)
		}
		if err := makeKeyset(path); err != nil {
			return nil, err
		}
		key, err = readKeyset(path)
	}
	if err != nil {
		return nil, err
	}
	a, err := aead.New(key)
	if err != nil {
		return nil, inventory.Errorf(inventory.Internal, "keyset %s holds no AEAD key: %w", path, err)
	}
	seal := &sealer{aead: a, path: path}
	for _, r := range rows {
		if _, err := seal.open(r.rack(), r.Name, r.Sealed); err != nil {
			return nil, err
		}
	}
	return seal, nil
}

func readKeyset(path string) (*keyset.Handle, error) {
	info, err := os.Stat(path)
	if err != nil {
		return nil, err
	}
	if info.Mode().Perm()&0o077 != 0 {
		return nil, inventory.Errorf(inventory.Internal, "keyset %s may be read by others (mode %04o): chmod 600 it", path, info.Mode().Perm())
	}
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	h, err := insecurecleartextkeyset.Read(keyset.NewJSONReader(bytes.NewReader(text)))
	if err != nil {
		return nil, inventory.Errorf(inventory.Internal, "keyset %s is not a Tink keyset: %w; restore it from a backup", path, err)
	}
	return h, nil
}

// makeKeyset writes a new keyset whole or not at all, and never over one that
// another process made meanwhile.
func makeKeyset(path string) error {
	h, err := keyset.NewHandle(aead.AES256GCMKeyTemplate())
	if err != nil {
		return err
	}
	f, err := os.CreateTemp(filepath.Dir(path), ".keyset-*") // 0600
	if err != nil {
		return err
	}
	defer os.Remove(f.Name())
	defer f.Close()
	if err := insecurecleartextkeyset.Write(h, keyset.NewJSONWriter(f)); err != nil {
		return err
	}
	if err := f.Sync(); err != nil {
		return err
	}
	if err := os.Link(f.Name(), path); err != nil && !errors.Is(err, fs.ErrExist) {
		return err
	}
	dir, err := os.Open(filepath.Dir(path))
	if err != nil {
		return err
	}
	defer dir.Close()
	return dir.Sync()
}
