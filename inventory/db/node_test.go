package db

import (
	"context"
	"errors"
	"testing"
	"time"

	"sandai/inventory"
)

func nodeUpdates(t *testing.T, s *Store) {
	ctx := t.Context()
	rack := withDemo(t, s)
	got := ok(s.UpdateNode(ctx, rack.ID, "compute-1", func(n *inventory.Node) error {
		n.NICs = append(n.NICs, inventory.NIC{Network: inventory.Tenant, MAC: "52:54:00:AA:BB:CC"})
		n.BMC.Port, n.Role, n.ID = 6230, "", 77
		return nil
	}, inventory.Event{Type: inventory.EventNodeState, Text: "changed"}))
	same(t, "returned", got, ok(s.Node(ctx, rack.ID, "compute-1")), noIDs)
	same(t, "MAC", got.MAC(inventory.Tenant), "52:54:00:aa:bb:cc")
	same(t, "port", got.BMC.Port, 6230)
	same(t, "event's node", ok(s.Events(ctx, 0, 0))[0].Node, "compute-1")
	got = ok(s.UpdateNode(ctx, rack.ID, "compute-1", func(n *inventory.Node) error { n.BMC = nil; n.Name = "compute-x"; return nil }))
	same(t, "without BMC", ok(s.Node(ctx, rack.ID, "compute-x")), got)

	mine := errors.New("mine")
	_, err := s.UpdateNode(ctx, rack.ID, "compute-x", func(n *inventory.Node) error { n.Reason = "no"; return mine })
	if !errors.Is(err, mine) {
		t.Errorf("got %v, want the function's own error in the chain", err)
	}
	want(t, err, inventory.Internal)
	same(t, "reason", ok(s.Node(ctx, rack.ID, "compute-x")).Reason, "")
	_, err = s.UpdateNode(ctx, rack.ID, "none", func(*inventory.Node) error { return nil })
	want(t, err, inventory.NotFound)
}

func nodeByMAC(t *testing.T, s *Store) {
	rack := withDemo(t, s)
	for _, m := range []string{"52:54:00:77:00:0b", "52:54:00:77:01:0B"} {
		same(t, m, ok(s.NodeByMAC(t.Context(), m)), rack.Nodes[0])
	}
	_, err := s.NodeByMAC(t.Context(), "52:54:00:00:00:00")
	want(t, err, inventory.NotFound)
}

func discover(t *testing.T, s *Store) {
	ctx := t.Context()
	rack := withDemo(t, s)
	m := inventory.Machine{MAC: "52:54:00:12:34:5A", Arch: 7}
	n, created, err := s.Discover(ctx, rack.ID, m, "once", t0)
	must(t, err)
	same(t, "node", n, inventory.Node{
		Name: "new-52-54-00-12-34-5a", State: inventory.Discovered, Firmware: inventory.UEFI, Since: t0, LastSeen: t0, BootNonce: "once",
		NICs: []inventory.NIC{{Network: inventory.Provisioning, MAC: "52:54:00:12:34:5a"}},
	}, noIDs)
	same(t, "stored", ok(s.NodeByMAC(ctx, m.MAC)), n)
	again, created2, err := s.Discover(ctx, rack.ID, m, "never", t0.Add(time.Hour))
	must(t, err)
	same(t, "again", again, n)
	if !created || created2 {
		t.Errorf("created %v, then %v; want true, then false", created, created2)
	}
	same(t, "events", len(ok(s.NodeEvents(ctx, n, []inventory.EventType{inventory.EventDiscovered}, t0))), 1)
	_, _, err = s.Discover(ctx, 99, inventory.Machine{MAC: "52:54:00:12:34:5b"}, "", t0)
	want(t, err, inventory.NotFound)

	// An import that does not know the machine leaves it; one that does gives it
	// its real name, and what was found of it is kept.
	must(t, s.PutRack(ctx, demo(), nil))
	same(t, "after an import", ok(s.NodeByMAC(ctx, m.MAC)), n, noIDs)
	ok(s.UpdateNode(ctx, rack.ID, n.Name, func(n *inventory.Node) error {
		n.State, n.Hardware = inventory.Inspected, &inventory.Hardware{Cores: 8}
		return nil
	}))
	r := demo()
	r.Nodes = append(r.Nodes, inventory.Node{Name: "compute-2", Role: inventory.Compute, NICs: n.NICs})
	must(t, s.PutRack(ctx, r, nil))
	got := ok(s.NodeByMAC(ctx, m.MAC))
	same(t, "name and state", []string{got.Name, string(got.State), got.BootNonce}, []string{"compute-2", "ready", ""})
	same(t, "hardware", got.Hardware, &inventory.Hardware{Cores: 8})
	same(t, "nodes", len(ok(s.Rack(ctx, "")).Nodes), 4)
}

// nodeRenamed: the password of its BMC goes with it.
func nodeRenamed(t *testing.T, s *Store) {
	ctx := t.Context()
	rack := withDemo(t, s)
	rename := func(from, to string) {
		ok(s.UpdateNode(ctx, rack.ID, from, func(n *inventory.Node) error { n.Name = to; return nil }))
	}
	rename("controller-1", "first")
	same(t, "password", ok(s.Secret(ctx, rack.ID, inventory.BMCSecret("first"))), "hunter2")
	_, err := s.Secret(ctx, rack.ID, inventory.BMCSecret("controller-1"))
	want(t, err, inventory.NotFound)
	same(t, "BMC", ok(s.Node(ctx, rack.ID, "first")).BMC.Address, "10.77.1.11")
	must(t, s.PutSecret(ctx, rack.ID, inventory.BMCSecret("second"), "newer"))
	rename("first", "second")
	same(t, "a newer password", ok(s.Secret(ctx, rack.ID, inventory.BMCSecret("second"))), "newer")
	rename("compute-1", "without-password")
	_, err = s.UpdateNode(ctx, rack.ID, "second", func(n *inventory.Node) error { n.Name = "network-1"; return nil })
	want(t, err, inventory.Conflict)
	same(t, "after a refusal", ok(s.Secret(ctx, rack.ID, inventory.BMCSecret("second"))), "newer")
}

func contextEnds(t *testing.T, s *Store) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, err := s.Racks(ctx)
	want(t, err, inventory.Unavailable)
	err = s.PutRack(ctx, demo(), nil)
	want(t, err, inventory.Unavailable)
	if !errors.Is(err, context.Canceled) {
		t.Errorf("%v does not wrap context.Canceled", err)
	}
}
