package db

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"sandai/inventory"
)

func rackRoundTrip(t *testing.T, s *Store) {
	got := withDemo(t, s)
	same(t, "rack", got, demo(), noIDs)
	same(t, "by ID", ok(s.RackByID(t.Context(), got.ID)), got)
	same(t, "all", ok(s.Racks(t.Context())), []inventory.Rack{got})
	same(t, "password", ok(s.Secret(t.Context(), got.ID, inventory.BMCSecret("controller-1"))), "hunter2")
	_, err := s.RackByID(t.Context(), 99)
	want(t, err, inventory.NotFound)
}

func rackByName(t *testing.T, s *Store) {
	ctx := t.Context()
	_, err := s.Rack(ctx, "")
	want(t, err, inventory.NotFound)
	withDemo(t, s)
	same(t, "the only one", ok(s.Rack(ctx, "")).Name, "demo")
	_, err = s.Rack(ctx, "dmeo")
	want(t, err, inventory.NotFound)
	if !strings.Contains(err.Error(), "demo") {
		t.Errorf("%q does not say which racks there are", err)
	}
	must(t, s.PutRack(ctx, inventory.Rack{Name: "second"}, nil))
	_, err = s.Rack(ctx, "")
	want(t, err, inventory.Conflict)
	if !strings.Contains(err.Error(), "demo, second") {
		t.Errorf("%q does not name the racks", err)
	}
}

func rackChanged(t *testing.T, s *Store) {
	ctx := t.Context()
	old := withDemo(t, s)
	r := demo()
	r.Region, r.SSHKeys, r.Slow, r.Networks, r.Created = "Tokyo", nil, false, r.Networks[:1], time.Time{}
	r.Nodes = append(r.Nodes[:2], node("compute-9", inventory.Compute, 19))
	r.Nodes[0].BMC, r.Nodes[1].SystemDisk = nil, "SYS"
	must(t, s.PutRack(ctx, r, nil))
	got := ok(s.Rack(ctx, "demo"))
	r.Created = old.Created
	same(t, "rack", got, r, noIDs)
	if got.ID != old.ID {
		t.Errorf("ID changed from %d to %d", old.ID, got.ID)
	}
	same(t, "number of racks", len(ok(s.Racks(ctx))), 1)
}

// rackKeeps: what was learned stays, and a node in use is not removed.
func rackKeeps(t *testing.T, s *Store) {
	ctx := t.Context()
	rack := withDemo(t, s)
	deadline := t0.Add(time.Hour)
	learned := func(n *inventory.Node) error {
		n.State, n.Reason, n.Since, n.Deadline, n.LastSeen = inventory.Deploying, "run 1", t0.Add(time.Second), &deadline, t0.Add(time.Minute)
		n.BootNonce, n.NonceSpends, n.Hardware = "nonce", 2, &inventory.Hardware{Product: "QEMU", Disks: []inventory.DiskInfo{{Name: "/dev/vda", Bytes: 5 << 30}}}
		return nil
	}
	before := ok(s.UpdateNode(ctx, rack.ID, "controller-1", learned))

	r := demo()
	r.Nodes[0].VolumeDisk = "VOL"
	must(t, s.PutRack(ctx, r, nil))
	before.VolumeDisk = "VOL"
	same(t, "node", ok(s.Node(ctx, rack.ID, "controller-1")), before, noIDs)
	same(t, "password", ok(s.Secret(ctx, rack.ID, inventory.BMCSecret("controller-1"))), "hunter2")

	r.Region, r.Nodes = "Elsewhere", r.Nodes[1:]
	err := s.PutRack(ctx, r, nil)
	want(t, err, inventory.Conflict)
	if !strings.Contains(err.Error(), "controller-1 (deploying)") {
		t.Errorf("%q does not name the node and its state", err)
	}
	same(t, "region after the refusal", ok(s.Rack(ctx, "demo")).Region, "RegionOne")

	// A node that goes takes its password with it.
	ok(s.UpdateNode(ctx, rack.ID, "controller-1", func(n *inventory.Node) error { n.State = inventory.Ready; return nil }))
	must(t, s.PutRack(ctx, r, nil))
	_, err = s.Secret(ctx, rack.ID, inventory.BMCSecret("controller-1"))
	want(t, err, inventory.NotFound)
	want(t, s.PutRack(ctx, r, map[string]string{"controller-1": "x"}), inventory.Invalid)
}

// rackSwaps: two nodes may exchange addresses and MACs in one import.
// rackReplaces: another machine under a node's name keeps what the node is to the
// rack, and nothing of what was found in the old machine.
func rackReplaces(t *testing.T, s *Store) {
	ctx := t.Context()
	r := withDemo(t, s)
	name := r.Nodes[2].Name
	ok(s.UpdateNode(ctx, r.ID, name, func(n *inventory.Node) error {
		n.State, n.Hardware, n.BootNonce, n.LastSeen = inventory.Active, &inventory.Hardware{Product: "the dead one"}, "n", t0
		return nil
	}))
	r = demo()
	for i := range r.Nodes[2].NICs {
		r.Nodes[2].NICs[i].MAC = mac(9, i)
	}
	must(t, s.PutRack(ctx, r, nil))
	got := ok(s.Node(ctx, ok(s.Rack(ctx, "demo")).ID, name))
	if got.State != inventory.Active || got.Hardware != nil || got.BootNonce != "" || !got.LastSeen.IsZero() {
		t.Errorf("of the old machine is left: %+v", got)
	}
}

func rackSwaps(t *testing.T, s *Store) {
	withDemo(t, s)
	r := demo()
	a, b := &r.Nodes[0], &r.Nodes[1]
	a.Address, b.Address = b.Address, a.Address
	a.NICs, b.NICs = b.NICs, a.NICs
	must(t, s.PutRack(t.Context(), r, nil))
	same(t, "rack", ok(s.Rack(t.Context(), "demo")), r, noIDs)
}

// large is a rack of n nodes with hardware found, as after inspection.
func large(n int) inventory.Rack {
	r := demo()
	r.Nodes = nil
	for i := range n {
		nd := node(fmt.Sprintf("compute-%d", i), inventory.Compute, 0)
		nd.Address = fmt.Sprintf("10.80.%d.%d", i/250, i%250)
		nd.NICs[0].MAC, nd.NICs[1].MAC = mac(i/256, i%256), "02"+mac(i/256, i%256)[2:]
		nd.Hardware = &inventory.Hardware{
			Product: "PowerEdge R640", Serial: fmt.Sprint(i), CPU: "Xeon", Cores: 64, MemoryMB: 262144,
			Disks: []inventory.DiskInfo{{Name: "/dev/sda", Serial: "a", Bytes: 1 << 40}, {Name: "/dev/sdb", Serial: "b", Bytes: 1 << 40}},
			NICs:  []inventory.NICInfo{{Name: "eno1", MAC: nd.NICs[0].MAC, Link: true, Mbps: 10000}},
		}
		r.Nodes = append(r.Nodes, nd)
	}
	return r
}

func BenchmarkRack1000(b *testing.B) {
	s := openSQLite(b)
	must(b, s.PutRack(b.Context(), large(1000), nil))
	for b.Loop() {
		if r := ok(s.Rack(b.Context(), "demo")); len(r.Nodes) != 1000 {
			b.Fatal(len(r.Nodes))
		}
	}
}

func BenchmarkPutRack1000(b *testing.B) {
	s, r := openSQLite(b), large(1000)
	for b.Loop() {
		must(b, s.PutRack(b.Context(), r, nil))
	}
}
