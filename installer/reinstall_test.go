package installer_test

import (
	"context"
	"errors"
	"slices"
	"strings"
	"sync"
	"testing"

	"sandai/installer/guide/kind"
	"sandai/inventory"
)

// hosting is a cloud that has servers on compute-1 and remembers what it was told.
type hosting struct {
	sunny
	mu     sync.Mutex
	hosted inventory.Hosted
	err    error
	did    []string
	nodes  []string      // the compute nodes that it is said to have
	proved []string      // those at its last proof
	asked  chan struct{} // where it is not nil: closed when the cloud is asked, which then never answers
}

func (c *hosting) Hosted(ctx context.Context, _ string) (inventory.Hosted, error) {
	if c.asked != nil {
		close(c.asked)
		<-ctx.Done()
		return inventory.Hosted{}, ctx.Err()
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.hosted, c.err
}

// of remembers what the cloud is said to have.
func (c *hosting) of(r inventory.Rack) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.nodes = nil
	for _, n := range r.ByRole(inventory.Compute) {
		c.nodes = append(c.nodes, n.Name)
	}
}

func (c *hosting) Do(ctx context.Context, a kind.API, progress func(string)) (bool, string, string, error) {
	c.mu.Lock()
	switch {
	case a.Drain != nil:
		c.did = append(c.did, "drain "+a.Drain.Node)
	case a.Evacuate != nil:
		for _, s := range a.Evacuate.Servers {
			c.did = append(c.did, strings.TrimSpace("evacuate "+s.Name+map[bool]string{true: " start"}[s.Start]))
		}
	case a.Reschedule != nil:
		c.did = append(c.did, "reschedule "+a.Reschedule.Node)
	case a.Leave != nil:
		c.did = append(c.did, "leave "+a.Leave.Node)
	case a.Proof != nil:
		c.proved = c.nodes
	case a.Return != nil:
		for _, s := range a.Return.Servers {
			c.did = append(c.did, strings.Join(strings.Fields("return "+s.Name+" "+s.Image+map[bool]string{true: " start"}[s.Start]), " "))
		}
	}
	c.mu.Unlock()
	return c.sunny.Do(ctx, a, progress)
}

// computeGuide has a step of the chapter compute, and one of the rack that looks
// for all compute nodes.
type computeGuide struct{ shortGuide }

func (computeGuide) Compile(r inventory.Rack) ([]inventory.Step, error) {
	steps, err := shortGuide{}.Compile(r)
	steps[len(steps)-1].Spec = []byte(`{"proof": {"check": "ping"}}`)
	up := inventory.Step{Key: "rack/compute/compute.up", Chapter: "compute", Kind: "api", Owner: inventory.OwnerAppliance, Timeout: 60, Spec: []byte(`{"services": {"of": "compute"}}`)}
	for _, n := range r.ByRole(inventory.Compute) {
		k := n.Name + "/compute/compute.service"
		steps = append(steps, inventory.Step{Key: k, Node: n.Name, Chapter: "compute", Kind: "service", Owner: inventory.OwnerAgent, Timeout: 60, Needs: []string{n.Name + "/boot/boot"}})
		up.Needs = append(up.Needs, k)
	}
	return append(steps, up), err
}

func server(name, status, image string) inventory.HostedServer {
	return inventory.FateOf(inventory.HostedServer{ID: "id-" + name, Name: name, Status: status, Image: image}, image != "gone")
}

