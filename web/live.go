package web

import (
	"fmt"
	"net/http"
	"sync"
	"time"

	"github.com/gin-gonic/gin"
)

// liveGap is the shortest time between two calls to a page to draw itself anew:
// a busy run writes many times a second, and nobody reads that fast.
const liveGap = time.Second

// bell wakes every page that is open; the store rings for what it stores, and
// this one for what is only in memory.
type bell struct {
	mu   sync.Mutex
	subs map[chan struct{}]bool
}

func newBell() *bell { return &bell{subs: map[chan struct{}]bool{}} }

func (b *bell) ring() {
	b.mu.Lock()
	defer b.mu.Unlock()
	for c := range b.subs {
		select {
		case c <- struct{}{}:
		default: // it is awake already
		}
	}
}

func (b *bell) subscribe() (<-chan struct{}, func()) {
	c := make(chan struct{}, 1)
	b.mu.Lock()
	b.subs[c] = true
	b.mu.Unlock()
	return c, func() {
		b.mu.Lock()
		delete(b.subs, c)
		b.mu.Unlock()
	}
}

// live serves GET /live, a stream of server-sent events (WHATWG HTML §9.2):
// "change" says that something that a page shows may have changed. It carries
// nothing, so none can be missed: the first comes at once, and a page that was
// away draws itself from what is true now.
func (s *server) live(r *gin.Engine) {
	r.GET("/live", func(c *gin.Context) {
		stored, done := s.Events.Subscribe()
		defer done()
		other, end := s.changed.subscribe()
		defer end()
		w, rc := c.Writer, http.NewResponseController(c.Writer)
		w.Header().Set("Content-Type", "text/event-stream")
		w.Header().Set("X-Accel-Buffering", "no")
		ping := time.NewTicker(pingEvery)
		defer ping.Stop()
		next := "event: change\ndata:\n\n"
		for {
			// A reader that takes nothing for a while is gone.
			_ = rc.SetWriteDeadline(time.Now().Add(2 * pingEvery)) // where it cannot be set, the connection's end tells
			if _, err := fmt.Fprint(w, next); err != nil || rc.Flush() != nil {
				return
			}
			rest := time.NewTimer(liveGap)
			select {
			case <-c.Request.Context().Done():
				rest.Stop()
				return
			case <-rest.C:
			}
			select {
			case <-c.Request.Context().Done():
				return
			case <-stored:
				next = "event: change\ndata:\n\n"
			case <-other:
				next = "event: change\ndata:\n\n"
			case <-ping.C:
				next = ": still here\n\n"
			}
		}
	})
}
