package installer_test

import (
	"slices"
	"strings"
	"testing"

	"sandai/inventory"
)

func (tr *trial) released(node string, o inventory.ReleaseOptions) inventory.Preview {
	tr.t.Helper()
	v, err := tr.engine().ReleasePreview(tr.ctx, "demo", node, o)
	if err != nil {
		tr.t.Fatal(err)
	}
	return v
}

func (tr *trial) begun(node string, o inventory.ReleaseOptions, hash string) (inventory.Run, error) {
	return tr.engine().Release(tr.ctx, "demo", node, inventory.ReleaseRequest{ReleaseOptions: o, Confirm: node, PreviewHash: hash})
}

// oneByOne checks that each of some steps began when the one before it had ended.
func (tr *trial) oneByOne(keys ...string) {
	tr.t.Helper()
	steps := tr.steps()
	for i, key := range keys[1:] {
		if before, s := steps[keys[i]], steps[key]; before.EndedAt == nil || s.StartedAt == nil || s.StartedAt.Before(*before.EndedAt) {
			tr.t.Errorf("%s began before %s ended", key, keys[i])
		}
	}
}

// TestRelease: a compute node leaves the cloud, is wiped and switched off, and is a
// newcomer afterwards; the rack is then as its plan says, and a new role can be given.
func TestRelease(t *testing.T) {
	c := &hosting{hosted: inventory.Hosted{Hypervisor: "u", Servers: []inventory.HostedServer{inventory.FateOf(inventory.HostedServer{ID: "1", Name: "sandai-proof-compute-1", Status: "ACTIVE", Proof: true}, true), {ID: "2", Name: "web", Status: "ACTIVE"}}}}
	tr := newTrial(t, 0)
	tr.guide, tr.cloud = computeGuide{}, c
	tr.restart()
	tr.begin(nil)
	tr.ends(inventory.RunDone)
	c.did = nil

	o := inventory.ReleaseOptions{Full: true}
	v := tr.released("compute-1", o)
	if v.Erased != 1 || len(v.Servers) != 2 || v.Servers[0].Fate != inventory.ServerRemoved || v.Servers[1].Fate != inventory.ServerBlocks {
		t.Errorf("the preview: %d disks, servers %+v", v.Erased, v.Servers)
	}
	if v.Hash == tr.released("compute-1", inventory.ReleaseOptions{}).Hash {
		t.Error("a quick and a full release have one hash")
	}
	_, err := tr.begun("compute-1", o, v.Hash)
	tr.refused(err, inventory.Conflict, "web (2): no other compute node could take it")
	c.mu.Lock()
	c.hosted.Servers = c.hosted.Servers[:1]
	c.mu.Unlock()
	_, err = tr.begun("compute-1", o, v.Hash)
	tr.refused(err, inventory.Conflict, "has changed since it was shown")
	_, err = tr.engine().Release(tr.ctx, "demo", "compute-1", inventory.ReleaseRequest{Confirm: "demo"})
	tr.refused(err, inventory.Invalid, "confirm with the node's name")
	_, err = tr.engine().ReleasePreview(tr.ctx, "demo", "network-1", o)
	tr.refused(err, inventory.Conflict, "cannot do without it, add another one first")
	_, err = tr.engine().ReleasePreview(tr.ctx, "demo", "compute-1", inventory.ReleaseOptions{Dead: true})
	tr.refused(err, inventory.Conflict, "so it is not dead")

	tr.mu.Lock()
	tr.fails = map[string]int{"compute-1/wipe/wipe": 1}
	tr.mu.Unlock()
	tr.run, err = tr.begun("compute-1", o, tr.released("compute-1", o).Hash)
	if err != nil {
		t.Fatal(err)
	}
	tr.ends(inventory.RunFailed)
	if n := tr.node("compute-1"); n.State != inventory.Failed || n.Role != inventory.Compute {
		t.Errorf("after the failure it is %s, %s", n.State, n.Role)
	}
	_, err = tr.engine().Apply(tr.ctx, "demo", inventory.ApplyRequest{})
	tr.refused(err, inventory.Conflict, "the release of compute-1, is failed: go on with that first (appliance rack install demo)")
	if v := tr.shown("compute-1"); v.Erased != 1 {
		t.Errorf("to give it up by a reinstall would erase %d disks", v.Erased)
	}
	if again := tr.ok(tr.engine().Install(tr.ctx, "demo", inventory.InstallRequest{})); again.ID != tr.run.ID {
		t.Errorf("to go on is run %d, want %d", again.ID, tr.run.ID)
	}
	tr.ends(inventory.RunDone)
	if w := tr.steps()["compute-1/wipe/wipe"]; !strings.Contains(string(w.Spec), `"full":true`) || !strings.Contains(string(w.Spec), `"confirmed"`) {
		t.Errorf("the wipe is %s", w.Spec)
	}
	tr.oneByOne("rack/proof/proof.clear", "compute-1/drain/drain", "compute-1/power/power", "compute-1/wipe/wipe", "compute-1/inspect/inspect", "compute-1/off/off", "compute-1/leave/leave", "compute-1/forget/forget")
	if want := []string{"drain compute-1", "leave compute-1"}; !slices.Equal(c.did, want) {
		t.Errorf("the cloud was told %v, want %v", c.did, want)
	}
	n := tr.node("new-52-54-00-00-00-02")
	if n.Role != "" || n.State != inventory.Inspected || n.BMC == nil || n.Address != "" {
		t.Errorf("the newcomer is %+v", n)
	}
	if on, _ := tr.store.Secret(tr.ctx, tr.rack.ID, inventory.BMCSecret(n.Name)); on != "secret" {
		t.Errorf("its BMC's password is %q", on)
	}
	tr.mu.Lock()
	on := tr.on["compute-1"]
	tr.mu.Unlock()
	if on {
		t.Error("the machine is on")
	}
	if again := tr.ok(tr.engine().Install(tr.ctx, "demo", inventory.InstallRequest{})); again.ID != tr.run.ID || again.State != inventory.RunDone {
		t.Errorf("an install afterwards is run %d, %s; want nothing to do", again.ID, again.State)
	}
}

