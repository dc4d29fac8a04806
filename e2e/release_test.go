package e2e

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"

	"github.com/chromedp/chromedp"

	"sandai/inventory"
)

// TestRelease takes a stand-in out of the rack from the page: its disk is blank and
// its power off afterwards, and it takes a role again. Then it is removed from the
// command line, and nothing of it is left.
func TestRelease(t *testing.T) {
	r := plainRack(t)
	was := r.nodeNamed("compute-1")
	mac := was.MAC(inventory.Provisioning)
	others := func() (out []string) {
		for _, n := range r.rackState().Nodes {
			if n.State == inventory.Active {
				out = append(out, n.Name)
			}
		}
		return out
	}

	b := newBrowser(t, r.rack.URL())
	b.firstUser(r)
	b.open("/racks/" + r.rack.Name() + "?node=compute-1")
	b.follow(".drawer a.button", "Release", ".*/nodes/compute-1/release")
	b.has("table td.bad", "erased")
	b.accessible("the release of a server")
	b.fill("#confirm-name", "compute-1")
	b.click("#confirm-form button", "")
	b.has(".runhead h1", "release")
	run := r.runEnds()
	if run.Kind != inventory.RunRelease || run.State != inventory.RunDone {
		t.Fatalf("run %d is a %s, %s: %s", run.ID, run.Kind, run.State, run.Reason)
	}
	b.do(chromedp.Navigate("about:blank"))
	n := r.nodeNamed(inventory.NewcomerName(mac))
	if n.Role != "" || n.State != inventory.Inspected || n.Hardware == nil {
		t.Fatalf("the released node is %+v", n)
	}
	for _, d := range n.Hardware.Disks {
		if len(d.Contents) > 0 {
			t.Errorf("%s still holds %v", d.Name, d.Contents)
		}
	}
	if out := r.cli("node", "power", n.Name, "status"); !strings.Contains(out, "off") {
		t.Errorf("its power: %s", out)
	}
	if got := others(); !slices.Equal(got, []string{"controller-1", "network-1"}) {
		t.Errorf("active are %v", got)
	}
	r.asInstalled()

	// It takes a role again.
	r.cli("node", "role", n.Name, "compute", "--name", "compute-9")
	r.cli("rack", "apply")
	if run := r.runEnds(); run.Kind != inventory.RunApply || run.State != inventory.RunDone {
		t.Fatalf("the apply is %s: %s", run.State, run.Reason)
	}
	if got := others(); len(got) != 3 {
		t.Errorf("active are %v", got)
	}

	var v inventory.Preview
	if err := json.Unmarshal([]byte(r.cli("node", "remove", "compute-9", "--full", "--json")), &v); err != nil {
		t.Fatal(err)
	}
	r.cli("node", "remove", "compute-9", "--full", "--confirm", "compute-9", "--preview", v.Hash)
	if run := r.runEnds(); run.Kind != inventory.RunRelease || run.State != inventory.RunDone {
		t.Fatalf("the removal is %s: %s", run.State, run.Reason)
	}
	if left := r.rackState().Nodes; len(left) != 2 {
		t.Errorf("left are %d nodes", len(left))
	}
	r.asInstalled()
	r.noSecrets()
}
