package web

import (
	"context"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"sandai/inventory"
	"sandai/web/page"
)

// How often a BMC is asked for its power while somebody looks, and how many
// BMCs are asked side by side: enough for a rack of 1000 in a quarter of a
// minute, few enough for a small appliance.
const (
	lampAge     = 15 * time.Second
	lampsAtOnce = 8
	lampTime    = 20 * time.Second
)

// lamps keeps what the BMCs last said of their nodes' power. They are asked only
// while somebody looks at the rack, and never for a node that hands are off.
type lamps struct {
	power   Power
	changed *bell

	mu   sync.Mutex
	last map[string]page.Power // by rack/node
	due  map[string]time.Time  // when a rack's BMCs may be asked again
}

func newLamps(p Power, changed *bell) *lamps {
	return &lamps{power: p, changed: changed, last: map[string]page.Power{}, due: map[string]time.Time{}}
}

// of returns what is known of a rack's nodes, and has it asked anew where that
// is old. It does not wait for the answers: changed rings when one differs.
func (l *lamps) of(r inventory.Rack) map[string]page.Power {
	l.mu.Lock()
	defer l.mu.Unlock()
	out := map[string]page.Power{}
	for _, n := range r.Nodes {
		if p, ok := l.last[r.Name+"/"+n.Name]; ok {
			out[n.Name] = p
		}
	}
	if now := time.Now(); now.After(l.due[r.Name]) {
		l.due[r.Name] = now.Add(lampAge)
		go l.ask(r)
	}
	return out
}

// forget lets a rack's BMCs be asked at the next look: somebody switched one.
func (l *lamps) forget(rack string) {
	l.mu.Lock()
	delete(l.due, rack)
	l.mu.Unlock()
}

func (l *lamps) ask(r inventory.Rack) {
	var g errgroup.Group
	g.SetLimit(lampsAtOnce)
	for _, n := range r.Nodes {
		if n.BMC == nil || n.HandsOff != nil {
			continue
		}
		g.Go(func() error {
			ctx, cancel := context.WithTimeout(context.Background(), lampTime)
			defer cancel()
			state, err := l.power.PowerState(ctx, r.Name, n.Name)
			l.note(r.Name+"/"+n.Name, state, err)
			return nil
		})
	}
	_ = g.Wait() // each keeps its own error
	l.mu.Lock()
	l.due[r.Name] = time.Now().Add(lampAge)
	l.mu.Unlock()
}

func (l *lamps) note(key, state string, err error) {
	l.mu.Lock()
	before := l.last[key]
	p := page.Power{State: state, Seen: time.Now()}
	if err != nil {
		p = page.Power{State: before.State, Seen: before.Seen, Reason: err.Error()}
	}
	l.last[key] = p
	l.mu.Unlock()
	if p.State != before.State || p.Reason != before.Reason {
		l.changed.ring()
	}
}
