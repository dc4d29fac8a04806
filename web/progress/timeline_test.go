package progress_test

import (
	"math"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"sandai/inventory"
	"sandai/web/progress"
	"sandai/web/webtest"
)

var done = inventory.Run{ID: 1, Rack: "demo", State: inventory.RunDone, Created: webtest.T0, Ended: webtest.At(80)}

func TestCriticalPath(t *testing.T) {
	want := []string{"controller-1/power/power", "controller-1/identity/keystone.conf", "controller-1/identity/keystone.sync", "network-1/networking/neutron.conf", "rack/proof/ping"}
	if d := cmp.Diff(want, progress.CriticalPath(webtest.Steps())); d != "" {
		t.Error(d)
	}
	if p := progress.CriticalPath(nil); p != nil {
		t.Errorf("of nothing: %v", p)
	}
}

// TestCriticalPathIsAChain: of any plan, each step of the path needs the one
// before it, no other need of it ended later, and the last one ended last.
func TestCriticalPathIsAChain(t *testing.T) {
	for seed := range uint64(200) {
		r := rand.New(rand.NewPCG(seed, 1))
		var steps []inventory.Step
		byKey := map[string]inventory.Step{}
		for i := range 1 + r.IntN(40) {
			s := inventory.Step{Key: string(rune('a'+i%26)) + string(rune('a'+i/26)), State: inventory.StepDone, EndedAt: webtest.At(r.Float64() * 100)}
			for _, o := range steps {
				if r.IntN(6) == 0 {
					s.Needs = append(s.Needs, o.Key)
					if o.EndedAt.After(*s.EndedAt) {
						at := o.EndedAt.Add(time.Second)
						s.EndedAt = &at
					}
				}
			}
			steps, byKey[s.Key] = append(steps, s), s
		}
		path := progress.CriticalPath(steps)
		end := *byKey[path[len(path)-1]].EndedAt
		for _, s := range steps {
			if s.EndedAt.After(end) {
				t.Fatalf("seed %d: %s ended after the path", seed, s.Key)
			}
		}
		for i := 1; i < len(path); i++ {
			found := false
			for _, n := range byKey[path[i]].Needs {
				found = found || n == path[i-1]
				if byKey[n].EndedAt.After(*byKey[path[i-1]].EndedAt) {
					t.Fatalf("seed %d: %s waited longer for %s than for %s", seed, path[i], n, path[i-1])
				}
			}
			if !found {
				t.Fatalf("seed %d: %s does not need %s", seed, path[i], path[i-1])
			}
		}
		if len(byKey[path[0]].Needs) > 0 {
			t.Fatalf("seed %d: the path begins in the middle, at %s", seed, path[0])
		}
	}
}

func TestTimeline(t *testing.T) {
	tl := progress.TimelineOf(done, webtest.Steps(), nil, "", *webtest.At(500))
	if len(tl.Lanes) != 4 || tl.Lanes[3].Node != "" || tl.Now != 80 || tl.End != 80 || tl.Guessed {
		t.Fatalf("%+v", tl)
	}
	id := tl.Lanes[0].Blocks[1]
	if id.Name != "identity" || id.From != 2 || id.To != 63.2 || id.Steps != 2 || id.Done != 2 || id.State != inventory.StepDone || !id.Critical {
		t.Errorf("%+v", id)
	}
	waits := map[string]progress.Barrier{}
	for _, b := range tl.Barriers {
		waits[b.Key] = b
	}
	if b := waits["compute-1/compute/nova.conf"]; b.FromNode != "controller-1" || b.Need != "controller-1/identity/keystone.sync" || b.Since != 1.3 || b.At != 63.2 {
		t.Errorf("%+v", b)
	}
}

// TestTimelineAhead: what is to come follows what it needs, as long as it took
// before; on a first run it has no length.
func TestTimelineAhead(t *testing.T) {
	run, all := done, webtest.Steps()
	run.State, run.Ended = inventory.RunActive, nil
	half := webtest.Until(all, 20)
	tl := progress.TimelineOf(run, half, progress.Expected(all), "", *webtest.At(20))
	proof := tl.Lanes[3].Blocks[0]
	if !tl.Guessed || !proof.Future || proof.From < 63.2 || math.Abs(proof.To-proof.From-15) > 1e-6 || tl.End != proof.To {
		t.Errorf("%+v, end %v", proof, tl.End)
	}
	first := progress.TimelineOf(run, half, nil, "", *webtest.At(20))
	if first.Guessed || first.End != 20 {
		t.Errorf("a first run: %+v", first)
	}
	for _, l := range first.Lanes {
		for _, b := range l.Blocks {
			if b.Future {
				t.Errorf("a first run has a future block %+v", b)
			}
		}
	}
}

func TestTimelineOfOneNode(t *testing.T) {
	tl := progress.TimelineOf(done, webtest.Steps(), nil, "controller-1", *webtest.At(500))
	if len(tl.Lanes) != 1 || len(tl.Lanes[0].Blocks) != 3 || tl.Lanes[0].Blocks[1].Name != "keystone.conf" {
		t.Errorf("%+v", tl.Lanes)
	}
}

// TestRowsDoNotOverlap: blocks of one row of a lane follow each other.
func TestRowsDoNotOverlap(t *testing.T) {
	for seed := range uint64(100) {
		r := rand.New(rand.NewPCG(seed, 2))
		var steps []inventory.Step
		for i := range 30 {
			from := r.Float64() * 100
			steps = append(steps, inventory.Step{Key: "n/c/" + string(rune('a'+i)), Node: "n", Chapter: "c", State: inventory.StepDone, StartedAt: webtest.At(from), EndedAt: webtest.At(from + r.Float64()*20)})
		}
		l := progress.TimelineOf(done, steps, nil, "n", webtest.T0).Lanes[0]
		for i, a := range l.Blocks {
			for _, b := range l.Blocks[i+1:] {
				if a.Row == b.Row && b.From < a.To {
					t.Fatalf("seed %d: %+v and %+v", seed, a, b)
				}
			}
			if a.Row >= l.Rows {
				t.Fatalf("row %d of %d", a.Row, l.Rows)
			}
		}
	}
}
