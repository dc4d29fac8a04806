package installer_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"sandai/inventory"
)

func (w *world) drifts(keys ...string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, k := range keys {
		w.drift[k] = true
	}
}

// installed is a trial whose rack is installed.
func installed(t *testing.T) *trial {
	tr := newTrial(t, 0)
	tr.begin(nil)
	tr.ends(inventory.RunDone)
	return tr
}

// TestCheck: a look finds what differs, says how, and changes nothing; applying
// mends it, and is nothing to do where all is as the plan says.
func TestCheck(t *testing.T) {
	tr := newTrial(t, 0)
	_, err := tr.engine().Check(tr.ctx, "demo")
	tr.refused(err, inventory.Conflict, "is not installed")
	_, err = tr.engine().Apply(tr.ctx, "demo", inventory.ApplyRequest{})
	tr.refused(err, inventory.Conflict, "is not installed")
	tr.begin(nil)
	tr.ends(inventory.RunDone)
	install := tr.run

	tr.run = tr.ok(tr.engine().Check(tr.ctx, "demo"))
	tr.ends(inventory.RunDone)
	if tr.run.Reason != "" || len(tr.looked) != 3 {
		t.Errorf("of a rack as its plan says the check says %q, looked at %v", tr.run.Reason, tr.looked)
	}
	const edited = "compute-1/environment/hosts"
	tr.drifts(edited)
	tr.run = tr.ok(tr.engine().Check(tr.ctx, "demo"))
	_, err = tr.engine().Apply(tr.ctx, "demo", inventory.ApplyRequest{})
	tr.refused(err, inventory.Conflict, "(check)")
	tr.ends(inventory.RunDone)
	if tr.run.Reason != "1 of 3 differ: "+edited || !tr.drift[edited] {
		t.Errorf("the check says %q", tr.run.Reason)
	}
	if s := tr.steps()[edited]; !s.Changed || !strings.Contains(s.Diff, "as it should be") {
		t.Errorf("the step that differs: changed %v, %q", s.Changed, s.Diff)
	}
	_, err = tr.engine().Apply(tr.ctx, "demo", inventory.ApplyRequest{PlanHash: "another"})
	tr.refused(err, inventory.Conflict, "has changed since it was shown")
	tr.run = tr.ok(tr.engine().Apply(tr.ctx, "demo", inventory.ApplyRequest{PlanHash: tr.run.PlanHash}))
	tr.ends(inventory.RunDone)
	changed := 0
	for key, s := range tr.steps() {
		if s.Changed {
			changed++
		}
		if strings.Contains(key, "/proof/") || strings.Contains(key, "/boot/") {
			t.Errorf("applying to an installed rack did %s", key)
		}
	}
	if changed != 1 || tr.drift[edited] {
		t.Errorf("applying changed %d steps", changed)
	}
	if again := tr.ok(tr.engine().Install(tr.ctx, "demo", inventory.InstallRequest{})); again.ID != tr.run.ID || again.State != inventory.RunDone {
		t.Errorf("an install after it is run %d, %s; want nothing to do", again.ID, again.State)
	}
	if rep, err := tr.engine().Report(tr.ctx, "demo"); err != nil || rep.ProofRun != install.ID || rep.Run.ID != install.ID {
		t.Errorf("the report is of run %d, its proof of run %d: %v", rep.Run.ID, rep.ProofRun, err)
	}
}

// TestCheckOldAgent: an agent that would change what it should look at gets
// nothing, and the check says what to do.
func TestCheckOldAgent(t *testing.T) {
	tr := newTrial(t, 0)
	tr.old = true
	tr.begin(nil)
	tr.ends(inventory.RunDone)
	tr.run = tr.ok(tr.engine().Check(tr.ctx, "demo"))
	tr.ends(inventory.RunFailed)
	if !strings.Contains(tr.run.Reason, "is older than this appliance") {
		t.Errorf("the check failed with %q", tr.run.Reason)
	}
}

// TestAddNode: a node that is new in the plan is installed by applying it; the
// others are not touched but for what names the new one.
func TestAddNode(t *testing.T) {
	tr := installed(t)
	install := tr.run
	r := tr.rack
	r.Nodes = append(slices.Clone(r.Nodes), inventory.Node{Name: "compute-2", Role: inventory.Compute, Firmware: inventory.BIOS, State: inventory.Ready, Since: time.Now(),
		Address: "10.77.0.14", SystemDisk: "SYS", NICs: []inventory.NIC{{Network: inventory.Provisioning, MAC: "52:54:00:00:00:03"}},
		BMC: &inventory.BMC{Kind: "ipmi", Address: "192.0.2.1", Port: 626, User: "admin"}})
	if err := tr.store.PutRack(tr.ctx, r, map[string]string{"compute-2": "secret"}); err != nil {
		t.Fatal(err)
	}
	tr.mu.Lock()
	tr.rack.Nodes = r.Nodes
	tr.mu.Unlock()
	tr.drifts("controller-1/environment/hosts", "network-1/environment/hosts", "compute-1/environment/hosts")
	_, err := tr.engine().Install(tr.ctx, "demo", inventory.InstallRequest{})
	tr.refused(err, inventory.Conflict, "appliance rack apply demo")

	tr.run = tr.ok(tr.engine().Apply(tr.ctx, "demo", inventory.ApplyRequest{}))
	tr.ends(inventory.RunDone)
	for key, s := range tr.steps() {
		if s.Node != "compute-2" && s.Chapter != "environment" && s.Chapter != "proof" {
			t.Errorf("adding compute-2 did %s", key)
		}
	}
	if s := tr.steps()["compute-2/boot/boot"]; s.State != inventory.StepDone {
		t.Errorf("compute-2 did not start: %q", s.State)
	}
	if s := tr.steps()["compute-1/environment/hosts"]; !s.Changed {
		t.Error("compute-1 does not know of compute-2")
	}
	tr.allActive(4)
	if again := tr.ok(tr.engine().Install(tr.ctx, "demo", inventory.InstallRequest{})); again.ID != tr.run.ID {
		t.Errorf("an install after it is run %d; want nothing to do", again.ID)
	}
	if rep, err := tr.engine().Report(tr.ctx, "demo"); err != nil || rep.Run.ID != install.ID || rep.ProofRun != tr.run.ID {
		t.Errorf("the report is of run %d, its proof of run %d: %v", rep.Run.ID, rep.ProofRun, err)
	}
}

func (tr *trial) allActive(want int) {
	tr.t.Helper()
	r, err := tr.store.Rack(tr.ctx, "demo")
	if err != nil {
		tr.t.Fatal(err)
	}
	var states []string
	for _, n := range r.Nodes {
		states = append(states, fmt.Sprintf("%s %s", n.Name, n.State))
		if n.State == inventory.Active {
			want--
		}
	}
	if want != 0 {
		tr.t.Errorf("the nodes are %v", states)
	}
}
