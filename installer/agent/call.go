package agent

import (
	"context"
	"fmt"
	"time"

	"sandai/inventory"
)

// Calls answers one call. Its answer's ID is filled in by the runner.
type Calls func(ctx context.Context, c inventory.Call) inventory.CallAnswer

// Bounds of calls: how many are answered side by side, and how long one may
// take whatever it says itself.
const (
	mostCalls = 8
	callLimit = 5 * time.Minute
)

// Answer delivers the answer to a call, once.
func (c *Client) Answer(ctx context.Context, a inventory.CallAnswer) error {
	return c.post(ctx, "/agent/v1/answer", otherLimit, a, nil)
}

// answer carries a call out beside everything else and sends what came of it.
// Nobody waits for the answer after the call's time, so it is then given up.
func (r *Runner) answer(ctx context.Context, c inventory.Call) {
	r.mu.Lock()
	busy := r.calls >= mostCalls
	r.calls++
	r.mu.Unlock()
	r.wg.Go(func() {
		defer func() {
			r.mu.Lock()
			r.calls--
			r.mu.Unlock()
		}()
		ctx, cancel := context.WithTimeout(ctx, min(time.Duration(c.Seconds)*time.Second, callLimit))
		defer cancel()
		a := inventory.CallAnswer{Code: inventory.Unavailable, Error: fmt.Sprintf("the agent answers %d calls already; ask again", mostCalls)}
		if !busy {
			a = r.called(ctx, c)
		}
		a.ID, a.Now = c.ID, time.Now()
		b := newBackoff(r.RetryFirst, r.RetryMost)
		for {
			err := r.Appliance.Answer(ctx, a)
			if err == nil {
				return
			}
			if code := inventory.CodeOf(err); code != inventory.Unavailable && code != inventory.Internal || b.wait(ctx) != nil {
				r.Log.Warn("the answer to a call could not be delivered", "call", c.ID, "kind", c.Kind, "err", err)
				return
			}
		}
	})
}

// called shields the agent from a panic in a call, as work does.
func (r *Runner) called(ctx context.Context, c inventory.Call) (a inventory.CallAnswer) {
	defer func() {
		if p := recover(); p != nil {
			a = inventory.CallAnswer{Code: inventory.Internal, Error: fmt.Sprintf("a defect in the agent: %v", p)}
		}
	}()
	r.Log.Info("call", "kind", c.Kind, "units", len(c.Units), "files", len(c.Files))
	return r.Calls(ctx, c)
}
