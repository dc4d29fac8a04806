package installer_test

import (
	"sync"
	"testing"

	"sandai/inventory"
)

// TestInstallsAskedForAtOnce has many ask for the same install at the same
// moment, before it began and once it was stopped: each gets the one run, and no
// step of it is done twice.
func TestInstallsAskedForAtOnce(t *testing.T) {
	tr := newTrial(t, 0)
	all := func() {
		t.Helper()
		var wg sync.WaitGroup
		begin := make(chan struct{})
		runs := make([]inventory.Run, 16)
		for i := range runs {
			wg.Go(func() {
				<-begin
				var err error
				if runs[i], err = tr.engine().Install(tr.ctx, "demo", inventory.InstallRequest{}); err != nil {
					t.Errorf("an install asked for beside others: %v", err)
				}
			})
		}
		close(begin)
		wg.Wait()
		for _, run := range runs {
			if run.ID != runs[0].ID || run.Attempt != runs[0].Attempt {
				t.Errorf("one got run %d attempt %d, another run %d attempt %d", runs[0].ID, runs[0].Attempt, run.ID, run.Attempt)
			}
		}
		tr.run = runs[0]
	}
	tr.hold("compute-1/wipe/wipe") // however late the watcher is, the stop comes before the end
	all()
	tr.until("an agent works", tr.is("network-1/inspect/inspect", inventory.StepDone))
	tr.ok(tr.engine().StopAfter(tr.ctx, "demo", ""))
	tr.release()
	tr.ends(inventory.RunStopped)
	all()
	if tr.run.Attempt != 2 || tr.run.Resumed == nil {
		t.Errorf("the run that was stopped once is at attempt %d", tr.run.Attempt)
	}
	tr.ends(inventory.RunDone)
	tr.once()
}