// secondOf is a trial whose rack has two nodes of a role and is installed.
func secondOf(t *testing.T, c *hosting, role inventory.Role) *trial {
	t.Helper()
	tr := newTrial(t, 0)
	tr.guide, tr.cloud = computeGuide{}, c
	second := tr.rack.ByRole(role)[0]
	second.Name, second.Address, second.NICs = strings.Replace(second.Name, "-1", "-2", 1), "10.77.0.14", []inventory.NIC{{Network: inventory.Provisioning, MAC: "52:54:00:00:00:03"}}
	b := *second.BMC
	b.Port = 626
	second.BMC, second.ID = &b, 0
	tr.rack.Nodes = append(tr.rack.Nodes, second)
	if err := tr.store.PutRack(tr.ctx, tr.rack, map[string]string{second.Name: "secret"}); err != nil {
		t.Fatal(err)
	}
	tr.restart()
	tr.begin(nil)
	tr.ends(inventory.RunDone)
	c.did = nil
	return tr
}

// TestReleaseMovesServers: what boots from a volume or has its image goes to the
// other compute node, and only when the node is off; nothing is wiped before.
func TestReleaseMovesServers(t *testing.T) {
	c := &hosting{hosted: inventory.Hosted{Hypervisor: "u", Servers: []inventory.HostedServer{
		server("web", "ACTIVE", "debian"), server("db", "ACTIVE", ""), server("off", "SHUTOFF", "debian"), server("old", "ACTIVE", "gone"), server("nap", "SUSPENDED", "")}}}
	tr := secondOf(t, c, inventory.Compute)
	var fates []string
	for _, s := range tr.released("compute-2", inventory.ReleaseOptions{}).Servers {
		fates = append(fates, s.Name+" "+string(s.Fate))
	}
	if want := []string{"web remade", "db moved", "off remade", "old blocks", "nap blocks"}; !slices.Equal(fates, want) {
		t.Errorf("the preview says %v, want %v", fates, want)
	}
	c.mu.Lock()
	c.hosted.Servers = c.hosted.Servers[:3]
	c.mu.Unlock()
	var err error
	if tr.run, err = tr.begun("compute-2", inventory.ReleaseOptions{}, tr.released("compute-2", inventory.ReleaseOptions{}).Hash); err != nil {
		t.Fatal(err)
	}
	tr.ends(inventory.RunDone)
	tr.oneByOne("compute-2/drain/drain", "compute-2/fence/fence", "compute-2/evacuate/evacuate", "compute-2/power/power", "compute-2/wipe/wipe", "compute-2/off/off", "compute-2/leave/leave", "rack/proof/ping", "compute-2/forget/forget")
	if want := []string{"compute-1"}; !slices.Equal(c.proved, want) {
		t.Errorf("the proof was of %v, want %v", c.proved, want)
	}
	if want := []string{"drain compute-2", "evacuate web start", "evacuate db start", "evacuate off", "leave compute-2"}; !slices.Equal(c.did, want) {
		t.Errorf("the cloud was told %v, want %v", c.did, want)
	}
}

