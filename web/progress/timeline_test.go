package progress_test

import (
	"fmt"
	"math"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"sandai/inventory"
	"sandai/web/progress"
	"sandai/web/webtest"
)

var (
	done  = inventory.Run{ID: 1, Rack: "demo", State: inventory.RunDone, Created: webtest.T0, Ended: webtest.At(80)}
	nodes = []string{"controller-1", "network-1", "compute-1"}
)

func active() inventory.Run {
	r := done
	r.State, r.Ended = inventory.RunActive, nil
	return r
}

func since(t time.Time) float64 { return t.Sub(webtest.T0).Seconds() }

func TestCriticalPath(t *testing.T) {
	const power, conf, sync = "controller-1/power/power", "controller-1/identity/keystone.conf", "controller-1/identity/keystone.sync"
	all := webtest.Steps()
	failing := webtest.Until(all, 70)
	failing[3].State, failing[3].Needs = inventory.StepFailed, nil
	for name, c := range map[string]struct {
		steps    []inventory.Step
		expected map[string]float64
		now      float64
		want     []string
	}{
		"nothing":           {nil, nil, 0, nil},
		"nothing begun":     {webtest.Until(all, -1), nil, 0, nil},
		"ended":             {all, nil, 500, []string{power, conf, sync, "network-1/networking/neutron.conf", "rack/proof/ping"}},
		"at work":           {webtest.Until(all, 20), nil, 20, []string{power, conf, sync}},
		"at work, expected": {webtest.Until(all, 20), progress.Expected(all), 20, []string{power, conf, sync, "network-1/networking/neutron.conf", "rack/proof/ping"}},
		"failed":            {failing, nil, 70, []string{conf}},
	} {
		t.Run(name, func(t *testing.T) {
			if d := cmp.Diff(c.want, progress.CriticalPath(progress.Schedule(c.steps, c.expected, *webtest.At(c.now)))); d != "" {
				t.Error(d)
			}
		})
	}
}

// plan makes a run of random steps that kept the rules: none began before its
// needs had ended. Some are in hand and some to come where it has not ended.
func plan(r *rand.Rand, now float64) []inventory.Step {
	ended := map[string]float64{}
	var steps []inventory.Step
	for i := range 2 + r.IntN(60) {
		s := inventory.Step{Key: fmt.Sprintf("n%d/c%d/s%d", r.IntN(4), r.IntN(3), i), Seq: i + 1, State: inventory.StepDone}
		s.Node, s.Chapter = s.Key[:2], s.Key[3:5]
		ready := 0.0
		for _, o := range steps {
			if r.IntN(8) == 0 {
				s.Needs = append(s.Needs, o.Key)
				ready = max(ready, ended[o.Key])
			}
		}
		start := ready + r.Float64()*5
		end := start + r.Float64()*20
		ended[s.Key] = end
		s.ReadyAt, s.StartedAt, s.EndedAt = webtest.At(ready), webtest.At(start), webtest.At(end)
		steps = append(steps, s)
	}
	return webtest.Until(steps, now)
}

// TestCriticalPathIsAChain: of any plan, each step of the path needs the one
// before it, no other need of it ended later, so that between the two is only
// waiting; the last one ends last, and the first one waited for nothing.
func TestCriticalPathIsAChain(t *testing.T) {
	for seed := range uint64(300) {
		r := rand.New(rand.NewPCG(seed, 1))
		now := r.Float64() * 150
		steps := plan(r, now)
		var expected map[string]float64
		if seed%2 == 0 {
			expected = map[string]float64{}
			for _, s := range steps {
				expected[s.Key] = r.Float64() * 20
			}
		}
		slots := progress.Schedule(steps, expected, *webtest.At(now))
		byKey := map[string]progress.Slot{}
		for _, s := range slots {
			byKey[s.Step.Key] = s
		}
		path := progress.CriticalPath(slots)
		if len(path) == 0 {
			for _, s := range slots {
				if s.Known() {
					t.Fatalf("seed %d: no path, though %s began", seed, s.Step.Key)
				}
			}
			continue
		}
		last := byKey[path[len(path)-1]]
		for _, s := range slots {
			if s.End().After(last.End()) {
				t.Fatalf("seed %d: %s ends after the path", seed, s.Step.Key)
			}
		}
		for i := 1; i < len(path); i++ {
			before, s := byKey[path[i-1]], byKey[path[i]]
			found := false
			for _, n := range s.Step.Needs {
				found = found || n == path[i-1]
				if n := byKey[n]; n.Known() && n.End().After(before.End()) {
					t.Fatalf("seed %d: %s waited longer for %s than for %s", seed, path[i], n.Step.Key, path[i-1])
				}
			}
			if !found {
				t.Fatalf("seed %d: %s does not need %s", seed, path[i], path[i-1])
			}
			if s.Start().Before(before.End()) {
				t.Fatalf("seed %d: %s begins before %s ends", seed, path[i], path[i-1])
			}
		}
		if len(byKey[path[0]].Step.Needs) > 0 {
			t.Fatalf("seed %d: the path begins in the middle, at %s", seed, path[0])
		}
	}
}

