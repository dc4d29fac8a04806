package db

import (
	"sync"
	"testing"
	"time"

	"sandai/inventory"
)

func leaseFixed(t *testing.T, s *Store) {
	rack := withDemo(t, s)
	got := ok(s.Lease(t.Context(), rack.ID, "52:54:00:77:00:0B", t0))
	same(t, "lease", got, inventory.Lease{MAC: mac(0, 11), Address: "10.77.0.11", Node: "controller-1", Expires: t0.Add(LeaseTerm)}, noIDs)
	// Only the provisioning NIC has the fixed address.
	same(t, "provider NIC", ok(s.Lease(t.Context(), rack.ID, mac(1, 11), t0)).Address, "10.77.0.100")
	same(t, "leases", len(ok(s.Leases(t.Context(), rack.ID))), 2)
	must(t, s.PutRack(t.Context(), inventory.Rack{Name: "other"}, nil))
	_, err := s.Lease(t.Context(), ok(s.Rack(t.Context(), "other")).ID, mac(0, 11), t0)
	want(t, err, inventory.Conflict)
}

func leasePool(t *testing.T, s *Store) {
	ctx := t.Context()
	rack := withDemo(t, s)
	// Each line happens at a minute; addresses 100 to 102 are the pool.
	for i, c := range []struct {
		minute int
		mac    int
		want   string // "" full
	}{
		{0, 1, "10.77.0.100"},
		{1, 2, "10.77.0.101"},
		{2, 1, "10.77.0.100"},  // stable; its lease now ends last
		{61, 3, "10.77.0.102"}, // 101 expired at this minute, but 102 was never given
		{61, 4, "10.77.0.101"}, // the oldest expired one
		{61, 5, ""},
		{62, 5, "10.77.0.100"},
		{63, 2, ""}, // lost its address to 4
		{200, 3, "10.77.0.102"},
	} {
		l, err := s.Lease(ctx, rack.ID, mac(9, c.mac), t0.Add(time.Duration(c.minute)*time.Minute))
		if c.want == "" {
			want(t, err, inventory.Unavailable)
			continue
		}
		must(t, err)
		if l.Address != c.want {
			t.Errorf("line %d: got %s, want %s", i, l.Address, c.want)
		}
	}
	must(t, s.PutRack(ctx, inventory.Rack{Name: "bare"}, nil))
	_, err := s.Lease(ctx, ok(s.Rack(ctx, "bare")).ID, mac(9, 9), t0)
	want(t, err, inventory.Unavailable)
}

// leaseMoved: the inventory changes under good leases.
func leaseMoved(t *testing.T, s *Store) {
	ctx := t.Context()
	rack := withDemo(t, s)
	ok(s.Lease(ctx, rack.ID, mac(0, 11), t0))
	ok(s.Lease(ctx, rack.ID, mac(0, 12), t0))
	r := demo()
	r.Nodes[0].Address, r.Nodes[1].Address = r.Nodes[1].Address, r.Nodes[0].Address
	must(t, s.PutRack(ctx, r, nil))
	same(t, "swapped", ok(s.Lease(ctx, rack.ID, mac(0, 11), t0)).Address, "10.77.0.12")
	same(t, "swapped", ok(s.Lease(ctx, rack.ID, mac(0, 12), t0)).Address, "10.77.0.11")

	// A newcomer holds a pool address that a node then gets as its fixed one.
	same(t, "newcomer", ok(s.Lease(ctx, rack.ID, mac(9, 1), t0)).Address, "10.77.0.100")
	ok(s.UpdateNode(ctx, rack.ID, "compute-1", func(n *inventory.Node) error { n.Address = "10.77.0.100"; return nil }))
	_, err := s.Lease(ctx, rack.ID, mac(0, 13), t0)
	want(t, err, inventory.Conflict)
	same(t, "newcomer moves on", ok(s.Lease(ctx, rack.ID, mac(9, 1), t0)).Address, "10.77.0.101")
	same(t, "then the node has it", ok(s.Lease(ctx, rack.ID, mac(0, 13), t0)).Address, "10.77.0.100")
}

func leaseRace(t *testing.T, s *Store) {
	rack := withDemo(t, s)
	var wg sync.WaitGroup
	var mu sync.Mutex
	got := map[string]int{}
	for i := range 8 {
		wg.Go(func() {
			l, err := s.Lease(t.Context(), rack.ID, mac(9, i), t0)
			mu.Lock()
			defer mu.Unlock()
			if err == nil {
				got[l.Address]++
			} else if inventory.CodeOf(err) == inventory.Unavailable {
				got["full"]++
			}
		})
	}
	wg.Wait()
	same(t, "addresses", got, map[string]int{"10.77.0.100": 1, "10.77.0.101": 1, "10.77.0.102": 1, "full": 5})
}
