package installer

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"sandai/installer/guide"
	"sandai/installer/guide/kind"
	"sandai/inventory"
)

// launch starts a goroutine for every appliance step that is due and has none:
// those that are ready, and those that an earlier process or hands off left
// running. All of them look before they act, so that starting again is safe.
func (e *Engine) launch(ctx context.Context, run inventory.Run, steps []inventory.Step, held map[string]bool) {
	for _, s := range steps {
		if s.Owner != inventory.OwnerAppliance || held[s.Node] || (s.State != inventory.StepReady && s.State != inventory.StepRunning) {
			continue
		}
		id := fmt.Sprintf("%d/%s", run.ID, s.Key)
		e.mu.Lock()
		busy := e.inflight[id]
		e.inflight[id] = true
		e.mu.Unlock()
		if busy {
			continue
		}
		e.wg.Go(func() {
			defer func() {
				e.mu.Lock()
				delete(e.inflight, id)
				e.mu.Unlock()
			}()
			e.carryOut(ctx, run, s)
		})
	}
}

// outcome is what an appliance step leaves behind.
type outcome struct {
	changed bool
	summary string // one line with figures; becomes the step's Command line on the page
	output  string
}

func (e *Engine) carryOut(ctx context.Context, run inventory.Run, s inventory.Step) {
	log := e.log.With("run", run.ID, "step", s.Key)
	now := time.Now()
	s2, err := e.store.UpdateStep(ctx, run.ID, s.Key, func(s *inventory.Step) error {
		if s.State != inventory.StepReady && s.State != inventory.StepRunning {
			return errMeanwhile // it ended after the pass that launches this had looked
		}
		s.State = inventory.StepRunning
		if s.StartedAt == nil || s.ReadyAt != nil && s.StartedAt.Before(*s.ReadyAt) {
			s.StartedAt = &now
		}
		return nil
	}, stepEvent(run, s, "running", ""))
	if errors.Is(err, errMeanwhile) {
		return
	}
	if err != nil {
		log.Error("the step cannot be marked as running; it is tried again", "err", err)
		return
	}
	stepCtx, cancel := context.WithDeadline(ctx, *s2.Deadline)
	defer cancel()
	if s.Node == "" { // it speaks to the controller
		var done func()
		if stepCtx, done, err = e.holdController(stepCtx, run.RackID); err != nil {
			log.Warn("the step waits", "err", err)
			return
		}
		defer done()
	}
	out, err := e.do(stepCtx, run, s2)
	if ctx.Err() != nil {
		return // the process ends: the step stays running and is taken up again
	}
	if errors.Is(context.Cause(stepCtx), errHandsOff) || s.Node != "" && errors.Is(err, errHandsOff) {
		log.Info("hands off: the step waits until the node is let go")
		return
	}
	st, reason := inventory.StepDone, ""
	if err != nil {
		st, reason = inventory.StepFailed, err.Error()
		if errors.Is(err, context.DeadlineExceeded) {
			reason = fmt.Sprintf("it took longer than %d s: %s", s2.Timeout, reason)
		}
		log.Error("a step failed", "err", err)
	}
	e.settle(ctx, run, s2, st, reason, out)
}

// settle writes an outcome until the store takes it: losing it would run the
// step again.
func (e *Engine) settle(ctx context.Context, run inventory.Run, s inventory.Step, st inventory.StepState, reason string, out outcome) {
	for {
		end := time.Now()
		_, err := e.store.UpdateStep(ctx, run.ID, s.Key, func(s *inventory.Step) error {
			if s.Ended() {
				return errMeanwhile
			}
			s.State, s.Reason, s.EndedAt, s.Deadline = st, reason, &end, nil
			s.Changed, s.Command, s.Stdout = out.changed, out.summary, clip(out.output)
			return nil
		}, stepEvent(run, s, string(st), reason))
		if err == nil || errors.Is(err, errMeanwhile) {
			return
		}
		e.log.Error("a step's outcome cannot be stored; it is tried again", "step", s.Key, "err", err)
		select {
		case <-ctx.Done():
			return
		case <-time.After(tick):
		}
	}
}

// clip keeps the last 16 KiB.
func clip(s string) string {
	const most = 16 << 10
	if len(s) > most {
		return s[len(s)-most:]
	}
	return s
}

func (e *Engine) do(ctx context.Context, run inventory.Run, s inventory.Step) (outcome, error) {
	switch s.Kind {
	case phasePower:
		return e.power(ctx, run, s)
	case phaseOff:
		return e.off(ctx, run, s)
	case kindForget:
		return e.forget(ctx, run, s)
	case chapterRotate:
		return e.rotate(ctx, run)
	case "api":
		return e.api(ctx, run, s)
	default:
		return outcome{}, fmt.Errorf("the appliance has no way to carry out a step of kind %q", s.Kind)
	}
}

func (e *Engine) api(ctx context.Context, run inventory.Run, s inventory.Step) (outcome, error) {
	rack, err := e.store.RackByID(ctx, run.RackID)
	if err != nil {
		return outcome{}, err
	}
	spec, _, err := e.resolve(ctx, rack, nil, s.Spec)
	if err != nil {
		return outcome{}, err
	}
	var a kind.API
	if err := json.Unmarshal(spec, &a); err != nil {
		return outcome{}, fmt.Errorf("read the step's specification: %w", err)
	}
	password, err := e.secret(ctx, rack.ID, AdminSecret)
	if err != nil {
		return outcome{}, err
	}
	if a.Proof != nil {
		rack = proving(rack, run)
	}
	cloud := e.Cloud(rack, password)
	if a.Proof != nil && a.Proof.Check == checkJourney {
		return e.collect(ctx, rack, run, cloud)
	}
	changed, summary, output, err := cloud.Do(ctx, a, func(line string) {
		e.log.Info(line, "run", run.ID, "step", s.Key)
	})
	if err == nil && changed && a.Proof != nil && a.Proof.Check == checkServers {
		err = e.keepWatched(ctx, run, cloud)
	}
	return outcome{changed: changed, summary: summary, output: output}, err
}

// AdminSecret is the name of the cloud administrator's password.
const AdminSecret = "keystone_admin"

// resolve fills in a specification's ${…}; mask lists the secrets it now holds, and
// what those were before.
func (e *Engine) resolve(ctx context.Context, rack inventory.Rack, n *inventory.Node, spec json.RawMessage) (json.RawMessage, []string, error) {
	if len(spec) == 0 {
		return json.RawMessage("{}"), nil, nil
	}
	var earlier []string
	v := guide.NewValues(rack, n, func(name string) (string, error) {
		old, err := e.retired(ctx, rack.ID, name)
		if err != nil {
			return "", err
		}
		earlier = append(earlier, old...)
		return e.secret(ctx, rack.ID, name)
	})
	out, mask, err := guide.Resolve(spec, v)
	return out, append(mask, earlier...), err
}

// secret returns a secret of a rack, made at its first use in the form that the
// guide asks for.
func (e *Engine) secret(ctx context.Context, rackID uint, name string) (string, error) {
	for _, spec := range e.Guide.Secrets() {
		if spec.Name == name {
			return e.store.EnsureSecret(ctx, rackID, name, spec.Generate)
		}
	}
	return e.store.Secret(ctx, rackID, name)
}
