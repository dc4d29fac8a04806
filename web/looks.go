package web

import (
	"context"
	"sync"
	"time"

	"sandai/inventory"
	"sandai/web/page"
)

// How a page asks what is slow: it waits a moment for an answer, so that what is
// quick is there at once, and else is drawn without; the answer draws it anew.
const (
	lookWait  = 100 * time.Millisecond // a page, for all that it asks
	lookTime  = 3 * time.Minute        // a question
	lookKept  = 10 * time.Minute       // an answer that nobody looks at
	looksOnce = 8                      // questions asked side by side
)

// looks keeps what was last answered to slow questions. While a page that shows
// an answer is open, the question is asked again as the answer gets old.
type looks struct {
	changed *bell
	places  chan struct{}

	mu sync.Mutex
	m  map[string]*memo
}

// memo is one question with its last answer.
type memo struct {
	value  any
	at     time.Time     // of value
	err    error         // of the last question
	ended  time.Time     // the last question
	seen   time.Time     // somebody looked
	asking chan struct{} // closed when the question under way has ended; nil: none is
}

func newLooks(changed *bell) *looks {
	return &looks{changed: changed, places: make(chan struct{}, looksOnce), m: map[string]*memo{}}
}

// forget has what is known under a key asked anew at the next look; the answer
// stands until then.
func (l *looks) forget(key string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if k := l.m[key]; k != nil {
		k.ended = time.Time{}
	}
}

// lookAt returns what is known under a key, asked no longer than age ago or being
// asked. It waits for an answer only while patience lasts, and only where there
// is none yet or what is known was forgotten.
func lookAt[T any](l *looks, patience context.Context, key string, age time.Duration, ask func(context.Context) (T, error)) page.Answer[T] {
	l.mu.Lock()
	k := l.m[key]
	if k == nil {
		l.drop()
		k = &memo{}
		l.m[key] = k
	}
	k.seen = time.Now()
	fresh := k.ended.IsZero()
	if k.asking == nil && time.Since(k.ended) >= age {
		l.begin(k, age, func(ctx context.Context) (any, error) { return ask(ctx) })
	}
	asking := k.asking
	l.mu.Unlock()
	if fresh && asking != nil {
		select {
		case <-asking:
		case <-patience.Done():
		}
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	out := page.Answer[T]{At: k.at, Asking: k.asking != nil}
	if v, ok := k.value.(T); ok {
		out.Value = v
	}
	if k.err != nil {
		out.Err, out.Code = k.err.Error(), inventory.CodeOf(k.err)
	}
	return out
}

// begin asks; l is locked.
func (l *looks) begin(k *memo, age time.Duration, ask func(context.Context) (any, error)) {
	done := make(chan struct{})
	k.asking = done
	go func() {
		l.places <- struct{}{}
		ctx, cancel := context.WithTimeout(context.Background(), lookTime)
		v, err := ask(ctx)
		cancel()
		<-l.places
		l.mu.Lock()
		k.asking, k.err, k.ended = nil, err, time.Now()
		if err == nil {
			k.value, k.at = v, k.ended
		}
		l.mu.Unlock()
		close(done)
		l.changed.ring()
		time.AfterFunc(age, func() { l.again(k, age, ask) })
	}()
}

// again asks once more where somebody has looked at the answer.
func (l *looks) again(k *memo, age time.Duration, ask func(context.Context) (any, error)) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if k.asking == nil && !k.ended.IsZero() && k.seen.After(k.ended) && time.Since(k.ended) >= age {
		l.begin(k, age, ask)
	}
}

// drop forgets for good what nobody looks at any more; l is locked.
func (l *looks) drop() {
	for key, k := range l.m {
		if k.asking == nil && time.Since(k.seen) > lookKept {
			delete(l.m, key)
		}
	}
}
