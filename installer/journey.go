package installer

import (
	"context"

	"sandai/inventory"
)

// Journey gives the way of the proof's server as the latest run saw it that
// collected it.
func (e *Engine) Journey(ctx context.Context, rack string) (inventory.Journey, error) {
	r, err := e.store.Rack(ctx, rack)
	if err != nil {
		return inventory.Journey{}, err
	}
	return e.store.Journey(ctx, r.ID)
}
