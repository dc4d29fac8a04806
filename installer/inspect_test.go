package installer_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"sandai/inventory"
)

func (tr *trial) node(name string) inventory.Node {
	tr.t.Helper()
	n, err := tr.store.Node(tr.t.Context(), tr.rack.ID, name)
	if err != nil {
		tr.t.Fatal(err)
	}
	return n
}

// TestInspect: all nodes are looked at and switched off again, nothing else is
// handed to their agents, and an install afterwards is a first install.
func TestInspect(t *testing.T) {
	tr := newTrial(t, 0)
	got, err := tr.engine().Inspect(tr.ctx, "demo", nil)
	if err != nil || got.Run == nil || len(got.Waiting) != 0 || len(got.Left) != 0 {
		t.Fatalf("%+v, %v", got, err)
	}
	tr.run = *got.Run
	_, err = tr.engine().Inspect(tr.ctx, "demo", nil)
	tr.refused(err, inventory.Conflict, "active")
	_, err = tr.engine().Install(tr.ctx, "demo", inventory.InstallRequest{})
	tr.refused(err, inventory.Conflict, "(inspect)")
	tr.ends(inventory.RunDone)
	tr.once()
	for _, n := range tr.rack.Nodes {
		now := tr.node(n.Name)
		if now.State != inventory.Ready || now.Hardware == nil || now.Hardware.Seen.IsZero() || now.BootNonce != "" {
			t.Errorf("%s is %s, nonce %q, hardware %+v", n.Name, now.State, now.BootNonce, now.Hardware)
		}
		if tr.on[n.Name] {
			t.Errorf("%s was left on", n.Name)
		}
		for key, s := range tr.steps() {
			if s.Node == n.Name && (s.Chapter == "wipe" || s.Chapter == "write") {
				t.Errorf("an inspection has the step %s", key)
			}
		}
	}
	if _, err := tr.engine().Report(tr.ctx, "demo"); inventory.CodeOf(err) != inventory.NotFound {
		t.Errorf("an inspection alone gives a report of an install: %v", err)
	}
	tr.begin(nil)
	tr.ends(inventory.RunDone)
	_, err = tr.engine().Inspect(tr.ctx, "demo", []string{"compute-1"})
	tr.refused(err, inventory.Conflict, "would interrupt it")
	_, err = tr.engine().Inspect(tr.ctx, "demo", []string{"nobody"})
	tr.refused(err, inventory.NotFound, "nobody")
}

// TestInspectOneFails: the others are inspected all the same, and the one can be
// tried again.
func TestInspectOneFails(t *testing.T) {
	tr := newTrial(t, 0)
	tr.fails = map[string]int{"network-1/inspect/inspect": 1}
	got, err := tr.engine().Inspect(tr.ctx, "demo", nil)
	if err != nil {
		t.Fatal(err)
	}
	tr.run = *got.Run
	tr.ends(inventory.RunFailed)
	for key, s := range tr.steps() {
		want := inventory.StepDone
		switch key {
		case "network-1/inspect/inspect":
			want = inventory.StepFailed
		case "network-1/off/off":
			want = inventory.StepPending
		}
		if s.State != want {
			t.Errorf("%s is %s, want %s", key, s.State, want)
		}
	}
	if n := tr.node("network-1"); n.State != inventory.Ready {
		t.Errorf("a node whose inspection failed is %s: nothing was done to it", n.State)
	}
	_, err = tr.engine().SkipStep(tr.ctx, tr.run.ID, "network-1/off/off", "it may stay on")
	tr.refused(err, inventory.Invalid, "switched off again")
	// Without a run that works on it, its agent was told to restart; the retry
	// powers it on again.
	tr.until("the agent restarts", func() bool { return slices.Contains(tr.noted(), "network-1/restart/restart") })
	if _, err := tr.store.UpdateNode(tr.ctx, tr.rack.ID, "network-1", func(n *inventory.Node) error { n.LastSeen = n.LastSeen.AddDate(0, 0, -1); return nil }); err != nil {
		t.Fatal(err)
	}
	tr.run = tr.ok(tr.engine().RetryStep(tr.ctx, tr.run.ID, "network-1/inspect/inspect"))
	tr.ends(inventory.RunDone)
}