// TestReinstallCompute: what happens to the node's servers is shown and confirmed;
// the node leaves the cloud before it loses its power and comes back as the same
// hypervisor; nothing else is touched.
func TestReinstallCompute(t *testing.T) {
	c := &hosting{hosted: inventory.Hosted{Hypervisor: "11111111-2222-3333-4444-555555555555", Servers: []inventory.HostedServer{
		server("web", "ACTIVE", "debian"), server("db", "ACTIVE", ""), server("off", "SHUTOFF", "debian"), server("old", "ACTIVE", "gone"), server("nap", "SUSPENDED", "debian")}}}
	c.hosted.Servers = slices.Insert(c.hosted.Servers, 4, inventory.FateOf(inventory.HostedServer{ID: "id-own", Name: "own", Status: "ACTIVE", Image: "tiny", Proof: true}, true))
	tr := newTrial(t, 0)
	tr.guide, tr.cloud = computeGuide{}, c
	tr.done = func(_ context.Context, _ inventory.Rack, run inventory.Run) error {
		if run.State != inventory.RunDone || run.Ended == nil {
			t.Errorf("what is handed out says that run %d is %s, ended %v", run.ID, run.State, run.Ended)
		}
		return nil
	}
	tr.restart()
	tr.begin(nil)
	tr.ends(inventory.RunDone)
	c.did = nil

	v := tr.shown("compute-1")
	if len(v.Nodes) != 1 || v.Nodes[0].Name != "compute-1" || len(v.Servers) != 6 || v.Erased != 1 {
		t.Fatalf("the preview is of %d nodes, %d servers, %d disks", len(v.Nodes), len(v.Servers), v.Erased)
	}
	ask := func(confirm, hash string) error {
		_, err := tr.engine().Reinstall(tr.ctx, "demo", "compute-1", inventory.ReinstallRequest{Confirm: confirm, PreviewHash: hash})
		return err
	}
	tr.refused(ask("demo", v.Hash), inventory.Invalid, "confirm with the node's name")
	tr.refused(ask("compute-1", "another"), inventory.Conflict, "has changed since it was shown")
	tr.refused(ask("compute-1", v.Hash), inventory.Conflict, "nap (id-nap): it is SUSPENDED")
	c.mu.Lock()
	c.hosted.Servers = c.hosted.Servers[:5]
	c.mu.Unlock()
	tr.refused(ask("compute-1", v.Hash), inventory.Conflict, "has changed since it was shown")
	v = tr.shown("compute-1")
	if again := tr.shown("compute-1"); again.Hash != v.Hash {
		t.Error("the same reinstall has two hashes")
	}
	tr.run = tr.ok(tr.engine().Reinstall(tr.ctx, "demo", "compute-1", inventory.ReinstallRequest{Confirm: "compute-1", PreviewHash: v.Hash}))
	if tr.run.Kind != inventory.RunReinstall || !slices.Equal(tr.run.Nodes, []string{"compute-1"}) {
		t.Errorf("the run is a %s of %v", tr.run.Kind, tr.run.Nodes)
	}
	tr.ends(inventory.RunDone)
	steps := tr.steps()
	for key, s := range steps {
		if s.Node != "compute-1" && s.Node != "" || s.State != inventory.StepDone {
			t.Errorf("the reinstall of compute-1 has %s, %s", key, s.State)
		}
	}
	order := []string{"compute-1/drain/drain", "compute-1/power/power", "compute-1/boot/boot", "compute-1/compute/compute.id", "compute-1/compute/compute.service",
		"compute-1/return/return", "rack/compute/compute.up", "rack/proof/proof.clear", "rack/proof/ping"}
	for i, key := range order[1:] {
		if a, b := steps[order[i]], steps[key]; a.EndedAt == nil || b.StartedAt == nil || b.StartedAt.Before(*a.EndedAt) {
			t.Errorf("%s began %v, %s ended %v", key, b.StartedAt, order[i], a.EndedAt)
		}
	}
	if s := steps["compute-1/compute/compute.id"]; !strings.Contains(string(s.Spec), c.hosted.Hypervisor) {
		t.Errorf("the node is given %s", s.Spec)
	}
	if want := []string{"drain compute-1", "return web debian start", "return db start", "return off debian", "return old", "return own"}; !slices.Equal(c.did, want) {
		t.Errorf("the cloud was told %q, want %q", c.did, want)
	}
	tr.allActive(3)
	if again := tr.ok(tr.engine().Install(tr.ctx, "demo", inventory.InstallRequest{})); again.ID != tr.run.ID || again.State != inventory.RunDone {
		t.Errorf("an install after it is run %d, %s; want nothing to do", again.ID, again.State)
	}
	// What run 2 wrote is on the disk now.
	v = tr.shown("compute-1")
	if d := v.Nodes[0].Disks[0]; !d.Used || !strings.Contains(d.Contents[0], "run 2") {
		t.Errorf("the system disk is shown as %v", d.Contents)
	}
}

