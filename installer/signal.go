package installer

import (
	"context"
	"slices"
	"time"

	"sandai/inventory"
)

// signalOf says which event ends each signal phase.
var signalOf = map[string]inventory.EventType{
	phaseFirmware: inventory.EventDHCPDiscover,
	phaseDHCP:     inventory.EventDHCPAck,
	phaseLoader:   inventory.EventScript,
	phaseKernel:   inventory.EventRamdisk,
	phaseAgent:    inventory.EventEnrolled,
	phaseBoot:     inventory.EventInstalled,
}

// wireOrder is the order in which the signals of one boot arrive. A later one
// proves the earlier ones, should their own have been lost.
var wireOrder = []inventory.EventType{
	inventory.EventDHCPDiscover, inventory.EventDHCPAck, inventory.EventScript,
	inventory.EventRamdisk, inventory.EventEnrolled, inventory.EventInstalled,
}

// signals finds, for each waiting signal step, when its event was seen since
// the node's power step began. The events are read from the store, so that one
// which came while the appliance was being restarted is not lost.
func (e *Engine) signals(ctx context.Context, nodes []inventory.Node, steps []inventory.Step) (map[string]time.Time, error) {
	powered := map[string]time.Time{}
	out := map[string]time.Time{}
	for _, s := range steps {
		if s.Chapter == phasePower && s.StartedAt != nil {
			powered[s.Node] = *s.StartedAt
		}
	}
	for _, s := range steps {
		since, ok := powered[s.Node]
		if s.State != inventory.StepRunning || s.Owner != inventory.OwnerSignal || !ok {
			continue
		}
		at := slices.IndexFunc(nodes, func(n inventory.Node) bool { return n.Name == s.Node })
		if at < 0 {
			continue
		}
		i := slices.Index(wireOrder, signalOf[s.Chapter])
		evs, err := e.store.NodeEvents(ctx, nodes[at], wireOrder[i:], since)
		if err != nil {
			return nil, err
		}
		if len(evs) > 0 {
			out[s.Key] = firstOf(evs, signalOf[s.Chapter])
		}
	}
	return out, nil
}

// firstOf returns the time of the first event of a type, else of the first at all.
func firstOf(evs []inventory.Event, t inventory.EventType) time.Time {
	for _, ev := range evs {
		if ev.Type == t {
			return ev.Time
		}
	}
	return evs[0].Time
}

// Record stores an event seen on the wire; pxe calls it.
func (e *Engine) Record(ctx context.Context, ev inventory.Event) error {
	if ev.Time.IsZero() {
		ev.Time = time.Now()
	}
	if ev.Node == "" && ev.MAC != "" {
		if n, err := e.store.NodeByMAC(ctx, ev.MAC); err == nil {
			ev.Node = n.Name
		}
	}
	_, err := e.store.AppendEvent(ctx, ev)
	return err
}