// TestNewcomer: a machine that nobody knows gets the ramdisk once, is looked at,
// starts from its own disk, and is never handed anything else.
func TestNewcomer(t *testing.T) {
	tr := newTrial(t, 0)
	m := inventory.Machine{MAC: "52:54:00:aa:00:01"}
	spend := func() inventory.BootDecision {
		t.Helper()
		d, err := tr.engine().Spend(tr.ctx, tr.rack.ID, m)
		if err != nil {
			t.Fatal(err)
		}
		return d
	}
	if d := spend(); d.Action != inventory.BootDisk {
		t.Errorf("the rack does not want newcomers looked at, and one gets %s", d.Action)
	}
	m.MAC = "52:54:00:aa:00:02"
	tr.rack.InspectNewcomers = true
	if err := tr.store.PutRack(tr.ctx, tr.rack, nil); err != nil {
		t.Fatal(err)
	}
	// A run is under way meanwhile: it is not the newcomer's.
	tr.hold("network-1/wipe/wipe")
	tr.begin(nil)
	d, err := tr.engine().Decide(tr.ctx, tr.rack.ID, m)
	if err != nil || d.Action != inventory.BootRamdisk || !strings.Contains(d.Reason, "nothing is written") {
		t.Fatalf("a newcomer gets %s: %s, %v", d.Action, d.Reason, err)
	}
	name := d.Node
	tr.live(tr.ctx, tr.node(name), 0) // returns when it was told to restart
	if d := cmp.Diff([]string{name + "/inspect/inspect", name + "/restart/restart"}, tr.noted()); d != "" {
		t.Errorf("what its agent was handed (-want +got):\n%s", d)
	}
	n := tr.node(name)
	if n.State != inventory.Inspected || n.Role != "" || n.Hardware == nil || n.Hardware.Cores != 4 {
		t.Errorf("it is %s, role %q, hardware %+v", n.State, n.Role, n.Hardware)
	}
	for range 3 {
		if d := spend(); d.Action != inventory.BootDisk || d.Nonce != "" {
			t.Errorf("then it gets %s", d.Action)
		}
	}
	tr.release()
	tr.ends(inventory.RunDone)

	// Asked for by name it is looked at again.
	got, err := tr.engine().Inspect(tr.ctx, "demo", []string{name})
	if err != nil || got.Run != nil || len(got.Waiting) != 1 {
		t.Fatalf("%+v, %v", got, err)
	}
	tr.live(tr.ctx, n, 0)
	if len(tr.noted()) != 4 {
		t.Errorf("handed out: %v", tr.noted())
	}
	if d := spend(); d.Action != inventory.BootDisk {
		t.Errorf("then it gets %s", d.Action)
	}
}

// TestNewcomerRenamed: the agent of a machine that got its role while it was in
// the ramdisk is told to restart, under the name that it knows.
func TestNewcomerRenamed(t *testing.T) {
	tr := newTrial(t, 0)
	const old = "new-52-54-00-aa-00-05"
	reply, err := tr.engine().Poll(tr.ctx, tr.rack.ID, old, inventory.PollRequest{Stage: inventory.StageRamdisk})
	if err != nil || len(reply.Tasks) != 1 || reply.Tasks[0].Kind != "restart" || reply.Tasks[0].Run != 0 {
		t.Errorf("it is handed %+v, %v", reply.Tasks, err)
	}
	if err := tr.engine().TakeReport(tr.ctx, tr.rack.ID, old, inventory.StepReport{Key: reply.Tasks[0].Key, Attempt: 1, State: inventory.StepDone}); err != nil {
		t.Errorf("its report: %v", err)
	}
	_, err = tr.engine().Poll(tr.ctx, tr.rack.ID, old, inventory.PollRequest{Stage: inventory.StageInstalled})
	tr.refused(err, inventory.NotFound, old)
}

// TestNewcomerFails: one whose inspection fails is told to restart, and says why.
func TestNewcomerFails(t *testing.T) {
	tr := newTrial(t, 0)
	tr.rack.InspectNewcomers = true
	if err := tr.store.PutRack(tr.ctx, tr.rack, nil); err != nil {
		t.Fatal(err)
	}
	const name = "new-52-54-00-aa-00-03"
	tr.fails = map[string]int{name + "/inspect/inspect": 1}
	if _, err := tr.engine().Decide(tr.ctx, tr.rack.ID, inventory.Machine{MAC: "52:54:00:aa:00:03"}); err != nil {
		t.Fatal(err)
	}
	tr.live(tr.ctx, tr.node(name), 0)
	n := tr.node(name)
	if n.State != inventory.Discovered || n.Reason != "its inspection failed: exit status 1" {
		t.Errorf("it is %s: %s", n.State, n.Reason)
	}
	if d := cmp.Diff([]string{name + "/inspect/inspect", name + "/restart/restart"}, tr.noted()); d != "" {
		t.Errorf("what its agent was handed (-want +got):\n%s", d)
	}
}

// TestParked: a node that starts the ramdisk again and again is parked, with the
// reason; its run tries it again when it is resumed.
func TestParked(t *testing.T) {
	tr := newTrial(t, 0)
	if _, err := tr.store.UpdateNode(tr.ctx, tr.rack.ID, "compute-1", func(n *inventory.Node) error {
		end := n.Since.AddDate(1, 0, 0)
		n.State, n.Deadline, n.BootNonce = inventory.Deploying, &end, "n"
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	m := inventory.Machine{MAC: tr.node("compute-1").NICs[0].MAC}
	var got []inventory.BootAction
	for range 7 {
		d, err := tr.engine().Spend(tr.ctx, tr.rack.ID, m)
		if err != nil {
			t.Fatal(err)
		}
		got = append(got, d.Action)
	}
	const r, s = inventory.BootRamdisk, inventory.BootSilent
	if d := cmp.Diff([]inventory.BootAction{r, r, r, r, r, s, s}, got); d != "" {
		t.Error(d)
	}
	if n := tr.node("compute-1"); n.State != inventory.Parked || !strings.Contains(n.Reason, "5 times") {
		t.Errorf("it is %s: %s", n.State, n.Reason)
	}
}
