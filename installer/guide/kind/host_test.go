package kind

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// fakeHost has a folder as its root and answers commands from a script: the
// first entry whose key is part of the command line, taken off when it is used
// up to its last answer.
type fakeHost struct {
	t       *testing.T
	root    string
	booted  bool
	answers map[string][]Result
	calls   []Cmd
	long    []string // commands that were run with RunLong
}

func newHost(t *testing.T) *fakeHost {
	t.Helper()
	h := &fakeHost{t: t, root: t.TempDir(), booted: true, answers: map[string][]Result{}}
	h.put("/etc/passwd", fmt.Sprintf("root:x:0:0::/root:/bin/sh\nsvc:x:%d:%d::/:/bin/false\n", os.Getuid(), os.Getgid()))
	h.put("/etc/group", fmt.Sprintf("root:x:0:\nsvc:x:%d:\n", os.Getgid()))
	return h
}

func (h *fakeHost) put(path, text string) {
	h.t.Helper()
	name := filepath.Join(h.root, path)
	if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
		h.t.Fatal(err)
	}
	if err := os.WriteFile(name, []byte(text), 0o644); err != nil {
		h.t.Fatal(err)
	}
}

func (h *fakeHost) Root() string { return h.root }
func (h *fakeHost) Booted() bool { return h.booted }

func (h *fakeHost) Run(_ context.Context, c Cmd) (Result, error) {
	h.calls = append(h.calls, c)
	line := strings.Join(c.Args, " ")
	for key, list := range h.answers {
		if !strings.Contains(line, key) {
			continue
		}
		if len(list) > 1 {
			h.answers[key] = list[1:]
		}
		return list[0], nil
	}
	return Result{}, fmt.Errorf("unexpected command %q", line)
}

func (h *fakeHost) RunLong(ctx context.Context, c Cmd) (Result, error) {
	h.long = append(h.long, strings.Join(c.Args, " "))
	return h.Run(ctx, c)
}

// ran returns the command lines that hold the text.
func (h *fakeHost) ran(text string) []string {
	var out []string
	for _, c := range h.calls {
		if line := strings.Join(c.Args, " "); strings.Contains(line, text) {
			out = append(out, line)
		}
	}
	return out
}
