package host

import (
	"bytes"
	"context"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"sandai/inventory"
)

// shelf is an appliance that keeps what comes whole; a read of it breaks off after
// some bytes where cut is not 0.
type shelf struct {
	items map[string][]byte
	cut   int
}

func (s *shelf) Save(_ context.Context, item string, r io.Reader) error {
	b, err := io.ReadAll(r)
	if err != nil {
		return inventory.Errorf(inventory.Unavailable, "the appliance cannot be reached: %w", err)
	}
	s.items[item] = b
	return nil
}

func (s *shelf) IsSaved(_ context.Context, item string) (bool, error) {
	_, ok := s.items[item]
	return ok, nil
}

func (s *shelf) Saved(_ context.Context, item string) (io.ReadCloser, error) {
	b, ok := s.items[item]
	if !ok {
		return nil, inventory.Errorf(inventory.NotFound, "nothing named %s was kept", item)
	}
	if s.cut > 0 {
		return io.NopCloser(io.MultiReader(bytes.NewReader(b[:s.cut]), broken{})), nil
	}
	return io.NopCloser(bytes.NewReader(b)), nil
}

type broken struct{}

func (broken) Read([]byte) (int, error) { return 0, io.ErrUnexpectedEOF }

// keeper is a Keeper whose database is a file and whose services are a list of what
// was asked of them.
func keeper(t *testing.T) (k *Keeper, s *shelf, database, asked string) {
	t.Helper()
	bin := t.TempDir()
	database, asked = filepath.Join(bin, "database"), filepath.Join(bin, "asked")
	for name, script := range map[string]string{
		"systemctl":    `echo "$*" >>` + asked,
		"mariadb-dump": `cat ` + database + ` && echo "$*" >>` + asked,
		"mariadb":      `cat >` + database,
	} {
		if err := os.WriteFile(filepath.Join(bin, name), []byte("#!/bin/sh\n"+script+"\n"), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	s = &shelf{items: map[string][]byte{}}
	k = NewKeeper(s, io.Discard)
	k.find = func(name string) (string, error) {
		if p := filepath.Join(bin, name); name != "tar" {
			return p, nil
		}
		return find(name)
	}
	return k, s, database, asked
}

func TestSaveAndRestore(t *testing.T) {
	k, s, database, asked := keeper(t)
	dir := filepath.Join(t.TempDir(), "images")
	image := filepath.Join(dir, "a", "one")
	text := strings.Repeat("INSERT INTO users VALUES ('ada');\n", 9000)
	for path, data := range map[string]string{image: "disk", database: text} {
		if err := errors.Join(os.MkdirAll(filepath.Dir(path), 0o755), os.WriteFile(path, []byte(data), 0o640)); err != nil {
			t.Fatal(err)
		}
	}
	if err := k.IsSaved(t.Context()); err == nil || !strings.Contains(err.Error(), "has no databases") {
		t.Errorf("before: %v", err)
	}
	saving := Saving{Stop: []string{"nova-api", "glance-api"}, Databases: []string{"nova", "keystone"}, Paths: []string{dir, "/no/such/path"}}
	for range 2 { // it may be called again
		if err := k.Save(t.Context(), saving); err != nil {
			t.Fatal(err)
		}
	}
	if err := k.IsSaved(t.Context()); err != nil {
		t.Error(err)
	}
	said, err := os.ReadFile(asked)
	lines := strings.Split(string(said), "\n")
	if err != nil || lines[0] != "stop nova-api glance-api" || !strings.HasSuffix(lines[1], "--databases nova keystone") {
		t.Errorf("asked were %q, %v", said, err)
	}

	// The new system has other things in their places.
	if err := errors.Join(os.RemoveAll(dir), os.WriteFile(database, []byte("empty"), 0o640)); err != nil {
		t.Fatal(err)
	}
	mark := filepath.Join(t.TempDir(), "restored")
	s.cut = 1000
	if err := k.Restore(t.Context(), mark); !errors.Is(err, io.ErrUnexpectedEOF) {
		t.Errorf("broken off: %v", err)
	}
	if _, err := os.Stat(mark); err == nil {
		t.Error("what broke off counts as restored")
	}
	s.cut = 0
	if err := k.Restore(t.Context(), mark); err != nil {
		t.Fatal(err)
	}
	for path, want := range map[string]string{image: "disk", database: text} {
		if got, err := os.ReadFile(path); err != nil || string(got) != want {
			t.Errorf("%s has %d bytes, %v", path, len(got), err)
		}
	}
	if st, err := os.Stat(image); err != nil || st.Mode().Perm() != 0o640 {
		t.Errorf("the image's mode: %v, %v", st.Mode(), err)
	}
	if _, err := os.Stat(mark); err != nil {
		t.Error(err)
	}
}

// TestSaveFails: a dump that ends badly is not kept, and the error says what the
// program said.
func TestSaveFails(t *testing.T) {
	k, s, database, _ := keeper(t)
	err := k.Save(t.Context(), Saving{Databases: []string{"nova"}}) // there is no database to be dumped
	if err == nil || !strings.Contains(err.Error(), "read databases") || !strings.Contains(err.Error(), "No such file") {
		t.Errorf("got %v", err)
	}
	if len(s.items) > 0 {
		t.Errorf("kept were %d items", len(s.items))
	}
	if err := k.Restore(t.Context(), filepath.Join(t.TempDir(), "mark")); inventory.CodeOf(err) != inventory.NotFound {
		t.Errorf("nothing to restore: %v", err)
	}
	if err := os.WriteFile(database, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	k.Appliance = full{s}
	if err := k.Save(t.Context(), Saving{Databases: []string{"nova"}}); err == nil || !strings.Contains(err.Error(), "hand databases over: no room") {
		t.Errorf("an appliance without room: %v", err)
	}
}

// full is an appliance that takes nothing.
type full struct{ *shelf }

func (full) Save(context.Context, string, io.Reader) error { return errors.New("no room") }
