package installer_test

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"sandai/inventory"
)

// trial is a run that is watched, and whose engine is ended once that many
// events are stored (0: never) and begun anew.
type trial struct {
	*world
	ctx  context.Context
	kill int
	stop func()
	run  inventory.Run
}

func newTrial(t *testing.T, kill int) *trial {
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	t.Cleanup(cancel)
	w := newWorld(t)
	tr := &trial{world: w, ctx: inventory.WithPerson(ctx, "ada"), kill: kill}
	tr.stop = w.start(ctx)
	t.Cleanup(func() { tr.stop() })
	return tr
}

// begin starts an install; fails is how often the agents fail at which steps.
func (tr *trial) begin(fails map[string]int) {
	tr.t.Helper()
	tr.mu.Lock()
	tr.fails = fails
	tr.mu.Unlock()
	tr.run = tr.ok(tr.engine().Install(tr.ctx, "demo", inventory.InstallRequest{}))
}

func (tr *trial) ok(run inventory.Run, err error) inventory.Run {
	tr.t.Helper()
	if err != nil {
		tr.t.Fatal(err)
	}
	return run
}

// until waits for a condition and ends the engine when its time has come.
func (tr *trial) until(what string, is func() bool) {
	tr.t.Helper()
	for !is() {
		if tr.ctx.Err() != nil {
			tr.t.Fatalf("waited in vain until %s; run %s: %s; %v", what, tr.run.State, tr.run.Reason, tr.unfinished(tr.run.ID))
		}
		poll := 20 * time.Millisecond
		if tr.kill > 0 {
			poll = 2 * time.Millisecond
			tr.killWhenDue()
		}
		if tr.run.ID != 0 {
			tr.run = tr.ok(tr.store.Run(context.Background(), tr.run.ID))
		}
		time.Sleep(poll) // the poll of a condition, bounded by ctx
	}
}

func (tr *trial) killWhenDue() {
	evs, err := tr.store.Events(context.Background(), 0, 10000)
	if err != nil {
		tr.t.Fatal(err)
	}
	if len(evs) >= tr.kill {
		tr.stop()
		tr.kill = 0
		tr.stop = tr.start(tr.ctx)
	}
}

func (tr *trial) ends(st inventory.RunState) {
	tr.t.Helper()
	tr.until("the run is "+string(st), func() bool { return tr.run.State == st })
}

func (tr *trial) steps() map[string]inventory.Step {
	list, err := tr.store.Steps(context.Background(), tr.run.ID)
	if err != nil {
		tr.t.Fatal(err)
	}
	out := map[string]inventory.Step{}
	for _, s := range list {
		out[s.Key] = s
	}
	return out
}

func (tr *trial) is(key string, st inventory.StepState) func() bool {
	return func() bool { return tr.steps()[key].State == st }
}

// once checks that every step was done exactly once, but those that were skipped.
func (tr *trial) once(skipped ...string) {
	tr.t.Helper()
	evs, err := tr.store.Events(context.Background(), 0, 10000)
	if err != nil {
		tr.t.Fatal(err)
	}
	done := doneIn(evs)
	for _, key := range skipped {
		done[key]++
	}
	for key, s := range tr.steps() {
		if done[key] != 1 || s.State != inventory.StepDone && s.State != inventory.StepSkipped {
			tr.t.Errorf("%s is %s and was done %d times", key, s.State, done[key])
		}
	}
}

func (tr *trial) refused(err error, code inventory.Code, text string) {
	tr.t.Helper()
	if inventory.CodeOf(err) != code || err == nil || !strings.Contains(err.Error(), text) {
		tr.t.Errorf("got %v, want %s with %q", err, code, text)
	}
}

// TestStopSkipKilledAnywhere: a run is stopped, a step skipped, and the run goes
// on, with the engine ended after some event: the stop and the skip hold, the
// run ends well, and nothing is done twice.
func TestStopSkipKilledAnywhere(t *testing.T) {
	total := stopAndSkip(t, 0)
	for kill := 5; kill < total; kill += max(1, total/5) {
		t.Run(fmt.Sprintf("after event %d", kill), func(t *testing.T) { stopAndSkip(t, kill) })
	}
}

func stopAndSkip(t *testing.T, kill int) int {
	tr := newTrial(t, kill)
	tr.hold("compute-1/wipe/wipe") // however late the watcher is, the stop comes before the end
	tr.begin(nil)
	tr.until("an agent works", tr.is("network-1/inspect/inspect", inventory.StepDone))
	run := tr.ok(tr.engine().StopAfter(tr.ctx, "demo", "lunch"))
	tr.release()
	if run.StopAt == nil || run.StopBy != "ada" || run.StopWhy != "lunch" {
		t.Errorf("the stop is stored as %v %q %q", run.StopAt, run.StopBy, run.StopWhy)
	}
	tr.ends(inventory.RunStopped)
	if tr.run.Reason != "stopped by ada: lunch" || tr.run.Ended == nil {
		t.Errorf("the stopped run says %q, ended %v", tr.run.Reason, tr.run.Ended)
	}
	const skip = "compute-1/environment/hosts"
	for key, s := range tr.steps() {
		if s.State == inventory.StepReady || s.State == inventory.StepRunning || key == skip && s.State != inventory.StepPending {
			t.Errorf("the run is stopped and %s is %s", key, s.State)
		}
	}
	if run := tr.ok(tr.engine().SkipStep(tr.ctx, tr.run.ID, skip, "it is written by hand")); run.State != inventory.RunStopped {
		t.Errorf("skipping a pending step made the stopped run %s", run.State)
	}
	tr.run = tr.ok(tr.engine().Install(tr.ctx, "demo", inventory.InstallRequest{}))
	tr.ends(inventory.RunDone)
	tr.once(skip)
	if s := tr.steps()[skip]; s.State != inventory.StepSkipped || s.By != "ada" || s.Reason != "it is written by hand" {
		t.Errorf("the skipped step is %s by %q: %q", s.State, s.By, s.Reason)
	}
	rep, err := tr.engine().Report(tr.ctx, "demo")
	if err != nil || len(rep.Skipped) != 1 || rep.Skipped[0].Key != skip || rep.Skipped[0].By != "ada" {
		t.Errorf("the report says of what was skipped: %v, %v", rep.Skipped, err)
	}
	own, err := tr.engine().RunReport(tr.ctx, tr.run.ID)
	if err != nil || own.Run.ID != tr.run.ID || len(own.Phases) != len(rep.Phases) || own.ProofRun != tr.run.ID {
		t.Errorf("the run's own report: %+v, %v", own.Run, err)
	}
	if _, err := tr.engine().RunReport(tr.ctx, tr.run.ID+1); inventory.CodeOf(err) != inventory.NotFound {
		t.Errorf("the report of no run: %v", err)
	}
	evs, err := tr.store.Events(context.Background(), 0, 10000)
	if err != nil {
		t.Fatal(err)
	}
	return len(evs)
}