// TestScheduleOfTheFuture: what is to come begins when the last of its needs
// ends, never in the past, and takes as long as it took.
func TestScheduleOfTheFuture(t *testing.T) {
	for seed := range uint64(200) {
		r := rand.New(rand.NewPCG(seed, 3))
		now := r.Float64() * 100
		steps, expected := plan(r, now), map[string]float64{}
		for _, s := range steps {
			expected[s.Key] = r.Float64() * 20
		}
		slots := progress.Schedule(steps, expected, *webtest.At(now))
		byKey := map[string]progress.Slot{}
		for _, s := range slots {
			byKey[s.Step.Key] = s
		}
		for _, s := range slots {
			if s.Step.State != inventory.StepPending {
				continue
			}
			want := now
			for _, n := range s.Step.Needs {
				n := byKey[n]
				want = max(want, since(n.End()))
			}
			if math.Abs(since(s.Start())-want) > 1e-6 || math.Abs(since(s.End())-want-expected[s.Step.Key]) > 1e-6 {
				t.Fatalf("seed %d: %s from %v to %v, want from %v", seed, s.Step.Key, since(s.Start()), since(s.End()), want)
			}
		}
	}
}

// TestRemaining: steps side by side do not add up, one that takes longer than it
// did is expected to end now, and after a resume the clock of what is tried again
// begins anew.
func TestRemaining(t *testing.T) {
	step := func(key string, st inventory.StepState, from, to *time.Time, needs ...string) inventory.Step {
		return inventory.Step{Key: key, State: st, ReadyAt: from, StartedAt: from, EndedAt: to, Needs: needs}
	}
	expected := map[string]float64{"a": 10, "b": 50, "c": 20, "d": 5}
	for name, c := range map[string]struct {
		steps []inventory.Step
		want  float64
	}{
		"side by side": {[]inventory.Step{step("a", inventory.StepRunning, webtest.At(95), nil), step("b", inventory.StepRunning, webtest.At(90), nil), step("c", inventory.StepPending, nil, nil, "a"), step("d", inventory.StepPending, nil, nil, "b", "c")}, 45},
		"overdue":      {[]inventory.Step{step("a", inventory.StepRunning, webtest.At(20), nil), step("c", inventory.StepPending, nil, nil, "a")}, 20},
		"resumed":      {[]inventory.Step{step("a", inventory.StepDone, webtest.At(0), webtest.At(10)), step("b", inventory.StepRunning, webtest.At(99), nil, "a"), step("c", inventory.StepPending, nil, nil, "b")}, 69},
		"put back":     {[]inventory.Step{step("a", inventory.StepDone, webtest.At(0), webtest.At(10)), step("b", inventory.StepPending, nil, nil, "a"), step("c", inventory.StepPending, nil, nil, "b")}, 70},
		"skipped":      {[]inventory.Step{step("b", inventory.StepSkipped, nil, webtest.At(50)), step("c", inventory.StepPending, nil, nil, "b")}, 20},
		"ended":        {[]inventory.Step{step("a", inventory.StepDone, webtest.At(0), webtest.At(10))}, 0},
	} {
		t.Run(name, func(t *testing.T) {
			p := progress.Of(inventory.Rack{}, active(), c.steps, expected, *webtest.At(100))
			if p.Remaining == nil || math.Abs(*p.Remaining-c.want) > 1e-6 {
				t.Errorf("%v, want %v", p.Remaining, c.want)
			}
		})
	}
	if p := progress.Of(inventory.Rack{}, active(), webtest.Steps(), nil, *webtest.At(100)); p.Remaining != nil {
		t.Errorf("a first run: %v", *p.Remaining)
	}
}

// TestExpectedLeavesOut: what was skipped or failed says nothing of a length.
func TestExpectedLeavesOut(t *testing.T) {
	steps := webtest.Steps()
	steps[0].State, steps[1].State = inventory.StepSkipped, inventory.StepFailed
	e := progress.Expected(steps)
	if _, ok := e[steps[0].Key]; ok || len(e) != len(steps)-2 {
		t.Errorf("%v", e)
	}
}

func draw(run inventory.Run, steps []inventory.Step, expected map[string]float64, open string, now float64) progress.Timeline {
	return progress.Draw(run, nodes, progress.Schedule(steps, expected, *webtest.At(now)), open, *webtest.At(now))
}

