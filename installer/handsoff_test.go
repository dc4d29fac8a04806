package installer_test

import (
	"context"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"sandai/installer"
	"sandai/inventory"
)

// TestHandsOff: a node is frozen in the middle of its install, across a restart
// of the engine; the others go on; nothing is sent to it; and when it is let go
// the run ends well with nothing done twice.
func TestHandsOff(t *testing.T) {
	const node, inHand = "compute-1", "compute-1/wipe/wipe"
	tr := newTrial(t, 0)
	tr.hold(inHand)
	tr.begin(nil)
	tr.until("its wipe is in hand", tr.is(inHand, inventory.StepRunning))
	n, err := tr.engine().HandsOff(tr.ctx, "demo", node, "smoke")
	if err != nil || n.HandsOff == nil || n.HandsOffBy != "ada" || n.HandsOffWhy != "smoke" || n.State != inventory.Deploying {
		t.Fatalf("hands off: %+v, %v", n, err)
	}
	if again, err := tr.engine().HandsOff(tr.ctx, "demo", node, "other"); err != nil || again.HandsOffWhy != "smoke" {
		t.Errorf("a second hands off changed the first: %q, %v", again.HandsOffWhy, err)
	}
	tr.release() // what the agent is at goes on, and is taken note of
	tr.until("its wipe is done", tr.is(inHand, inventory.StepDone))
	tr.until("the others are through", tr.is("network-1/environment/hosts", inventory.StepDone))
	tr.until("the others are through", tr.is("controller-1/environment/hosts", inventory.StepDone))
	tr.stop()
	tr.stop = tr.start(tr.ctx)

	_, err = tr.engine().PowerState(tr.ctx, "demo", node)
	tr.refused(err, inventory.Conflict, "smoke")
	tr.refused(tr.engine().SetPower(tr.ctx, "demo", node, "off"), inventory.Conflict, "let it go first")
	_, err = tr.engine().Console(tr.ctx, "demo", node)
	tr.refused(err, inventory.Conflict, "hands off")
	_, err = tr.engine().Sensors(tr.ctx, "demo", node)
	tr.refused(err, inventory.Conflict, "hands off")
	d, err := tr.engine().Decide(tr.ctx, tr.rack.ID, inventory.Machine{MAC: n.MAC(inventory.Provisioning)})
	if err != nil || d.Action != inventory.BootSilent {
		t.Errorf("it is given %s to boot (%s), %v", d.Action, d.Reason, err)
	}
	short, cancel := context.WithTimeout(tr.ctx, 100*time.Millisecond)
	defer cancel()
	if reply, err := tr.engine().Poll(short, tr.rack.ID, node, inventory.PollRequest{Stage: inventory.StageRamdisk}); err == nil {
		t.Errorf("its agent was handed %v", reply.Tasks)
	}
	for key, s := range tr.steps() {
		if s.Node == node && s.State == inventory.StepReady || s.State == inventory.StepFailed {
			t.Errorf("%s is %s while hands are off: %s", key, s.State, s.Reason)
		}
	}
	if n, err = tr.engine().LetGo(tr.ctx, "demo", node); err != nil || n.HandsOff != nil || n.HandsOffBy != "" {
		t.Fatalf("let go: %+v, %v", n, err)
	}
	tr.ends(inventory.RunDone)
	tr.once()
}

