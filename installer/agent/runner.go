package agent

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"slices"
	"sync"
	"time"

	"sandai/inventory"
)

// Appliance is what the runner asks; Client is the real one. Errors carry an
// inventory.Code: Unavailable and Internal are worth another try.
type Appliance interface {
	Poll(ctx context.Context, req inventory.PollRequest) (inventory.PollReply, error)
	Report(ctx context.Context, r inventory.StepReport) error
	Answer(ctx context.Context, a inventory.CallAnswer) error
}

// Work carries one task out. It may call say with what is known so far. When
// ctx ends it returns soon; MustStop tells whether what it started must end too.
type Work func(ctx context.Context, t inventory.Task, say func(Progress)) Outcome

// Progress is what a task has come to.
type Progress struct {
	Fraction float64 // 0 to 1
	Command  string
	Stdout   string
}

// Outcome is how a task ended: well when Err is nil.
type Outcome struct {
	Changed        bool
	Err            error
	Note           string // something a person should know though all went well
	Command        string
	Stdout, Stderr string
	Diff           string // what was changed, see kind.Differ
	Hardware       *inventory.Hardware
	Then           func() // called once the appliance has accepted the report
}

// Why a task's context ended.
var (
	errLimit      = errors.New("the step's time is up")
	errSuperseded = errors.New("the appliance started another attempt")
)

// MustStop reports whether a task whose context has ended is to be stopped, not
// merely left to itself by an agent that is being restarted.
func MustStop(ctx context.Context) bool {
	c := context.Cause(ctx)
	return errors.Is(c, errLimit) || errors.Is(c, errSuperseded)
}

// Runner pulls tasks and carries them out side by side.
type Runner struct {
	Appliance    Appliance
	Work         Work
	Calls        Calls // nil: none are answered
	Journal      *Journal
	Stage        inventory.Stage
	BootID       string
	InstallNonce string // only in the installed system
	Log          *slog.Logger

	// Retry bounds the pause after a failed request, doubling; 1 s and 5 s when zero.
	RetryFirst, RetryMost time.Duration
	// Every is how often progress is sent at most; 2 s when zero.
	Every time.Duration

	mu      sync.Mutex
	running map[string]*job // by key
	calls   int             // being answered
	wg      sync.WaitGroup
}

type job struct {
	id     taskID
	cancel context.CancelCauseFunc
}

// defaultLimit is for a task that names no time limit.
const defaultLimit = time.Hour

// Run works until ctx ends; then tasks in work are left without a report, to
// be handed out again.
func (r *Runner) Run(ctx context.Context) error {
	if r.RetryFirst == 0 {
		r.RetryFirst, r.RetryMost = time.Second, 5*time.Second
	}
	if r.Every == 0 {
		r.Every = 2 * time.Second
	}
	r.running = map[string]*job{}
	defer r.wg.Wait()
	b := newBackoff(r.RetryFirst, r.RetryMost)
	said := ""
	for ctx.Err() == nil {
		asked := time.Now()
		reply, err := r.Appliance.Poll(ctx, r.request())
		if err != nil {
			if err.Error() != said && ctx.Err() == nil {
				r.Log.Warn("asking for work failed; it is tried again until it succeeds", "err", err)
			}
			said = err.Error()
			_ = b.wait(ctx)
			continue
		}
		if said != "" {
			r.Log.Info("the appliance answers again")
			said = ""
		}
		b.reset()
		fresh := false
		for _, t := range reply.Tasks {
			fresh = r.take(ctx, t) || fresh
		}
		for _, c := range reply.Calls {
			r.answer(ctx, c)
			fresh = true
		}
		if !fresh && time.Since(asked) < r.RetryFirst {
			_ = pause(ctx, r.RetryFirst)
		}
	}
	return context.Cause(ctx)
}

func (r *Runner) request() inventory.PollRequest {
	r.mu.Lock()
	defer r.mu.Unlock()
	return inventory.PollRequest{Stage: r.Stage, BootID: r.BootID, InstallNonce: r.InstallNonce, Calls: r.Calls != nil, Look: true,
		Running: append([]string{}, slices.Sorted(maps.Keys(r.running))...)}
}