func TestDraw(t *testing.T) {
	tl := draw(done, webtest.Steps(), nil, "", 80)
	if len(tl.Lanes) != 4 || tl.Lanes[3].Node != "" || since(tl.To) != 80 || tl.Open != 0 {
		t.Fatalf("%+v", tl)
	}
	id := tl.Lanes[0].Blocks[1]
	if id.Group != "identity" || since(id.From) != 2 || since(id.To) != 63.2 || len(id.Slots) != 2 || id.State != inventory.StepDone {
		t.Errorf("%+v", id)
	}
	links := map[string]progress.Link{}
	for _, l := range tl.Links {
		links[l.To] = l
	}
	if l := links["compute-1/compute/nova.conf"]; l.From != "controller-1/identity/keystone.sync" || since(l.At) != 63.2 || l.Critical {
		t.Errorf("%+v", l)
	}
	if l := links["network-1/networking/neutron.conf"]; !l.Critical {
		t.Errorf("the path's barrier: %+v", l)
	}
	if w := tl.Lanes[2].Waits; len(w) != 1 || since(w[0].From) != 1.3 || since(w[0].To) != 63.5 {
		t.Errorf("compute-1 waits %+v", w)
	}
}

// TestDrawAhead: on a first run nothing has a length that did not happen.
func TestDrawAhead(t *testing.T) {
	all := webtest.Steps()
	half := webtest.Until(all, 20)
	tl := draw(active(), half, progress.Expected(all), "", 20)
	proof := tl.Lanes[3].Blocks[0]
	if tl.Open != 0 || proof.State != inventory.StepPending || since(proof.From) < 63.2 || math.Abs(proof.To.Sub(proof.From).Seconds()-15) > 1e-6 || !tl.To.Equal(proof.To) {
		t.Errorf("%+v, to %v", proof, since(tl.To))
	}
	first := draw(active(), half, nil, "", 20)
	if first.Open != 3 || since(first.To) != 20 {
		t.Errorf("a first run: %+v", first)
	}
	for _, l := range first.Lanes {
		for _, b := range l.Blocks {
			if b.To.After(first.Now) {
				t.Errorf("a first run has a future block %+v", b)
			}
		}
	}
	if w := first.Lanes[2].Waits; len(w) != 1 || since(w[0].To) != 20 {
		t.Errorf("compute-1 waits for the controller: %+v", w)
	}
}

// TestDrawPause: the night between a failure and its resumption is a pause.
func TestDrawPause(t *testing.T) {
	steps := webtest.Steps()
	for i := 4; i < len(steps); i++ {
		for _, at := range []*time.Time{steps[i].ReadyAt, steps[i].StartedAt, steps[i].EndedAt} {
			*at = at.Add(9 * time.Hour)
		}
	}
	run := done
	run.Ended = webtest.At(80 + 9*3600)
	tl := draw(run, steps, nil, "", 80+9*3600)
	if len(tl.Pauses) != 1 || since(tl.Pauses[0].From) != 3.2 || tl.Pauses[0].To.Sub(tl.Pauses[0].From) != 9*time.Hour {
		t.Errorf("%+v", tl.Pauses)
	}
}

func TestDrawOpened(t *testing.T) {
	l := draw(done, webtest.Steps(), nil, "controller-1", 80).Lanes[0]
	if len(l.Blocks) != 3 || !l.Blocks[1].Single || l.Blocks[1].Slots[0].Step.Key != "controller-1/identity/keystone.conf" || l.Rows != 2 {
		t.Errorf("%+v", l)
	}
}

// TestRowsDoNotOverlap: blocks of one row of a lane follow each other, and no
// step is lost.
func TestRowsDoNotOverlap(t *testing.T) {
	for seed := range uint64(100) {
		steps := plan(rand.New(rand.NewPCG(seed, 2)), 1000)
		tl := progress.Draw(done, []string{"n0", "n1", "n2", "n3"}, progress.Schedule(steps, nil, *webtest.At(1000)), "", *webtest.At(1000))
		drawn := 0
		for _, l := range tl.Lanes {
			for i, a := range l.Blocks {
				drawn += len(a.Slots)
				for _, b := range l.Blocks[i+1:] {
					if a.Row == b.Row && b.From.Before(a.To) {
						t.Fatalf("seed %d: %+v and %+v", seed, a, b)
					}
				}
				if a.Row >= l.Rows {
					t.Fatalf("seed %d: row %d of %d", seed, a.Row, l.Rows)
				}
			}
		}
		if drawn != len(steps) {
			t.Fatalf("seed %d: %d of %d steps are drawn", seed, drawn, len(steps))
		}
	}
}
