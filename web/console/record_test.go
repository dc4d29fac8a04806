package console_test

import (
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"sandai/inventory"
	"sandai/web/console"
	"sandai/web/webtest"
)

// TestSurvivesRestart: a hub over the same folder goes on where the last one
// stopped, and the file is for its owner alone.
func TestSurvivesRestart(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "console")
	path := filepath.Join(dir, "demo", "compute-1.log")
	for i, say := range []string{"one\r\n", "two\r\n"} {
		synctest.Test(t, func(t *testing.T) {
			r := start(t, console.Config{Dir: dir})
			if got := r.Tail("demo", "compute-1", 1); i == 1 && got != "[sandai 2000-01-01 00:00:00 UTC: closed, since the appliance stops]\n" {
				t.Errorf("before the line is open the tail is %q", got)
			}
			a := r.join(t, "compute-1", "anna")
			r.b.say(t, "compute-1", say)
			a.look()
			if i == 1 && (!strings.Contains(a.past, "one\r\n") || !strings.HasSuffix(a.text, "two\r\n")) {
				t.Errorf("after the restart the viewer saw %q", a.text)
			}
			if got := r.Tail("demo", "compute-1", 1); got != strings.TrimSpace(say)+"\n" {
				t.Errorf("the tail is %q", got)
			}
		})
	}
	for p, want := range map[string]fs.FileMode{path: 0o600, filepath.Dir(path): 0o700 | fs.ModeDir} {
		if s, err := os.Stat(p); err != nil || s.Mode() != want {
			t.Errorf("%s: %v, %v, want %v", p, s.Mode(), err, want)
		}
	}
}

// TestRotation: a node's files stay bounded, and the newest is kept.
func TestRotation(t *testing.T) {
	dir := t.TempDir()
	synctest.Test(t, func(t *testing.T) {
		r := start(t, console.Config{Dir: dir})
		r.join(t, "compute-1", "anna").phase(console.Live)
		for i := range 3500 {
			r.b.say(t, "compute-1", fmt.Sprintf("%01021d\r\n", i))
		}
	})
	var all strings.Builder
	for _, name := range []string{"compute-1.log.1", "compute-1.log"} {
		b, err := os.ReadFile(filepath.Join(dir, "demo", name))
		if err != nil || len(b) > 1<<20 {
			t.Fatalf("%s has %d bytes, %v", name, len(b), err)
		}
		all.Write(b)
	}
	if s := all.String(); !strings.Contains(s, "3499\r\n") || strings.Count(s, "\r\n") < 1024 {
		t.Errorf("the files hold %d lines and not the last one", strings.Count(s, "\r\n"))
	}
	files, err := os.ReadDir(filepath.Join(dir, "demo"))
	if err != nil || len(files) != 2 {
		t.Errorf("there are %d files, %v", len(files), err)
	}
	synctest.Test(t, func(t *testing.T) {
		r := start(t, console.Config{Dir: dir})
		if got := len(r.Scrollback("demo", "compute-1")); got < 255<<10 || got > 256<<10 {
			t.Errorf("the scrollback has %d bytes over both files", got)
		}
	})
}

// TestBadDisk: a folder that cannot be written costs the record, not the console.
func TestBadDisk(t *testing.T) {
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	synctest.Test(t, func(t *testing.T) {
		r := start(t, console.Config{Dir: file})
		a := r.join(t, "compute-1", "anna")
		r.b.say(t, "compute-1", "still here")
		if a.look(); !strings.HasSuffix(a.text, "still here") {
			t.Errorf("the viewer saw %q", a.text)
		}
	})
}

// TestNames: a name that could lead out of the folder is not written to.
func TestNames(t *testing.T) {
	dir := t.TempDir()
	synctest.Test(t, func(t *testing.T) {
		r := start(t, console.Config{Dir: filepath.Join(dir, "console")})
		rack := webtest.Rack("..")
		rack.Nodes[0].Name = "../out"
		r.m.AddRack(rack)
		r.m.AddRun(inventory.Run{RackID: 2, Rack: "..", State: inventory.RunActive, Attempt: 1}, []inventory.Step{{Node: "../out"}, {Node: "compute-1"}})
		time.Sleep(2 * time.Second)
		r.b.say(t, "../out", "text")
		r.b.say(t, "compute-1", "text")
	})
	if files, err := os.ReadDir(dir); err != nil || len(files) != 0 {
		t.Errorf("%v was written, %v", files, err)
	}
}