// take starts a task; false when it is in work already.
func (r *Runner) take(ctx context.Context, t inventory.Task) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	if j, ok := r.running[t.Key]; ok {
		if j.id != idOf(t) {
			j.cancel(errSuperseded) // the new attempt is offered again once this one has ended
		}
		return false
	}
	tctx, cancel := context.WithCancelCause(ctx)
	r.running[t.Key] = &job{idOf(t), cancel}
	r.wg.Go(func() {
		defer func() {
			cancel(nil)
			r.mu.Lock()
			delete(r.running, t.Key)
			r.mu.Unlock()
		}()
		r.carry(ctx, tctx, t)
	})
	return true
}

// carry runs a task, or finds its report in the journal, and delivers the
// report. root outlives the task's own context.
func (r *Runner) carry(root, ctx context.Context, t inventory.Task) {
	if rep, ok := r.Journal.Find(t); ok {
		r.Log.Info("step was done before; its report is sent again", "step", t.Key, "attempt", t.Attempt)
		r.deliver(root, rep)
		return
	}
	limit := time.Duration(t.Timeout) * time.Second
	if limit <= 0 {
		limit = defaultLimit
	}
	ctx, cancel := context.WithTimeoutCause(ctx, limit, errLimit)
	defer cancel()
	m := newMasker(t.Mask)
	started := time.Now()
	r.Log.Info("step starts", "step", t.Key, "kind", t.Kind, "attempt", t.Attempt)
	s := r.speak(root, t, m, started)
	out := r.work(ctx, t, s.say)
	s.stop()
	if root.Err() != nil || errors.Is(context.Cause(ctx), errSuperseded) {
		r.Log.Info("step left without a report", "step", t.Key, "why", context.Cause(ctx))
		return
	}
	if out.Err != nil && errors.Is(context.Cause(ctx), errLimit) {
		out.Err = fmt.Errorf("it did not end within %s: %w", limit, out.Err)
	}
	rep := report(t, m, out, started)
	r.Log.Info("step ends", "step", t.Key, "state", rep.State, "changed", rep.Changed,
		"seconds", rep.Ended.Sub(started).Round(10*time.Millisecond).Seconds(), "reason", rep.Reason)
	if err := r.Journal.Add(rep); err != nil {
		r.Log.Error("the step's end could not be noted; after a restart it may be repeated", "step", t.Key, "err", err)
	}
	if r.deliver(root, rep) && out.Then != nil {
		out.Then()
	}
}

// work shields the agent from a panic in a step: in the ramdisk nobody would
// start the step's report again.
func (r *Runner) work(ctx context.Context, t inventory.Task, say func(Progress)) (out Outcome) {
	defer func() {
		if p := recover(); p != nil {
			out = Outcome{Err: fmt.Errorf("a defect in the agent: %v", p)}
		}
	}()
	return r.Work(ctx, t, say)
}

func report(t inventory.Task, m masker, out Outcome, started time.Time) inventory.StepReport {
	rep := inventory.StepReport{Run: t.Run, Key: t.Key, Attempt: t.Attempt, State: inventory.StepDone,
		Started: started, Ended: time.Now(), Changed: out.Changed, Reason: m.text(out.Note), Progress: 1,
		Command: m.text(out.Command), Stdout: m.output(out.Stdout), Stderr: m.output(out.Stderr), Diff: m.head(out.Diff), Hardware: out.Hardware}
	if out.Err != nil {
		rep.State, rep.Reason, rep.Progress = inventory.StepFailed, m.text(out.Err.Error()), 0
	}
	return rep
}

// deliver sends a final report until it is accepted, true then. A refusal ends
// it too: should the appliance still want the step, it hands it out again and
// the journal answers.
func (r *Runner) deliver(ctx context.Context, rep inventory.StepReport) bool {
	b := newBackoff(r.RetryFirst, r.RetryMost)
	for {
		err := r.Appliance.Report(ctx, rep)
		if err == nil {
			return true
		}
		if c := inventory.CodeOf(err); c != inventory.Unavailable && c != inventory.Internal {
			r.Log.Error("the report is refused and given up", "step", rep.Key, "err", err)
			return false
		}
		r.Log.Warn("the report could not be delivered; it is tried again", "step", rep.Key, "err", err)
		if b.wait(ctx) != nil {
			return false
		}
	}
}