// TestHandsOffGivesTimeBack: a deadline that passed meanwhile is none.
func TestHandsOffGivesTimeBack(t *testing.T) {
	const node, inHand = "compute-1", "compute-1/wipe/wipe"
	tr := newTrial(t, 0)
	tr.hold(inHand)
	tr.begin(nil)
	tr.until("its wipe is in hand", tr.is(inHand, inventory.StepRunning))
	if _, err := tr.engine().HandsOff(tr.ctx, "demo", node, ""); err != nil {
		t.Fatal(err)
	}
	// As if an hour had gone by since.
	hour := time.Now().Add(-time.Hour)
	if _, err := tr.store.UpdateNode(tr.ctx, tr.rack.ID, node, func(n *inventory.Node) error { n.HandsOff = &hour; return nil }); err != nil {
		t.Fatal(err)
	}
	var left time.Duration
	if _, err := tr.store.UpdateStep(tr.ctx, tr.run.ID, inHand, func(s *inventory.Step) error {
		left = time.Until(*s.Deadline)
		d := s.Deadline.Add(-time.Hour)
		s.Deadline = &d
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	tr.until("the others are through", tr.is("network-1/environment/hosts", inventory.StepDone))
	if s := tr.steps()[inHand]; s.State != inventory.StepRunning {
		t.Fatalf("while hands are off it is %s: %s", s.State, s.Reason)
	}
	if _, err := tr.engine().LetGo(tr.ctx, "demo", node); err != nil {
		t.Fatal(err)
	}
	if got := time.Until(*tr.steps()[inHand].Deadline); got < left-time.Minute || got > left+time.Minute {
		t.Errorf("it has %s left, and had %s", got, left)
	}
	tr.release()
	tr.ends(inventory.RunDone)
	tr.once()
}

// staleReads gives a step in hand, the first times that it is read, a deadline
// which has passed: what a reader has who read before the deadline was moved.
type staleReads struct {
	installer.Store
	key  string
	left atomic.Int32
}

func (s *staleReads) Steps(ctx context.Context, run uint) ([]inventory.Step, error) {
	steps, err := s.Store.Steps(ctx, run)
	for i := range steps {
		if st := &steps[i]; st.Key == s.key && st.State == inventory.StepRunning && s.left.Add(-1) >= 0 {
			before := st.Deadline.Add(-time.Hour)
			st.Deadline = &before
		}
	}
	return steps, err
}

// TestLateByNoOldDeadline: a step that is given more time while the engine looks
// at it is not late by the time that it had.
func TestLateByNoOldDeadline(t *testing.T) {
	const inHand = "compute-1/wipe/wipe"
	tr := newTrial(t, 0)
	tr.stop()
	stale := &staleReads{Store: tr.store, key: inHand}
	stale.left.Store(50) // the engine's passes are among them
	tr.kept = stale
	tr.stop = tr.start(tr.ctx)
	tr.hold(inHand)
	tr.begin(nil)
	tr.until("the old deadline was read", func() bool { return stale.left.Load() < 0 })
	tr.until("the others are through", tr.is("network-1/environment/hosts", inventory.StepDone))
	tr.release()
	tr.ends(inventory.RunDone)
	tr.once()
}

// TestHandsOffCutsTheBMC: a command that is under way ends at once, and its step
// waits instead of failing.
func TestHandsOffCutsTheBMC(t *testing.T) {
	const node, power = "compute-1", "compute-1/power/power"
	tr := newTrial(t, 0)
	asked, cut := make(chan struct{}), make(chan struct{})
	tr.mu.Lock()
	tr.slowBMC = func(ctx context.Context, n string) {
		if n != node {
			return
		}
		close(asked)
		select {
		case <-ctx.Done():
			close(cut)
		case <-t.Context().Done():
		}
	}
	tr.mu.Unlock()
	tr.begin(nil)
	<-asked
	tr.mu.Lock()
	tr.slowBMC = nil
	tr.mu.Unlock()
	if _, err := tr.engine().HandsOff(tr.ctx, "demo", node, ""); err != nil {
		t.Fatal(err)
	}
	select {
	case <-cut:
	case <-tr.ctx.Done():
		t.Fatal("the BMC's command went on")
	}
	tr.until("the others are through", tr.is("network-1/environment/hosts", inventory.StepDone))
	if s := tr.steps()[power]; s.State != inventory.StepRunning || tr.run.State != inventory.RunActive {
		t.Fatalf("the step is %s (%s), the run %s", s.State, s.Reason, tr.run.State)
	}
	if _, err := tr.engine().LetGo(tr.ctx, "demo", node); err != nil {
		t.Fatal(err)
	}
	tr.ends(inventory.RunDone)
	tr.once()
}

// TestInstallLeavesHandsOff: no run begins that would wait for a node at once.
func TestInstallLeavesHandsOff(t *testing.T) {
	tr := newTrial(t, 0)
	if _, err := tr.engine().HandsOff(tr.ctx, "demo", "network-1", "smoke"); err != nil {
		t.Fatal(err)
	}
	_, err := tr.engine().Install(tr.ctx, "demo", inventory.InstallRequest{})
	tr.refused(err, inventory.Conflict, "network-1")
	v, err := tr.engine().Preview(tr.ctx, "demo")
	if err != nil {
		t.Fatal(err)
	}
	said := false
	for _, w := range v.Warnings {
		said = said || w.Stops && w.Node == "network-1" && strings.Contains(w.Text, "hands off")
	}
	if !said {
		t.Errorf("the preview does not say so: %v", v.Warnings)
	}
	if _, err := tr.engine().LetGo(tr.ctx, "demo", "nobody"); inventory.CodeOf(err) != inventory.NotFound {
		t.Errorf("letting nobody go: %v", err)
	}
}

// TestHandsOffTheController: the rack's own steps, which speak to its APIs, wait too.
func TestHandsOffTheController(t *testing.T) {
	const ping = "rack/proof/ping"
	tr := newTrial(t, 0)
	tr.hold("compute-1/environment/hosts")
	tr.begin(nil)
	tr.until("only compute-1 is not through", func() bool {
		s := tr.steps()
		return s["compute-1/environment/hosts"].State == inventory.StepRunning && s["controller-1/environment/hosts"].State == inventory.StepDone && s["network-1/environment/hosts"].State == inventory.StepDone
	})
	if _, err := tr.engine().HandsOff(tr.ctx, "demo", "controller-1", ""); err != nil {
		t.Fatal(err)
	}
	if err := tr.store.PutSecret(tr.ctx, tr.rack.ID, installer.AdminSecret, "x"); err != nil {
		t.Fatal(err)
	}
	if _, err := tr.engine().CloudStatus(tr.ctx, "demo"); inventory.CodeOf(err) != inventory.Conflict {
		t.Errorf("the cloud is asked: %v", err)
	}
	tr.release()
	tr.until("compute-1 is through", tr.is("compute-1/environment/hosts", inventory.StepDone))
	if s := tr.steps()[ping]; s.State != inventory.StepPending {
		t.Errorf("%s is %s", ping, s.State)
	}
	if _, err := tr.engine().LetGo(tr.ctx, "demo", "controller-1"); err != nil {
		t.Fatal(err)
	}
	tr.ends(inventory.RunDone)
	tr.once()
}
