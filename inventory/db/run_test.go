package db

import (
	"errors"
	"strings"
	"sync"
	"testing"
	"time"

	"sandai/inventory"
)

func withRun(t testing.TB, s *Store, n int) inventory.Run {
	t.Helper()
	run := inventory.Run{RackID: withDemo(t, s).ID, PlanHash: "hash", Created: t0}
	must(t, s.CreateRun(t.Context(), &run, steps(n)))
	return run
}

func runs(t *testing.T, s *Store) {
	ctx := t.Context()
	rack := withDemo(t, s)
	_, err := s.LatestRun(ctx, rack.ID)
	want(t, err, inventory.NotFound)
	_, err = s.Run(ctx, 1)
	want(t, err, inventory.NotFound)
	want(t, s.CreateRun(ctx, &inventory.Run{RackID: 99}, nil), inventory.NotFound)

	run := inventory.Run{RackID: rack.ID, PlanHash: "hash", Erase: true, Created: t0}
	must(t, s.CreateRun(ctx, &run, nil))
	same(t, "run", ok(s.Run(ctx, run.ID)), inventory.Run{
		ID: run.ID, RackID: rack.ID, Rack: "demo", Kind: inventory.RunInstall, PlanHash: "hash", Erase: true, State: inventory.RunActive, Created: t0, Attempt: 1,
	})
	same(t, "active", ok(s.ActiveRuns(ctx)), []inventory.Run{run})
	ended := t0.Add(time.Minute)
	got := ok(s.UpdateRun(ctx, run.ID, func(r *inventory.Run) error {
		r.State, r.Ended, r.Reason = inventory.RunFailed, &ended, "why"
		return nil
	}, inventory.Event{Type: inventory.EventRun, Text: "failed"}))
	same(t, "ended", ok(s.LatestRun(ctx, rack.ID)), got)
	same(t, "event's run", *ok(s.Events(ctx, 0, 0))[0].RunID, run.ID)
	same(t, "active", ok(s.ActiveRuns(ctx)), []inventory.Run{})
	second := inventory.Run{RackID: rack.ID}
	must(t, s.CreateRun(ctx, &second, nil))
	same(t, "newest first", []uint{ok(s.Runs(ctx, rack.ID))[0].ID, ok(s.LatestRun(ctx, rack.ID)).ID}, []uint{second.ID, second.ID})
}

// latestRuns: who asks how it goes is told of the active run, then of the one
// that ended last; what is installed is the newest install.
func latestRuns(t *testing.T, s *Store) {
	ctx := t.Context()
	rack := withDemo(t, s)
	_, err := s.LatestOf(ctx, rack.ID, inventory.RunInstall)
	want(t, err, inventory.NotFound)
	install := inventory.Run{RackID: rack.ID}
	must(t, s.CreateRun(ctx, &install, nil))
	end := func(id uint, after time.Duration, st inventory.RunState) {
		ok(s.UpdateRun(ctx, id, func(r *inventory.Run) error {
			at := t0.Add(after)
			r.State, r.Ended = st, &at
			return nil
		}))
	}
	end(install.ID, time.Minute, inventory.RunFailed)
	look := inventory.Run{RackID: rack.ID, Kind: inventory.RunInspect}
	must(t, s.CreateRun(ctx, &look, nil))
	same(t, "an active inspect", ok(s.LatestRun(ctx, rack.ID)).ID, look.ID)
	end(look.ID, 2*time.Minute, inventory.RunStopped)
	same(t, "an inspect that ended last", ok(s.LatestRun(ctx, rack.ID)).ID, look.ID)
	same(t, "installed by", ok(s.LatestOf(ctx, rack.ID, inventory.RunInstall)).ID, install.ID)
	ok(s.UpdateRun(ctx, install.ID, func(r *inventory.Run) error { r.State, r.Ended = inventory.RunActive, nil; return nil }))
	same(t, "a resumed install", ok(s.LatestRun(ctx, rack.ID)).ID, install.ID)
	end(install.ID, 3*time.Minute, inventory.RunDone)
	same(t, "an older install that ended last", ok(s.LatestRun(ctx, rack.ID)).ID, install.ID)
}

// countSteps: each run of the rack and no other's.
func countSteps(t *testing.T, s *Store) {
	ctx := t.Context()
	rack := withDemo(t, s)
	same(t, "no run", len(ok(s.CountSteps(ctx, rack.ID))), 0)
	run := inventory.Run{RackID: rack.ID}
	must(t, s.CreateRun(ctx, &run, steps(3)))
	for i, st := range []inventory.StepState{inventory.StepDone, inventory.StepSkipped} {
		ok(s.UpdateStep(ctx, run.ID, steps(3)[i].Key, func(s *inventory.Step) error { s.State = st; return nil }))
	}
	same(t, "counts", ok(s.CountSteps(ctx, rack.ID)), map[uint]inventory.StepCount{run.ID: {Done: 2, Total: 3}})
	same(t, "another rack", len(ok(s.CountSteps(ctx, rack.ID+1))), 0)
}

