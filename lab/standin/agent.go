package standin

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"
)

// outcome is how a step ended: well when err is nil.
type outcome struct {
	changed  bool
	err      error
	command  string
	stdout   string
	hardware *hardware
	then     func() // called once the appliance has accepted the report
}

// agent pulls tasks in one stage and carries them out side by side.
type agent struct {
	m      *machine
	client *client
	poll   pollRequest // all but Running
	// work carries a task out; it may call say with how far it has come.
	work func(ctx context.Context, t task, say func(progress float64, text string)) outcome

	mu      sync.Mutex
	running map[string]bool
	ended   map[string]report // by key and attempt: a lost answer runs no step twice
	wg      sync.WaitGroup
}

// run works until ctx ends.
func (a *agent) run(ctx context.Context) error {
	a.running, a.ended = map[string]bool{}, map[string]report{}
	defer a.client.http.CloseIdleConnections()
	defer a.wg.Wait()
	said := ""
	for ctx.Err() == nil {
		var reply pollReply
		err := a.client.post(ctx, "/agent/v1/poll", a.request(), &reply)
		if err != nil {
			if text := err.Error(); text != said && ctx.Err() == nil {
				a.m.say("asking for work: %s; again until it succeeds", text)
				said = text
			}
			_ = pause(ctx, tryMost/4)
			continue
		}
		said = ""
		fresh := false
		for _, t := range reply.Tasks {
			fresh = a.take(ctx, t) || fresh
		}
		if len(reply.Tasks) > 0 && !fresh {
			_ = pause(ctx, tryFirst) // they are all in work: the poll crossed their start
		}
	}
	return ctx.Err()
}

func (a *agent) request() pollRequest {
	a.mu.Lock()
	defer a.mu.Unlock()
	r := a.poll
	r.Running = append([]string{}, slices.Sorted(maps.Keys(a.running))...)
	return r
}

// take starts a task; false when it is in work already.
func (a *agent) take(ctx context.Context, t task) bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.running[t.Key] {
		return false
	}
	a.running[t.Key] = true
	a.wg.Go(func() {
		a.carry(ctx, t)
		a.mu.Lock()
		delete(a.running, t.Key)
		a.mu.Unlock()
	})
	return true
}

func (a *agent) carry(ctx context.Context, t task) {
	id := fmt.Sprintf("%d %s %d", t.Run, t.Key, t.Attempt)
	a.mu.Lock()
	r, known := a.ended[id]
	a.mu.Unlock()
	var then func()
	if !known {
		r = report{Run: t.Run, Key: t.Key, Attempt: t.Attempt, Started: time.Now()}
		a.send(ctx, r, stateRunning)
		out := a.do(ctx, t, r)
		if ctx.Err() != nil {
			return // the machine is being switched off
		}
		r, then = a.finished(r, t, out), out.then
		a.mu.Lock()
		a.ended[id] = r
		a.mu.Unlock()
	}
	if a.send(ctx, r, r.State) == nil && then != nil {
		then()
	}
}

// do turns the knobs and then does the work, within the step's time.
func (a *agent) do(ctx context.Context, t task, r report) outcome {
	if t.Timeout > 0 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, time.Duration(t.Timeout)*time.Second)
		defer cancel()
	}
	if err := a.m.knobs.hold(ctx, t.Key, t.Attempt); err != nil {
		return outcome{err: fmt.Errorf("it did not end within %d s: %w", t.Timeout, err)}
	}
	if err := a.m.knobs.fails(a.m.knobs.read().of(t.Key)); err != nil {
		return outcome{err: err, stdout: product + ": this step was made to fail.\n"}
	}
	return a.work(ctx, t, func(progress float64, text string) {
		r.Progress, r.Stdout = progress, text
		a.send(ctx, r, stateRunning)
	})
}

func (a *agent) finished(r report, t task, out outcome) report {
	m := masker(t.Mask)
	r.State, r.Ended, r.Changed, r.Progress = stateDone, time.Now(), out.changed, 1
	r.Command, r.Stdout, r.Hardware = m.Replace(out.command), m.Replace(out.stdout), out.hardware
	if out.err != nil {
		r.State, r.Reason, r.Progress = stateFailed, m.Replace(out.err.Error()), 0
	}
	return r
}

// send delivers a report; a final one until it is accepted or refused, others
// once.
func (a *agent) send(ctx context.Context, r report, state string) error {
	r.State = state
	post := func() error { return a.client.post(ctx, "/agent/v1/report", r, nil) }
	if state == stateRunning {
		return post()
	}
	err := insist(ctx, post)
	if err != nil && ctx.Err() == nil {
		a.m.say("report of %s: %v; given up", r.Key, err)
	}
	return err
}

// masker replaces secrets; longer ones first, because one may hold another.
func masker(secrets []string) *strings.Replacer {
	s := slices.DeleteFunc(slices.Clone(secrets), func(v string) bool { return v == "" })
	slices.SortFunc(s, func(a, b string) int { return len(b) - len(a) })
	var pairs []string
	for _, v := range s {
		pairs = append(pairs, v, "***")
	}
	return strings.NewReplacer(pairs...)
}
