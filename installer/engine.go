package installer

import (
	"context"
	"errors"
	"log/slog"
	"sync"
	"time"

	"sandai/installer/keep"
	"sandai/inventory"
)

// Config is what an Engine is made of.
type Config struct {
	Store  Store
	Guide  Guide
	Images Images
	BMCs   BMCs
	Cloud  func(r inventory.Rack, adminPassword string) Cloud
	Signer Signer
	// Keep is where nodes leave what their reinstall would lose.
	Keep keep.Files
	Log  *slog.Logger
	// Patience multiplies the deadline of each step of a new run; 0 is 1.
	Patience float64
	// Host says what the appliance runs on, for reports: "2 × Intel Xeon, 23.5 GiB".
	Host string
	// ImagesURL is where nodes fetch images, "http://10.77.0.1:8069", for a rack.
	ImagesURL func(r inventory.Rack) string
	// CloudInfo says where an installed rack's cloud is and where its passwords are.
	CloudInfo func(r inventory.Rack) inventory.CloudInfo
	// Done is called once when a run has ended well, to write what a person
	// takes away; it may be called again after a restart.
	Done func(ctx context.Context, r inventory.Rack, run inventory.Run) error
}

// Engine carries runs out. Use New.
type Engine struct {
	Config
	store Store
	log   *slog.Logger

	desk    *desk
	started time.Time
	sensors *kept[inventory.Sensors]
	sels    *kept[inventory.SEL]

	statuses *kept[inventory.CloudStatus]
	reins    reins

	// asks lets in one thing that a person asks for at a time: each is decided by
	// what is stored, and two decided by the same would both begin.
	asks sync.Mutex

	mu       sync.Mutex
	inflight map[string]bool // "run/key" of appliance steps that a goroutine works on
	wg       sync.WaitGroup
}

// New returns an engine; Run starts it.
func New(c Config) *Engine {
	return &Engine{Config: c, store: c.Store, log: c.Log, inflight: map[string]bool{}, desk: newDesk(), started: time.Now(),
		sensors: newKept[inventory.Sensors](sensorLife, sensorLimit), sels: newKept[inventory.SEL](sensorLife, sensorLimit),
		statuses: newKept[inventory.CloudStatus](statusLife, statusLimit)}
}

// tick bounds how long a deadline may go unnoticed; every write wakes the loop
// at once.
const tick = time.Second

// Run works until ctx ends. An error of one pass is logged and the next pass
// tries again: the store may be locked or the disk full for a while.
func (e *Engine) Run(ctx context.Context) error {
	wake, cancel := e.store.Subscribe()
	defer cancel()
	defer e.wg.Wait()
	e.wg.Go(func() { e.watch(ctx) })
	t := time.NewTicker(tick)
	defer t.Stop()
	var clock clockWatch
	var set time.Duration // how far the clock was, which the deadlines do not know yet
	fresh := true
	for {
		var err error
		if fresh {
			err = e.giveGrace(ctx)
			fresh = err != nil
		}
		if set += clock.jumped(); set != 0 && err == nil {
			if err = e.followClock(ctx, set); err == nil {
				set = 0
			}
		}
		if err == nil {
			err = e.pass(ctx)
		}
		if err != nil && ctx.Err() == nil {
			e.log.Error("a pass over the runs failed; it is tried again", "err", err)
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-wake:
		case <-t.C:
		}
	}
}

func (e *Engine) pass(ctx context.Context) error {
	runs, err := e.store.ActiveRuns(ctx)
	if err != nil {
		return err
	}
	for _, run := range runs {
		if err := e.advance(ctx, run); err != nil {
			return err
		}
	}
	return nil
}

// advance moves one run as far as it goes without waiting.
func (e *Engine) advance(ctx context.Context, run inventory.Run) error {
	for {
		steps, err := e.store.Steps(ctx, run.ID)
		if err != nil {
			return err
		}
		// After the steps, so that none which ended after a stop was asked for
		// lets another begin.
		if run, err = e.store.Run(ctx, run.ID); err != nil || run.State != inventory.RunActive {
			return err
		}
		now := time.Now()
		rack, err := e.store.RackByID(ctx, run.RackID)
		if err != nil {
			return err
		}
		signals, err := e.signals(ctx, rack.Nodes, steps)
		if err != nil {
			return err
		}
		held := heldNodes(rack.Nodes)
		moves := next(run, steps, signals, held, now)
		for _, m := range moves {
			if err := e.apply(ctx, run, m); err != nil {
				return err
			}
		}
		if len(moves) > 0 {
			continue
		}
		e.launch(ctx, run, steps, held)
		return e.finish(ctx, run, steps)
	}
}

