package backup

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"sandai/inventory"
	"sandai/inventory/db"
)

func init() { workFactor = 10 }

const phrase = "three machines, one cloud"

func open(t *testing.T, dir string) *db.Store {
	t.Helper()
	s, err := db.Open(t.Context(), filepath.Join(dir, Database), filepath.Join(dir, Keyset))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	return s
}

// made is a store with a rack and a secret, a backup of it and a sealed copy.
func made(t *testing.T) (s *db.Store, file, sealed []byte) {
	dir := t.TempDir()
	s = open(t, dir)
	r := inventory.Rack{Name: "demo", Nodes: []inventory.Node{{Name: "controller-1", Role: inventory.Controller, BMC: &inventory.BMC{Kind: "ipmi", Address: "192.0.2.1", Port: 623, User: "admin"}}}}
	if err := s.PutRack(t.Context(), r, map[string]string{"controller-1": "hunter2-hunter2"}); err != nil {
		t.Fatal(err)
	}
	var b bytes.Buffer
	if err := Write(t.Context(), &b, s, filepath.Join(dir, Keyset), "v1", phrase); err != nil {
		t.Fatal(err)
	}
	sealing, err := NewSealing(phrase)
	if err != nil {
		t.Fatal(err)
	}
	var c bytes.Buffer
	if err := WriteSealed(t.Context(), &c, s, filepath.Join(dir, Keyset), "v1", sealing); err != nil {
		t.Fatal(err)
	}
	if left, _ := filepath.Glob(filepath.Join(dir, "backup-*")); len(left) > 0 {
		t.Errorf("%v is left", left)
	}
	return s, b.Bytes(), c.Bytes()
}

func sound(t *testing.T) func(string) error {
	return func(dir string) error {
		s, err := db.Open(t.Context(), filepath.Join(dir, Database), filepath.Join(dir, Keyset))
		if err != nil {
			return err
		}
		return s.Close()
	}
}

func TestBackup(t *testing.T) {
	old, file, sealed := made(t)
	// What comes after the backup is not in it.
	if err := old.PutRack(t.Context(), inventory.Rack{Name: "later"}, nil); err != nil {
		t.Fatal(err)
	}
	for name, file := range map[string][]byte{"a backup": file, "a sealed copy": sealed} {
		t.Run(name, func(t *testing.T) {
			if bytes.Contains(file, []byte("demo")) || bytes.Contains(file, []byte("hunter2")) || bytes.Contains(file, []byte("AGE-SECRET-KEY")) {
				t.Error("it can be read by anybody")
			}
			dir := filepath.Join(t.TempDir(), "new")
			m, err := Restore(bytes.NewReader(file), phrase, dir, sound(t))
			if err != nil || m.Version != "v1" || m.Made.IsZero() {
				t.Fatalf("%+v, %v", m, err)
			}
			s := open(t, dir)
			r, err := s.Rack(t.Context(), "")
			if err != nil || r.Name != "demo" {
				t.Fatalf("the rack is %q, %v", r.Name, err)
			}
			if pw, err := s.Secret(t.Context(), r.ID, inventory.BMCSecret("controller-1")); err != nil || pw != "hunter2-hunter2" {
				t.Errorf("the secret is %q, %v", pw, err)
			}
			// A second one would overwrite it.
			_, err = Restore(bytes.NewReader(file), phrase, dir, sound(t))
			wants(t, err, inventory.Conflict, "which is not overwritten")
		})
	}
}

func TestRestoreRefuses(t *testing.T) {
	_, file, sealed := made(t)
	cut, turned := file[:len(file)-20], bytes.Clone(file)
	turned[len(turned)-100] ^= 1
	turnedKey, turnedState := bytes.Clone(sealed), bytes.Clone(sealed)
	turnedKey[512+200] ^= 1 // behind a tar header
	turnedState[len(sealed)/2] ^= 1
	broken := errors.New("broken")
	for name, c := range map[string]struct {
		file   []byte
		phrase string
		check  func(string) error
		text   string
	}{
		"another passphrase": {file, "three machines, no cloud", sound(t), "does not open this backup"},
		"no backup":          {[]byte("hello"), phrase, sound(t), "no backup of an appliance"},
		"nothing":            {nil, phrase, sound(t), "no backup of an appliance"},
		"cut off":            {cut, phrase, sound(t), "damaged"},
		"a bit turned":       {turned, phrase, sound(t), "damaged"},
		"sealed for another": {sealed, "three machines, no cloud", sound(t), "does not open this backup"},
		"sealed, cut off":    {sealed[:len(sealed)/2], phrase, sound(t), "damaged"},
		"sealed, a bad key":  {turnedKey, phrase, sound(t), "backup"},
		"sealed, a bad half": {turnedState, phrase, sound(t), "damaged"},
		"half a name":        {[]byte("identity.age"), phrase, sound(t), "no backup of an appliance"},
		"not sound":          {file, phrase, func(string) error { return broken }, "broken"},
	} {
		dir := t.TempDir()
		_, err := Restore(bytes.NewReader(c.file), c.phrase, dir, c.check)
		if err == nil || !strings.Contains(err.Error(), c.text) {
			t.Errorf("%s: %v", name, err)
		}
		if left, _ := os.ReadDir(dir); len(left) > 0 {
			t.Errorf("%s: %v is left", name, left)
		}
	}
	err := Write(t.Context(), nil, nil, "", "", "short")
	wants(t, err, inventory.Invalid, fmt.Sprintf("fewer than %d characters", MinPassphrase))
	_, err = NewSealing("short")
	wants(t, err, inventory.Invalid, fmt.Sprintf("fewer than %d characters", MinPassphrase))
}

func wants(t *testing.T, err error, code inventory.Code, text string) {
	t.Helper()
	if inventory.CodeOf(err) != code || !strings.Contains(fmt.Sprint(err), text) {
		t.Errorf("got %v (%s), want %s with %q", err, inventory.CodeOf(err), code, text)
	}
}
