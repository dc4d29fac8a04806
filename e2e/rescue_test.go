package e2e

import (
	"strings"
	"testing"
	"time"

	"sandai/inventory"
)

// TestRescue takes an installed stand-in into a rescue from the page and back from
// the command line, from where it starts its own system.
func TestRescue(t *testing.T) {
	r := plainRack(t)

	b := newBrowser(t, r.rack.URL())
	b.firstUser(r)
	b.open("/racks/" + r.rack.Name() + "?node=compute-1")
	b.click("#rescue summary", "")
	b.fill(`#rescue input[name="confirm"]`, "compute-2")
	b.click("#rescue form button", "")
	b.has("[role=alert]", "confirm with the node's name")
	b.excuse(`422.*/rescue`)
	b.open("/racks/" + r.rack.Name() + "?node=compute-1")
	b.click("#rescue summary", "")
	b.fill(`#rescue input[name="confirm"]`, "compute-1")
	b.click("#rescue form button", "")
	r.wait("the rescue begins", time.Minute, func() bool { return r.runs()[0].Kind == inventory.RunRescue })
	run := r.runEnds()
	if run.Kind != inventory.RunRescue || run.State != inventory.RunDone {
		t.Fatalf("run %d is a %s, %s: %s", run.ID, run.Kind, run.State, run.Reason)
	}
	if n := r.nodeNamed("compute-1"); n.State != inventory.Maintenance {
		t.Errorf("it is %s", n.State)
	}
	b.open("/racks/" + r.rack.Name() + "?node=compute-1")
	b.has("#rescue", "In rescue")
	b.accessible("a server in rescue")

	if out := r.cli("node", "rescue", "compute-1", "--end"); !strings.Contains(out, "compute-1 is active") {
		t.Errorf("its end: %s", out)
	}
	r.wait("its own system reports", time.Minute, func() bool {
		n := r.nodeNamed("compute-1")
		return n.State == inventory.Active && n.RescuedFrom == ""
	})
	r.asInstalled()
}