func oneActiveRun(t *testing.T, s *Store) {
	ctx := t.Context()
	rack := withDemo(t, s)
	var wg sync.WaitGroup
	errs := make([]error, 8)
	for i := range errs {
		wg.Go(func() { errs[i] = s.CreateRun(ctx, &inventory.Run{RackID: rack.ID}, steps(2)) })
	}
	wg.Wait()
	good := 0
	for _, err := range errs {
		if err == nil {
			good++
		} else {
			want(t, err, inventory.Conflict)
		}
	}
	same(t, "started", good, 1)
	// Nor can an old run be made active beside it.
	old := inventory.Run{RackID: rack.ID, State: inventory.RunFailed}
	must(t, s.CreateRun(ctx, &old, nil))
	_, err := s.UpdateRun(ctx, old.ID, func(r *inventory.Run) error { r.State = inventory.RunActive; return nil })
	want(t, err, inventory.Conflict)
	if !strings.Contains(err.Error(), "active run") {
		t.Errorf("%q does not say why", err)
	}
}

func stepRoundTrip(t *testing.T, s *Store) {
	ctx := t.Context()
	run := withRun(t, s, 3)
	got := ok(s.Steps(ctx, run.ID))
	wanted := steps(3)
	wanted[0], wanted[2] = wanted[2], wanted[0] // by Seq
	same(t, "steps", got, wanted, noIDs)
	at := t0.Add(time.Second)
	changed := ok(s.UpdateStep(ctx, run.ID, got[0].Key, func(st *inventory.Step) error {
		st.State, st.Attempt, st.ReadyAt, st.StartedAt, st.EndedAt, st.Deadline = inventory.StepRunning, 1, &t0, &at, &at, &at
		st.Changed, st.Reason, st.Command, st.Stdout, st.Stderr, st.Notify = true, "r", "c", "o\x00\xff", "e", []string{"x.service"}
		return nil
	}, inventory.Event{Type: inventory.EventStep, Text: "runs"}))
	same(t, "changed", ok(s.Step(ctx, run.ID, got[0].Key)), changed)
	ev := ok(s.Events(ctx, 0, 0))[0]
	same(t, "event", []any{*ev.RunID, ev.Node, ev.Step}, []any{run.ID, "controller-1", got[0].Key})
	_, err := s.Step(ctx, run.ID, "none")
	want(t, err, inventory.NotFound)
	same(t, "of no run", ok(s.Steps(ctx, 99)), []inventory.Step{})
}

func stepUndone(t *testing.T, s *Store) {
	ctx := t.Context()
	run := withRun(t, s, 1)
	key := steps(1)[0].Key
	before := ok(s.Step(ctx, run.ID, key))
	boom := errors.New("boom")
	_, err := s.UpdateStep(ctx, run.ID, key, func(st *inventory.Step) error { st.State = inventory.StepDone; return boom },
		inventory.Event{Type: inventory.EventStep, Text: "must not be"})
	if !errors.Is(err, boom) {
		t.Errorf("got %v, want boom in the chain", err)
	}
	// A known error of the function keeps its code.
	_, err = s.UpdateStep(ctx, run.ID, key, func(*inventory.Step) error { return inventory.Errorf(inventory.Conflict, "late") })
	want(t, err, inventory.Conflict)
	// A broken rule undoes the events too.
	_, err = s.UpdateStep(ctx, run.ID, key, func(st *inventory.Step) error { st.State = inventory.StepReady; return nil },
		inventory.Event{Type: inventory.EventStep, Text: "must not be"})
	want(t, err, inventory.Invalid)
	same(t, "step", ok(s.Step(ctx, run.ID, key)), before)
	same(t, "events", ok(s.Events(ctx, 0, 0)), []inventory.Event{})
}

// stepRace: no change of many writers is lost, while readers read.
func stepRace(t *testing.T, s *Store) {
	ctx := t.Context()
	run := withRun(t, s, 2)
	key := steps(1)[0].Key
	const writers, each = 16, 10
	var wg sync.WaitGroup
	for range writers {
		wg.Go(func() {
			for range each {
				_, err := s.UpdateStep(ctx, run.ID, key, func(st *inventory.Step) error { st.Attempt++; return nil },
					inventory.Event{Type: inventory.EventStep, Text: "counted"})
				if err == nil {
					_, err = s.Steps(ctx, run.ID)
				}
				if err != nil {
					t.Error(err)
				}
			}
		})
	}
	wg.Wait()
	same(t, "count", ok(s.Step(ctx, run.ID, key)).Attempt, writers*each)
	same(t, "events", len(ok(s.Events(ctx, 0, 0))), writers*each)
}

func BenchmarkUpdateStep(b *testing.B) {
	s := openSQLite(b)
	run := withRun(b, s, 500)
	for b.Loop() {
		ok(s.UpdateStep(b.Context(), run.ID, steps(1)[0].Key, func(st *inventory.Step) error { st.Attempt++; return nil },
			inventory.Event{Type: inventory.EventStep, Text: "x"}))
	}
}

func BenchmarkSteps500(b *testing.B) {
	s := openSQLite(b)
	run := withRun(b, s, 500)
	for b.Loop() {
		ok(s.Steps(b.Context(), run.ID))
	}
}
