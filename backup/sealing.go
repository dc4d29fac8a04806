package backup

import (
	"archive/tar"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"

	"filippo.io/age"

	"sandai/inventory"
)

// Names of the two files in a sealed copy.
const (
	sealedIdentity = "identity.age" // opened by the passphrase
	sealedState    = "state.age"    // opened by the identity
)

// Sealing lets an appliance make backups by itself that a passphrase opens, without
// keeping the passphrase: it has the public half of a key whose private half is
// sealed with the passphrase and goes into every copy.
type Sealing struct {
	Recipient string `json:"recipient"` // age's X25519, "age1…"
	Identity  []byte `json:"identity"`  // the private half, an age file
}

// NewSealing makes the key. The error is Invalid for a passphrase that is too short.
func NewSealing(passphrase string) (Sealing, error) {
	id, err := age.GenerateX25519Identity()
	if err != nil {
		return Sealing{}, fmt.Errorf("make the key of the copies: %w", err)
	}
	var b bytes.Buffer
	w, err := encrypt(&b, passphrase)
	if err != nil {
		return Sealing{}, err
	}
	_, err = io.WriteString(w, id.String()+"\n")
	if err = errors.Join(err, w.Close()); err != nil {
		return Sealing{}, fmt.Errorf("seal the key of the copies: %w", err)
	}
	return Sealing{id.Recipient().String(), b.Bytes()}, nil
}

// WriteSealed writes a copy of the state to w, as Write does, for the passphrase
// that s was made with: a tar of two age files.
func WriteSealed(ctx context.Context, w io.Writer, db Copier, keyset, version string, s Sealing) error {
	r, err := age.ParseX25519Recipient(s.Recipient)
	if err != nil {
		return fmt.Errorf("the key of the copies: %w", err)
	}
	var state bytes.Buffer
	sealed, err := age.Encrypt(&state, r)
	if err != nil {
		return fmt.Errorf("begin the copy: %w", err)
	}
	if err := writeState(ctx, sealed, db, keyset, version); err != nil {
		return err
	}
	if err := sealed.Close(); err != nil {
		return fmt.Errorf("end the copy: %w", err)
	}
	t := tar.NewWriter(w)
	if err := errors.Join(pack(t, sealedIdentity, s.Identity), pack(t, sealedState, state.Bytes())); err != nil {
		return err
	}
	return t.Close()
}

// unseal finds the state in a sealed copy, as decrypt does in a backup.
func unseal(r io.Reader, passphrase string) (io.Reader, error) {
	t := tar.NewReader(r)
	next := func(name string) error {
		h, err := t.Next()
		if err == nil && h.Name != name {
			err = fmt.Errorf("it holds %q in place of %s", h.Name, name)
		}
		if err != nil {
			return inventory.Errorf(inventory.Invalid, "this is no backup of an appliance: %w", err)
		}
		return nil
	}
	if err := next(sealedIdentity); err != nil {
		return nil, err
	}
	opened, err := decrypt(t, passphrase)
	if err != nil {
		return nil, err
	}
	ids, err := age.ParseIdentities(opened)
	if err != nil {
		return nil, inventory.Errorf(inventory.Invalid, "the backup is damaged: its key: %w", err)
	}
	if err := next(sealedState); err != nil {
		return nil, err
	}
	state, err := age.Decrypt(t, ids...)
	if err != nil {
		return nil, inventory.Errorf(inventory.Invalid, "the backup is damaged: %w", err)
	}
	return state, nil
}
