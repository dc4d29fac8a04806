package installer

import (
	"context"
	"time"

	"sandai/inventory"
)

// A cloud is not asked again within statusLife, and not waited for longer than
// statusLimit.
const (
	statusLife  = 5 * time.Second
	statusLimit = 2 * time.Minute
)

// CloudStatus tells how a rack's cloud fares. The error is NotFound where there
// is no cloud yet; what of it does not answer is in the status' Errors.
func (e *Engine) CloudStatus(ctx context.Context, rack string) (inventory.CloudStatus, error) {
	r, password, err := e.cloudOf(ctx, rack)
	if err != nil {
		return inventory.CloudStatus{}, err
	}
	for _, n := range r.ByRole(inventory.Controller) { // its APIs are there
		if err := untouchable(n); err != nil {
			return inventory.CloudStatus{}, err
		}
	}
	return e.statuses.get(ctx, rack, func(ctx context.Context) (inventory.CloudStatus, error) {
		st := e.Cloud(r, password).Status(ctx)
		st.Rack = r.Name
		return st, nil
	})
}

// cloudOf finds a rack and its administrator's password.
func (e *Engine) cloudOf(ctx context.Context, rack string) (inventory.Rack, string, error) {
	r, err := e.store.Rack(ctx, rack)
	if err != nil {
		return r, "", err
	}
	if r.Release == inventory.ReleaseDebian {
		return r, "", inventory.Errorf(inventory.NotFound, "rack %s gets Debian and no cloud: its release is %s", rack, r.Release)
	}
	password, err := e.store.Secret(ctx, r.ID, AdminSecret)
	if inventory.CodeOf(err) == inventory.NotFound || err == nil && controllerAddress(r) == "" {
		return r, "", inventory.Errorf(inventory.NotFound, "rack %s has no cloud yet: install it first", rack)
	}
	return r, password, err
}
