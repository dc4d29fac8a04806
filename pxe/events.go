package pxe

import (
	"context"
	"log/slog"
	"sync"
	"time"

	"sandai/inventory"
)

// quiet is how long the same refusal or the same retransmission of one machine
// is not recorded again: a machine may ask many times a second.
const quiet = 10 * time.Second

// maxRemembered bounds what a flood of invented MACs can make us remember.
const maxRemembered = 4096

// events records what is seen on the wire. An event that cannot be stored is
// logged and lost: the machine is served all the same.
type events struct {
	to   Recorder
	log  *slog.Logger
	mu   sync.Mutex
	seen map[string]time.Time
}

// record stores an event unless the same key was recorded within quiet; the
// empty key is always recorded.
func (e *events) record(ctx context.Context, key string, ev inventory.Event) {
	ev.Time = time.Now()
	if key != "" && !e.fresh(string(ev.Type)+" "+ev.MAC+" "+key, ev.Time) {
		return
	}
	e.log.Info(ev.Text, "event", ev.Type, "mac", ev.MAC, "node", ev.Node)
	// The last byte may leave just when the caller's context ends.
	if err := e.to.Record(context.WithoutCancel(ctx), ev); err != nil {
		e.log.Error("an event of the wire was not stored", "event", ev.Type, "mac", ev.MAC, "error", err)
	}
}

func (e *events) fresh(key string, now time.Time) bool {
	e.mu.Lock()
	defer e.mu.Unlock()
	if t, ok := e.seen[key]; ok && now.Sub(t) < quiet {
		return false
	}
	if e.seen == nil || len(e.seen) >= maxRemembered {
		e.seen = map[string]time.Time{}
	}
	e.seen[key] = now
	return true
}

// refused records that something was asked for and not given.
func (e *events) refused(ctx context.Context, node, mac, text string) {
	e.record(ctx, text, inventory.Event{Type: inventory.EventRefused, Node: node, MAC: mac, Text: text})
}