func (e *Engine) apply(ctx context.Context, run inventory.Run, m move) error {
	var ev []inventory.Event
	if m.state != inventory.StepReady {
		ev = append(ev, stepEvent(run, m.step, string(m.state), m.reason))
	}
	if m.step.Chapter == phaseBoot && m.state == inventory.StepDone {
		if err := e.nodeState(ctx, run, m.step.Node, inventory.Configuring); err != nil {
			return err
		}
	}
	_, err := e.store.UpdateStep(ctx, run.ID, m.step.Key, func(s *inventory.Step) error {
		// Its owner was quicker, or it was given more time since it was read.
		if s.State != m.step.State || !sameTime(s.Deadline, m.step.Deadline) {
			return errMeanwhile
		}
		s.State, s.Reason = m.state, m.reason
		switch m.state {
		case inventory.StepReady, inventory.StepRunning:
			s.ReadyAt = &m.at
			if m.state == inventory.StepRunning {
				s.StartedAt = &m.at
			}
			d := m.at.Add(time.Duration(s.Timeout) * time.Second)
			s.Deadline = &d
			s.Attempt = max(s.Attempt, 1)
		default:
			s.EndedAt, s.Deadline = &m.at, nil
		}
		return nil
	}, ev...)
	if errors.Is(err, errMeanwhile) {
		return nil
	}
	return err
}

func sameTime(a, b *time.Time) bool {
	return a == nil && b == nil || a != nil && b != nil && a.Equal(*b)
}

func (e *Engine) nodeState(ctx context.Context, run inventory.Run, node string, st inventory.NodeState) error {
	_, err := e.store.UpdateNode(ctx, run.RackID, node, func(n *inventory.Node) error {
		setState(n, st, "")
		return nil
	}, inventory.Event{Time: time.Now(), Type: inventory.EventNodeState, RunID: &run.ID, Node: node, Text: node + " is " + string(st)})
	return err
}

// finish ends a run when a step failed, when all are done, or when a person
// wanted it to stop and nothing is in hand.
func (e *Engine) finish(ctx context.Context, run inventory.Run, steps []inventory.Step) error {
	st, failed := verdict(run, steps)
	switch st {
	case inventory.RunFailed:
		return e.fail(ctx, run, *failed)
	case inventory.RunStopped:
		return e.endRun(ctx, run, st, "")
	case inventory.RunDone:
		return e.done(ctx, run)
	}
	return nil
}

func (e *Engine) done(ctx context.Context, run inventory.Run) error {
	rack, err := e.store.RackByID(ctx, run.RackID)
	if err != nil {
		return err
	}
	for _, n := range rack.Nodes {
		if n.State == inventory.Configuring && run.Kind.Changes() {
			if err := e.nodeState(ctx, run, n.Name, inventory.Active); err != nil {
				return err
			}
		}
	}
	reason := ""
	if run.Kind == inventory.RunRelease {
		p, err := e.planOf(rack)
		if err != nil {
			return err
		}
		run.PlanHash = p.Hash // the rack is as its plan without the node says
	}
	if run.Kind == inventory.RunCheck {
		if reason, err = e.checked(ctx, run); err != nil {
			return err
		}
	}
	if e.Done != nil && (run.Kind.Changes() || run.Kind == inventory.RunProof) {
		ended, now := run, time.Now() // as it will be stored: what is written now says so
		ended.State, ended.Ended = inventory.RunDone, &now
		if err := e.Done(ctx, rack, ended); err != nil {
			return err
		}
	}
	if run.Kind == inventory.RunReinstall {
		if err := e.Keep.Remove(run.ID); err != nil {
			return err
		}
	}
	return e.endRun(ctx, run, inventory.RunDone, reason)
}

func (e *Engine) fail(ctx context.Context, run inventory.Run, s inventory.Step) error {
	if s.Node != "" && run.Kind.Changes() {
		_, err := e.store.UpdateNode(ctx, run.RackID, s.Node, func(n *inventory.Node) error {
			if n.State != inventory.Active { // else it is as it was before, or nearly
				setState(n, inventory.Failed, s.Key+": "+s.Reason)
			}
			return nil
		})
		if err != nil {
			return err
		}
	}
	return e.endRun(ctx, run, inventory.RunFailed, s.Key+": "+s.Reason)
}

// errMeanwhile: what was looked at had changed by the time of the write, so that
// nothing is written.
var errMeanwhile = errors.New("it changed meanwhile")

func (e *Engine) endRun(ctx context.Context, run inventory.Run, st inventory.RunState, reason string) error {
	now := time.Now()
	if st == inventory.RunStopped {
		reason = stopped(run)
	}
	text := "run " + string(st)
	if reason != "" {
		text += ": " + reason
	}
	_, err := e.store.UpdateRun(ctx, run.ID, func(r *inventory.Run) error {
		if r.State != inventory.RunActive || st == inventory.RunStopped && r.StopAt == nil {
			return errMeanwhile
		}
		r.State, r.Reason, r.Ended, r.PlanHash = st, reason, &now, run.PlanHash
		return nil
	}, inventory.Event{Time: now, Type: inventory.EventRun, RunID: &run.ID, Text: text})
	if errors.Is(err, errMeanwhile) {
		return nil // the next pass sees it as it is
	}
	return err
}

func stepEvent(run inventory.Run, s inventory.Step, state, reason string) inventory.Event {
	text := s.Key + " " + state
	if reason != "" {
		text += ": " + reason
	}
	return inventory.Event{Time: time.Now(), Type: inventory.EventStep, RunID: &run.ID, Node: s.Node, Step: s.Key, Text: text}
}
