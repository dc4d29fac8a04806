package agent

import (
	"context"
	"sync"
	"time"

	"sandai/inventory"
)

// speaker sends the running reports of one task: one at the start, then the
// latest progress at most every so often. A report that fails is not repeated,
// the next one says more.
type speaker struct {
	mu     sync.Mutex
	latest Progress
	fresh  bool
	cancel context.CancelFunc
	ended  chan struct{}
}

func (r *Runner) speak(ctx context.Context, t inventory.Task, m masker, started time.Time) *speaker {
	ctx, cancel := context.WithCancel(ctx)
	s := &speaker{fresh: true, cancel: cancel, ended: make(chan struct{})}
	go func() {
		defer close(s.ended)
		tick := time.NewTicker(r.Every)
		defer tick.Stop()
		for {
			if p, ok := s.take(); ok {
				err := r.Appliance.Report(ctx, inventory.StepReport{Run: t.Run, Key: t.Key, Attempt: t.Attempt,
					State: inventory.StepRunning, Started: started, Progress: p.Fraction,
					Command: m.text(p.Command), Stdout: m.output(p.Stdout)})
				if err != nil && ctx.Err() == nil {
					r.Log.Debug("a progress report was lost", "step", t.Key, "err", err)
				}
			}
			select {
			case <-tick.C:
			case <-ctx.Done():
				return
			}
		}
	}()
	return s
}

func (s *speaker) take() (Progress, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	ok := s.fresh
	s.fresh = false
	return s.latest, ok
}

func (s *speaker) say(p Progress) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.latest, s.fresh = p, true
}

// stop ends the running reports, so that none is sent after the final one.
func (s *speaker) stop() {
	s.cancel()
	<-s.ended
}
