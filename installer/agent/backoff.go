package agent

import (
	"context"
	"math/rand/v2"
	"time"
)

// backoff spaces tries of something that a person or another machine must mend:
// doubling from first to most, each with up to a quarter added, so that a rack
// of nodes does not come back in one burst.
type backoff struct{ first, next, most time.Duration }

func newBackoff(first, most time.Duration) *backoff {
	return &backoff{first: first, next: first, most: most}
}

func (b *backoff) reset() { b.next = b.first }

// wait pauses, or ends early with the context's error.
func (b *backoff) wait(ctx context.Context) error {
	d := b.next + rand.N(b.next/4+1)
	b.next = min(b.next*2, b.most)
	return pause(ctx, d)
}

func pause(ctx context.Context, d time.Duration) error {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}
