package installer

import (
	"context"
	"sync"
	"time"

	"golang.org/x/sync/singleflight"
)

// kept remembers answers for a while, errors too: who is asked may be slow, and
// many pages may ask at once. Each key is asked once at a time.
type kept[T any] struct {
	life  time.Duration // of an answer
	limit time.Duration // of a question

	flights singleflight.Group
	mu      sync.Mutex
	m       map[string]keptAnswer[T]
}

type keptAnswer[T any] struct {
	value T
	err   error
	at    time.Time
}

func newKept[T any](life, limit time.Duration) *kept[T] {
	return &kept[T]{life: life, limit: limit, m: map[string]keptAnswer[T]{}}
}

// get returns the answer for a key, asked for now or a moment ago. Who goes away
// does not end the question, which others may wait for.
func (k *kept[T]) get(ctx context.Context, key string, ask func(context.Context) (T, error)) (T, error) {
	k.mu.Lock()
	a, ok := k.m[key]
	k.mu.Unlock()
	if ok && time.Since(a.at) < k.life {
		return a.value, a.err
	}
	flight := k.flights.DoChan(key, func() (any, error) {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), k.limit)
		defer cancel()
		v, err := ask(ctx)
		a := keptAnswer[T]{v, err, time.Now()}
		k.mu.Lock()
		k.m[key] = a
		k.mu.Unlock()
		return a, nil
	})
	select {
	case r := <-flight:
		a := r.Val.(keptAnswer[T])
		return a.value, a.err
	case <-ctx.Done():
		var none T
		return none, ctx.Err()
	}
}
