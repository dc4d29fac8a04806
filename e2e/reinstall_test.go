package e2e

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/chromedp"

	"sandai/inventory"
)

// TestReinstall installs one of three stand-ins anew from the command line, and
// another from the page: the others do not notice, and the rack is installed as
// before.
func TestReinstall(t *testing.T) {
	r := plainRack(t)
	heard := r.nodeNamed("controller-1").Since

	v := r.reinstall("compute-1")
	if v.Erased != 1 || len(v.Nodes) != 1 || len(v.Nodes[0].Disks[0].Contents) == 0 {
		t.Errorf("a reinstall would erase %d disks: %+v", v.Erased, v.Nodes)
	}
	r.reinstalled("compute-1")
	if n := strings.Count(r.console(), "in place of the installed system of compute-1"); n != 2 {
		t.Errorf("compute-1's system started %d times", n)
	}

	b := newBrowser(t, r.rack.URL())
	b.firstUser(r)
	b.open("/racks/" + r.rack.Name() + "?node=network-1")
	b.follow(".drawer a.button", "Reinstall", ".*/nodes/network-1/reinstall")
	b.has("table td.bad", "erased")
	b.accessible("the reinstall of a server")
	b.excuse(`422.*/reinstall`)
	b.fill("#confirm-name", "compute-1")
	b.click("#confirm-form button", "")
	b.has("#wrong", "that is not the server's name")
	b.fill("#confirm-name", "network-1")
	b.click("#confirm-form button", "")
	b.has(".runhead h1", "reinstall")
	r.reinstalled("network-1")
	b.do(chromedp.Navigate("about:blank")) // the appliance is lost below
	if now := r.nodeNamed("controller-1").Since; !now.Equal(heard) {
		t.Errorf("controller-1 changed its state at %s", now)
	}
	r.asInstalled()
	r.restored()
}

// asInstalled: an install has nothing to do.
func (r *rig) asInstalled() {
	r.Helper()
	before := len(r.runs())
	if out := r.cli("rack", "install"); !strings.Contains(out, "othing to do") || len(r.runs()) != before {
		r.Errorf("an install says %q, and there are %d runs", out, len(r.runs()))
	}
}

// restored takes a backup while the appliance is up, loses the appliance, and has a
// fresh one go on: it hears the same nodes and does nothing to them.
func (r *rig) restored() {
	r.Helper()
	dir := r.TempDir()
	phrase, file := filepath.Join(dir, "phrase"), filepath.Join(dir, "sandai.age")
	if err := os.WriteFile(phrase, []byte(password+"\n"), 0o600); err != nil {
		r.Fatal(err)
	}
	r.cli("backup", file, "--passphrase-file", phrase)
	started := strings.Count(r.console(), "in place of the installed system of compute-1")
	r.kill()
	r.dir = filepath.Join(dir, "fresh")
	r.cli("restore", file, "--passphrase-file", phrase)
	began := time.Now()
	r.serve()
	r.wait("the fresh appliance hears every node", limit, func() bool {
		for _, n := range r.rackState().Nodes {
			if n.LastSeen.Before(began) {
				return false
			}
		}
		return true
	})
	r.asInstalled()
	if now := strings.Count(r.console(), "in place of the installed system of compute-1"); now != started {
		r.Errorf("compute-1 started %d times more", now-started)
	}
	r.noSecrets()
}

// reinstall has a node installed anew from the command line, and returns what was
// shown before.
func (r *rig) reinstall(node string) (v inventory.Preview) {
	r.Helper()
	if err := json.Unmarshal([]byte(r.cli("node", "reinstall", node, "--json")), &v); err != nil {
		r.Fatal(err)
	}
	r.cli("node", "reinstall", node, "--confirm", node, "--preview", v.Hash)
	return v
}

// reinstalled waits until the reinstall of a node is done.
func (r *rig) reinstalled(node string) {
	r.Helper()
	run := r.runEnds()
	if run.Kind != inventory.RunReinstall || run.State != inventory.RunDone {
		r.Fatalf("run %d is a %s, %s: %s", run.ID, run.Kind, run.State, run.Reason)
	}
	for key, s := range r.stepsOf(run) {
		if s.Node != node || s.State != inventory.StepDone {
			r.Errorf("the reinstall of %s has %s, %s", node, key, s.State)
		}
	}
	for _, n := range r.rackState().Nodes {
		if n.State != inventory.Active {
			r.Errorf("%s is %s", n.Name, n.State)
		}
	}
}