// TestRemoveDead: a machine that never comes back is forgotten without being spoken
// to, and the others prove the cloud.
func TestRemoveDead(t *testing.T) {
	c := &hosting{hosted: inventory.Hosted{Hypervisor: "u", Servers: []inventory.HostedServer{}}}
	tr := secondOf(t, c, inventory.Compute)
	tr.setGone("compute-2", true)
	o := inventory.ReleaseOptions{Dead: true, Remove: true}
	if _, err := tr.store.UpdateNode(tr.ctx, tr.rack.ID, "compute-2", func(n *inventory.Node) error {
		n.LastSeen = n.LastSeen.Add(-10 * patience)
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	c.mu.Lock()
	c.hosted.Servers = []inventory.HostedServer{server("db", "ACTIVE", "")}
	c.mu.Unlock()
	_, err := tr.engine().ReleasePreview(tr.ctx, "demo", "compute-2", inventory.ReleaseOptions{Dead: true, Full: true})
	tr.refused(err, inventory.Invalid, "cannot be overwritten")
	v := tr.released("compute-2", o)
	if v.Erased != 0 {
		t.Errorf("%d disks are erased of a dead machine", v.Erased)
	}
	if !slices.ContainsFunc(v.Warnings, func(w inventory.Warning) bool { return w.Code == "fence" && !w.Stops }) {
		t.Errorf("nobody is told to pull its plug: %v", v.Warnings)
	}
	if tr.run, err = tr.begun("compute-2", o, v.Hash); err != nil {
		t.Fatal(err)
	}
	tr.ends(inventory.RunDone)
	steps := tr.steps()
	for _, key := range []string{"compute-2/fence/fence", "compute-2/power/power", "compute-2/wipe/wipe", "compute-2/off/off"} {
		if _, there := steps[key]; there {
			t.Errorf("a dead machine has the step %s", key)
		}
	}
	if _, there := steps["rack/proof/ping"]; !there {
		t.Error("the others prove nothing")
	}
	if _, err := tr.store.Node(tr.ctx, tr.rack.ID, "compute-2"); inventory.CodeOf(err) != inventory.NotFound {
		t.Errorf("the node: %v", err)
	}
	if _, err := tr.store.Secret(tr.ctx, tr.rack.ID, inventory.BMCSecret("compute-2")); inventory.CodeOf(err) != inventory.NotFound {
		t.Errorf("its BMC's password: %v", err)
	}
	tr.allActive(3)
	if again := tr.ok(tr.engine().Install(tr.ctx, "demo", inventory.InstallRequest{})); again.ID != tr.run.ID || again.State != inventory.RunDone {
		t.Errorf("an install afterwards is run %d, %s; want nothing to do", again.ID, again.State)
	}
}

// TestNetworkNodeMoves: where another network node is, what one serves goes there
// before its power is off, in a reinstall and in a release.
func TestNetworkNodeMoves(t *testing.T) {
	c := &hosting{}
	tr := secondOf(t, c, inventory.NetworkRole)
	var err error
	v := tr.shown("network-1")
	if i := slices.IndexFunc(v.Warnings, func(w inventory.Warning) bool { return w.Code == "traffic" }); i < 0 || !strings.Contains(v.Warnings[i].Text, "go to network-2 first") {
		t.Errorf("the preview of a reinstall warns of %v", v.Warnings)
	}
	if tr.run, err = tr.engine().Reinstall(tr.ctx, "demo", "network-1", inventory.ReinstallRequest{Confirm: "network-1", PreviewHash: v.Hash}); err != nil {
		t.Fatal(err)
	}
	tr.ends(inventory.RunDone)
	tr.oneByOne("network-1/reschedule/reschedule", "network-1/power/power", "network-1/boot/boot", "rack/proof/ping")

	o := inventory.ReleaseOptions{}
	if tr.run, err = tr.begun("network-1", o, tr.released("network-1", o).Hash); err != nil {
		t.Fatal(err)
	}
	tr.ends(inventory.RunDone)
	tr.oneByOne("network-1/reschedule/reschedule", "network-1/power/power", "network-1/wipe/wipe", "network-1/off/off", "network-1/leave/leave", "rack/proof/ping", "network-1/forget/forget")
	if want := []string{"reschedule network-1", "reschedule network-1", "leave network-1"}; !slices.Equal(c.did, want) {
		t.Errorf("the cloud was told %v, want %v", c.did, want)
	}
	_, err = tr.engine().ReleasePreview(tr.ctx, "demo", "network-2", o)
	tr.refused(err, inventory.Conflict, "add another one first")
}