func TestStopWithdrawn(t *testing.T) {
	tr := newTrial(t, 0)
	_, err := tr.engine().StopAfter(tr.ctx, "demo", "")
	tr.refused(err, inventory.Conflict, "no active run")
	tr.hold("network-1/wipe/wipe")
	tr.begin(nil)
	tr.until("a step is in hand", tr.is("network-1/wipe/wipe", inventory.StepRunning))
	tr.ok(tr.engine().StopAfter(tr.ctx, "demo", ""))
	if run := tr.ok(tr.engine().KeepGoing(tr.ctx, "demo")); run.StopAt != nil || run.State != inventory.RunActive {
		t.Errorf("after the stop was withdrawn: %s, stop at %v", run.State, run.StopAt)
	}
	tr.release()
	tr.ends(inventory.RunDone)
	tr.once()
	_, err = tr.engine().KeepGoing(tr.ctx, "demo")
	tr.refused(err, inventory.Conflict, "no active run")
}

// TestGoneWhileStopped: a machine that was switched off between two phases begins
// again with its power-on.
func TestGoneWhileStopped(t *testing.T) {
	tr := newTrial(t, 0)
	tr.hold("network-1/wipe/wipe")
	tr.begin(nil)
	tr.until("a step is in hand", tr.is("network-1/wipe/wipe", inventory.StepRunning))
	tr.ok(tr.engine().StopAfter(tr.ctx, "demo", ""))
	tr.setGone("network-1", true)
	tr.release()
	tr.ends(inventory.RunStopped)
	if _, err := tr.store.UpdateNode(tr.ctx, tr.rack.ID, "network-1", func(n *inventory.Node) error {
		n.LastSeen = time.Now().Add(-time.Hour)
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	tr.run = tr.ok(tr.engine().Install(tr.ctx, "demo", inventory.InstallRequest{}))
	tr.ends(inventory.RunDone)
	for key, want := range map[string]int{"network-1/power/power": 2, "network-1/wipe/wipe": 2, "controller-1/power/power": 1} {
		if got := tr.steps()[key].Attempt; got != want {
			t.Errorf("%s took %d attempts, want %d", key, got, want)
		}
	}
}

func TestRetryAndSkip(t *testing.T) {
	const a, b, wipe = "controller-1/environment/hosts", "compute-1/environment/hosts", "network-1/wipe/wipe"
	tr := newTrial(t, 0)
	tr.begin(map[string]int{wipe: 1, a: 1, b: 1})
	tr.ends(inventory.RunFailed)
	_, err := tr.engine().SkipStep(tr.ctx, tr.run.ID, wipe, "no")
	tr.refused(err, inventory.Invalid, "never written to a disk that was not wiped")
	_, err = tr.engine().SkipStep(tr.ctx, tr.run.ID, a, "  ")
	tr.refused(err, inventory.Invalid, "say why")
	_, err = tr.engine().RetryStep(tr.ctx, tr.run.ID, "rack/proof/ping")
	tr.refused(err, inventory.Conflict, "only a failed step")
	_, err = tr.engine().RetryStep(tr.ctx, tr.run.ID, "x")
	tr.refused(err, inventory.NotFound, "no step")

	tr.run = tr.ok(tr.engine().RetryStep(tr.ctx, tr.run.ID, wipe))
	tr.ends(inventory.RunFailed)
	if s := tr.steps()[wipe]; s.Attempt != 2 || s.By != "ada" || s.State != inventory.StepDone {
		t.Errorf("the second try is number %d, asked for by %q", s.Attempt, s.By)
	}
	if n := tr.steps()["network-1/power/power"].Attempt; n != 1 {
		t.Errorf("a node whose agent answers was powered on %d times", n)
	}
	// The first of the two ends the run; the other fails in the same run or the next.
	left := map[string]bool{a: true, b: true}
	tr.until("both steps were skipped", func() bool {
		for key := range left {
			if tr.steps()[key].State == inventory.StepFailed && tr.run.State == inventory.RunFailed {
				tr.run = tr.ok(tr.engine().SkipStep(tr.ctx, tr.run.ID, key, "known"))
				delete(left, key)
			}
		}
		return len(left) == 0
	})
	tr.ends(inventory.RunDone)
	rack, err := tr.store.Rack(tr.ctx, "demo")
	if err != nil {
		t.Fatal(err)
	}
	for _, n := range rack.Nodes {
		if n.State != inventory.Active {
			t.Errorf("%s is %s: %s", n.Name, n.State, n.Reason)
		}
	}
}
