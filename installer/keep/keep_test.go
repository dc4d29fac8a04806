package keep

import (
	"bytes"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/iotest"

	"sandai/inventory"
)

func key(t *testing.T) string {
	t.Helper()
	k, err := NewKey()
	if err != nil {
		t.Fatal(err)
	}
	return k
}

func TestKeep(t *testing.T) {
	f, k := Files{t.TempDir()}, key(t)
	text := strings.Repeat("INSERT INTO users VALUES ('hunter2');\n", 5000)
	for range 2 { // the second time replaces the first
		if n, err := f.Put(7, "controller-1", "databases", k, strings.NewReader(text)); err != nil || n != int64(len(text)) {
			t.Fatalf("kept %d bytes, %v", n, err)
		}
	}
	path := filepath.Join(f.Dir, "7", "controller-1", "databases.age")
	raw, err := os.ReadFile(path)
	if err != nil || bytes.Contains(raw, []byte("hunter2")) {
		t.Fatalf("anybody can read it, or nobody: %v", err)
	}
	if st, _ := os.Stat(path); st.Mode().Perm() != 0o600 {
		t.Errorf("its mode is %v", st.Mode())
	}
	read := func(run uint, k string) (string, error) {
		r, err := f.Open(run, "controller-1", "databases", k)
		if err != nil {
			return "", err
		}
		defer r.Close()
		b, err := io.ReadAll(r)
		return string(b), err
	}
	if got, err := read(7, k); err != nil || got != text {
		t.Fatalf("read %d bytes, %v", len(got), err)
	}
	if _, err := read(8, k); inventory.CodeOf(err) != inventory.NotFound {
		t.Errorf("another run's: %v", err)
	}
	if _, err := read(7, key(t)); err == nil {
		t.Error("another key opens it")
	}
	for name, damaged := range map[string][]byte{"cut off": raw[:len(raw)-20], "a bit turned": append(bytes.Clone(raw[:len(raw)-1]), raw[len(raw)-1]^1)} {
		if err := os.WriteFile(path, damaged, 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := read(7, k); err == nil {
			t.Errorf("%s: it is taken for whole", name)
		}
	}
	if err := errors.Join(f.Remove(7), f.Remove(7)); err != nil {
		t.Error(err)
	}
	if _, err := read(7, k); inventory.CodeOf(err) != inventory.NotFound {
		t.Errorf("removed: %v", err)
	}
}

// TestBrokenOff: what comes only in part replaces nothing and leaves nothing behind.
func TestBrokenOff(t *testing.T) {
	f, k := Files{t.TempDir()}, key(t)
	if _, err := f.Put(1, "n", "files", k, strings.NewReader("whole")); err != nil {
		t.Fatal(err)
	}
	if _, err := f.Put(1, "n", "files", k, io.MultiReader(strings.NewReader("half"), iotest.ErrReader(io.ErrUnexpectedEOF))); !errors.Is(err, io.ErrUnexpectedEOF) {
		t.Errorf("broken off: %v", err)
	}
	if left, _ := filepath.Glob(filepath.Join(f.Dir, "1", "n", "*")); len(left) != 1 {
		t.Errorf("there are %v", left)
	}
	r, err := f.Open(1, "n", "files", k)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	if b, err := io.ReadAll(r); err != nil || string(b) != "whole" {
		t.Errorf("read %q, %v", b, err)
	}
}
