package installer_test

import (
	"context"
	"strings"
	"testing"
	"time"

	"sandai/inventory"
)

// polls has a node's agent ask for work once.
func (tr *trial) polls(node string, stage inventory.Stage) {
	tr.t.Helper()
	short, cancel := context.WithTimeout(tr.ctx, time.Second)
	defer cancel()
	_, err := tr.engine().Poll(short, tr.rack.ID, node, inventory.PollRequest{Stage: stage, Look: true})
	if err != nil && short.Err() == nil {
		tr.t.Fatal(err)
	}
}

// TestRescue: an installed node is started into the ramdisk with a shell, nothing
// is done to it meanwhile, and when it is over it is what it was.
func TestRescue(t *testing.T) {
	const node = "compute-1"
	tr := newTrial(t, 0)
	r := tr.rack
	r.SSHKeys = []string{"ssh-ed25519 AAAA me"}
	if err := tr.store.PutRack(tr.ctx, r, map[string]string{"controller-1": "secret", "network-1": "secret", node: "secret"}); err != nil {
		t.Fatal(err)
	}
	tr.begin(nil)
	tr.ends(inventory.RunDone)
	_, err := tr.engine().Rescue(tr.ctx, "demo", node, inventory.RescueRequest{Confirm: "demo"})
	tr.refused(err, inventory.Invalid, "confirm with the node's name")
	tr.hold("compute-1/rescue/rescue")
	ask := inventory.RescueRequest{Confirm: node}
	tr.run = tr.ok(tr.engine().Rescue(tr.ctx, "demo", node, ask))
	tr.until("the shell is opened", tr.is("compute-1/rescue/rescue", inventory.StepRunning))
	_, err = tr.engine().Rescue(tr.ctx, "demo", node, ask)
	tr.refused(err, inventory.Conflict, "(rescue) of rack demo is active")
	_, err = tr.engine().EndRescue(tr.ctx, "demo", node)
	tr.refused(err, inventory.Conflict, "(rescue) of rack demo is active")
	tr.release()
	tr.ends(inventory.RunDone)
	if s := tr.steps()["compute-1/rescue/rescue"]; string(s.Spec) != `{"name":"compute-1","keys":["ssh-ed25519 AAAA me"]}` {
		t.Errorf("the shell's specification is %s", s.Spec)
	}
	for key := range tr.steps() {
		if strings.Contains(key, "wipe") || strings.Contains(key, "inspect") {
			t.Errorf("a rescue has the step %s", key)
		}
	}
	if n := tr.node(node); n.State != inventory.Maintenance || n.RescuedFrom != inventory.Active || n.BootNonce != "" {
		t.Errorf("it is %s, was %s, nonce %q", n.State, n.RescuedFrom, n.BootNonce)
	}
	for what, err := range map[string]error{
		"an apply":     second(tr.engine().Apply(tr.ctx, "demo", inventory.ApplyRequest{})),
		"an erasure":   second(tr.engine().Install(tr.ctx, "demo", inventory.InstallRequest{Erase: true, Confirm: "demo"})),
		"an end again": second(tr.engine().EndRescue(tr.ctx, "demo", "network-1")),
	} {
		if inventory.CodeOf(err) != inventory.Conflict || !strings.Contains(err.Error(), "rescue") {
			t.Errorf("%s beside a rescue: %v", what, err)
		}
	}
	v := tr.shown(node)
	if len(v.Warnings) == 0 || !v.Warnings[0].Stops || v.Warnings[0].Code != "rescue" {
		t.Errorf("a reinstall beside a rescue warns of %v", v.Warnings)
	}
	d, err := tr.engine().Decide(tr.ctx, tr.rack.ID, inventory.Machine{MAC: r.Nodes[2].MAC(inventory.Provisioning)})
	if err != nil || d.Action != inventory.BootDisk {
		t.Errorf("a restart of it boots %s, %v", d.Action, err)
	}

	n, err := tr.engine().EndRescue(tr.ctx, "demo", node)
	if err != nil || n.State != inventory.Active {
		t.Fatalf("its end: %s, %v", n.State, err)
	}
	tr.until("it restarts", func() bool { return len(tr.noted()) == 1 && tr.noted()[0] == "compute-1/restart/restart" })
	tr.polls(node, inventory.StageInstalled)
	if n := tr.node(node); n.State != inventory.Active || n.RescuedFrom != "" {
		t.Errorf("from its disk it is %s, was %s", n.State, n.RescuedFrom)
	}
	if again := tr.ok(tr.engine().Install(tr.ctx, "demo", inventory.InstallRequest{})); again.State != inventory.RunDone || again.Kind != inventory.RunInstall {
		t.Errorf("an install afterwards is a %s, %s", again.Kind, again.State)
	}

	// Somebody restarts it by hand: that ends it too.
	tr.run = tr.ok(tr.engine().Rescue(tr.ctx, "demo", node, ask))
	tr.ends(inventory.RunDone)
	tr.setGone(node, true)
	tr.polls(node, inventory.StageInstalled)
	if n := tr.node(node); n.State != inventory.Active || n.RescuedFrom != "" {
		t.Errorf("restarted by hand it is %s, was %s", n.State, n.RescuedFrom)
	}
}

func second[T any](_ T, err error) error { return err }
