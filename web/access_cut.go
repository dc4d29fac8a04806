package web

import (
	"context"
	"sync"
)

// running are the requests under way of those who are signed in. A stream or a
// console may last for hours: it ends with the session or the token that it was
// let in with.
type running struct {
	mu   sync.Mutex
	last uint
	all  map[uint]letIn
}

type letIn struct {
	who Who
	end context.CancelFunc
}

// begin puts a request among those under way. Its context ends with what it was
// let in with; done takes it out again.
func (r *running) begin(ctx context.Context, who Who) (_ context.Context, id uint, done func()) {
	var end context.CancelFunc
	if who.Expires.IsZero() {
		ctx, end = context.WithCancel(ctx)
	} else {
		ctx, end = context.WithDeadline(ctx, who.Expires)
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.all == nil {
		r.all = map[uint]letIn{}
	}
	r.last++
	id = r.last
	r.all[id] = letIn{who, end}
	return ctx, id, func() {
		r.mu.Lock()
		delete(r.all, id)
		r.mu.Unlock()
		end()
	}
}

// cut ends the requests of those that are meant, but not the one that asks for
// it, whose answer is still to come.
func (r *running) cut(asks Who, meant func(Who) bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for id, run := range r.all {
		if id != asks.request && meant(run.who) {
			run.end()
		}
	}
}
