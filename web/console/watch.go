package console

import (
	"context"
	"time"

	"sandai/inventory"
)

// runKey names a run and its attempt: a resumed run may have other steps.
type runKey struct {
	id      uint
	attempt int
}

// Run opens and closes lines as runs begin and end and as nodes are taken out of
// hand, until ctx ends; then it closes all.
func (h *Hub) Run(ctx context.Context) error {
	wake, cancel := h.Inventory.Subscribe()
	defer cancel()
	defer h.close()
	for {
		if err := h.look(ctx); err != nil && ctx.Err() == nil {
			h.log.Error("the consoles do not know what runs; it is looked at again", "err", err)
		}
		if !waitFor(ctx, wake) {
			return ctx.Err()
		}
		// Many writes become one look.
		t := time.NewTimer(lookEvery)
		select {
		case <-ctx.Done():
			t.Stop()
			return ctx.Err()
		case <-t.C:
		}
	}
}

func waitFor(ctx context.Context, wake <-chan struct{}) bool {
	select {
	case <-ctx.Done():
		return false
	case <-wake:
		return true
	}
}

// look brings the lines in step with the inventory.
func (h *Hub) look(ctx context.Context) error {
	recorded, err := h.recordedNodes(ctx)
	if err != nil {
		return err
	}
	racks := map[key]uint{}
	for k, id := range recorded {
		racks[k] = id
	}
	h.mu.Lock()
	for k, l := range h.lines {
		racks[k] = l.rackID
	}
	h.mu.Unlock()
	for k, id := range racks {
		n, err := h.Inventory.Node(ctx, id, k.node)
		gone := err != nil && inventory.CodeOf(err) == inventory.NotFound
		if err != nil && !gone {
			return err
		}
		_, run := recorded[k]
		h.apply(k, id, run && !gone && n.BMC != nil, !gone && n.HandsOff != nil, gone)
	}
	return nil
}

// apply tells one line what the inventory says of its node.
func (h *Hub) apply(k key, rackID uint, run, held, gone bool) {
	h.mu.Lock()
	defer h.mu.Unlock()
	l := h.lines[k]
	if l == nil {
		if !run || held || h.closed {
			return
		}
		l = h.line(k, rackID)
	}
	if l.run == run && l.held == held && l.gone == gone {
		return
	}
	freed := l.held && !held
	l.run, l.held, l.gone = run, held, gone
	h.settle(l)
	h.refill()
	if freed {
		l.poke()
	}
}

// recordedNodes are the nodes of active runs, with the ID of their rack.
func (h *Hub) recordedNodes(ctx context.Context) (map[key]uint, error) {
	runs, err := h.Inventory.ActiveRuns(ctx)
	if err != nil {
		return nil, err
	}
	known := map[runKey][]string{}
	out := map[key]uint{}
	for _, r := range runs {
		k := runKey{r.ID, r.Attempt}
		nodes, ok := h.runs[k]
		if !ok {
			if nodes, err = h.nodesOf(ctx, r.ID); err != nil {
				return nil, err
			}
		}
		known[k] = nodes
		for _, n := range nodes {
			out[key{r.Rack, n}] = r.RackID
		}
	}
	h.runs = known
	return out, nil
}

// nodesOf are the nodes that a run has steps for.
func (h *Hub) nodesOf(ctx context.Context, run uint) ([]string, error) {
	steps, err := h.Inventory.Steps(ctx, run)
	if err != nil {
		return nil, err
	}
	seen := map[string]bool{}
	var out []string
	for _, s := range steps {
		if s.Node != "" && !seen[s.Node] {
			seen[s.Node] = true
			out = append(out, s.Node)
		}
	}
	return out, nil
}

// close ends every line and every viewer.
func (h *Hub) close() {
	h.mu.Lock()
	h.closed = true
	for _, l := range h.lines {
		h.settle(l)
		l.tell()
	}
	h.mu.Unlock()
	done := make(chan struct{})
	go func() {
		h.wg.Wait()
		close(done)
	}()
	t := time.NewTimer(closeTime)
	defer t.Stop()
	select {
	case <-done:
	case <-t.C:
		h.log.Warn("not every BMC freed its console in time; it is freed with the next start")
	}
}
