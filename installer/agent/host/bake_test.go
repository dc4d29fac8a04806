package host

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"sandai/inventory"
)

func TestBake(t *testing.T) {
	dir := t.TempDir()
	hosts := filepath.Join(dir, "hosts")
	seen := filepath.Join(dir, "seen")
	task := func(key, run, creates string) inventory.Task {
		spec, _ := json.Marshal(map[string]any{"run": []string{"/bin/sh", "-c", run}, "creates": creates})
		return inventory.Task{Key: key, Kind: "command", Spec: spec, Mask: []string{"s3cret"}}
	}
	good := task("copy", "cp "+hosts+" "+seen, seen)
	bad := task("breaks", "echo about s3cret; echo why s3cret >&2; exit 4", filepath.Join(dir, "never"))
	never := task("after", "touch "+filepath.Join(dir, "after"), filepath.Join(dir, "after"))
	if err := os.WriteFile(hosts, []byte("10.0.0.1 me"), 0o644); err != nil {
		t.Fatal(err)
	}
	bakeAll := func(tasks ...inventory.Task) (string, error) {
		plan, _ := json.Marshal(tasks)
		var log bytes.Buffer
		err := bake(t.Context(), bytes.NewReader(plan), &log, &hostsFile{path: hosts})
		return log.String(), err
	}
	log, err := bakeAll(good, good)
	if err != nil || !strings.HasPrefix(log, "[1/2] copy changed 0.") || !strings.Contains(log, "[2/2] copy as it was") {
		t.Fatalf("%v\n%s", err, log)
	}
	if b, _ := os.ReadFile(seen); !strings.HasPrefix(string(b), "127.0.0.1 localhost controller") || !strings.Contains(string(b), "10.0.0.1 me") {
		t.Errorf("a step saw the hosts %q", b)
	}
	if b, _ := os.ReadFile(hosts); string(b) != "10.0.0.1 me\n" {
		t.Errorf("afterwards the hosts are %q", b)
	}
	log, err = bakeAll(good, bad, never)
	if err == nil || !strings.Contains(err.Error(), "breaks: ") || strings.Contains(log+err.Error(), "s3cret") || !strings.Contains(log, "about ***\nwhy ***") || strings.Contains(log, "after") {
		t.Errorf("%v\n%s", err, log)
	}
	if b, _ := os.ReadFile(hosts); strings.Contains(string(b), "controller") {
		t.Errorf("after a failure the hosts are %q", b)
	}
}

func TestHostsFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "hosts")
	h := &hostsFile{path: path}
	step := func(f func() error) {
		t.Helper()
		if err := f(); err != nil {
			t.Fatal(err)
		}
	}
	step(h.ensure)
	step(h.restore)
	if _, err := os.Stat(path); !os.IsNotExist(err) {
		t.Errorf("a file that was not there stays: %v", err)
	}
	h = &hostsFile{path: path}
	step(h.ensure)
	step(func() error { return os.WriteFile(path, []byte("10.0.0.1 of a step\n"), 0o644) })
	step(h.ensure)
	if b, _ := os.ReadFile(path); !strings.HasPrefix(string(b), "127.0.0.1") {
		t.Errorf("the line was not put back: %q", b)
	}
	step(h.restore)
	if b, _ := os.ReadFile(path); string(b) != "10.0.0.1 of a step\n" {
		t.Errorf("what a step wrote is lost: %q", b)
	}
}