// TestReinstallFails: a reinstall that failed leaves its node failed and the rack
// to be gone on with; the others stay active.
func TestReinstallFails(t *testing.T) {
	tr := installed(t)
	v := tr.shown("network-1")
	tr.mu.Lock()
	tr.fails = map[string]int{"network-1/write/write": 1}
	tr.mu.Unlock()
	tr.run = tr.ok(tr.engine().Reinstall(tr.ctx, "demo", "network-1", inventory.ReinstallRequest{Confirm: "network-1", PreviewHash: v.Hash}))
	tr.ends(inventory.RunFailed)
	tr.allActive(2)
	_, err := tr.engine().ReinstallPreview(tr.ctx, "demo", "compute-1")
	tr.refused(err, inventory.Conflict, "go on with that first")
	if again := tr.shown("network-1"); again.Erased != 1 {
		t.Errorf("the failed node may be reinstalled from the start: %d disks", again.Erased)
	}
	for _, f := range []func() error{
		func() error { _, err := tr.engine().ReinstallPreview(tr.ctx, "demo", "nobody"); return err },
		func() error { _, err := tr.engine().RunProof(tr.ctx, "demo"); return err },
	} {
		if f() == nil {
			t.Error("an error was expected")
		}
	}
	if run := tr.ok(tr.engine().Install(tr.ctx, "demo", inventory.InstallRequest{})); run.ID != tr.run.ID || run.State != inventory.RunActive {
		t.Errorf("to go on is run %d, %s", run.ID, run.State)
	}
	tr.ends(inventory.RunDone)
	tr.allActive(3)
}

// TestReinstallRefused: a controller whose databases nobody could bring back is not
// reinstalled, and a cloud that does not say what runs on a node leaves nothing to
// confirm.
func TestReinstallRefused(t *testing.T) {
	tr := newTrial(t, 0)
	tr.cloud = &hosting{err: errors.New("connection refused")}
	tr.restart()
	tr.begin(nil)
	_, err := tr.engine().ReinstallPreview(tr.ctx, "demo", "compute-1")
	tr.refused(err, inventory.Conflict, "(install)")
	tr.ends(inventory.RunDone)
	if _, err = tr.engine().ReinstallPreview(tr.ctx, "demo", "controller-1"); err == nil || !strings.Contains(err.Error(), "after which databases can be brought back") {
		t.Errorf("a controller whose guide has no database: %v", err)
	}
	_, err = tr.engine().ReinstallPreview(tr.ctx, "demo", "compute-1")
	tr.refused(err, inventory.Unavailable, "does not say which servers run on compute-1")
}

// TestHandsOffBesideReinstall: a cloud that does not answer who reinstalls a node
// holds up nobody who says hands off.
func TestHandsOffBesideReinstall(t *testing.T) {
	c := &hosting{}
	tr := newTrial(t, 0)
	tr.cloud = c
	tr.restart()
	tr.begin(nil)
	tr.ends(inventory.RunDone)
	c.asked = make(chan struct{})
	ctx, cancel := context.WithCancel(tr.ctx)
	ended := make(chan error)
	go func() {
		_, err := tr.engine().Reinstall(ctx, "demo", "compute-1", inventory.ReinstallRequest{Confirm: "compute-1", PreviewHash: "x"})
		ended <- err
	}()
	<-c.asked
	if n, err := tr.engine().HandsOff(tr.ctx, "demo", "network-1", "smoke"); err != nil || n.HandsOff == nil {
		t.Errorf("hands off: %+v, %v", n.HandsOff, err)
	}
	cancel()
	tr.refused(<-ended, inventory.Unavailable, "does not say which servers run on compute-1")
}

// shown is what a reinstall of a node would do.
func (tr *trial) shown(node string) inventory.Preview {
	tr.t.Helper()
	v, err := tr.engine().ReinstallPreview(tr.ctx, "demo", node)
	if err != nil {
		tr.t.Fatal(err)
	}
	return v
}

// restart begins with another engine, which has the world's guide and cloud.
func (tr *trial) restart() {
	tr.stop()
	tr.stop = tr.start(tr.ctx)
}
