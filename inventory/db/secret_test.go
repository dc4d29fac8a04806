package db

import (
	"bytes"
	"context"
	"errors"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"testing"

	"sandai/inventory"
)

func secrets(t *testing.T, s *Store) {
	ctx := t.Context()
	rack := withDemo(t, s)
	_, err := s.Secret(ctx, rack.ID, "x")
	want(t, err, inventory.NotFound)
	must(t, s.PutSecret(ctx, rack.ID, "x", "one"))
	must(t, s.PutSecret(ctx, 0, "x", "two"))
	same(t, "rack's", ok(s.Secret(ctx, rack.ID, "x")), "one")
	same(t, "appliance's", ok(s.Secret(ctx, 0, "x")), "two")
	must(t, s.PutSecret(ctx, rack.ID, "x", "three"))
	same(t, "changed", ok(s.Secret(ctx, rack.ID, "x")), "three")
	same(t, "names", ok(s.SecretNames(ctx, rack.ID)), []string{"bmc/controller-1", "x"})
	must(t, s.PutSecrets(ctx, 0, map[string]string{"x": "five", "y": "six"}))
	same(t, "one of two", ok(s.Secret(ctx, 0, "x")), "five")
	want(t, s.PutSecrets(ctx, 99, map[string]string{"x": "y", "z": "y"}), inventory.NotFound)
	same(t, "names", ok(s.SecretNames(ctx, 0)), []string{"x", "y"})
	want(t, s.PutSecret(ctx, 99, "x", "y"), inventory.NotFound)
	_, err = s.EnsureSecret(ctx, 0, "broken", func() (string, error) { return "", errors.New("no entropy") })
	want(t, err, inventory.Internal)
	_, err = s.Secret(ctx, 0, "broken")
	want(t, err, inventory.NotFound)
}

func secretRace(t *testing.T, s *Store) {
	var made atomic.Int32
	got := make([]string, 16)
	var wg sync.WaitGroup
	for i := range got {
		wg.Go(func() {
			got[i], _ = s.EnsureSecret(t.Context(), 0, "ca", func() (string, error) { return string('a' + made.Add(1)), nil })
		})
	}
	wg.Wait()
	for _, g := range got {
		same(t, "value", g, "b")
	}
	same(t, "made", made.Load(), int32(1))
}

// TestSealed looks for plain texts in every byte on the disk, while the
// database is open (so in the WAL too) and after it is closed.
func TestSealed(t *testing.T) {
	ctx := t.Context()
	database, keyset := files(t)
	s := ok(Open(ctx, database, keyset))
	must(t, s.PutRack(ctx, demo(), map[string]string{"controller-1": "plain-text-of-bmc"}))
	must(t, s.PutSecret(ctx, 0, "a", "plain-text-of-appliance"))
	ok(s.EnsureSecret(ctx, 0, "b", func() (string, error) { return "plain-text-made", nil }))
	look := func() (seen int) {
		for _, f := range ok(filepath.Glob(filepath.Join(filepath.Dir(database), "*"))) {
			text := ok(os.ReadFile(f))
			if bytes.Contains(text, []byte("plain-text-")) {
				t.Errorf("%s holds a secret's plain text", f)
			}
			seen += bytes.Count(text, []byte("bmc/controller-1")) // its name is no secret: the search does find things
			if m := ok(os.Stat(f)).Mode().Perm(); m != 0o600 {
				t.Errorf("%s has mode %o", f, m)
			}
		}
		return seen
	}
	if look() == 0 {
		t.Error("the search finds nothing while the database is open")
	}
	must(t, s.Close())
	if look() == 0 {
		t.Error("the search finds nothing in the closed database")
	}
}

// TestMoved: a sealed value does not open in another row.
func TestMoved(t *testing.T) {
	s := openSQLite(t)
	ctx := t.Context()
	must(t, s.PutSecret(ctx, 0, "a", "x"))
	must(t, s.w.Exec("UPDATE secrets SET name = 'b'").Error)
	_, err := s.Secret(ctx, 0, "b")
	want(t, err, inventory.Internal)
}

func TestKeyset(t *testing.T) {
	ctx := t.Context()
	for name, c := range map[string]struct {
		spoil func(keyset string) error
		code  inventory.Code // "" opens
	}{
		"as it was":      {func(string) error { return nil }, ""},
		"lost":           {os.Remove, inventory.Internal},
		"read by others": {func(k string) error { return os.Chmod(k, 0o640) }, inventory.Internal},
		"garbage":        {func(k string) error { return os.WriteFile(k, []byte("{}"), 0o600) }, inventory.Internal},
		"another": {func(k string) error {
			if err := os.Remove(k); err != nil {
				return err
			}
			return makeKeyset(k)
		}, inventory.Internal},
	} {
		t.Run(name, func(t *testing.T) {
			database, keyset := files(t)
			s := ok(Open(ctx, database, keyset))
			must(t, s.PutSecret(ctx, 0, "a", "x"))
			must(t, s.Close())
			must(t, c.spoil(keyset))
			s, err := Open(context.Background(), database, keyset)
			if c.code != "" {
				want(t, err, c.code)
				t.Log(err)
				return
			}
			must(t, err)
			defer s.Close()
			same(t, "secret", ok(s.Secret(ctx, 0, "a")), "x")
		})
	}
}
