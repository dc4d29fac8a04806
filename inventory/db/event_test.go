package db

import (
	"testing"
	"time"

	"sandai/inventory"
)

func events(t *testing.T, s *Store) {
	ctx := t.Context()
	var ids []uint
	for i, typ := range []inventory.EventType{inventory.EventDHCPAck, inventory.EventKernel, inventory.EventDHCPAck} {
		e := inventory.Event{Time: t0.Add(time.Duration(i) * time.Second), Type: typ, Node: "n", MAC: mac(0, 1), Text: "x"}
		got := ok(s.AppendEvent(ctx, e))
		ids = append(ids, got.ID)
		e.ID = got.ID
		same(t, "event", got, e)
	}
	ok(s.AppendEvent(ctx, inventory.Event{Type: inventory.EventKernel, Node: "other"}))
	ok(s.AppendEvent(ctx, inventory.Event{Type: inventory.EventKernel, Node: "n", MAC: mac(0, 2)})) // of another rack
	n := inventory.Node{Name: "n", NICs: []inventory.NIC{{MAC: mac(0, 1)}}}
	id := func(list []inventory.Event) (out []uint) {
		for _, e := range list {
			out = append(out, e.ID)
		}
		return out
	}
	same(t, "after the first, two", id(ok(s.Events(ctx, ids[0], 2))), ids[1:])
	same(t, "number", len(ok(s.Events(ctx, 0, 0))), 5)
	same(t, "since", id(ok(s.NodeEvents(ctx, n, nil, t0.Add(time.Second)))), ids[1:])
	same(t, "types", id(ok(s.NodeEvents(ctx, n, []inventory.EventType{inventory.EventDHCPAck}, time.Time{}))), []uint{ids[0], ids[2]})
	last := ok(s.Events(ctx, ids[2], 0))[0]
	if d := time.Since(last.Time); d < 0 || d > time.Minute {
		t.Errorf("an event without a time got %s, %s ago", last.Time, d)
	}
}

func eventsTogether(t *testing.T, s *Store) {
	rack := withDemo(t, s)
	_, err := s.UpdateNode(t.Context(), rack.ID, "compute-1", func(n *inventory.Node) error { n.Reason = "changed"; return nil },
		inventory.Event{Text: "an event without a type"})
	want(t, err, inventory.Invalid)
	same(t, "reason", ok(s.Node(t.Context(), rack.ID, "compute-1")).Reason, "")
}

func subscribe(t *testing.T, s *Store) {
	ch, cancel := s.Subscribe()
	slow, cancelSlow := s.Subscribe() // is never read while the writes go on
	defer cancelSlow()
	for range 3 {
		ok(s.AppendEvent(t.Context(), inventory.Event{Type: inventory.EventPower}))
		select {
		case <-ch:
		case <-time.After(10 * time.Second):
			t.Fatal("no wake-up after a write")
		}
	}
	<-slow
	select {
	case <-slow:
		t.Error("three wake-ups did not become one")
	default:
	}
	_, err := s.AppendEvent(t.Context(), inventory.Event{})
	want(t, err, inventory.Invalid)
	select {
	case <-ch:
		t.Error("a wake-up though nothing was committed")
	default:
	}
	cancel()
	ok(s.AppendEvent(t.Context(), inventory.Event{Type: inventory.EventPower}))
	select {
	case <-ch:
		t.Error("a wake-up after cancel")
	default:
	}
}
