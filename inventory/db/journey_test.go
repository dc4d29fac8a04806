package db

import (
	"testing"
	"time"

	"sandai/inventory"
)

func journeys(t *testing.T, s *Store) {
	ctx := t.Context()
	run := withRun(t, s, 1)
	_, err := s.Journey(ctx, run.RackID)
	want(t, err, inventory.NotFound)
	want(t, s.PutJourney(ctx, 99, inventory.Journey{}), inventory.NotFound)

	seen := t0.Add(123 * time.Millisecond)
	j := inventory.Journey{Server: "sandai-proof-compute-1", ID: "i", Node: "compute-1", Collected: t0,
		Steps:  []inventory.JourneyStep{{Number: 1, Who: "client", Seen: &seen, Source: "x.log", Line: "a line"}, {Number: 2, Who: "Keystone", Note: inventory.Text{EN: "no", JA: "否"}}},
		States: []inventory.JourneyState{{At: t0, Status: "BUILD", Task: "spawning"}}}
	must(t, s.PutJourney(ctx, run.ID, inventory.Journey{Server: "an earlier one"}))
	must(t, s.PutJourney(ctx, run.ID, j))
	j.Run, j.Rack = run.ID, "demo"
	same(t, "journey", ok(s.Journey(ctx, run.RackID)), j)

	// A later run that collects none does not hide it.
	ok(s.UpdateRun(ctx, run.ID, func(r *inventory.Run) error { r.State = inventory.RunDone; return nil }))
	second := inventory.Run{RackID: run.RackID}
	must(t, s.CreateRun(ctx, &second, nil))
	same(t, "journey", ok(s.Journey(ctx, run.RackID)).Run, run.ID)
	must(t, s.PutJourney(ctx, second.ID, inventory.Journey{Server: "later"}))
	same(t, "the latest", ok(s.Journey(ctx, run.RackID)).Server, "later")
}
