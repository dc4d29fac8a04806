package installer_test

import (
	"testing"
	"time"

	"sandai/inventory"
)

// TestPollHandsOutARetry: a poll that began while the agent worked on a step
// does not keep that step's next attempt from it.
func TestPollHandsOutARetry(t *testing.T) {
	w := newWorld(t)
	stop := w.start(t.Context())
	run, err := w.engine().Install(t.Context(), "demo", inventory.InstallRequest{})
	stop() // from here on only this test moves steps
	if err != nil {
		t.Fatal(err)
	}
	const key = "compute-1/inspect/inspect"
	ready := func(attempt int) {
		now, deadline := time.Now(), time.Now().Add(time.Hour)
		if _, err := w.store.UpdateStep(t.Context(), run.ID, key, func(s *inventory.Step) error {
			s.State, s.Attempt, s.ReadyAt, s.Deadline = inventory.StepReady, attempt, &now, &deadline
			return nil
		}); err != nil {
			t.Fatal(err)
		}
	}
	ready(1)
	got := make(chan inventory.PollReply, 1)
	go func() {
		reply, err := w.engine().Poll(t.Context(), w.rack.ID, "compute-1", inventory.PollRequest{Stage: inventory.StageRamdisk, Running: []string{key}})
		if err != nil {
			t.Error(err)
		}
		got <- reply
	}()
	again := time.NewTicker(5 * time.Millisecond)
	defer again.Stop()
	for {
		select {
		case reply := <-got:
			if len(reply.Tasks) != 1 || reply.Tasks[0].Key != key || reply.Tasks[0].Attempt != 2 {
				t.Errorf("the poll brought %+v, want the second attempt of %s", reply.Tasks, key)
			}
			return
		case <-again.C:
			select {
			case reply := <-got:
				got <- reply
			default:
				ready(2)
			}
		}
	}
}
