package kind

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// twice carries a step out two times: the first must change something, the
// second must not.
func twice(t *testing.T, h *fakeHost, k Kind) {
	t.Helper()
	if err := k.Validate(); err != nil {
		t.Fatal(err)
	}
	_, tells := k.(Differ)
	for i, want := range []bool{true, false} {
		effect, err := Do(t.Context(), h, k)
		if err != nil {
			t.Fatalf("time %d: %v", i+1, err)
		}
		if effect.Changed != want || tells && want != (effect.Diff != "") {
			t.Fatalf("time %d: %+v", i+1, effect)
		}
	}
}

func TestINI(t *testing.T) {
	h := newHost(t)
	h.put("/etc/a/a.conf", "from the package\n")
	k := &INI{Path: "/etc/a/a.conf", Owner: "svc", Group: "svc", Mode: "0640", Set: map[string]map[string]string{
		"zone": {"b": "2", "a": "1"}, "DEFAULT": {"x": "y"}, "": {"top": "level"}, "api": {"empty": ""}, "nothing": {},
	}}
	twice(t, h, k)
	got, err := os.ReadFile(filepath.Join(h.root, "/etc/a/a.conf"))
	if err != nil {
		t.Fatal(err)
	}
	want := `# Written by Sandai; changes are overwritten.
top = level

[DEFAULT]
x = y

[api]
empty =

[nothing]

[zone]
a = 1
b = 2
`
	if d := cmp.Diff(want, string(got)); d != "" {
		t.Error(d)
	}
	fi, err := os.Stat(filepath.Join(h.root, "/etc/a/a.conf"))
	if err != nil || fi.Mode() != 0o640 {
		t.Errorf("mode %v, %v", fi.Mode(), err)
	}
	if left, _ := filepath.Glob(filepath.Join(h.root, "/etc/a/.sandai-*")); len(left) > 0 {
		t.Errorf("left behind: %v", left)
	}
	k.Set["zone"]["b"] = "3"
	twice(t, h, k)
}

func TestFile(t *testing.T) {
	tests := map[string]struct {
		k     *File
		check func(t *testing.T, name string)
	}{
		"content": {&File{Path: "/new/dir/f", Content: "text\n", Mode: "0600"}, func(t *testing.T, name string) {
			if b, _ := os.ReadFile(name); string(b) != "text\n" {
				t.Errorf("holds %q", b)
			}
		}},
		"empty": {&File{Path: "/f"}, nil},
		"directory": {&File{Path: "/a/b/c", Directory: true, Mode: "0700"}, func(t *testing.T, name string) {
			if fi, _ := os.Stat(name); fi.Mode().Perm() != 0o700 {
				t.Errorf("mode %v", fi.Mode())
			}
		}},
		"link over a file": {&File{Path: "/etc/passwd", Link: "/dev/null"}, func(t *testing.T, name string) {
			if to, _ := os.Readlink(name); to != "/dev/null" {
				t.Errorf("links to %q", to)
			}
		}},
		"file over a link": {&File{Path: "/link", Content: "x"}, nil},
		"absent":           {&File{Path: "/etc/group", Absent: true}, nil},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			h := newHost(t)
			if err := os.Symlink("/nowhere", filepath.Join(h.root, "link")); err != nil {
				t.Fatal(err)
			}
			twice(t, h, tc.k)
			if tc.check != nil {
				tc.check(t, filepath.Join(h.root, tc.k.Path))
			}
		})
	}
}

func TestFileNotices(t *testing.T) {
	h := newHost(t)
	k := &File{Path: "/f", Content: "a", Mode: "0600"}
	twice(t, h, k)
	name := filepath.Join(h.root, "f")
	for what, spoil := range map[string]func() error{
		"content": func() error { return os.WriteFile(name, []byte("b"), 0o600) },
		"mode":    func() error { return os.Chmod(name, 0o644) },
		"gone":    func() error { return os.Remove(name) },
	} {
		if err := spoil(); err != nil {
			t.Fatal(err)
		}
		if err := k.Verify(t.Context(), h); err == nil {
			t.Errorf("%s: not noticed", what)
		}
		twice(t, h, k)
	}
}

func TestUnknownOwner(t *testing.T) {
	h := newHost(t)
	_, err := Do(t.Context(), h, &File{Path: "/f", Content: "a", Owner: "nobody-here"})
	if err == nil {
		t.Fatal("no error")
	}
	if _, err := os.Stat(filepath.Join(h.root, "f")); err == nil {
		t.Error("a secret was written with the wrong owner")
	}
}
