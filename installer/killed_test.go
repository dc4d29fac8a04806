package installer_test

import (
	"context"
	"errors"
	"sync"
	"testing"
	"time"

	"sandai/installer"
	"sandai/installer/guide"
	"sandai/inventory"
)

// TestKilledAtEveryStep installs by the whole guide and ends the engine before
// and after every step of the plan: as soon as one is stored as begun, and as soon
// as one is stored as ended, whoever wrote it is told that the store is gone. The
// run ends well, and no step is done twice.
func TestKilledAtEveryStep(t *testing.T) {
	ctx, cancel := context.WithTimeout(t.Context(), 4*patience)
	defer cancel()
	w := newWorld(t)
	w.byGuide()
	m := w.mortal()
	stop := w.start(ctx)
	defer func() { stop() }()
	run, err := w.engine().Install(ctx, "demo", inventory.InstallRequest{})
	if err != nil {
		t.Fatal(err)
	}
	for run.State == inventory.RunActive {
		select {
		case <-m.died:
			stop()
			m = w.mortal()
			stop = w.start(ctx)
		case <-time.After(20 * time.Millisecond): // to look whether the run is over
		case <-ctx.Done():
			t.Fatalf("after %d kills: %v", len(w.killed), w.unfinished(run.ID))
		}
		if run, err = w.store.Run(context.Background(), run.ID); err != nil {
			t.Fatal(err)
		}
	}
	if run.State != inventory.RunDone {
		t.Fatalf("after %d kills the run is %s: %s", len(w.killed), run.State, run.Reason)
	}
	steps, err := w.store.Steps(context.Background(), run.ID)
	if err != nil {
		t.Fatal(err)
	}
	evs, err := w.store.Events(context.Background(), 0, 10000)
	if err != nil {
		t.Fatal(err)
	}
	done := doneIn(evs)
	for _, s := range steps {
		if s.State != inventory.StepDone || s.Attempt != 1 || done[s.Key] != 1 {
			t.Errorf("%s is %s, attempt %d, and was done %d times", s.Key, s.State, s.Attempt, done[s.Key])
		}
		for _, at := range []inventory.StepState{inventory.StepRunning, inventory.StepDone} {
			if !w.killed[s.Key+" "+string(at)] {
				t.Errorf("the engine was not killed when %s was %s", s.Key, at)
			}
		}
	}
	t.Logf("%d steps, killed %d times", len(steps), len(w.killed))
}

// mortal is a store that is gone for its engine once a step has begun or ended
// at whose turn no engine was ended yet.
type mortal struct {
	installer.Store
	w    *world
	died chan struct{}
	once sync.Once
}

var errDied = errors.New("the process was killed")

// mortal has the next engine die.
func (w *world) mortal() *mortal {
	m := &mortal{Store: w.store, w: w, died: make(chan struct{})}
	w.mu.Lock()
	defer w.mu.Unlock()
	w.kept = m
	if w.killed == nil {
		w.killed = map[string]bool{}
	}
	return m
}

func (m *mortal) UpdateStep(ctx context.Context, run uint, key string, fn func(*inventory.Step) error, ev ...inventory.Event) (inventory.Step, error) {
	select {
	case <-m.died:
		return inventory.Step{}, errDied
	default:
	}
	s, err := m.Store.UpdateStep(ctx, run, key, fn, ev...)
	if err != nil || s.State != inventory.StepRunning && s.State != inventory.StepDone {
		return s, err
	}
	m.w.mu.Lock()
	at := key + " " + string(s.State)
	kill := !m.w.killed[at]
	m.w.killed[at] = true
	m.w.mu.Unlock()
	if kill {
		m.once.Do(func() { close(m.died) })
		return s, errDied
	}
	return s, nil
}

// byGuide makes the world's rack one that the real guide fits, and follows it.
func (w *world) byGuide() {
	w.t.Helper()
	g, err := guide.Load("2025.1")
	if err != nil {
		w.t.Fatal(err)
	}
	r := w.rack
	r.Networks = append(r.Networks,
		inventory.Network{Kind: inventory.Provider, CIDR: "203.0.113.0/24", Gateway: "203.0.113.1", PoolStart: "203.0.113.100", PoolEnd: "203.0.113.199", MTU: 1500},
		inventory.Network{Kind: inventory.Tenant, CIDR: "172.16.1.0/24", MTU: 1500})
	for i := range r.Nodes {
		n := &r.Nodes[i]
		n.NICs = append(n.NICs, inventory.NIC{Network: inventory.Provider, MAC: "52:54:00:01:00:0" + string(rune('0'+i))})
		n.SystemDisk = "SYS"
		if n.Role == inventory.Controller {
			n.VolumeDisk = "VOL"
		}
	}
	if err := w.store.PutRack(w.t.Context(), r, nil); err != nil {
		w.t.Fatal(err)
	}
	if w.rack, err = w.store.Rack(w.t.Context(), "demo"); err != nil {
		w.t.Fatal(err)
	}
	w.guide, w.waits = g, 5*time.Second // a secret may have to be hashed before there is an answer
}
